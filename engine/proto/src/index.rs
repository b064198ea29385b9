//! Receiver indices: random numbers by which the other side names our handshakes and sessions (paper, 5.4).
//!
//! The number itself is the hash: an index is drawn until its place in the table is free, so a look-up is one
//! comparison, whatever a stranger sends. The owner's low bits are fixed and skipped.

use crate::{Owner, Random, limits, random};

/// Marks a free place; peers' slots are far below.
const FREE: u32 = u32::MAX;
/// Half of the places are free, so the chance that none of so many draws hits one is 2^-64.
const DRAWS: usize = 64;
const FIRST_PLACES: usize = 16;

#[derive(Clone, Copy)]
struct Entry {
    index: u32,
    slot: u32,
}

/// Which peer an index belongs to.
pub(crate) struct Indices {
    entries: Vec<Entry>,
    used: usize,
    owner: Owner,
}

impl Indices {
    pub(crate) fn new(owner: Owner) -> Self {
        Self { entries: vec![Entry { index: 0, slot: FREE }; FIRST_PLACES], used: 0, owner }
    }

    /// A new random index for the peer in `slot`; `None` when the table has its most.
    pub(crate) fn draw(&mut self, random: &mut dyn Random, slot: u32) -> Option<u32> {
        if self.used.saturating_mul(2) >= self.entries.len() && !self.grow() {
            return None;
        }
        for _ in 0..DRAWS {
            let index = self.owned(u32::from_le_bytes(random::bytes(random)));
            let place = self.place(index);
            if let Some(entry) = self.entries.get_mut(place).filter(|entry| entry.slot == FREE) {
                *entry = Entry { index, slot };
                self.used = self.used.saturating_add(1);
                return Some(index);
            }
        }
        None
    }

    /// Whose index this is.
    pub(crate) fn find(&self, index: u32) -> Option<u32> {
        let entry = self.entries.get(self.place(index))?;
        (entry.index == index && entry.slot != FREE).then_some(entry.slot)
    }

    /// Forget an index.
    pub(crate) fn release(&mut self, index: u32) {
        let place = self.place(index);
        if let Some(entry) = self.entries.get_mut(place).filter(|entry| entry.index == index && entry.slot != FREE) {
            entry.slot = FREE;
            self.used = self.used.saturating_sub(1);
        }
    }

    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Twice the places. What was apart stays apart, since the mask only gets longer.
    fn grow(&mut self) -> bool {
        let places = self.entries.len().saturating_mul(2);
        if places > limits::INDICES {
            return false;
        }
        let old = core::mem::replace(&mut self.entries, vec![Entry { index: 0, slot: FREE }; places]);
        for entry in old.into_iter().filter(|entry| entry.slot != FREE) {
            let place = self.place(entry.index);
            self.entries.get_mut(place).into_iter().for_each(|to| *to = entry);
        }
        true
    }

    fn place(&self, index: u32) -> usize {
        let bits = u32::from(self.owner.bits);
        (index.checked_shr(bits).unwrap_or(0) as usize) & self.entries.len().saturating_sub(1)
    }

    fn owned(&self, random: u32) -> u32 {
        let mask = u32::MAX.checked_shl(u32::from(self.owner.bits)).unwrap_or(0);
        (random & mask) | u32::from(self.owner.value)
    }
}
