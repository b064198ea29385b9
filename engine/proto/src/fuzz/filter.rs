//! The packet filter against a model of itself: rules asked one by one, flows in a plain list.

use core::net::IpAddr;
use std::sync::Arc;

use super::input::Input;
use super::world::Splitmix;
use crate::filter::packet::{self, ACK, FIN, Kind, RST, SYN};
use crate::filter::{Direction, Filter, Load, Reason, Rule, Rules, Tuple, Way, encoding};
use crate::{Instant, Now, PeerId, Prefix, Unix};

const DIRECTIONS: [Direction; 2] = [Direction::In, Direction::Out];

/// Whatever bytes parse as rules answer every question as the rules do when they are asked one by one.
pub(super) fn rules(data: &[u8]) {
    let Ok((sets, list)) = encoding::read(data) else {
        assert!(Rules::parse(data).is_err());
        return;
    };
    let Ok(compiled) = Rules::parse(data) else { return };
    let ports = list.iter().flat_map(|rule| rule.ports.iter().flat_map(|(first, last)| [*first, *last]));
    let ports: Vec<u16> = ports.flat_map(|port| [port, port.wrapping_add(1), port.wrapping_sub(1)]).take(12).collect();
    let prefixes: Vec<Prefix> = sets.iter().flatten().copied().take(8).collect();
    for (remote, local) in prefixes.iter().flat_map(|remote| prefixes.iter().map(move |local| (remote, local))) {
        let is_v4 = remote.address().is_ipv4();
        if is_v4 != local.address().is_ipv4() {
            continue;
        }
        for protocol in [1, 6, 17, 47] {
            for port in ports.iter().copied().chain([0]) {
                let (local, remote) = (number(local.address()), number(remote.address()) ^ u128::from(port & 1));
                let tuple = Tuple { is_v4, protocol, local, remote, local_port: port, remote_port: port };
                for direction in DIRECTIONS {
                    assert_eq!(compiled.find(direction, &tuple), find(&sets, &list, direction, &tuple));
                }
            }
        }
    }
}

/// The lowest rule that says so, each asked in turn.
pub(crate) fn find(sets: &[Vec<Prefix>], rules: &[Rule], direction: Direction, tuple: &Tuple) -> Option<u32> {
    let address =
        |bits: u128| -> IpAddr { if tuple.is_v4 { IpAddr::V4((bits as u32).into()) } else { IpAddr::V6(bits.into()) } };
    let holds = |set: usize, bits| sets[set].iter().any(|prefix| prefix.contains(address(bits)));
    let port = if direction == Direction::In { tuple.local_port } else { tuple.remote_port };
    let accepts = |rule: &&Rule| {
        let ports = &rule.ports;
        let fits =
            matches!(tuple.protocol, 6 | 17) && ports.iter().any(|(first, last)| (*first..=*last).contains(&port));
        rule.direction == direction
            && rule.protocol.is_none_or(|protocol| protocol == tuple.protocol)
            && (ports.is_empty() || fits)
            && holds(rule.remotes, tuple.remote)
            && holds(rule.locals, tuple.local)
    };
    rules.iter().filter(accepts).map(|rule| rule.number).min()
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Any bytes: the parser stays within them, says the same of a packet with more behind it, and whatever passes a filter
/// without rules is nothing.
pub(super) fn packet(data: &[u8]) {
    let parsed = packet::parse(data);
    if let Ok(packet) = parsed {
        assert_eq!(crate::inner::source(data).map(number), Some(packet.ends.source));
        assert_eq!(crate::inner::destination(data).map(number), Some(packet.ends.destination));
        assert_eq!(packet.ends.is_v4, data[0] >> 4 == 4);
        let is_later = packet.fragment.is_some_and(|fragment| fragment.offset > 0);
        assert!(!is_later || packet.kind == Kind::Bare, "only the first fragment has ports");
    }
    let longer = [data, &[0x55; 60]].concat();
    match (parsed, packet::parse(&longer)) {
        (Ok(short), Ok(long)) if !matches!(short.kind, Kind::Error(_)) => assert_eq!(short, long),
        (Ok(_), Ok(_)) => {}
        (Ok(short), Err(_)) => panic!("{short:?} is refused with more behind it"),
        (Err(_), _) => {}
    }
    let mut filter = filter(Rules::default());
    for direction in DIRECTIONS {
        assert!(filter.check(START, way(direction, 0), data, Load { packets: 1, bytes: 1 }).is_err());
    }
    filter.check_parts();
}

const START: Now = Now { mono: Instant(1 << 40), wall: Unix(1 << 60) };

fn filter(rules: Rules) -> Filter {
    let mut filter = Filter::new(START, rules.into(), &mut Splitmix(7));
    filter.settle();
    filter
}

fn way(direction: Direction, slot: u32) -> Way {
    Way { direction, slot, peer: PeerId(u64::from(slot) + 100) }
}

/// A flow of the model.
#[derive(Clone, Copy, Debug)]
struct Known {
    tuple: Tuple,
    slot: u32,
    opened: Direction,
    last_s: u64,
    answered: bool,
    confirmed: bool,
    fins: [bool; 2],
    reset: bool,
    withdrawn: bool,
}

impl Known {
    fn closed(&self) -> bool {
        self.reset || self.fins == [true, true]
    }

    fn lifetime_s(&self) -> u64 {
        match self.tuple.protocol {
            _ if self.withdrawn => 130,
            6 if self.closed() => 60,
            6 if self.fins != [false, false] => 240,
            6 if !self.confirmed => 130,
            6 => 5 * 24 * 3600,
            1 => 60,
            17 if !self.answered => 120,
            _ => 300,
        }
    }
}

/// A packet as the model sees it.
struct Sent {
    direction: Direction,
    slot: u32,
    tuple: Tuple,
    flags: u8,
    is_reply: bool,
}

struct Model {
    rules: usize,
    flows: Vec<Known>,
    now_s: u64,
}

impl Model {
    fn accepts(&self, direction: Direction, tuple: &Tuple) -> bool {
        let (sets, rules) = &rule_sets()[self.rules];
        find(sets, rules, direction, tuple).is_some()
    }

    fn expire(&mut self) {
        let now_s = self.now_s;
        self.flows.retain(|flow| now_s - flow.last_s < flow.lifetime_s());
    }

    fn set_rules(&mut self, rules: usize) {
        self.rules = rules;
        self.expire();
        let mut flows = self.flows.clone();
        flows.iter_mut().for_each(|flow| flow.withdrawn = !self.accepts(flow.opened, &flow.tuple));
        self.flows = flows;
    }

    fn check(&mut self, sent: &Sent) -> Result<(), Reason> {
        self.expire();
        let is_tcp = sent.tuple.protocol == 6;
        let is_syn = is_tcp && sent.flags & (SYN | ACK) == SYN;
        let begins = if is_tcp { is_syn } else { !sent.is_reply };
        let place = self.flows.iter().position(|flow| flow.tuple == sent.tuple);
        if let Some(place) = place {
            let flow = self.flows[place];
            if flow.slot != sent.slot || (is_syn && (flow.withdrawn || flow.closed())) {
                if flow.slot == sent.slot && !self.accepts(sent.direction, &sent.tuple) {
                    return Err(Reason::NoRule);
                }
                self.flows.remove(place);
            } else if is_syn && sent.direction != flow.opened && !self.accepts(sent.direction, &sent.tuple) {
                return Err(Reason::NoRule);
            } else if flow.withdrawn {
                if sent.direction != flow.opened {
                    self.flows[place].last_s = self.now_s;
                }
                return Err(Reason::Withdrawn);
            } else {
                let now_s = self.now_s;
                follow(&mut self.flows[place], sent, now_s);
                return Ok(());
            }
        }
        if !begins {
            return Err(Reason::NotOpened);
        }
        if !self.accepts(sent.direction, &sent.tuple) {
            return Err(Reason::NoRule);
        }
        let mut flow = Known {
            tuple: sent.tuple,
            slot: sent.slot,
            opened: sent.direction,
            last_s: self.now_s,
            answered: false,
            confirmed: false,
            fins: [false; 2],
            reset: false,
            withdrawn: false,
        };
        follow(&mut flow, sent, self.now_s);
        self.flows.push(flow);
        Ok(())
    }
}

fn follow(flow: &mut Known, sent: &Sent, now_s: u64) {
    flow.last_s = now_s;
    let is_tcp = flow.tuple.protocol == 6;
    if is_tcp && sent.flags & RST != 0 {
        flow.reset = true;
    } else if is_tcp && sent.flags & FIN != 0 {
        flow.fins[usize::from(sent.direction == Direction::In)] = true;
    } else if !is_tcp {
        flow.answered |= sent.direction != flow.opened;
    } else if flow.fins == [false; 2] && !flow.reset {
        let from_opener = sent.direction == flow.opened;
        if !from_opener && !flow.answered && sent.flags & ACK != 0 {
            flow.answered = true;
        } else if from_opener && flow.answered && sent.flags & (SYN | ACK) == ACK {
            flow.confirmed = true;
        }
    }
}

/// Nothing; everything; TCP and echo outwards, and in to port 2 only; the other way round.
pub(crate) fn rule_sets() -> [(Vec<Vec<Prefix>>, Vec<Rule>); 4] {
    let any = || vec![vec![Prefix::new([0, 0, 0, 0].into(), 0).unwrap(), Prefix::new([0; 16].into(), 0).unwrap()]];
    let rule = |number, direction, protocol, ports: &[(u16, u16)]| Rule {
        number,
        direction,
        protocol,
        remotes: 0,
        locals: 0,
        ports: ports.to_vec(),
    };
    let (inward, outward) = (Direction::In, Direction::Out);
    [
        (any(), vec![]),
        (any(), vec![rule(1, inward, None, &[]), rule(2, outward, None, &[])]),
        (any(), vec![rule(3, outward, Some(6), &[]), rule(4, outward, Some(1), &[]), rule(5, inward, None, &[(2, 2)])]),
        (
            any(),
            vec![rule(6, inward, Some(17), &[]), rule(7, outward, Some(17), &[(1, 2)]), rule(8, inward, Some(6), &[])],
        ),
    ]
}

/// A course of packets, pauses, changes of rules and of peers: the filter and the model say the same of each packet.
pub(super) fn flows(data: &[u8]) {
    let compiled = rule_sets().map(|(sets, rules)| Arc::new(Rules::compile(&sets, &rules).unwrap()));
    let mut input = Input::new(data);
    let mut filter = filter(Rules::default());
    let mut model = Model { rules: 0, flows: vec![], now_s: 0 };
    let sweep = |filter: &mut Filter, model: &Model| {
        let mono = Instant(START.mono.0 + model.now_s * 1_000_000_000);
        filter.sweep(Now { mono, wall: Unix(START.wall.0 + model.now_s) });
    };
    while !input.is_empty() {
        match input.below(16) {
            0 => {
                // By the next sweep every flow was judged by the new rules.
                let rules = input.below(compiled.len());
                filter.set_rules(compiled[rules].clone());
                model.now_s += 5;
                sweep(&mut filter, &model);
                model.set_rules(rules);
            }
            1 => {
                model.now_s += [1, 61, 125, 131, 301, 240][input.below(6)];
                sweep(&mut filter, &model);
            }
            2 => {
                let slot = input.below(3) as u32;
                filter.forget(slot);
                model.flows.retain(|flow| flow.slot != slot);
            }
            _ => {
                let sent = sent(&mut input);
                let mono = Instant(START.mono.0 + model.now_s * 1_000_000_000);
                let now = Now { mono, wall: START.wall };
                let load = Load { packets: 1, bytes: 40 };
                let verdict = filter.check(now, way(sent.direction, sent.slot), &bytes(&sent), load);
                assert_eq!(verdict, model.check(&sent), "{:?} {:?}", sent.tuple, sent.flags);
            }
        }
    }
    filter.check_parts();
}

/// One of few flows, so that packets meet.
fn sent(input: &mut Input<'_>) -> Sent {
    let what = input.byte();
    let direction = DIRECTIONS[usize::from(what & 1)];
    let protocol = [6, 17, 1, 6][usize::from(what >> 1 & 3)];
    let ports = input.byte();
    let (mut local_port, mut remote_port) = (u16::from(ports & 3), u16::from(ports >> 2 & 3));
    let flags = [SYN, SYN | ACK, ACK, FIN | ACK, RST, 0, ACK, SYN][usize::from(ports >> 5)];
    let is_reply = protocol == 1 && what & 8 != 0;
    if protocol == 1 {
        // The identifier stands for the port of who asked.
        let asked_by_us = (direction == Direction::Out) != is_reply;
        (local_port, remote_port) = if asked_by_us { (local_port, 0) } else { (0, local_port) };
    }
    let tuple = Tuple { is_v4: true, protocol, local: 0x0a00_0001, remote: 0x0a00_0002, local_port, remote_port };
    Sent { direction, slot: u32::from(what >> 4) % 16 / 14, tuple, flags, is_reply }
}

/// The packet's headers.
fn bytes(sent: &Sent) -> Vec<u8> {
    let Tuple { protocol, local, remote, local_port, remote_port, .. } = sent.tuple;
    let inward = sent.direction == Direction::In;
    let (source, destination) = if inward { (remote, local) } else { (local, remote) };
    let (source_port, destination_port) = if inward { (remote_port, local_port) } else { (local_port, remote_port) };
    let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0];
    packet.extend((source as u32).to_be_bytes());
    packet.extend((destination as u32).to_be_bytes());
    if protocol == 1 {
        let identifier = source_port.max(destination_port).to_be_bytes();
        packet.extend([if sent.is_reply { 0 } else { 8 }, 0, 0, 0, identifier[0], identifier[1], 0, 1]);
        return packet;
    }
    packet.extend(source_port.to_be_bytes());
    packet.extend(destination_port.to_be_bytes());
    packet.extend(if protocol == 6 {
        vec![0, 0, 0, 0, 0, 0, 0, 0, 0x50, sent.flags, 0, 0, 0, 0, 0, 0]
    } else {
        vec![0; 4]
    });
    packet
}
