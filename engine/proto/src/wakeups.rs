//! Which peer to look at next: a binary heap with one entry for each armed peer, found by its slot.
//!
//! A peer that waits for nothing has no entry, so ten thousand idle ones cost nothing. An entry may be early: a
//! deadline that moves later (it does with every packet) stays as it is and is looked at again when it comes.

use crate::Reason;
use crate::time::Instant;

/// Not in the heap.
const OUT: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Entry {
    at: Instant,
    slot: u32,
    reason: Reason,
}

/// The armed peers.
#[derive(Default)]
pub(crate) struct Wakeups {
    heap: Vec<Entry>,
    /// Where each slot's entry is.
    places: Vec<u32>,
}

impl Wakeups {
    /// Make room for `slots` peers, so that arming never allocates.
    pub(crate) fn reserve(&mut self, slots: usize) {
        if self.places.len() < slots {
            self.places.resize(slots, OUT);
            self.heap.reserve(slots.saturating_sub(self.heap.len()));
        }
    }

    /// The earliest deadline.
    pub(crate) fn first(&self) -> Option<(Instant, Reason)> {
        self.heap.first().map(|entry| (entry.at, entry.reason))
    }

    /// Take out the earliest peer, if its time has come.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<u32> {
        let entry = *self.heap.first().filter(|entry| entry.at <= now)?;
        self.clear(entry.slot);
        Some(entry.slot)
    }

    /// Wake `slot` at `at` or before.
    pub(crate) fn no_later(&mut self, slot: u32, at: Instant, reason: Reason) {
        let place = self.place(slot);
        match self.heap.get_mut(place) {
            Some(entry) if entry.at <= at => {}
            Some(entry) => {
                *entry = Entry { at, slot, reason };
                self.rise(place);
            }
            None => {
                self.heap.push(Entry { at, slot, reason });
                let place = self.heap.len().saturating_sub(1);
                self.note(place);
                self.rise(place);
            }
        }
    }

    /// Forget `slot`.
    pub(crate) fn clear(&mut self, slot: u32) {
        let place = self.place(slot);
        if place >= self.heap.len() {
            return;
        }
        self.heap.swap_remove(place);
        self.places.get_mut(slot as usize).into_iter().for_each(|to| *to = OUT);
        if place < self.heap.len() {
            self.note(place);
            self.rise(place);
            self.sink(place);
        }
    }

    fn place(&self, slot: u32) -> usize {
        self.places
            .get(slot as usize)
            .map_or(usize::MAX, |place| if *place == OUT { usize::MAX } else { *place as usize })
    }

    fn at(&self, place: usize) -> Option<Instant> {
        self.heap.get(place).map(|entry| entry.at)
    }

    fn note(&mut self, place: usize) {
        if let Some(entry) = self.heap.get(place) {
            let to = self.places.get_mut(entry.slot as usize);
            to.into_iter().for_each(|to| *to = u32::try_from(place).unwrap_or(OUT));
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.note(a);
        self.note(b);
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let parent = place.saturating_sub(1) >> 1;
            if self.at(parent) <= self.at(place) {
                break;
            }
            self.swap(parent, place);
            place = parent;
        }
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let left = place.saturating_mul(2).saturating_add(1);
            let right = left.saturating_add(1);
            let child = if self.at(right).is_some() && self.at(right) < self.at(left) { right } else { left };
            if self.at(child).is_none() || self.at(place) <= self.at(child) {
                break;
            }
            self.swap(child, place);
            place = child;
        }
    }
}
