//! What the engine tells its caller; a bounded queue that counts what it had to drop.

use std::collections::VecDeque;

use crate::{Endpoint, PublicKey, limits};

/// A peer, by the number that the caller chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

/// Something that only the caller can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A valid initiation came from a key that no peer has (rate-limited).
    UnknownInitiator {
        /// The initiator's static key: it proved that it holds it, unless this is a replay.
        public_key: PublicKey,
        /// Where it came from.
        endpoint: Endpoint,
    },
    /// A session stands and packets can go out: after the response as initiator, after the first transport
    /// packet as responder.
    Handshake {
        /// With whom.
        peer: PeerId,
        /// We sent the initiation.
        initiated: bool,
        /// Which of the peer's keys the session belongs to.
        public_key: PublicKey,
        /// Where the packet that completed it came from.
        endpoint: Endpoint,
    },
    /// No answer for 90 s (paper, 6.4); what waited was dropped. The next packet begins anew.
    HandshakeGaveUp {
        /// Who did not answer.
        peer: PeerId,
    },
    /// The answer to a [`crate::Device::ping`].
    Pong {
        /// Who answered.
        peer: PeerId,
        /// The ping's token.
        token: u64,
        /// From sealing the ping to opening the pong, in nanoseconds.
        round_trip_ns: u64,
        /// Where the pong came from.
        endpoint: Endpoint,
    },
    /// An authenticated packet of a managed peer came from another endpoint than its own (rate-limited).
    Elsewhere {
        /// Whose packet.
        peer: PeerId,
        /// Where it came from.
        endpoint: Endpoint,
    },
    /// A probe whose tag is right.
    Probe {
        /// The peer that the hint was registered for.
        peer: PeerId,
        /// The whole datagram.
        data: Vec<u8>,
        /// Where it came from.
        endpoint: Endpoint,
    },
    /// The answer to a live STUN transaction.
    Stun {
        /// The whole datagram.
        data: Vec<u8>,
        /// Where it came from.
        endpoint: Endpoint,
    },
    /// The queue was full and this many events were dropped before the next one.
    Lost {
        /// How many.
        count: u64,
    },
}

/// First in, first out, at most [`limits::EVENTS`].
#[derive(Debug, Default)]
pub(crate) struct Events {
    queue: VecDeque<Event>,
    lost: u64,
}

impl Events {
    pub(crate) fn push(&mut self, event: Event) {
        if self.queue.len() < limits::EVENTS {
            self.queue.push_back(event);
        } else {
            self.lost = self.lost.saturating_add(1);
        }
    }

    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The oldest event; the note of a loss comes last, when the queue has room again.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.queue.pop_front().or_else(|| {
            let count = core::mem::take(&mut self.lost);
            (count > 0).then_some(Event::Lost { count })
        })
    }
}
