//! What goes out beside the batches: handshake messages as bytes, and small things to seal when they leave.

use std::collections::VecDeque;

use crate::{Endpoint, PeerId, TRANSMIT_MIN, limits};

/// One datagram to be.
pub(crate) enum Outgoing {
    /// A finished handshake message or cookie reply.
    Wire { peer: Option<PeerId>, endpoint: Endpoint, bytes: [u8; TRANSMIT_MIN], len: usize },
    /// An empty transport message.
    Keepalive(PeerId),
    /// The answer to a ping.
    Pong(PeerId, u64),
}

impl Outgoing {
    /// A finished message of up to 148 bytes.
    pub(crate) fn wire(peer: Option<PeerId>, endpoint: Endpoint, message: &[u8]) -> Self {
        Self::Wire { peer, endpoint, bytes: crate::message::concat(&[message]), len: message.len() }
    }
}

/// First in, first out, bounded.
#[derive(Default)]
pub(crate) struct Queue(VecDeque<Outgoing>);

impl Queue {
    /// False when it is full: then it was dropped.
    pub(crate) fn push(&mut self, item: Outgoing) -> bool {
        let room = self.0.len() < limits::TRANSMITS;
        if room {
            self.0.push_back(item);
        }
        room
    }

    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn pop(&mut self) -> Option<Outgoing> {
        self.0.pop_front()
    }
}
