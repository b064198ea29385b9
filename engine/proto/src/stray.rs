//! What another worker has to deal with: packets and datagrams of peers that are not this device's.
//!
//! Workers share a tunnel's peers by their numbers ([`crate::Owner`]). All of them know every peer's keys and prefixes,
//! so each can tell whose a packet is; only the owner has its sessions, its path, its gate and its flows. What is not
//! ours is copied here, and the caller carries it over: a whole superpacket, or one datagram, at a time.

use std::collections::VecDeque;

use crate::offload::VirtioHeader;
use crate::{Endpoint, limits};

/// Something for another worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stray {
    /// Of the TUN, for [`crate::Device::seal_handed`].
    Packet {
        /// What it is made of.
        header: VirtioHeader,
        /// The packet, or superpacket.
        bytes: Box<[u8]>,
    },
    /// Of the network, for [`crate::Device::open_handed`]. An initiation among them was admitted already: its MAC1, its
    /// rate and its cookie were judged where it came in.
    Datagram {
        /// Who sent it (unproven).
        source: Endpoint,
        /// The whole datagram.
        bytes: Box<[u8]>,
    },
}

impl Stray {
    /// Bytes of it that count as waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Packet { bytes, .. } | Self::Datagram { bytes, .. } => bytes.len(),
        }
    }

    /// Is it an empty datagram?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// First in, first out, at most [`limits::STRAYS`]; each with the number of the worker that it is for.
#[derive(Debug, Default)]
pub(crate) struct Strays(VecDeque<(u8, Stray)>);

impl Strays {
    /// False if there is no room.
    pub(crate) fn push(&mut self, owner: u8, stray: impl FnOnce() -> Stray) -> bool {
        let has_room = self.0.len() < limits::STRAYS;
        if has_room {
            self.0.push_back((owner, stray()));
        }
        has_room
    }

    pub(crate) fn pop(&mut self) -> Option<(u8, Stray)> {
        self.0.pop_front()
    }
}
