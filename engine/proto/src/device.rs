//! The device: what the caller drives. Here: its parts, its configuration, and what it says.
//!
//! What happens with packets stands in [`outbound`] and [`inbound`], handshakes in [`handshakes`], and what time
//! brings in [`timeouts`]. State changes only after a tag verified; whatever goes nowhere is counted.

mod configure;
mod filtering;
mod handshakes;
mod inbound;
#[cfg(any(test, feature = "fuzz"))]
mod inspect;
mod narrowing;
mod outbound;
mod timeouts;

use std::collections::VecDeque;

use crate::admission::Admission;
use crate::allowed_ips::AllowedIps;
use crate::bucket::Bucket;
use crate::counters::count;
use crate::event::Events;
use crate::filter::Filter;
use crate::index::Indices;
use crate::offload::{Adder, HeldAck};
use crate::peers::Peers;
use crate::probe::Probes;
use crate::staging::Budget;
use crate::stray::{Stray, Strays};
use crate::stun::Transactions;
use crate::tai64n::Stamper;
use crate::wakeups::Wakeups;
use crate::{
    ConfigError, Counters, DeviceConfig, Endpoint, Event, Instant, Now, Owner, PeerId, PeerStats, PrivateKey, Random,
    Reason, StampWindow, noise, outgoing,
};

/// One of our static keys with what is derived from it.
struct Local {
    key: PrivateKey,
    mac1_key: [u8; 32],
    cookie_key: [u8; 32],
}

/// A ping on its way.
struct PingSent {
    peer: PeerId,
    token: u64,
    at: Instant,
}

/// One WireGuard interface: its keys, peers and sessions.
pub struct Device {
    locals: Vec<Local>,
    mtu: usize,
    stamper: Stamper,
    random: Box<dyn Random + Send>,
    /// Which of the peers are this device's; it knows the others to tell whose a packet is.
    owner: Owner,
    peers: Peers,
    indices: Indices,
    strays: Strays,
    routes: AllowedIps,
    wakeups: Wakeups,
    admission: Admission,
    unknown_initiators: Bucket,
    probes: Probes,
    stun: Transactions,
    pings: VecDeque<PingSent>,
    staged_bytes: Budget,
    /// Peers whose staged packets can go out.
    ready: VecDeque<PeerId>,
    /// `None`: what passes the gate passes.
    filter: Option<Box<Filter>>,
    held_ack: HeldAck,
    adder: Adder,
    outgoing: outgoing::Queue,
    host: narrowing::Answers,
    events: Events,
    counters: Counters,
}

impl Device {
    /// A device without peers.
    ///
    /// # Errors
    /// `Keys` and `Owner`, see [`ConfigError`].
    pub fn new(config: DeviceConfig, mut random: Box<dyn Random + Send>) -> Result<Self, ConfigError> {
        let owner = config.owner;
        if owner.bits > 8 || u32::from(owner.value) >= 1_u32.checked_shl(u32::from(owner.bits)).unwrap_or(0) {
            return Err(ConfigError::Owner);
        }
        Ok(Self {
            locals: locals(config.private_keys)?,
            mtu: config.mtu,
            stamper: Stamper::new(config.stamps, config.last_stamp),
            owner,
            peers: Peers::default(),
            indices: Indices::new(owner),
            strays: Strays::default(),
            routes: AllowedIps::new(),
            wakeups: Wakeups::default(),
            admission: Admission::new(&mut random, config.handshakes_per_s),
            unknown_initiators: Bucket::default(),
            probes: Probes::new(&mut random),
            random,
            stun: Transactions::default(),
            pings: VecDeque::new(),
            staged_bytes: Budget::default(),
            ready: VecDeque::new(),
            filter: None,
            held_ack: HeldAck::default(),
            adder: Adder::default(),
            outgoing: outgoing::Queue::default(),
            host: narrowing::Answers::default(),
            events: Events::default(),
            counters: Counters::default(),
        })
    }

    /// Replace the bounds of the TAI64N stamps.
    pub fn set_stamp_window(&mut self, stamps: StampWindow) {
        self.stamper.set_window(stamps);
    }

    /// How the checksums of what is split are summed; plainly, unless this is called.
    pub fn sum_by(&mut self, adder: Adder) {
        self.adder = adder;
    }

    /// The inner link's MTU in bytes.
    pub fn set_mtu(&mut self, mtu: usize) {
        self.mtu = mtu;
    }

    /// Let one answer to this STUN transaction through as an event, for so many milliseconds.
    pub fn expect_stun(&mut self, now: Now, transaction: [u8; 12], for_ms: u64) {
        self.stun.expect(now.mono, transaction, core::time::Duration::from_millis(for_ms));
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// The next thing that is another worker's, and the worker's number. Call until `None` after each batch.
    pub fn poll_stray(&mut self) -> Option<(u8, Stray)> {
        self.strays.pop()
    }

    /// When to call `handle_timeout` at the latest, and what for; `None` while nothing is pending. It may turn out
    /// that nothing is due then: a deadline that traffic moved is looked at again when it comes.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        let sweep = self.filter.as_ref().and_then(|filter| filter.poll_timeout()).map(|at| (at, Reason::Sweep));
        [self.wakeups.first(), sweep].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Is there a peer of this number?
    #[must_use]
    pub fn knows(&self, peer: PeerId) -> bool {
        self.peers.slot(peer).is_some()
    }

    /// What is known of a peer.
    #[must_use]
    pub fn peer_stats(&self, now: Now, peer: PeerId) -> Option<PeerStats> {
        let peer = self.peers.get(self.peers.slot(peer)?)?;
        Some(PeerStats {
            rx_bytes: peer.tally.rx_bytes,
            tx_bytes: peer.tally.tx_bytes,
            last_handshake: peer.tally.last_handshake,
            last_authenticated: peer.tally.last_authenticated,
            alive: peer.keypairs.can_send(now.mono),
            open: peer.open,
            endpoint: peer.endpoint,
            cipher: peer.keypairs.cipher(now.mono),
        })
    }

    /// Every counter.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn is_ours(&self, peer: PeerId) -> bool {
        self.owner.of_peer(peer) == self.owner.value
    }

    /// Leave a datagram to the worker that it is for; false if that is us. What was handed to us is nobody else's.
    fn leave(&mut self, owner: u8, is_handed: bool, source: &Endpoint, bytes: &[u8]) -> bool {
        if owner == self.owner.value {
            return false;
        }
        let is_left =
            !is_handed && self.strays.push(owner, || Stray::Datagram { source: *source, bytes: bytes.into() });
        if is_left {
            // Counted again, and for good, by whom it is handed to.
            self.counters.rx_datagrams = self.counters.rx_datagrams.saturating_sub(1);
            self.counters.rx_bytes = self.counters.rx_bytes.saturating_sub(bytes.len() as u64);
        } else {
            count(&mut self.counters.drop_stray);
        }
        true
    }

    fn slot(&self, peer: PeerId) -> Result<u32, ConfigError> {
        self.peers.slot(peer).ok_or(ConfigError::UnknownPeer)
    }

    /// See to it that `handle_timeout` comes to this peer in time.
    fn arm(&mut self, slot: u32) {
        if let Some((at, reason)) = self.peers.get(slot).and_then(|peer| peer.timers.deadline()) {
            self.wakeups.no_later(slot, at, reason);
        }
    }

    /// Staged packets of this peer can go out if it has somewhere to send and something to seal with.
    fn flush(&mut self, now: Now, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let can = peer.endpoint.is_some() && peer.keypairs.can_send(now.mono) && !peer.staged.is_empty();
        if can && !peer.is_ready {
            peer.is_ready = true;
            self.ready.push_back(peer.id);
        }
    }

    /// An authenticated packet of this peer came from `source`.
    fn heard_from(&mut self, now: Now, slot: u32, source: &Endpoint, bytes: usize) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        peer.heard_from(now, source, bytes, &mut self.events);
    }
}

fn locals(keys: Vec<PrivateKey>) -> Result<Vec<Local>, ConfigError> {
    let distinct = match keys.as_slice() {
        [_] => true,
        [first, second] => first.public() != second.public(),
        _ => false,
    };
    if !distinct {
        return Err(ConfigError::Keys);
    }
    let local = |key: PrivateKey| {
        let public = key.public();
        Local { key, mac1_key: noise::mac1_key(&public), cookie_key: noise::cookie_key(&public) }
    };
    Ok(keys.into_iter().map(local).collect())
}

#[cfg(test)]
impl Device {
    pub(crate) fn set_counter_for_test(&mut self, peer: PeerId, counter: u64) {
        let slot = self.peers.slot(peer).unwrap();
        self.peers.get_mut(slot).unwrap().keypairs.usable(Instant(0)).unwrap().set_counter(counter);
    }

    pub(crate) fn sessions_for_test(&self, peer: PeerId) -> usize {
        self.peers.get(self.peers.slot(peer).unwrap()).unwrap().keypairs.count()
    }

    /// Also forgets which initiations were seen.
    pub(crate) fn limit_handshakes_for_test(&mut self, per_s: u32) {
        self.admission = Admission::new(&mut self.random, per_s);
    }

    pub(crate) fn indices_for_test(&self) -> usize {
        self.indices.used()
    }
}
