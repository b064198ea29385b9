//! How many bytes a source that proved nothing may be sent: as many as it sent itself (SECURITY.md, rule 34).
//!
//! A standard client's first request is shorter than the shortest answer (20 bytes, and 32). It repeats the request
//! when no answer comes (RFC 8489, 6.2.1), and then there is credit for one. So a forger of sources gains nothing:
//! what a victim receives in all is never more than what the forger paid. `allowance` is what an operator grants
//! beyond that, for clients that do not repeat.

use core::time::Duration;

use super::client::Client;
use crate::time::Instant;
use crate::{Random, limits, noise, random};

/// Places a set.
const WAYS: usize = 4;

#[derive(Clone, Copy, Default)]
struct Place {
    tag: u64,
    bytes: u32,
    seen: Instant,
}

/// What each of the sources seen lately sent and was not answered for. Bounded; the source that was quiet for the
/// longest time makes room, and begins at nothing when it is back.
pub(crate) struct Credit {
    key: [u8; 32],
    places: Vec<Place>,
}

impl Credit {
    pub(crate) fn new(random: &mut dyn Random) -> Self {
        Self { key: random::bytes(random), places: vec![Place::default(); limits::STUN_SOURCES] }
    }

    /// So many bytes came from there.
    pub(crate) fn earn(&mut self, now: Instant, client: &Client, bytes: usize) {
        let Some(place) = self.place(now, client) else { return };
        let most = limits::STUN_CREDIT;
        let more = u32::try_from(bytes).unwrap_or(most);
        place.bytes = place.bytes.saturating_add(more).min(most);
    }

    /// Is there credit for an answer of so many bytes, with `allowance` more? If there is, it is taken.
    pub(crate) fn spend(&mut self, now: Instant, client: &Client, bytes: usize, allowance: usize) -> bool {
        let Some(place) = self.place(now, client) else { return false };
        let owed = u32::try_from(bytes.saturating_sub(allowance)).unwrap_or(u32::MAX);
        let left = place.bytes.checked_sub(owed);
        place.bytes = left.unwrap_or(place.bytes);
        left.is_some()
    }

    fn place(&mut self, now: Instant, client: &Client) -> Option<&mut Place> {
        let digest = u128::from_le_bytes(noise::mac(&self.key, &[&client.source()]));
        #[allow(clippy::cast_possible_truncation, reason = "two halves of a hash")]
        let (tag, set) = (digest as u64 | 1, (digest >> 64) as usize);
        let sets = self.places.len().checked_div(WAYS).unwrap_or(1);
        let first = set.checked_rem(sets)?.saturating_mul(WAYS);
        let ways = self.places.get_mut(first..first.saturating_add(WAYS))?;
        let at = ways.iter().position(|place| place.tag == tag);
        let quietest = || ways.iter().enumerate().min_by_key(|(_, place)| place.seen).map(|(at, _)| at);
        let place = at.or_else(quietest).and_then(|at| ways.get_mut(at))?;
        let fresh = place.tag == tag && now.since(place.seen) <= LIFETIME;
        *place = Place { tag, bytes: if fresh { place.bytes } else { 0 }, seen: now };
        Some(place)
    }
}

/// Credit that was not used for so long is gone: a transaction ends before (RFC 8489, 6.2.1: 39.5 s).
const LIFETIME: Duration = limits::STUN_CREDIT_LIFETIME;
