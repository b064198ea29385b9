//! A filter with a clock, and packets by what they say.

use std::sync::Arc;

use crate::filter::{Direction, Filter, Load, Reason, Record, Rule, Rules, Way};
use crate::{Instant, Now, PeerId, Prefix, Random, Unix};

pub(super) const IN: Direction = Direction::In;
pub(super) const OUT: Direction = Direction::Out;
pub(super) const OURS: [u8; 4] = [10, 0, 0, 1];
pub(super) const THEIRS: [u8; 4] = [10, 0, 0, 2];
pub(super) const SYN: u8 = 2;
pub(super) const ACK: u8 = 16;
pub(super) const FIN: u8 = 1;
pub(super) const RST: u8 = 4;

struct Fixed;

impl Random for Fixed {
    fn fill(&mut self, out: &mut [u8]) {
        out.iter_mut().zip(3..).for_each(|(byte, number)| *byte = number);
    }
}

pub(super) struct World {
    pub(super) now: Now,
    pub(super) filter: Filter,
}

/// (number, direction, protocol, ports), between any addresses.
pub(super) type Said = (u32, Direction, Option<u8>, &'static [(u16, u16)]);

pub(super) fn rules(said: &[Said]) -> Arc<Rules> {
    let any = vec![Prefix::new([0; 4].into(), 0).unwrap(), Prefix::new([0; 16].into(), 0).unwrap()];
    let rule = |&(number, direction, protocol, ports): &Said| Rule {
        number,
        direction,
        protocol,
        remotes: 0,
        locals: 0,
        ports: ports.to_vec(),
    };
    Arc::new(Rules::compile(&[any], &said.iter().map(rule).collect::<Vec<_>>()).unwrap())
}

impl World {
    /// Past the time in which TCP may begin in its middle.
    pub(super) fn new(said: &[Said]) -> Self {
        let mut world = Self::young(said);
        world.pass_s(200);
        world
    }

    pub(super) fn young(said: &[Said]) -> Self {
        let now = Now { mono: Instant(1 << 40), wall: Unix(1 << 60) };
        Self { now, filter: Filter::new(now, rules(said), &mut Fixed) }
    }

    pub(super) fn set(&mut self, said: &[Said]) {
        self.filter.set_rules(rules(said));
    }

    pub(super) fn pass_s(&mut self, seconds: u64) {
        self.now.mono.0 += seconds * 1_000_000_000;
        self.now.wall.0 += seconds * 1_000_000_000;
        self.filter.sweep(self.now);
    }

    pub(super) fn check(&mut self, direction: Direction, packet: &[u8]) -> Result<(), Reason> {
        self.check_of(1, direction, packet)
    }

    /// Of another peer than the usual one.
    pub(super) fn check_of(&mut self, slot: u32, direction: Direction, packet: &[u8]) -> Result<(), Reason> {
        let way = Way { direction, slot, peer: PeerId(u64::from(slot)) };
        let verdict = self.filter.check(self.now, way, packet, Load { packets: 1, bytes: packet.len() as u64 });
        if self.filter.flows() < 100 {
            self.filter.check_parts();
        }
        verdict
    }

    pub(super) fn tcp(&mut self, direction: Direction, ours: u16, theirs: u16, flags: u8) -> Result<(), Reason> {
        self.check(direction, &tcp(direction, ours, theirs, flags))
    }

    pub(super) fn udp(&mut self, direction: Direction, ours: u16, theirs: u16) -> Result<(), Reason> {
        self.check(direction, &udp(direction, ours, theirs))
    }

    /// A handshake that this side began.
    pub(super) fn connect(&mut self, ours: u16, theirs: u16) {
        assert_eq!(self.tcp(OUT, ours, theirs, SYN), Ok(()));
        assert_eq!(self.tcp(IN, ours, theirs, SYN | ACK), Ok(()));
        assert_eq!(self.tcp(OUT, ours, theirs, ACK), Ok(()));
    }

    pub(super) fn records(&mut self) -> Vec<Record> {
        self.filter.take_records(1000).0
    }
}

pub(super) fn v4(direction: Direction, protocol: u8, rest: &[u8]) -> Vec<u8> {
    let total = u8::try_from(20 + rest.len()).unwrap();
    let (from, to) = if direction == IN { (THEIRS, OURS) } else { (OURS, THEIRS) };
    [&[0x45, 0, 0, total, 0, 9, 0, 0, 64, protocol, 0, 0], &from[..], &to, rest].concat()
}

pub(super) fn v6(direction: Direction, next: u8, rest: &[u8]) -> Vec<u8> {
    let length = u8::try_from(rest.len()).unwrap();
    let address = |last| [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let (from, to) = if direction == IN { (2, 1) } else { (1, 2) };
    [&[0x60, 0, 0, 0, 0, length, next, 64], &address(from)[..], &address(to), rest].concat()
}

fn ports(direction: Direction, ours: u16, theirs: u16) -> [u8; 4] {
    let (from, to) = if direction == IN { (theirs, ours) } else { (ours, theirs) };
    let ([a, b], [c, d]) = (from.to_be_bytes(), to.to_be_bytes());
    [a, b, c, d]
}

pub(super) fn tcp_header(direction: Direction, ours: u16, theirs: u16, flags: u8) -> Vec<u8> {
    [&ports(direction, ours, theirs)[..], &[0; 8], &[0x50, flags, 0, 0, 0, 0, 0, 0]].concat()
}

pub(super) fn udp_header(direction: Direction, ours: u16, theirs: u16) -> Vec<u8> {
    [&ports(direction, ours, theirs)[..], &[0, 8, 0, 0]].concat()
}

pub(super) fn tcp(direction: Direction, ours: u16, theirs: u16, flags: u8) -> Vec<u8> {
    v4(direction, 6, &tcp_header(direction, ours, theirs, flags))
}

pub(super) fn udp(direction: Direction, ours: u16, theirs: u16) -> Vec<u8> {
    v4(direction, 17, &udp_header(direction, ours, theirs))
}

pub(super) fn echo(direction: Direction, kind: u8, identifier: u8) -> Vec<u8> {
    v4(direction, 1, &[kind, 0, 0, 0, 0, identifier, 0, 1])
}

/// An error about `packet`.
pub(super) fn error(direction: Direction, packet: &[u8]) -> Vec<u8> {
    v4(direction, 1, &[&[3, 3, 0, 0, 0, 0, 0, 0], &packet[..28]].concat())
}
