//! Two devices on a virtual clock, joined by a simulated link that can lose, reorder and duplicate.
//!
//! Nothing sleeps: time jumps to the next datagram or deadline. One seed decides everything.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::BTreeMap;

use crate::offload::VirtioHeader;
use crate::{
    Counters, Device, DeviceConfig, Endpoint, Event, Incoming, Instant, Mode, Now, Opened, PeerConfig, PeerId,
    PeerStats, Prefix, PresharedKey, PrivateKey, Random, Span, Trains, Transport, Unix,
};

pub(crate) const A: usize = 0;
pub(crate) const B: usize = 1;
/// Each device knows the other by this number.
pub(crate) const PEER: PeerId = PeerId(7);
pub(crate) const MTU: usize = 1400;
const START: Now = Now { mono: Instant(1_000_000_000_000), wall: Unix(1_790_000_000_000_000_000) };

/// A seeded source (splitmix64), good enough to be different each time.
#[derive(Clone)]
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn hits(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
}

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        }
    }
}

/// One end.
pub(crate) struct Host {
    pub(crate) device: Device,
    /// Where it sends from and is reached.
    pub(crate) address: Endpoint,
    /// Inner packets that came out.
    pub(crate) delivered: Vec<Vec<u8>>,
    pub(crate) events: Vec<Event>,
}

/// What the link does to datagrams, in percent.
#[derive(Clone, Copy, Default)]
pub(crate) struct Link {
    pub(crate) loss: u64,
    pub(crate) duplicate: u64,
    pub(crate) reorder: u64,
}

/// A datagram that was sent, whatever became of it.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) at: Instant,
    pub(crate) from: usize,
    pub(crate) to: Endpoint,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) struct Pair {
    pub(crate) now: Now,
    pub(crate) hosts: [Host; 2],
    pub(crate) link: Link,
    pub(crate) sent: Vec<Sent>,
    pub(crate) latency: Duration,
    flying: BTreeMap<(Instant, u64), (Endpoint, Endpoint, Vec<u8>)>,
    random: Seeded,
    number: u64,
}

pub(crate) fn key(number: u8) -> PrivateKey {
    PrivateKey::new([number.wrapping_mul(3).wrapping_add(1); 32])
}

pub(crate) fn udp(last: u8, port: u16) -> Endpoint {
    Endpoint::Udp { remote: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)), port) }
}

pub(crate) fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').unwrap();
    Prefix::new(address.parse().unwrap(), length.parse().unwrap()).unwrap()
}

/// An IPv4 packet between the two inner addresses.
pub(crate) fn packet(from: usize, text: &[u8]) -> Vec<u8> {
    inner_packet([10, 0, 0, from as u8], [10, 0, 0, 1 - from as u8], text)
}

pub(crate) fn inner_packet(source: [u8; 4], destination: [u8; 4], text: &[u8]) -> Vec<u8> {
    let length = (20 + text.len()) as u16;
    let mut out = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0];
    out[2..4].copy_from_slice(&length.to_be_bytes());
    out.extend(source);
    out.extend(destination);
    out.extend(text);
    out
}

impl Pair {
    pub(crate) fn with_seed(seed: u64) -> Self {
        let mut random = Seeded(seed);
        let hosts = [A, B].map(|side| {
            let config = DeviceConfig { mtu: MTU, ..DeviceConfig::new(key(side as u8)) };
            let device = Device::new(config, Box::new(Seeded(random.next()))).unwrap();
            Host { device, address: udp(side as u8 + 1, 51820), delivered: vec![], events: vec![] }
        });
        let latency = Duration::from_millis(10);
        let flying = BTreeMap::new();
        Self { now: START, hosts, link: Link::default(), sent: vec![], latency, flying, random, number: 0 }
    }

    /// Both know each other, gates open; only A knows where B is.
    pub(crate) fn new() -> Self {
        let mut pair = Self::with_seed(1);
        pair.introduce(A);
        pair.introduce(B);
        let address = pair.hosts[B].address;
        pair.hosts[A].device.set_endpoint(pair.now, PEER, Some(address)).unwrap();
        pair
    }

    pub(crate) fn peer_config(of: usize) -> PeerConfig {
        let allowed = vec![prefix(&format!("10.0.0.{of}/32")), prefix(&format!("fd00::{of}/128"))];
        PeerConfig { public_keys: vec![key(of as u8).public()], allowed, ..PeerConfig::default() }
    }

    /// Tell one side of the other.
    pub(crate) fn introduce(&mut self, side: usize) {
        self.configure(side, |_| {});
        self.hosts[side].device.set_gate(PEER, true).unwrap();
    }

    pub(crate) fn configure(&mut self, side: usize, change: impl FnOnce(&mut PeerConfig)) {
        let mut config = Self::peer_config(1 - side);
        change(&mut config);
        self.hosts[side].device.set_peer(self.now, PEER, config).unwrap();
    }

    pub(crate) fn set_mode(&mut self, side: usize, mode: Mode) {
        self.configure(side, |config| config.mode = mode);
    }

    pub(crate) fn set_preshared(&mut self, side: usize, keys: &[u8]) {
        let keys = keys.iter().map(|number| PresharedKey::new([*number; 32])).collect();
        self.configure(side, |config| config.preshared_keys = keys);
    }

    pub(crate) fn set_transport(&mut self, side: usize, transport: Transport) {
        self.configure(side, |config| config.transport = transport);
    }

    /// Seal one packet to the other side.
    pub(crate) fn send(&mut self, side: usize, text: &[u8]) {
        self.send_packet(side, &packet(side, text));
    }

    pub(crate) fn send_packet(&mut self, side: usize, inner: &[u8]) {
        let mut out = Trains::new(crate::HEADROOM + inner.len() + crate::TAILROOM + crate::limits::RELAY_LEAD, 1);
        self.hosts[side].device.seal(self.now, &VirtioHeader::default(), inner, &mut out);
        self.hosts[side].device.seal_held(self.now, &mut out);
        for train in out.list() {
            self.launch(side, train.endpoint, out.get(train.span)[train.lead..].to_vec());
        }
        self.drain(side);
    }

    /// Put a datagram onto the link.
    pub(crate) fn launch(&mut self, from: usize, to: Endpoint, bytes: Vec<u8>) {
        let source = self.hosts[from].address;
        self.sent.push(Sent { at: self.now.mono, from, to, bytes: bytes.clone() });
        let copies = if self.random.hits(self.link.duplicate) { 2 } else { 1 };
        for _ in 0..copies {
            if self.random.hits(self.link.loss) {
                continue;
            }
            let late = if self.random.hits(self.link.reorder) { self.random.next() % 30_000_000 } else { 0 };
            self.number += 1;
            let due = self.now.mono.after(self.latency + Duration::from_nanos(late));
            self.flying.insert((due, self.number), (source, to, bytes.clone()));
        }
    }

    /// Lose what is on its way.
    pub(crate) fn drop_flying(&mut self) {
        self.flying.clear();
    }

    /// Give one datagram to a device as if it came from `source`.
    pub(crate) fn inject(&mut self, side: usize, source: Endpoint, bytes: &[u8]) {
        let mut arena = bytes.to_vec();
        let mut out: Vec<Opened> = vec![];
        let incoming = Incoming { source, span: Span { start: 0, len: arena.len() } };
        self.hosts[side].device.open_batch(self.now, &mut arena, &[incoming], &mut out);
        for opened in out {
            let Span { start, len } = opened.span;
            self.hosts[side].delivered.push(arena[start..start + len].to_vec());
        }
        self.drain(side);
    }

    pub(crate) fn drain(&mut self, side: usize) {
        let mut buffer = [0; MTU + crate::TRANSMIT_OVERHEAD];
        while let Some(transmit) = self.hosts[side].device.poll_transmit(self.now, &mut buffer) {
            self.launch(side, transmit.endpoint, buffer[..transmit.len].to_vec());
        }
        while let Some(event) = self.hosts[side].device.poll_event() {
            self.hosts[side].events.push(event);
        }
    }

    /// Call a device and send what it says.
    pub(crate) fn call<T>(&mut self, side: usize, what: impl FnOnce(&mut Device, Now) -> T) -> T {
        let result = what(&mut self.hosts[side].device, self.now);
        self.drain(side);
        result
    }

    /// The next datagram or deadline, if it lies before `until`; false when nothing does.
    fn step(&mut self, until: Instant) -> bool {
        let datagram = self.flying.first_key_value().map(|((due, _), _)| *due);
        let timers = [A, B].map(|side| self.hosts[side].device.poll_timeout().map(|(at, _)| at));
        let Some(next) = [datagram, timers[A], timers[B]].into_iter().flatten().min().filter(|at| *at <= until) else {
            self.jump(until);
            return false;
        };
        self.jump(next);
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now.mono) {
            let (source, to, bytes) = entry.remove();
            if let Some(side) = [A, B].into_iter().find(|side| self.hosts[*side].address == to) {
                self.inject(side, source, &bytes);
            }
        }
        for side in [A, B] {
            if self.hosts[side].device.poll_timeout().is_some_and(|(at, _)| at <= self.now.mono) {
                self.call(side, Device::handle_timeout);
            }
        }
        true
    }

    fn jump(&mut self, to: Instant) {
        let passed = to.0.saturating_sub(self.now.mono.0);
        self.now = Now { mono: Instant(self.now.mono.0 + passed), wall: Unix(self.now.wall.0 + passed) };
    }

    pub(crate) fn run_ms(&mut self, ms: u64) {
        let until = self.now.mono.after(Duration::from_millis(ms));
        while self.step(until) {}
    }

    pub(crate) fn run_s(&mut self, seconds: u64) {
        self.run_ms(seconds * 1000);
    }

    /// Handshake and one packet from A to B.
    pub(crate) fn connect(&mut self) {
        self.send(A, b"hello");
        self.run_ms(100);
        assert_eq!(self.hosts[B].delivered.pop(), Some(packet(A, b"hello")), "the first packet arrives");
    }

    pub(crate) fn counters(&self, side: usize) -> &Counters {
        self.hosts[side].device.counters()
    }

    pub(crate) fn stats(&self, side: usize) -> PeerStats {
        self.hosts[side].device.peer_stats(self.now, PEER).unwrap()
    }

    /// Messages of this type that a side sent: when, and what.
    pub(crate) fn messages(&self, side: usize, kind: u8) -> Vec<Sent> {
        self.sent.iter().filter(|sent| sent.from == side && sent.bytes[0] == kind).cloned().collect()
    }

    /// Texts that arrived, without their headers.
    pub(crate) fn texts(&mut self, side: usize) -> Vec<Vec<u8>> {
        self.hosts[side].delivered.drain(..).map(|packet| packet[20..].to_vec()).collect()
    }

    pub(crate) fn handshakes(&self, side: usize) -> usize {
        self.hosts[side].events.iter().filter(|event| matches!(event, Event::Handshake { .. })).count()
    }
}
