//! The world of the tests: one server, clients, and what is under way between them.

use core::net::SocketAddr;

use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::relay::client::{Config as ClientConfig, Credentials, Event as ClientEvent, Received};
use crate::relay::frame::HEADER;
use crate::relay::server::{Config as ServerConfig, Event as ServerEvent, Rate};
use crate::relay::{Client, Link, Server, certificate, grant, limits};
use crate::{Instant, Now, PrivateKey, Random, Unix};

pub(super) const SECOND_NS: u64 = 1_000_000_000;
/// 2026-09-21, in seconds.
pub(super) const BEGAN_S: u64 = 1_790_000_000;
pub(super) const RELAY: u64 = 7;

/// Deterministic bytes: splitmix64.
pub(super) struct Seeded(pub(super) u64);

impl Seeded {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }
}

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

pub(super) fn signer() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[0x51; 32]).unwrap()
}

pub(super) fn public(key: &Ed25519KeyPair) -> [u8; 32] {
    key.public_key().as_ref().try_into().unwrap()
}

pub(super) fn relay_key() -> PrivateKey {
    PrivateKey::new([0x52; 32])
}

/// What a grant says, with what most tests want.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) network: u8,
    pub(super) relays: Option<Vec<u64>>,
    pub(super) rate_kbit_s: u32,
    pub(super) issued_s: u64,
    pub(super) not_after_s: u64,
}

impl Default for Terms {
    fn default() -> Self {
        let not_after_s = BEGAN_S + 7 * 86_400;
        Self { network: 1, relays: None, rate_kbit_s: 0, issued_s: BEGAN_S, not_after_s }
    }
}

pub(super) fn make_grant(by: &Ed25519KeyPair, identity: &[u8; 32], terms: &Terms) -> Vec<u8> {
    let relays = terms.relays.clone().unwrap_or_default();
    let mut bytes = vec![1, u8::from(terms.relays.is_none())];
    bytes.extend(u16::try_from(relays.len()).unwrap().to_be_bytes());
    bytes.extend(terms.rate_kbit_s.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(terms.issued_s.to_be_bytes());
    bytes.extend(terms.not_after_s.to_be_bytes());
    bytes.extend([terms.network; 32]);
    bytes.extend(identity);
    bytes.extend(public(by));
    relays.iter().for_each(|number| bytes.extend(number.to_be_bytes()));
    let signature = by.sign(&[grant::DOMAIN, &bytes].concat());
    [&bytes, signature.as_ref()].concat()
}

pub(super) fn make_certificate(
    identity: &Ed25519KeyPair,
    network: u8,
    session: &PrivateKey,
    not_after_s: u64,
) -> Vec<u8> {
    let mut bytes = vec![1, 0, 0, 0];
    bytes.extend(not_after_s.to_be_bytes());
    bytes.extend(relay_key().public().0);
    bytes.extend([network; 32]);
    bytes.extend(public(identity));
    bytes.extend(session.public().0);
    let signature = identity.sign(&[certificate::DOMAIN, &bytes].concat());
    [&bytes, signature.as_ref()].concat()
}

/// A member's identity key.
pub(super) fn identity_key(number: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap()
}

pub(super) fn credentials(number: u8, serial: u8, terms: &Terms) -> Credentials {
    credentials_at(BEGAN_S, number, serial, terms)
}

pub(super) fn credentials_at(now_s: u64, number: u8, serial: u8, terms: &Terms) -> Credentials {
    let identity = identity_key(number);
    let mut session = [number; 32];
    session[31] = serial;
    let session_key = PrivateKey::new(session);
    Credentials {
        certificate: make_certificate(&identity, terms.network, &session_key, now_s + 3_600),
        grant: make_grant(&signer(), &public(&identity), terms),
        session_key,
    }
}

/// One client with its sockets.
pub(super) struct Node {
    pub(super) client: Client,
    pub(super) identity: [u8; 32],
    pub(super) address: SocketAddr,
    pub(super) stream: Option<u64>,
    pub(super) events: Vec<ClientEvent>,
    pub(super) payloads: Vec<(u32, Vec<u8>)>,
    /// No UDP gets through.
    pub(super) udp_blocked: bool,
    /// UDP comes in but does not get out.
    pub(super) udp_out_blocked: bool,
}

/// Something under way.
struct Flying {
    at: u64,
    /// To the relay, or to this node.
    to: Option<usize>,
    link: Link,
    bytes: Vec<u8>,
}

/// Everything.
pub(super) struct World {
    pub(super) server: Server,
    pub(super) nodes: Vec<Node>,
    pub(super) now_ns: u64,
    pub(super) rng: Seeded,
    pub(super) loss_percent: u64,
    pub(super) jitter_ns: u64,
    pub(super) delay_ns: u64,
    /// The relay's machine takes and gives nothing.
    pub(super) is_dead: bool,
    /// Every datagram that went by: for those who replay.
    pub(super) seen: Vec<(Link, Vec<u8>)>,
    flying: Vec<Flying>,
    streams: Vec<(u64, usize)>,
    pub(super) server_events: Vec<ServerEvent>,
}

pub(super) fn relay_address() -> SocketAddr {
    "192.0.2.1:3478".parse().unwrap()
}

pub(super) fn server_config() -> ServerConfig {
    ServerConfig {
        number: RELAY,
        private_key: relay_key(),
        signers: vec![public(&signer())],
        members: limits::MEMBERS,
        client_rate: Rate::default(),
        network_rate: Rate::default(),
        total_rate: Rate::default(),
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self::with(seed, server_config())
    }

    pub(super) fn with(seed: u64, config: ServerConfig) -> Self {
        let now_ns = 1_000 * SECOND_NS;
        let now = Now { mono: Instant(now_ns), wall: Unix(BEGAN_S * SECOND_NS) };
        Self {
            server: Server::new(config, now, Box::new(Seeded(seed))),
            nodes: Vec::new(),
            now_ns,
            rng: Seeded(seed ^ 0x5555),
            loss_percent: 0,
            jitter_ns: 0,
            delay_ns: SECOND_NS / 100,
            is_dead: false,
            seen: Vec::new(),
            flying: Vec::new(),
            streams: Vec::new(),
            server_events: Vec::new(),
        }
    }

    /// The relay's process ends and another one begins, with nothing but its settings.
    pub(super) fn restart(&mut self) {
        self.server = Server::new(server_config(), self.now(), Box::new(Seeded(self.rng.next())));
    }

    pub(super) fn now(&self) -> Now {
        let wall = BEGAN_S * SECOND_NS + (self.now_ns - 1_000 * SECOND_NS);
        Now { mono: Instant(self.now_ns), wall: Unix(wall) }
    }

    /// A member of network 1; its index.
    pub(super) fn add(&mut self, number: u8) -> usize {
        self.add_with(
            number,
            &Terms::default(),
            ClientConfig { relay_key: relay_key().public(), remotes: vec![relay_address()], has_stream: false },
        )
    }

    pub(super) fn add_with(&mut self, number: u8, terms: &Terms, config: ClientConfig) -> usize {
        let mut client = Client::new(config, Box::new(Seeded(self.rng.next())));
        assert!(client.set_credentials(self.now(), credentials(number, 0, terms)));
        self.nodes.push(Node {
            client,
            identity: public(&identity_key(number)),
            address: format!("198.51.100.{}:4000", self.nodes.len()).parse().unwrap(),
            stream: None,
            events: Vec::new(),
            payloads: Vec::new(),
            udp_blocked: false,
            udp_out_blocked: false,
        });
        self.nodes.len() - 1
    }

    /// Send a payload; false: there was no session.
    pub(super) fn send(&mut self, from: usize, channel: u32, payload: &[u8]) -> bool {
        let now = self.now();
        let mut frame = [&[0; HEADER][..], payload].concat();
        let Some(link) = self.nodes[from].client.seal(now, channel, &mut frame) else { return false };
        self.launch_up(from, link, frame);
        true
    }

    /// The channel by which `from` knows `to`, as its last events say.
    pub(super) fn channel(&self, from: usize, to: usize) -> Option<u32> {
        let name = self.nodes[to].identity;
        self.nodes[from].events.iter().fold(None, |known, event| match event {
            ClientEvent::Opened { identity, channel } if *identity == name => Some(*channel),
            ClientEvent::Closed { identity, .. } if *identity == name => None,
            ClientEvent::Lost { .. } => None,
            _ => known,
        })
    }

    pub(super) fn is_connected(&self, node: usize) -> bool {
        self.nodes[node].client.link().is_some()
    }

    /// Let time pass until this holds, or so many milliseconds are over. True: it held.
    pub(super) fn until(&mut self, most_ms: u64, holds: impl Fn(&Self) -> bool) -> bool {
        let end = self.now_ns + most_ms * 1_000_000;
        loop {
            self.drain();
            if holds(self) {
                return true;
            }
            let next = self.next_wakeup().unwrap_or(end).max(self.now_ns + 1);
            if next > end {
                self.now_ns = end;
                self.deliver();
                self.drain();
                return holds(self);
            }
            self.now_ns = next;
            self.deliver();
        }
    }

    pub(super) fn pass_ms(&mut self, ms: u64) {
        self.until(ms, |_| false);
    }

    /// A frame from anywhere to the relay, now. What the relay answered, and to whom.
    pub(super) fn inject(&mut self, from: Link, bytes: &[u8]) -> Vec<(Link, Vec<u8>)> {
        let mut copy = bytes.to_vec();
        let now = self.now();
        let forwarded = self.server.handle(now, from, &mut copy);
        let mut answers: Vec<_> = forwarded.map(|link| (link, copy)).into_iter().collect();
        let mut out = [0; limits::OWN_FRAME];
        while let Some((link, length)) = self.server.poll_transmit(&mut out) {
            answers.push((link, out[..length].to_vec()));
        }
        answers
    }

    fn next_wakeup(&self) -> Option<u64> {
        let clients = self.nodes.iter().filter_map(|node| node.client.poll_timeout());
        let server = self.server.poll_timeout().filter(|_| !self.is_dead);
        let timers = clients.chain(server).map(|at| at.0);
        timers.chain(self.flying.iter().map(|it| it.at)).min()
    }

    fn deliver(&mut self) {
        let now = self.now();
        let (mut due, rest): (Vec<_>, Vec<_>) = self.flying.drain(..).partition(|it| it.at <= self.now_ns);
        self.flying = rest;
        due.sort_by_key(|it| it.at);
        for mut it in due {
            match it.to {
                None if self.is_dead => {}
                None => {
                    if let Some(link) = self.server.handle(now, it.link, &mut it.bytes) {
                        self.launch_down(link, it.bytes);
                    }
                }
                Some(node) => {
                    let node = &mut self.nodes[node];
                    if let Received::Payload { channel } = node.client.handle(now, it.link, &mut it.bytes) {
                        node.payloads.push((channel, it.bytes[HEADER..].to_vec()));
                    }
                }
            }
        }
        if !self.is_dead {
            self.server.handle_timeout(now);
        }
        self.nodes.iter_mut().for_each(|node| node.client.handle_timeout(now));
    }

    /// Take out what the machines have to say.
    fn drain(&mut self) {
        let mut out = [0; limits::OWN_FRAME];
        while let Some((link, length)) = self.server.poll_transmit(&mut out) {
            if !self.is_dead {
                self.launch_down(link, out[..length].to_vec());
            }
        }
        while let Some(event) = self.server.poll_event() {
            self.server_events.push(event);
        }
        for at in 0..self.nodes.len() {
            self.keep_stream(at);
            while let Some((link, length)) = self.nodes[at].client.poll_transmit(&mut out) {
                self.launch_up(at, link, out[..length].to_vec());
            }
            while let Some(event) = self.nodes[at].client.poll_event() {
                self.nodes[at].events.push(event);
            }
        }
    }

    /// Open and close streams as the client wants; the relay's side names them after all streams there were.
    fn keep_stream(&mut self, at: usize) {
        let now = self.now();
        let wanted = self.nodes[at].client.wanted_stream();
        if self.nodes[at].stream == wanted {
            return;
        }
        let gone = self.streams.iter().position(|(_, node)| *node == at && self.nodes[at].stream.is_some());
        self.nodes[at].stream = wanted;
        if let Some(gone) = gone {
            let (number, _) = self.streams[gone];
            self.streams[gone] = (number, usize::MAX);
            self.server.handle_stream_lost(now, number);
        }
        if let Some(number) = wanted {
            self.streams.push((self.streams.len() as u64 + 1, at));
            self.nodes[at].client.handle_stream_open(now, number);
        }
    }

    fn launch_up(&mut self, from: usize, link: Link, bytes: Vec<u8>) {
        let source = match link {
            Link::Udp(_) if self.nodes[from].udp_blocked || self.nodes[from].udp_out_blocked => return,
            Link::Udp(_) => Link::Udp(self.nodes[from].address),
            Link::Stream(_) => match self.streams.iter().rev().find(|(_, node)| *node == from) {
                Some((number, _)) => Link::Stream(*number),
                None => return,
            },
        };
        self.seen.push((source, bytes.clone()));
        self.launch(None, source, bytes);
    }

    fn launch_down(&mut self, link: Link, bytes: Vec<u8>) {
        let (to, source) = match link {
            Link::Udp(address) => {
                let to = self.nodes.iter().position(|node| node.address == address && !node.udp_blocked);
                (to, Link::Udp(relay_address()))
            }
            Link::Stream(number) => {
                let to = self.streams.iter().find(|(known, _)| *known == number).map(|(_, node)| *node);
                let to = to.filter(|node| *node != usize::MAX);
                (to, Link::Stream(to.and_then(|to| self.nodes[to].stream).unwrap_or(0)))
            }
        };
        if to.is_some() {
            self.launch(to, source, bytes);
        }
    }

    fn launch(&mut self, to: Option<usize>, link: Link, bytes: Vec<u8>) {
        let over_udp = matches!(link, Link::Udp(_));
        if over_udp && self.rng.percent(self.loss_percent) {
            return;
        }
        let jitter = if over_udp && self.jitter_ns > 0 { self.rng.next() % self.jitter_ns } else { 0 };
        self.flying.push(Flying { at: self.now_ns + self.delay_ns + jitter, to, link, bytes });
    }
}
