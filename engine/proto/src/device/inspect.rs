//! What must be true of a device at any moment, for tests and fuzz targets; never part of the product.
#![allow(clippy::expect_used, clippy::arithmetic_side_effects, reason = "it stops at the first surprise")]

use super::Device;
use crate::{Instant, PeerId, PeerStats, limits};

/// Everything of a peer's sessions and path that a stranger must not be able to change.
#[derive(Debug, PartialEq)]
pub(crate) struct Mark {
    peer: PeerId,
    sessions: Vec<u32>,
    initiator: Option<u32>,
    stamp: Option<[u8; 12]>,
    last_initiation: Option<Instant>,
    deadlines: [Option<Instant>; 5],
    traffic: (u64, u64),
    endpoint: Option<crate::Endpoint>,
    staged: usize,
    attempts: Option<u32>,
}

impl Mark {
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.len()
    }
}

impl Device {
    /// The state of every peer.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        let slots = self.peers.used();
        let peers = slots.iter().filter_map(|slot| self.peers.get(*slot));
        peers
            .map(|peer| Mark {
                peer: peer.id,
                sessions: peer.keypairs.local_indices().collect(),
                initiator: peer.initiator.as_ref().map(|initiator| initiator.index),
                stamp: peer.newest_stamp,
                last_initiation: peer.last_initiation,
                deadlines: [
                    peer.timers.handshake,
                    peer.timers.keepalive,
                    peer.timers.no_answer,
                    peer.timers.persistent,
                    peer.timers.zero,
                ],
                traffic: (peer.tally.rx_bytes, peer.tally.tx_bytes),
                endpoint: peer.endpoint,
                staged: peer.staged.len(),
                attempts: peer.campaign.map(|campaign| campaign.attempts),
            })
            .collect()
    }

    /// Every index that a datagram could name now.
    pub(crate) fn live_indices(&self) -> Vec<u32> {
        self.marks().into_iter().flat_map(|mark| mark.sessions.into_iter().chain(mark.initiator)).collect()
    }

    /// Panics where a table passed its limit, or two tables disagree.
    pub(crate) fn check_tables(&self) {
        assert!(self.events.len() <= limits::EVENTS);
        assert!(self.outgoing.len() <= limits::TRANSMITS);
        assert!(self.pings.len() <= limits::PINGS);
        assert!(self.host_answers() <= limits::HOST_ANSWERS);
        assert!(self.stun.len() <= limits::STUN_TRANSACTIONS);
        assert!(self.probes.len() <= limits::PROBE_KEYS);
        let slots = self.peers.used();
        assert!(self.ready.len() <= slots.len(), "a peer is ready once");
        let mut staged_bytes = 0;
        let mut indices = 0;
        for slot in slots {
            let peer = self.peers.get(slot).expect("a slot in use");
            assert!(peer.staged.len() <= limits::STAGED_PACKETS);
            assert!(peer.open || peer.staged.is_empty(), "nothing waits behind a shut gate");
            staged_bytes += peer.staged.bytes();
            let named = peer.keypairs.local_indices().chain(peer.initiator.as_ref().map(|initiator| initiator.index));
            for index in named {
                assert_eq!(self.indices.find(index), Some(slot), "an index names its peer");
                indices += 1;
            }
            if let Some((deadline, reason)) = peer.timers.deadline() {
                let first = self.wakeups.first().expect("a peer with a deadline is armed").0;
                assert!(first <= deadline, "{reason:?} is at {deadline:?}, but the first wake-up at {first:?}");
            }
        }
        assert_eq!(self.staged_bytes.used(), staged_bytes);
        assert!(staged_bytes <= limits::STAGED_BYTES);
        assert_eq!(self.indices.used(), indices, "no index outlives its session");
    }

    /// The stats of a peer that is there.
    pub(crate) fn stats_of(&self, now: crate::Now, peer: PeerId) -> PeerStats {
        self.peer_stats(now, peer).expect("a peer of the device")
    }
}
