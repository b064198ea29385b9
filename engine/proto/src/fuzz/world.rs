//! What the targets of whole devices share: keys that are made once, a seeded random source, datagrams and packets.

use core::net::{IpAddr, Ipv4Addr};

use crate::limits::RELAY_LEAD;
use crate::offload::VirtioHeader;
use crate::{
    Device, DeviceConfig, Endpoint, HEADROOM, Incoming, Instant, Now, Opened, PeerConfig, PeerId, Prefix, PrivateKey,
    Random, Span, TAILROOM, TRANSMIT_OVERHEAD, Trains, Unix,
};

pub(super) const MTU: usize = 1400;
pub(super) const START: Now = Now { mono: Instant(1_000_000_000_000), wall: Unix(1_790_000_000_000_000_000) };

/// splitmix64: different each time, the same for the same seed.
pub(super) struct Splitmix(pub(super) u64);

impl Random for Splitmix {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.iter_mut().zip((z ^ (z >> 31)).to_le_bytes()).for_each(|(to, from)| *to = from);
        }
    }
}

const KEYS: u8 = 8;

thread_local! {
    static POOL: Vec<PrivateKey> = (0..KEYS).map(|number| PrivateKey::new([number * 3 + 1; 32])).collect();
}

/// One of few keys, each computed once.
pub(super) fn key(number: u8) -> PrivateKey {
    POOL.with(|pool| pool[usize::from(number % KEYS)].clone())
}

pub(super) fn udp(last: u8) -> Endpoint {
    Endpoint::Udp { remote: ([192, 0, 2, last], 51_820).into() }
}

/// The inner address of the holder of a key.
pub(super) fn host(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, number)
}

pub(super) fn host_prefix(number: u8) -> Prefix {
    Prefix::new(IpAddr::V4(host(number)), 32).unwrap()
}

/// A peer with one key and the address that goes with it.
pub(super) fn peer_config(number: u8) -> PeerConfig {
    PeerConfig { public_keys: vec![key(number).public()], allowed: vec![host_prefix(number)], ..PeerConfig::default() }
}

/// An IPv4 packet.
pub(super) fn packet(from: u8, to: u8, text: &[u8]) -> Vec<u8> {
    let length = (20 + text.len()) as u16;
    let head = [&[0x45, 0][..], &length.to_be_bytes(), &[0, 0, 0, 0, 64, 17, 0, 0]].concat();
    [&head[..], &host(from).octets(), &host(to).octets(), text].concat()
}

pub(super) fn device(number: u8, seed: u64) -> Device {
    let config = DeviceConfig { mtu: MTU, ..DeviceConfig::new(key(number)) };
    Device::new(config, Box::new(Splitmix(seed))).unwrap()
}

/// One datagram in; the inner packet, if one came out.
pub(super) fn open(device: &mut Device, now: Now, source: Endpoint, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut arena = bytes.to_vec();
    let mut out: Vec<Opened> = vec![];
    let incoming = Incoming { source, span: Span { start: 0, len: arena.len() } };
    device.open_batch(now, &mut arena, &[incoming], &mut out);
    assert!(out.len() <= 1);
    out.first().map(|opened| arena[opened.span.start..opened.span.start + opened.span.len].to_vec())
}

/// One packet to seal; what it became, if it could go at once.
pub(super) fn seal(device: &mut Device, now: Now, inner: &[u8]) -> Option<(Endpoint, Vec<u8>)> {
    let mut out = Trains::new(HEADROOM + inner.len() + TAILROOM + RELAY_LEAD, 1);
    device.seal(now, &VirtioHeader::default(), inner, &mut out);
    device.seal_held(now, &mut out);
    assert!(out.list().len() <= 1);
    out.list().first().map(|train| (train.endpoint, out.get(train.span)[train.lead..].to_vec()))
}

/// Everything that the device sends by itself.
pub(super) fn transmits(device: &mut Device, now: Now) -> Vec<(Option<PeerId>, Endpoint, Vec<u8>)> {
    let mut buffer = [0; MTU + TRANSMIT_OVERHEAD];
    let mut out = vec![];
    while let Some(transmit) = device.poll_transmit(now, &mut buffer) {
        out.push((transmit.peer, transmit.endpoint, buffer[..transmit.len].to_vec()));
    }
    out
}

pub(super) fn later(now: Now, ms: u64) -> Now {
    let passed = ms * 1_000_000;
    Now { mono: Instant(now.mono.0.saturating_add(passed)), wall: Unix(now.wall.0.saturating_add(passed)) }
}
