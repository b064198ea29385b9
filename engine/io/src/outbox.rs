//! Datagrams on their way out: where they lie, and how far the socket took them. What the socket refuses for want of
//! room stays and is sent first when there is room again; meanwhile nothing new is read from the TUN.

use warren_proto::Span;

use crate::arena::Arena;
use crate::events::{EventQueue, TunnelEvent};
use crate::udp::{Family, Outgoing, Sent, Udp};

/// One arena and the datagrams in it.
pub struct Outbox {
    /// Where they lie.
    pub arena: Arena,
    datagrams: Vec<Outgoing>,
    next: usize,
}

/// What happened to datagrams outside the pure engine, since the tunnel was made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    /// The kernel refused to send.
    pub drop_send_failed: u64,
    /// Larger than any datagram may be, or from no IP address.
    pub drop_datagram_unfit: u64,
    /// From the TUN, longer than its MTU was when it was made.
    pub drop_packet_too_long: u64,
    /// The TUN refused it (down, or full).
    pub drop_tun_refused: u64,
    /// For a relay, which this device has not.
    pub drop_no_relay: u64,
}

impl Losses {
    /// Each counter with its name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("drop_send_failed", self.drop_send_failed),
            ("drop_datagram_unfit", self.drop_datagram_unfit),
            ("drop_packet_too_long", self.drop_packet_too_long),
            ("drop_tun_refused", self.drop_tun_refused),
            ("drop_no_relay", self.drop_no_relay),
        ]
        .into_iter()
    }
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

    /// How many slots are free, one a datagram.
    pub fn room(&self) -> usize {
        self.arena.slots() - self.datagrams.len()
    }

    /// The slot that the next `push` is about, with its place in the arena.
    pub fn spare(&mut self) -> Option<(usize, &mut [u8])> {
        self.arena.slots_from(self.datagrams.len()).next()
    }

    /// Appends a datagram that lies in the arena already.
    pub fn push(&mut self, datagram: Outgoing) {
        self.datagrams.push(datagram);
    }

    /// Appends a copy of `bytes`; false if there is no room.
    pub fn push_copy(&mut self, bytes: &[u8], remote: std::net::SocketAddr) -> bool {
        let span: Option<Span> = self.arena.copy_in(self.datagrams.len(), 0, bytes);
        let datagram = span.map(|span| Outgoing {
            remote,
            span,
            peer: None,
        });
        self.datagrams.extend(datagram);
        datagram.is_some()
    }

    /// Sends as much as the socket takes; the family that it is full for, if any.
    pub fn flush(
        &mut self,
        udp: &mut impl Udp,
        losses: &mut Losses,
        events: &EventQueue,
    ) -> Option<Family> {
        let waiting = self.datagrams.get(self.next..).unwrap_or_default();
        if waiting.is_empty() {
            return None;
        }
        let sent = udp.send(&self.arena, waiting, &mut |datagram, errno| {
            losses.drop_send_failed += 1;
            events.push(TunnelEvent::SendFailed {
                peer: datagram.peer,
                errno,
                remote: datagram.remote,
            });
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
