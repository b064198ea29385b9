//! Datagrams on their way out: where they lie, and how far the socket took them. What the socket refuses for want of
//! room stays and is sent first when there is room again; meanwhile nothing new is read from the TUN.

use std::net::SocketAddr;

use warren_proto::Instant;

use crate::arena::Arena;
use crate::events::{EventQueue, TunnelEvent};
use crate::failures::Failures;
use crate::losses::Losses;
use crate::udp::{Family, Outgoing, Sent, Udp};

/// One arena and the datagrams in it, one a slot.
pub struct Outbox {
    /// Where they lie.
    pub arena: Arena,
    datagrams: Vec<Outgoing>,
    next: usize,
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
    /// An empty one.
    pub fn new(slots: usize, slot_bytes: usize) -> Self {
        Self {
            arena: Arena::new(slots, slot_bytes),
            datagrams: Vec::with_capacity(slots),
            next: 0,
        }
    }

    /// Whether everything went out.
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// The memory of the slot that the next `push` is about, with its place; `None` if all are taken.
    pub fn spare(&mut self) -> Option<(usize, &mut [u8])> {
        self.arena.slots_from(self.datagrams.len()).next()
    }

    /// Appends a datagram that lies in the arena already.
    pub fn push(&mut self, datagram: Outgoing) {
        self.datagrams.push(datagram);
    }

    /// Appends a copy of `bytes`; false if there is no room.
    pub fn push_copy(&mut self, bytes: &[u8], remote: SocketAddr) -> bool {
        let span = self.arena.copy_in(self.datagrams.len(), 0, bytes);
        self.datagrams.extend(span.map(|span| Outgoing {
            remote,
            span,
            peer: None,
        }));
        span.is_some()
    }

    /// Sends as much as the socket takes; the family that it is full for, if any.
    pub fn flush(&mut self, udp: &mut impl Udp, failing: Failing<'_>) -> Option<Family> {
        let waiting = self.datagrams.get(self.next..).unwrap_or_default();
        if waiting.is_empty() {
            return None;
        }
        let Failing {
            losses,
            failures,
            events,
            now,
        } = failing;
        let sent = udp.send(&self.arena, waiting, &mut |datagram, errno| {
            losses.drop_send_failed += 1;
            if failures.is_news(datagram.remote, errno, now) {
                events.push(TunnelEvent::SendFailed {
                    peer: datagram.peer,
                    errno,
                    remote: datagram.remote,
                });
            }
        });
        match sent {
            Sent::All => {
                self.datagrams.clear();
                self.next = 0;
                None
            }
            Sent::Blocked(done, family) => {
                self.next += done;
                Some(family)
            }
        }
    }
}
