//! The peers of a device: in slots, found by the caller's number and by public key.
//!
//! A slot is used again after its peer is gone, so whatever outlives a call names a peer by its number.

use std::collections::BTreeMap;

use crate::peer::Peer;
use crate::{PeerId, PublicKey, limits};

/// All peers.
#[derive(Default)]
pub(crate) struct Peers {
    slots: Vec<Option<Box<Peer>>>,
    free: Vec<u32>,
    by_id: BTreeMap<PeerId, u32>,
    by_key: BTreeMap<PublicKey, u32>,
}

impl Peers {
    pub(crate) fn get(&self, slot: u32) -> Option<&Peer> {
        self.slots.get(slot as usize)?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Peer> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    pub(crate) fn slot(&self, id: PeerId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    pub(crate) fn slot_of_key(&self, key: &PublicKey) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    /// How many slots there are, free ones included.
    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// All slots in use.
    pub(crate) fn used(&self) -> Vec<u32> {
        self.by_id.values().copied().collect()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.by_id.len() >= limits::PEERS
    }

    pub(crate) fn insert(&mut self, peer: Peer) -> u32 {
        let id = peer.id;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(Box::new(peer));
        }
        self.by_id.insert(id, slot);
        slot
    }

    /// Replace the keys under which a slot is found.
    pub(crate) fn rename(&mut self, slot: u32, before: &[PublicKey], keys: &[PublicKey]) {
        for key in before {
            self.by_key.remove(key);
        }
        self.by_key.extend(keys.iter().map(|key| (*key, slot)));
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<Box<Peer>> {
        let peer = self.slots.get_mut(slot as usize)?.take()?;
        self.by_id.remove(&peer.id);
        for remote in &peer.remotes {
            self.by_key.remove(&remote.public);
        }
        self.free.push(slot);
        Some(peer)
    }
}
