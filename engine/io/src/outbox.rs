//! Datagrams on their way out, and how far the socket took them. What the socket refuses for want of room stays and is
//! sent first when there is room again; meanwhile nothing new is read from the TUN.

use std::net::SocketAddr;

use warren_proto::{Endpoint, Instant, Trains};

use crate::events::{EventQueue, TunnelEvent};
use crate::failures::Failures;
use crate::losses::Losses;
use crate::udp::{Family, Sent, Udp};

/// Memory with trains in it.
pub struct Outbox {
    /// Where they lie.
    pub trains: Trains,
}

/// Where the failures of sending go.
pub struct Failing<'a> {
    /// Counted here,
    pub losses: &'a mut Losses,
    /// told if they are news,
    pub failures: &'a mut Failures,
    /// and told there.
    pub events: &'a EventQueue,
    /// When this turn began.
    pub now: Instant,
}

impl Outbox {
    /// An empty one for so many bytes and trains.
    pub fn new(bytes: usize, trains: usize) -> Self {
        Self {
            trains: Trains::new(bytes, trains),
        }
    }

    /// Whether everything went out.
    pub fn is_empty(&self) -> bool {
        self.trains.is_empty()
    }

    /// Appends a copy of `bytes`; false if there is no room.
    pub fn push_copy(&mut self, bytes: &[u8], remote: SocketAddr) -> bool {
        self.trains.push_copy(None, Endpoint::Udp { remote }, bytes)
    }

    /// Sends as much as the socket takes; the family that it is full for, if any. Without the last train, to which more
    /// may come, if `but_last`.
    pub fn flush(
        &mut self,
        udp: &mut impl Udp,
        but_last: bool,
        failing: Failing<'_>,
    ) -> Option<Family> {
        let list = self.trains.list();
        let count = list.len().saturating_sub(usize::from(but_last));
        let list = list.get(..count).unwrap_or_default();
        if list.is_empty() {
            return None;
        }
        let Failing {
            losses,
            failures,
            events,
            now,
        } = failing;
        let sent = udp.send(self.trains.bytes(), list, &mut |train, count, errno| {
            losses.drop_send_failed += count as u64;
            let Endpoint::Udp { remote } = train.endpoint else {
                losses.drop_no_relay += count as u64;
                return;
            };
            if failures.is_news(remote, errno, now) {
                events.push(TunnelEvent::SendFailed {
                    peer: train.peer,
                    errno,
                    remote,
                });
            }
        });
        match sent {
            Sent::All => {
                self.trains.drop_front(count, 0);
                None
            }
            Sent::Blocked {
                trains,
                datagrams,
                family,
            } => {
                self.trains.drop_front(trains, datagrams);
                Some(family)
            }
        }
    }
}
