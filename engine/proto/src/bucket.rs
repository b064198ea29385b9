//! Token buckets: one, and one a source in a bounded table.
//!
//! A bucket is a single number, the time at which it will be full again (GCRA). The table has four places a set; a
//! new source replaces the one that has been quiet for the longest time. Its hash is keyed, so a stranger cannot
//! choose whom to displace.

use crate::time::Instant;
use crate::{Endpoint, limits, noise};

/// Places a set.
const WAYS: usize = 4;

/// (tokens a second, most tokens).
pub(crate) type Rate = (u32, u32);

/// One bucket, full at first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    full_at: u64,
}

impl Bucket {
    /// Take one token, if there is one.
    pub(crate) fn take(&mut self, now: Instant, (per_s, burst): Rate) -> bool {
        let interval = 1_000_000_000_u64.checked_div(u64::from(per_s)).unwrap_or(u64::MAX);
        let room = interval.saturating_mul(u64::from(burst.saturating_sub(1)));
        let full_at = self.full_at.max(now.0);
        let granted = full_at.saturating_sub(now.0) <= room;
        if granted {
            self.full_at = full_at.saturating_add(interval);
        }
        granted
    }
}

#[derive(Clone, Copy, Default)]
struct Place {
    tag: u64,
    bucket: Bucket,
}

/// A bucket for each of the sources seen lately.
pub(crate) struct Sources {
    key: [u8; 32],
    places: Vec<Place>,
}

impl Sources {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key, places: vec![Place::default(); limits::SOURCES] }
    }

    /// Take one token of the source's bucket, if there is one.
    pub(crate) fn take(&mut self, now: Instant, source: &Endpoint, rate: Rate) -> bool {
        let digest = u128::from_le_bytes(noise::mac(&self.key, &[&source.source()]));
        #[allow(clippy::cast_possible_truncation, reason = "two halves of a hash")]
        let (tag, set) = (digest as u64 | 1, (digest >> 64) as usize);
        let sets = limits::SOURCES.checked_div(WAYS).unwrap_or(1);
        let first = set.checked_rem(sets).unwrap_or(0).saturating_mul(WAYS);
        let Some(ways) = self.places.get_mut(first..first.saturating_add(WAYS)) else { return false };
        let at = ways.iter().position(|place| place.tag == tag);
        let oldest = || ways.iter().enumerate().min_by_key(|(_, place)| place.bucket.full_at).map(|(at, _)| at);
        let Some(place) = at.or_else(oldest).and_then(|at| ways.get_mut(at)) else { return false };
        if place.tag != tag {
            *place = Place { tag, bucket: Bucket::default() };
        }
        place.bucket.take(now, rate)
    }
}
