//! Which handshake messages may cost us an exchange of keys. In this order: MAC1, replay cache, bucket, cookies.
//!
//! MAC1 is checked by the caller, who has the keys. A message of a source that keeps to its rate, while the engine
//! keeps to half of its budget, passes without more. Otherwise the sender has to prove its address with a cookie: so
//! a forger of sources can neither use up the budget of those who can prove theirs, nor shut out the address it forges.
//! Who asks again is answered before who asks for the first time: members do, forged sources do not.

use crate::bucket::{Bucket, Rate, Sources};
use crate::cookie::Issuer;
use crate::message::Macs;
use crate::time::Instant;
use crate::{Endpoint, Random, limits, noise, random};

/// What to do with a message whose MAC1 is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Compute.
    Admit,
    /// The very same message was admitted before: drop.
    Seen,
    /// Answer with a cookie.
    AskCookie,
    /// Drop.
    TooMany,
}

/// The gate before the handshakes of one device.
pub(crate) struct Admission {
    pub(crate) issuer: Issuer,
    seen: Vec<u64>,
    strangers: Bucket,
    proven: Bucket,
    strangers_by_source: Sources,
    proven_by_source: Sources,
    replies: Bucket,
    replies_again: Bucket,
    askers: Askers,
    half: Rate,
}

/// Sources that asked lately, address and port, each a print in a place that its keyed hash names.
struct Askers {
    key: [u8; 32],
    /// None until somebody has to ask.
    prints: Vec<u32>,
}

impl Askers {
    fn new(key: [u8; 32]) -> Self {
        Self { key, prints: vec![] }
    }

    /// Did it ask before? It has, from here on, until another takes its place.
    fn asked_before(&mut self, source: &Endpoint) -> bool {
        if self.prints.is_empty() {
            self.prints = vec![0; limits::ASKERS];
        }
        let [p0, p1, p2, p3, at @ ..] = noise::mac(&self.key, &[&source.identity()]);
        let print = u32::from_le_bytes([p0, p1, p2, p3]) | 1;
        let at = at.first_chunk().map_or(0, |at| u32::from_le_bytes(*at)) as usize;
        let place = at.checked_rem(limits::ASKERS).and_then(|at| self.prints.get_mut(at));
        place.is_some_and(|place| core::mem::replace(place, print) == print)
    }
}

impl Admission {
    pub(crate) fn new(random: &mut dyn Random, handshakes_per_s: u32) -> Self {
        let half = handshakes_per_s.div_ceil(2).max(1);
        Self {
            issuer: Issuer::new(),
            seen: vec![0; limits::REPLAY_CACHE],
            strangers: Bucket::default(),
            proven: Bucket::default(),
            strangers_by_source: Sources::new(random::bytes(random)),
            proven_by_source: Sources::new(random::bytes(random)),
            replies: Bucket::default(),
            replies_again: Bucket::default(),
            askers: Askers::new(random::bytes(random)),
            half: (half, half.div_ceil(2)),
        }
    }

    /// Judge a message from `source`; one that is admitted is remembered.
    pub(crate) fn judge(&mut self, now: Instant, macs: &Macs<'_>, source: &Endpoint) -> Verdict {
        if self.was_seen(macs) {
            return Verdict::Seen;
        }
        let verdict = self.budget(now, macs, source);
        if verdict == Verdict::Admit {
            self.remember(macs);
        }
        verdict
    }

    fn budget(&mut self, now: Instant, macs: &Macs<'_>, source: &Endpoint) -> Verdict {
        if self.strangers_by_source.take(now, source, limits::SOURCE_HANDSHAKES) && self.strangers.take(now, self.half)
        {
            return Verdict::Admit;
        }
        if self.issuer.proves(now, macs, source) {
            let within =
                self.proven_by_source.take(now, source, limits::SOURCE_HANDSHAKES) && self.proven.take(now, self.half);
            return if within { Verdict::Admit } else { Verdict::TooMany };
        }
        let answers = self.askers.asked_before(source) && self.replies_again.take(now, limits::COOKIE_REPLIES_AGAIN)
            || self.replies.take(now, limits::COOKIE_REPLIES);
        if answers { Verdict::AskCookie } else { Verdict::TooMany }
    }

    fn was_seen(&self, macs: &Macs<'_>) -> bool {
        let (place, print) = self.place(macs);
        self.seen.get(place) == Some(&print)
    }

    fn remember(&mut self, macs: &Macs<'_>) {
        let (place, print) = self.place(macs);
        self.seen.get_mut(place).into_iter().for_each(|to| *to = print);
    }

    /// MAC1 is a hash already: its halves say where, and what.
    fn place(&self, macs: &Macs<'_>) -> (usize, u64) {
        let digest = u128::from_le_bytes(*macs.mac1);
        #[allow(clippy::cast_possible_truncation, reason = "two halves of a hash")]
        let (print, at) = (digest as u64 | 1, (digest >> 64) as usize);
        (at.checked_rem(self.seen.len()).unwrap_or(0), print)
    }
}
