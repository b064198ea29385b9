//! Which packets' first fragments passed: the others have no ports, so they share its verdict (RFC 791, RFC 8200 4.5).
//!
//! A small table in sets, the set chosen by the peer alone: who sends fragments without end displaces only those of
//! the few peers that share its set. A fragment that comes before its first one is dropped; its sender repeats.

use super::packet::{Fragment, Packet};
use super::reason::Direction;
use crate::limits;
use crate::time::Instant;

/// Entries of a set.
const WAYS: usize = 8;

#[derive(Clone, Copy, Debug)]
struct Entry {
    slot: u32,
    direction: Direction,
    source: u128,
    destination: u128,
    /// IPv4's identifiers count a protocol each; 0 for IPv6, where later fragments do not say.
    protocol: u8,
    id: u32,
    at: Instant,
}

/// See the module. Made when the first fragment comes.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    entries: Vec<Option<Entry>>,
}

impl Fragments {
    /// The packet's first fragment passed.
    pub(crate) fn remember(&mut self, now: Instant, slot: u32, direction: Direction, packet: &Packet) {
        let Some(entry) = entry(now, slot, direction, packet) else { return };
        if self.entries.is_empty() {
            self.entries = vec![None; limits::FRAGMENT_SETS.saturating_mul(WAYS)];
        }
        let set = self.set(slot);
        let same = |found: &Option<Entry>| found.is_some_and(|found| found.is_of(&entry));
        let place = set.iter().position(same).or_else(|| {
            let oldest = set.iter().enumerate().min_by_key(|(_, found)| found.map(|found| found.at));
            oldest.map(|(place, _)| place)
        });
        let to = place.and_then(|place| set.get_mut(place));
        to.into_iter().for_each(|to| *to = Some(entry));
    }

    /// May a later fragment pass?
    pub(crate) fn passed(&mut self, now: Instant, slot: u32, direction: Direction, packet: &Packet) -> bool {
        let Some(entry) = entry(now, slot, direction, packet) else { return false };
        let is_live = |found: &Entry| now.since(found.at) < limits::FRAGMENT_LIFETIME;
        self.set(slot).iter().flatten().any(|found| found.is_of(&entry) && is_live(found))
    }

    /// Forget what a peer's packets were.
    pub(crate) fn forget(&mut self, slot: u32) {
        for entry in self.set(slot) {
            entry.take_if(|entry| entry.slot == slot);
        }
    }

    /// Forget all: they passed by rules that hold no more.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    fn set(&mut self, slot: u32) -> &mut [Option<Entry>] {
        let first = (slot as usize & limits::FRAGMENT_SETS.saturating_sub(1)).saturating_mul(WAYS);
        self.entries.get_mut(first..first.saturating_add(WAYS)).unwrap_or_default()
    }
}

impl Entry {
    fn is_of(&self, other: &Self) -> bool {
        let names = |it: &Self| (it.slot, it.direction, it.id, it.protocol, it.source, it.destination);
        names(self) == names(other)
    }
}

fn entry(now: Instant, slot: u32, direction: Direction, packet: &Packet) -> Option<Entry> {
    let Fragment { id, .. } = packet.fragment?;
    let ends = packet.ends;
    let protocol = if ends.is_v4 { ends.protocol } else { 0 };
    Some(Entry { slot, direction, source: ends.source, destination: ends.destination, protocol, id, at: now })
}
