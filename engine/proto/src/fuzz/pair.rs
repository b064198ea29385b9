//! Two devices and a network that loses, repeats, holds back and changes datagrams, against a model of what may pass.
//!
//! The model is a list of the packets that were given to an open gate. What comes out was given in on the other side,
//! comes once, unchanged, and through a gate that is open. And whatever happened before: once both know each other,
//! the gates are open and the network is good again, packets pass within half a minute.

use std::collections::VecDeque;

use super::input::{Input, flip};
use super::world::{MTU, START, device, key, later, open, packet, peer_config, seal, transmits, udp};
use crate::{Device, Endpoint, Event, Mode, Now, PeerId, Transport, limits};

const PEER: PeerId = PeerId(7);
const STEPS: usize = 48;
/// Datagrams on their way; more are lost, as on a real wire.
const FLYING: usize = 32;
/// Data without an answer for 15 s begins a handshake, which waits up to 5.4 s after the last one.
const HEAL_MS: u64 = 30_000;

const TRANSPORTS: [Transport; 3] = [Transport::WireGuard, Transport::TakesAes, Transport::ChoosesAes];

struct Datagram {
    to: usize,
    source: Endpoint,
    bytes: Vec<u8>,
}

struct Side {
    device: Device,
    is_open: bool,
    is_known: bool,
}

struct World {
    now: Now,
    sides: [Side; 2],
    flying: VecDeque<Datagram>,
    /// Text of each packet that an open gate took, by the side that sent it; taken out when it arrives.
    given: [Vec<Vec<u8>>; 2],
    number: u32,
    pings: Vec<u64>,
}

/// See the module.
pub(super) fn pair(data: &[u8]) {
    let mut input = Input::new(data);
    let mut world = World::new();
    let heals = input.flag();
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        world.step(&mut input);
    }
    if heals {
        world.heal();
    }
}

impl World {
    fn new() -> Self {
        let sides = [0, 1].map(|number| Side {
            device: device(number, 40 + u64::from(number)),
            is_open: false,
            is_known: false,
        });
        let empty = [vec![], vec![]];
        let mut world = Self { now: START, sides, flying: VecDeque::new(), given: empty, number: 0, pings: vec![] };
        for side in [0, 1] {
            world.introduce(side, 0);
            world.set_gate(side, true);
        }
        world.sides[0].device.set_endpoint(START, PEER, Some(udp(1))).unwrap();
        world
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let what = input.byte();
        let side = usize::from(what & 1);
        match what >> 1 & 15 {
            0..=2 => drop(self.send(side, input.byte())),
            3..=5 => self.deliver(0, &[]),
            6 => {
                // Another than the first, or the first one again.
                let at = input.below(FLYING);
                if let Some(datagram) = self.flying.get(at) {
                    let again = Datagram { bytes: datagram.bytes.clone(), ..*datagram };
                    self.deliver(at, &[]);
                    self.flying.push_back(again);
                }
            }
            7 => self.deliver(0, &[&[0; 4][..], input.some()].concat()),
            8 => drop(self.flying.pop_front()),
            9 => self.pass(u64::from(input.byte()) << (input.byte() & 15)),
            10 => self.pass(u64::from(input.byte())),
            11 => self.set_gate(side, input.flag()),
            12 => self.introduce(side, input.byte()),
            13 => drop(self.sides[side].device.initiate(self.now, PEER)),
            14 => {
                let to = [None, Some(udp(1 - side as u8)), Some(udp(side as u8)), Some(udp(9))][input.below(4)];
                let _known = self.sides[side].device.set_endpoint(self.now, PEER, to);
            }
            _ => self.seldom(side, input.byte()),
        }
        self.turn();
    }

    fn seldom(&mut self, side: usize, what: u8) {
        let device = &mut self.sides[side].device;
        match what & 7 {
            0 => {
                device.remove_peer(PEER);
                self.sides[side].is_known = false;
                self.sides[side].is_open = false;
            }
            1 => drop(device.set_private_keys(self.now, vec![key(side as u8), key(2 + side as u8)])),
            2 => drop(device.set_private_keys(self.now, vec![key(2 + side as u8), key(side as u8)])),
            3 => device.set_mtu(if what & 8 == 0 { MTU } else { 600 }),
            _ => {
                let token = u64::from(what) << 32 | u64::from(self.number);
                self.number += 1;
                if device.ping(self.now, PEER, token).is_ok() {
                    self.pings.push(token);
                }
            }
        }
    }

    /// Tell one side of the other: one key or both, roaming or managed, with keepalives or without, any ciphers.
    fn introduce(&mut self, side: usize, what: u8) {
        let other = 1 - side as u8;
        let mut config = peer_config(other);
        match what & 3 {
            0 => {}
            1 => config.public_keys.push(key(2 + other).public()),
            2 => config.public_keys.insert(0, key(2 + other).public()),
            _ => config.public_keys = vec![key(2 + other).public()],
        }
        config.mode = if what & 4 == 0 { Mode::Roam } else { Mode::Managed };
        config.keepalive_s = if what & 8 == 0 { 0 } else { 25 };
        config.transport = TRANSPORTS[usize::from(what >> 4) % TRANSPORTS.len()];
        self.sides[side].device.set_peer(self.now, PEER, config).unwrap();
        self.sides[side].is_known = true;
    }

    fn set_gate(&mut self, side: usize, open: bool) {
        if self.sides[side].device.set_gate(PEER, open).is_ok() {
            self.sides[side].is_open = open;
        }
    }

    fn send(&mut self, side: usize, length: u8) -> Vec<u8> {
        self.number += 1;
        let mut text = self.number.to_be_bytes().to_vec();
        text.resize(4 + usize::from(length) * 4, length);
        let inner = packet(side as u8, 1 - side as u8, &text);
        let sealed = seal(&mut self.sides[side].device, self.now, &inner);
        if self.sides[side].is_open && self.sides[side].is_known {
            self.given[side].push(inner.clone());
        } else {
            assert!(sealed.is_none(), "sealed through a shut gate");
        }
        if let Some((to, bytes)) = sealed {
            self.launch(side, to, bytes);
        }
        inner
    }

    fn launch(&mut self, from: usize, to: Endpoint, bytes: Vec<u8>) {
        let to = [udp(0), udp(1)].iter().position(|address| *address == to);
        if let Some(to) = to.filter(|_| self.flying.len() < FLYING) {
            self.flying.push_back(Datagram { to, source: udp(from as u8), bytes });
        }
    }

    /// Hand over the datagram at this place, changed by the mask.
    fn deliver(&mut self, at: usize, mask: &[u8]) {
        let Some(mut datagram) = self.flying.remove(at) else { return };
        let to = &mut self.sides[datagram.to];
        let changed = flip(&mut datagram.bytes, mask);
        let Some(inner) = open(&mut to.device, self.now, datagram.source, &datagram.bytes) else { return };
        assert!(to.is_open && to.is_known, "through a shut gate");
        assert!(!changed, "a changed datagram was opened");
        let given = &mut self.given[1 - datagram.to];
        let at = given.iter().position(|known| *known == inner).expect("comes once, and was given in");
        given.remove(at);
    }

    fn pass(&mut self, ms: u64) {
        self.now = later(self.now, ms);
    }

    /// What a worker does each turn.
    fn turn(&mut self) {
        for side in [0, 1] {
            let device = &mut self.sides[side].device;
            if device.poll_timeout().is_some_and(|(at, _)| at <= self.now.mono) {
                device.handle_timeout(self.now);
            }
            let sent = transmits(device, self.now);
            while let Some(event) = device.poll_event() {
                if let Event::Pong { token, .. } = event {
                    let at = self.pings.iter().position(|known| *known == token).expect("asked for, and once");
                    self.pings.remove(at);
                }
            }
            device.check_tables();
            assert!(device.marks().first().is_none_or(|mark| mark.sessions() <= 4));
            sent.into_iter().for_each(|(_, to, bytes)| self.launch(side, to, bytes));
        }
    }

    /// Everything is well again: of the packets that each side sends every second, one passes in time. A side that
    /// does not know that the other lost its session finds out by the answer that never comes.
    fn heal(&mut self) {
        self.flying.clear();
        for side in [0, 1] {
            self.sides[side].device.set_private_keys(self.now, vec![key(side as u8)]).unwrap();
            self.sides[side].device.set_mtu(MTU);
            self.introduce(side, 0);
            self.set_gate(side, true);
            self.sides[side].device.set_endpoint(self.now, PEER, Some(udp(1 - side as u8))).unwrap();
        }
        for side in [0, 1] {
            let healed_by = later(self.now, HEAL_MS).mono;
            let mut sent = vec![];
            while sent.iter().all(|inner| self.given[side].contains(inner)) {
                assert!(self.now.mono < healed_by, "nothing passes from side {side}");
                sent.push(self.send(side, 1));
                self.settle(1000);
            }
        }
    }

    /// A good network for so long.
    fn settle(&mut self, ms: u64) {
        let until = later(self.now, ms).mono;
        while self.now.mono < until {
            self.turn();
            while !self.flying.is_empty() {
                self.deliver(0, &[]);
                self.turn();
            }
            let timers = [0, 1].map(|side| self.sides[side].device.poll_timeout().map(|(at, _)| at));
            let next = timers.into_iter().flatten().min().map_or(ms, |at| at.since(self.now.mono).as_millis() as u64);
            self.pass(next.clamp(1, until.since(self.now.mono).as_millis() as u64));
        }
    }
}

const _: () = assert!(limits::STAGED_PACKETS > STEPS, "in the model nothing that waits is pushed out");
