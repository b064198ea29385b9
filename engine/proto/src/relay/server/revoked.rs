//! Identities whose grants count no more, though they have not ended.
//!
//! A revocation names a time: grants issued later count, so a member that is let in again needs no undoing here.

use std::collections::BTreeMap;

use crate::relay::item::Identity;
use crate::relay::limits;

/// A network's identity.
pub(super) type Who = ([u8; 32], Identity);

/// Who, and until which second of issue.
#[derive(Default)]
pub(super) struct Revoked(BTreeMap<Who, u64>);

impl Revoked {
    /// Grants of `who` issued at `before_s` or earlier count no more.
    pub(super) fn add(&mut self, who: Who, before_s: u64) {
        if self.0.len() >= limits::REVOKED && !self.0.contains_key(&who) {
            let oldest = self.0.iter().min_by_key(|(_, before_s)| **before_s).map(|(who, _)| *who);
            oldest.and_then(|who| self.0.remove(&who));
        }
        let entry = self.0.entry(who).or_insert(before_s);
        *entry = before_s.max(*entry);
    }

    pub(super) fn holds(&self, who: &Who, issued_s: u64) -> bool {
        self.0.get(who).is_some_and(|before_s| issued_s <= *before_s)
    }

    /// Forget those of whom no grant can be good any more.
    pub(super) fn forget(&mut self, now_s: u64) {
        self.0.retain(|_, before_s| before_s.saturating_add(limits::GRANT_LIFE_S) >= now_s);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
