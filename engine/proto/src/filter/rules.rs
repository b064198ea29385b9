//! The rules, compiled: may a packet between these ends open a flow, and by which rule?
//!
//! All rules accept, so their order decides only which one is named: the lowest number. Looking one up is a tuple space
//! search (Srinivasan, Suri, Varghese, 'Packet Classification using Tuple Space Search', SIGCOMM 1999): entries of one
//! shape (direction, family, lengths of both prefixes, with or without protocol) lie sorted in one list, so a lookup is
//! one binary search a shape. Ten thousand rules have a handful of shapes. Ports of one entry are disjoint segments,
//! each with the lowest rule that covers it. Immutable: a change is another value, swapped by pointer.

use core::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::reason::Direction;
use crate::{Prefix, limits};

/// One rule as it is handed over: all of its parts have to match. A rule with ports means TCP and UDP only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the caller calls it.
    pub number: u32,
    /// Which way the first packet of a flow goes.
    pub direction: Direction,
    /// `None`: any.
    pub protocol: Option<u8>,
    /// Which of the sets has the peer's address.
    pub remotes: usize,
    /// ... and which this machine's.
    pub locals: usize,
    /// First and last destination port of each range; empty: all, and protocols without ports too.
    pub ports: Vec<(u16, u16)>,
}

/// What a flow is between, as this machine sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuple {
    /// IPv4, or IPv6.
    pub is_v4: bool,
    /// Of the internet header.
    pub protocol: u8,
    /// The number of this machine's address.
    pub local: u128,
    /// The number of the peer's.
    pub remote: u128,
    /// Ours; 0 where there is none.
    pub local_port: u16,
    /// Theirs.
    pub remote_port: u16,
}

impl Tuple {
    /// TCP and UDP.
    #[must_use]
    pub fn has_ports(&self) -> bool {
        matches!(self.protocol, super::packet::TCP | super::packet::UDP)
    }
}

/// Entries that are looked for in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    direction: Direction,
    is_v4: bool,
    has_protocol: bool,
    remote_length: u8,
    local_length: u8,
}

/// What an entry is found by; the protocol is 0 where the shape has none.
type Key = (u128, u128, u8);

#[derive(Clone, Debug)]
struct Entry {
    key: Key,
    /// The lowest rule without ports.
    any_port: Option<u32>,
    /// Where its segments are.
    first: usize,
    count: usize,
}

/// Ports `first` to `last`, by rule `number`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    first: u16,
    last: u16,
    number: u32,
}

/// A whole set of rules. Without any: nothing opens a flow.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    shapes: Vec<(Shape, Vec<Entry>)>,
    segments: Vec<Segment>,
}

/// Why rules cannot be used: more than may be, or a set that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub &'static str);

/// What an entry is being made of: (ports, rule) in the order of the rules.
type Parts = Vec<(Option<(u16, u16)>, u32)>;

impl Rules {
    /// Compile rules that name prefix sets by their place.
    ///
    /// # Errors
    /// [`Refused`]: more than [`limits::FILTER_ENTRIES`] entries, or a set that is not there.
    pub fn compile(sets: &[Vec<Prefix>], rules: &[Rule]) -> Result<Self, Refused> {
        let mut shapes: BTreeMap<Shape, BTreeMap<Key, Parts>> = BTreeMap::new();
        let mut room = limits::FILTER_ENTRIES;
        for rule in rules {
            let sets = sets.get(rule.remotes).zip(sets.get(rule.locals));
            let (remotes, locals) = sets.ok_or(Refused("a rule names a set that is not there"))?;
            for (remote, local) in remotes.iter().flat_map(|remote| locals.iter().map(move |local| (remote, local))) {
                if remote.address().is_ipv4() != local.address().is_ipv4() {
                    continue;
                }
                let parts = shapes.entry(shape(rule, remote, local)).or_default();
                let key = (number(remote), number(local), rule.protocol.unwrap_or_default());
                let parts = parts.entry(key).or_default();
                let before = parts.len();
                match rule.ports.as_slice() {
                    [] => parts.push((None, rule.number)),
                    ports => parts.extend(ports.iter().map(|range| (Some(*range), rule.number))),
                }
                room = room
                    .checked_sub(parts.len().saturating_sub(before))
                    .ok_or(Refused("the rules say more combinations than may be"))?;
            }
        }
        let mut segments = Vec::new();
        let shapes = shapes.into_iter().map(|(shape, entries)| (shape, entries_of(entries, &mut segments))).collect();
        Ok(Self { shapes, segments })
    }

    /// The lowest rule by which a flow may begin with a packet in this direction.
    #[must_use]
    pub fn find(&self, direction: Direction, tuple: &Tuple) -> Option<u32> {
        let port = match direction {
            Direction::In => tuple.local_port,
            Direction::Out => tuple.remote_port,
        };
        let port = tuple.has_ports().then_some(port);
        let wanted = |shape: &Shape| shape.direction == direction && shape.is_v4 == tuple.is_v4;
        let of_shape = |(shape, entries): &(Shape, Vec<Entry>)| {
            let key = (
                masked(tuple.remote, shape.remote_length, tuple.is_v4),
                masked(tuple.local, shape.local_length, tuple.is_v4),
                if shape.has_protocol { tuple.protocol } else { 0 },
            );
            let place = entries.binary_search_by(|entry| entry.key.cmp(&key)).ok()?;
            let entry = entries.get(place)?;
            [entry.any_port, port.and_then(|port| self.by_port(entry, port))].into_iter().flatten().min()
        };
        self.shapes.iter().filter(|(shape, _)| wanted(shape)).filter_map(of_shape).min()
    }

    fn by_port(&self, entry: &Entry, port: u16) -> Option<u32> {
        let segments = self.segments.get(entry.first..entry.first.saturating_add(entry.count))?;
        let place = segments.binary_search_by(|segment| match segment {
            segment if segment.last < port => Ordering::Less,
            segment if segment.first > port => Ordering::Greater,
            _ => Ordering::Equal,
        });
        segments.get(place.ok()?).map(|segment| segment.number)
    }

    /// How many lists a lookup may have to search.
    #[must_use]
    pub fn shapes(&self) -> usize {
        self.shapes.len()
    }
}

fn shape(rule: &Rule, remote: &Prefix, local: &Prefix) -> Shape {
    Shape {
        direction: rule.direction,
        is_v4: remote.address().is_ipv4(),
        has_protocol: rule.protocol.is_some(),
        remote_length: remote.length(),
        local_length: local.length(),
    }
}

fn number(prefix: &Prefix) -> u128 {
    match prefix.address() {
        core::net::IpAddr::V4(v4) => v4.to_bits().into(),
        core::net::IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn masked(address: u128, length: u8, is_v4: bool) -> u128 {
    let whole: u32 = if is_v4 { 32 } else { 128 };
    let host_bits = whole.saturating_sub(length.into());
    address & u128::MAX.checked_shl(host_bits).unwrap_or(0)
}

fn entries_of(entries: BTreeMap<Key, Parts>, segments: &mut Vec<Segment>) -> Vec<Entry> {
    let entry = |(key, parts): (Key, Parts)| {
        let first = segments.len();
        segments.extend(disjoint(&parts));
        Entry {
            key,
            any_port: parts.iter().filter(|(range, _)| range.is_none()).map(|(_, number)| *number).min(),
            first,
            count: segments.len().saturating_sub(first),
        }
    };
    entries.into_iter().map(entry).collect()
}

/// Ranges that may overlap as segments that do not, each with the lowest rule that covers it: a line sweeps over the
/// ports and keeps the rules under it.
fn disjoint(parts: &Parts) -> Vec<Segment> {
    let mut turns: Vec<(u32, bool, u32, usize)> = Vec::new();
    for (place, (range, number)) in parts.iter().enumerate() {
        if let Some((first, last)) = range {
            turns.push((u32::from(*first), true, *number, place));
            turns.push((u32::from(*last).saturating_add(1), false, *number, place));
        }
    }
    turns.sort_unstable();
    let mut under: BTreeSet<(u32, usize)> = BTreeSet::new();
    let mut made: Vec<Segment> = Vec::new();
    let mut at = 0;
    for (port, begins, number, place) in turns {
        if let Some((lowest, _)) = under.first().filter(|_| port > at) {
            push(&mut made, at, port.saturating_sub(1), *lowest);
        }
        at = port;
        if begins {
            under.insert((number, place));
        } else {
            under.remove(&(number, place));
        }
    }
    made
}

fn push(made: &mut Vec<Segment>, first: u32, last: u32, number: u32) {
    let (Ok(first), Ok(last)) = (u16::try_from(first), u16::try_from(last)) else { return };
    match made.last_mut() {
        Some(before) if before.number == number && before.last.checked_add(1) == Some(first) => before.last = last,
        _ => made.push(Segment { first, last, number }),
    }
}
