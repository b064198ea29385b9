//! The device: what the caller drives.
#![allow(
    unused_variables,
    clippy::todo,
    reason = "signatures first; the bodies follow within the hour"
)]

use crate::{
    ConfigError, Counters, DeviceConfig, Endpoint, Event, Incoming, Instant, Now, Opened,
    PeerConfig, PeerId, PeerStats, PrivateKey, Random, Reason, Sealed, Span, StampWindow, Transmit,
};

/// One WireGuard interface: its keys, peers and sessions.
pub struct Device {
    counters: Counters,
}

impl Device {
    /// A device without peers.
    ///
    /// # Errors
    /// `Keys` and `Owner`, see [`ConfigError`].
    pub fn new(config: DeviceConfig, random: Box<dyn Random + Send>) -> Result<Self, ConfigError> {
        todo!()
    }

    /// Replace the device's keys (one or two). Sessions of a key that stays go on.
    ///
    /// # Errors
    /// `Keys`; then nothing changed.
    pub fn set_private_keys(&mut self, now: Now, keys: Vec<PrivateKey>) -> Result<(), ConfigError> {
        todo!()
    }

    /// Replace the bounds of the TAI64N stamps.
    pub fn set_stamp_window(&mut self, stamps: StampWindow) {
        todo!()
    }

    /// The inner link's MTU in bytes.
    pub fn set_mtu(&mut self, mtu: usize) {
        todo!()
    }

    /// Add a peer (its gate is shut and it has no endpoint) or change one (its gate, endpoint and the sessions of
    /// keys that stay are kept; changed preshared keys hold for the next handshake).
    ///
    /// # Errors
    /// See [`ConfigError`]; then nothing changed.
    pub fn set_peer(
        &mut self,
        now: Now,
        peer: PeerId,
        config: PeerConfig,
    ) -> Result<(), ConfigError> {
        todo!()
    }

    /// Forget a peer with its sessions, prefixes, probe keys and waiting packets. False if there was none.
    pub fn remove_peer(&mut self, peer: PeerId) -> bool {
        todo!()
    }

    /// Open or shut a peer's gate. Shut, no inner packet passes in either direction; handshakes still work.
    ///
    /// # Errors
    /// `UnknownPeer`.
    pub fn set_gate(&mut self, peer: PeerId, open: bool) -> Result<(), ConfigError> {
        todo!()
    }

    /// Where to send; `None`: nowhere, packets wait. What waits goes out at once.
    ///
    /// # Errors
    /// `UnknownPeer`.
    pub fn set_endpoint(
        &mut self,
        now: Now,
        peer: PeerId,
        endpoint: Option<Endpoint>,
    ) -> Result<(), ConfigError> {
        todo!()
    }

    /// Begin a handshake now, also to replace a living session (which goes on until the new one stands).
    /// Without an endpoint it begins when there is one.
    ///
    /// # Errors
    /// `UnknownPeer`.
    pub fn initiate(&mut self, now: Now, peer: PeerId) -> Result<(), ConfigError> {
        todo!()
    }

    /// Ask for an [`Event::Pong`] through the session, making one where there is none. Needs an open gate here and
    /// there; a stock peer never answers.
    ///
    /// # Errors
    /// `UnknownPeer`.
    pub fn ping(&mut self, now: Now, peer: PeerId, token: u64) -> Result<(), ConfigError> {
        todo!()
    }

    /// Let probes with this hint through as events of `peer` when their tag verifies under `key`.
    ///
    /// # Errors
    /// `UnknownPeer`, `Full`.
    pub fn set_probe_key(
        &mut self,
        hint: [u8; 8],
        key: [u8; 32],
        peer: PeerId,
    ) -> Result<(), ConfigError> {
        todo!()
    }

    /// Forget a probe key; false if there was none.
    pub fn remove_probe_key(&mut self, hint: [u8; 8]) -> bool {
        todo!()
    }

    /// Let one answer to this STUN transaction through as an event, for so many milliseconds.
    pub fn expect_stun(&mut self, now: Now, transaction: [u8; 12], for_ms: u64) {
        todo!()
    }

    /// Seal inner packets in place. Each of `packets` is a place in `arena` with [`crate::HEADROOM`] free bytes
    /// before it and [`crate::TAILROOM`] behind it. Results are pushed to `out` in the same order, at most one a
    /// packet: give it the capacity and nothing allocates. A packet without result was dropped (and counted), or
    /// copied to wait for a session or an endpoint.
    pub fn seal_batch(
        &mut self,
        now: Now,
        arena: &mut [u8],
        packets: &[Span],
        out: &mut Vec<Sealed>,
    ) {
        todo!()
    }

    /// Open datagrams in place. Inner packets are pushed to `out` in the same order, at most one a datagram;
    /// everything else (handshakes, STUN, probes, keepalives) becomes transmits, events and counters.
    pub fn open_batch(
        &mut self,
        now: Now,
        arena: &mut [u8],
        datagrams: &[Incoming],
        out: &mut Vec<Opened>,
    ) {
        todo!()
    }

    /// The next datagram to send that is not the result of sealing a batch. Call until `None`, with a buffer of
    /// MTU + [`crate::TRANSMIT_OVERHEAD`] bytes and at least [`crate::TRANSMIT_MIN`].
    pub fn poll_transmit(&mut self, now: Now, buffer: &mut [u8]) -> Option<Transmit> {
        todo!()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        todo!()
    }

    /// When to call `handle_timeout` at the latest, and what for; `None` while nothing is pending. It may turn out
    /// that nothing is due then.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        todo!()
    }

    /// Do what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        todo!()
    }

    /// What is known of a peer.
    #[must_use]
    pub fn peer_stats(&self, now: Now, peer: PeerId) -> Option<PeerStats> {
        todo!()
    }

    /// Every counter.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}
