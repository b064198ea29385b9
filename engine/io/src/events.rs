//! The way up: a bounded queue of what only the caller can act on, and an eventfd that polls as readable while
//! something waits. The worker never waits for the reader; what does not fit is counted and told.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use warren_proto::PeerId;

use crate::carriage::RelayEvent;
use crate::limits::EVENTS_MAX;
use crate::mailing::Mailing;

/// Something that happened in the engine, or to its devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TunnelEvent {
    /// The pure engine says so.
    Engine(warren_proto::Event),
    /// A relay's session or channel came or went.
    Relay(RelayEvent),
    /// The kernel refused to send a datagram.
    SendFailed {
        /// For whom it was, if for a peer.
        peer: Option<PeerId>,
        /// Why.
        errno: i32,
        /// Where to.
        remote: SocketAddr,
    },
    /// The worker ended; the tunnel carries nothing any more.
    WorkerFailed {
        /// Why; EIO if it was a bug.
        errno: i32,
    },
    /// So many events were dropped because nobody took them.
    Lost {
        /// How many.
        count: u64,
    },
}

/// First in, first out, at most `EVENTS_MAX`.
pub struct EventQueue(Mailing<TunnelEvent>);

impl EventQueue {
    /// An empty one. Fails when the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Mailing::new(EVENTS_MAX).map(Self)
    }

    /// Appends, or counts as lost.
    pub fn push(&self, event: TunnelEvent) {
        self.0.push(event);
    }

    /// Appends even to a full queue: the last event there is, which says that no more will come.
    pub fn push_last(&self, event: TunnelEvent) {
        self.0.push_last(event);
    }

    /// The oldest events, at most `most`; the note of a loss comes behind those that were kept.
    pub fn take(&self, most: usize) -> Vec<TunnelEvent> {
        let (mut taken, count) = self.0.take(most);
        if count > 0 {
            taken.push(TunnelEvent::Lost { count });
        }
        taken
    }

    /// Polls as readable while something waits.
    pub fn fd(&self) -> RawFd {
        self.0.wake().fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::{Interest, wait};
    use std::time::Duration;

    fn is_readable(queue: &EventQueue) -> bool {
        let mut interests = [Interest::new(queue.fd(), false)];
        wait(&mut interests, Some(Duration::ZERO)).is_ok()
            && interests.iter().all(|i| i.is_readable())
    }

    #[test]
    fn the_descriptor_is_readable_exactly_while_something_waits() {
        let Ok(queue) = EventQueue::new() else {
            panic!("no descriptor")
        };
        assert!(!is_readable(&queue));
        queue.push(TunnelEvent::WorkerFailed { errno: 1 });
        queue.push(TunnelEvent::WorkerFailed { errno: 2 });
        assert_eq!(queue.take(1), [TunnelEvent::WorkerFailed { errno: 1 }]);
        assert!(is_readable(&queue));
        assert_eq!(queue.take(9), [TunnelEvent::WorkerFailed { errno: 2 }]);
        assert!(!is_readable(&queue));
        assert!(queue.take(9).is_empty());
    }

    #[test]
    fn what_did_not_fit_is_told_once_behind_what_was_kept() {
        let Ok(queue) = EventQueue::new() else {
            panic!("no descriptor")
        };
        for _ in 0..EVENTS_MAX + 7 {
            queue.push(TunnelEvent::WorkerFailed { errno: 1 });
        }
        assert_eq!(queue.take(EVENTS_MAX).len(), EVENTS_MAX);
        assert!(is_readable(&queue));
        assert_eq!(queue.take(9), [TunnelEvent::Lost { count: 7 }]);
        assert!(!is_readable(&queue));
    }
}
