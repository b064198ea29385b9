//! What the caller changes: keys, peers, gates, endpoints. Each call either holds whole or changes nothing.

use core::time::Duration;

use super::{Device, locals};
use crate::peer::{Peer, Remote};
use crate::staging::Staged;
use crate::{ConfigError, Endpoint, Now, PeerConfig, PeerId, PrivateKey, PublicKey, limits};

impl Device {
    /// Replace the device's keys (one or two). Sessions of a key that stays go on.
    ///
    /// # Errors
    /// `Keys`; then nothing changed.
    pub fn set_private_keys(&mut self, now: Now, keys: Vec<PrivateKey>) -> Result<(), ConfigError> {
        self.locals = locals(keys)?;
        let known: Vec<PublicKey> = self.locals.iter().map(|local| local.key.public()).collect();
        for slot in self.peers.used() {
            self.retain_keys(slot, |local, _| known.contains(local));
            self.renew_lost(now, slot);
        }
        Ok(())
    }

    /// Add a peer (its gate is shut and it has no endpoint) or change one (its gate, endpoint and the sessions of
    /// keys that stay are kept; changed preshared keys hold for the next handshake, and other ciphers begin one).
    ///
    /// # Errors
    /// See [`ConfigError`]; then nothing changed.
    pub fn set_peer(&mut self, now: Now, peer: PeerId, config: PeerConfig) -> Result<(), ConfigError> {
        self.check(peer, &config)?;
        let slot = self.peers.slot(peer).unwrap_or_else(|| self.peers.insert(Peer::new(peer)));
        self.wakeups.reserve(self.peers.slots());
        self.set_public_keys(slot, &config.public_keys);
        self.set_allowed(slot, &config);
        let Some(peer) = self.peers.get_mut(slot) else { return Ok(()) };
        peer.allowed = config.allowed;
        peer.preshared = config.preshared_keys;
        peer.mode = config.mode;
        peer.timers.set_interval(now.mono, Duration::from_secs(u64::from(config.keepalive_s)));
        if peer.endpoint.is_none() {
            peer.timers.persistent = None;
        }
        let is_other = peer.set_transport(now.mono, config.transport);
        self.renew_lost(now, slot);
        if is_other {
            self.begin_campaign(now, slot);
        }
        self.arm(slot);
        Ok(())
    }

    /// Forget a peer with its sessions, prefixes, probe keys and waiting packets. False if there was none.
    pub fn remove_peer(&mut self, peer: PeerId) -> bool {
        let Some(slot) = self.peers.slot(peer) else { return false };
        self.retain_keys(slot, |_, _| false);
        let Some(mut gone) = self.peers.remove(slot) else { return false };
        gone.staged.clear(&mut self.staged_bytes, &mut self.counters);
        gone.allowed.iter().for_each(|prefix| self.routes.remove(prefix, slot));
        self.wakeups.clear(slot);
        self.probes.remove_peer(peer);
        self.filter.iter_mut().for_each(|filter| filter.forget(slot));
        self.ready.retain(|id| *id != peer);
        self.pings.retain(|ping| ping.peer != peer);
        true
    }

    /// Open or shut a peer's gate. Shut, no inner packet passes in either direction; handshakes still work.
    ///
    /// # Errors
    /// `UnknownPeer`.
    pub fn set_gate(&mut self, peer: PeerId, open: bool) -> Result<(), ConfigError> {
        let slot = self.slot(peer)?;
        // Another worker's stays shut here, so that all that is told apart by it costs no look at whose it is.
        let open = open && self.is_ours(peer);
        if let Some(peer) = self.peers.get_mut(slot) {
            peer.open = open;
            if !open {
                peer.staged.clear(&mut self.staged_bytes, &mut self.counters);
            }
        }
        Ok(())
    }

    /// Where to send; `None`: nowhere, packets wait. What waits goes out at once.
    ///
    /// # Errors
    /// `UnknownPeer`.
    pub fn set_endpoint(&mut self, now: Now, peer: PeerId, endpoint: Option<Endpoint>) -> Result<(), ConfigError> {
        let slot = self.slot(peer)?;
        let Some(peer) = self.peers.get_mut(slot) else { return Ok(()) };
        let before = core::mem::replace(&mut peer.endpoint, endpoint);
        if endpoint.is_none() || before == endpoint {
            return Ok(());
        }
        peer.path.moved();
        if before.is_none() {
            peer.timers.persistent_now(now.mono);
        }
        let waits = peer.campaign.is_some() || (!peer.staged.is_empty() && !peer.keypairs.can_send(now.mono));
        if waits {
            self.begin_campaign(now, slot);
        }
        self.flush(now, slot);
        self.arm(slot);
        Ok(())
    }

    /// Begin a handshake now, also to replace a living session (which goes on until the new one stands).
    /// Without an endpoint it begins when there is one.
    ///
    /// # Errors
    /// `UnknownPeer`.
    pub fn initiate(&mut self, now: Now, peer: PeerId) -> Result<(), ConfigError> {
        let slot = self.slot(peer)?;
        self.begin_campaign(now, slot);
        Ok(())
    }

    /// Ask for an [`crate::Event::Pong`] through the session, making one where there is none. Needs an open gate
    /// here and there; a stock peer never answers.
    ///
    /// # Errors
    /// `UnknownPeer`.
    pub fn ping(&mut self, now: Now, peer: PeerId, token: u64) -> Result<(), ConfigError> {
        let slot = self.slot(peer)?;
        self.stage(now, slot, || Staged::Ping(token));
        Ok(())
    }

    /// Let probes with this hint through as events of `peer` when their tag verifies under `key`.
    ///
    /// # Errors
    /// `UnknownPeer`, `Full`.
    pub fn set_probe_key(&mut self, hint: [u8; 8], key: [u8; 32], peer: PeerId) -> Result<(), ConfigError> {
        self.slot(peer)?;
        if self.probes.set(hint, key, peer) { Ok(()) } else { Err(ConfigError::Full) }
    }

    /// Forget a probe key; false if there was none.
    pub fn remove_probe_key(&mut self, hint: [u8; 8]) -> bool {
        self.probes.remove(&hint)
    }

    fn check(&self, peer: PeerId, config: &PeerConfig) -> Result<(), ConfigError> {
        let keys = config.public_keys.as_slice();
        if !matches!(keys, [_]) && !matches!(keys, [first, second] if first != second) {
            return Err(ConfigError::Keys);
        }
        let slot = self.peers.slot(peer);
        let taken = |key| self.peers.slot_of_key(key).is_some_and(|owner| Some(owner) != slot);
        if keys.iter().any(taken) {
            return Err(ConfigError::KeyTaken);
        }
        let unusable = |key: &PublicKey| self.locals.iter().any(|local| local.key.public() == *key) || is_low(key);
        if keys.iter().any(unusable) {
            return Err(ConfigError::KeyUnusable);
        }
        if config.preshared_keys.len() > limits::PRESHARED_KEYS {
            return Err(ConfigError::PresharedKeys);
        }
        let had = slot.and_then(|slot| self.peers.get(slot)).map_or(0, |peer| peer.allowed.len());
        let room = self.routes.room().saturating_add(had);
        if (slot.is_none() && self.peers.is_full()) || config.allowed.len() > room {
            return Err(ConfigError::Full);
        }
        Ok(())
    }

    fn set_public_keys(&mut self, slot: u32, keys: &[PublicKey]) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let before: Vec<PublicKey> = peer.remotes.iter().map(|remote| remote.public).collect();
        if before == keys {
            return;
        }
        peer.remotes = keys.iter().map(|key| Remote::new(*key)).collect();
        if !before.iter().any(|key| keys.contains(key)) {
            // Another device's clock: its stamps have nothing to do with the last one's.
            peer.newest_stamp = None;
        }
        self.peers.rename(slot, &before, keys);
        self.retain_keys(slot, |_, remote| keys.contains(remote));
    }

    fn set_allowed(&mut self, slot: u32, config: &PeerConfig) {
        let before = self.peers.get_mut(slot).map(|peer| core::mem::take(&mut peer.allowed)).unwrap_or_default();
        before.iter().for_each(|prefix| self.routes.remove(prefix, slot));
        for prefix in &config.allowed {
            self.routes.insert(prefix, slot);
        }
    }

    /// End the sessions and the handshake of (our key, the peer's key) pairs that are not kept.
    fn retain_keys(&mut self, slot: u32, keep: impl Fn(&PublicKey, &PublicKey) -> bool) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        peer.retain_agreed(&keep);
        let ended = peer.keypairs.retain(|session| keep(&session.local, &session.remote));
        let initiator = peer.initiator.take_if(|initiator| !keep(&initiator.local, &initiator.remote));
        ended.iter().flatten().for_each(|session| self.indices.release(session.local_index));
        initiator.iter().for_each(|initiator| self.indices.release(initiator.index));
    }

    /// Keys changed under a handshake on its way, or under packets that wait: begin again with those that hold.
    fn renew_lost(&mut self, now: Now, slot: u32) {
        let Some(peer) = self.peers.get(slot) else { return };
        if peer.campaign.is_some() && peer.initiator.is_none() && peer.endpoint.is_some() {
            self.begin_campaign(now, slot);
        }
    }
}

/// Of low order: X25519 with it gives zero for every private key. All such keys of 255 bits are known (RFC 7748, 6.1;
/// the top bit does not count), and looking is a thousand times cheaper than trying.
fn is_low(key: &PublicKey) -> bool {
    let mut masked = key.0;
    masked.iter_mut().skip(31).for_each(|last| *last &= 0x7f);
    LOW_ORDER.contains(&masked)
}

/// Zero, one, the two points of order eight, and p - 1, p, p + 1 for p = 2^255 - 19.
const LOW_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    low(1),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
        0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44,
        0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    near_prime(0xec),
    near_prime(0xed),
    near_prime(0xee),
];

const fn low(first: u8) -> [u8; 32] {
    let mut key = [0; 32];
    let [place, ..] = &mut key;
    *place = first;
    key
}

const fn near_prime(first: u8) -> [u8; 32] {
    let mut key = [0xff; 32];
    let [place, .., last] = &mut key;
    *place = first;
    *last = 0x7f;
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_low_gives_zero_and_its_neighbours_do_not() {
        let try_out = |key: [u8; 32]| PrivateKey::new([0x5a; 32]).exchange(&PublicKey(key)).is_none();
        for low in LOW_ORDER {
            for bit in [0, 0x80] {
                let (mut key, mut neighbour) = (low, low);
                key.iter_mut().skip(31).for_each(|last| *last |= bit);
                neighbour.iter_mut().skip(15).take(1).for_each(|byte| *byte ^= 1);
                assert!(try_out(key) && is_low(&PublicKey(key)));
                assert!(!try_out(neighbour) && !is_low(&PublicKey(neighbour)));
            }
        }
    }
}
