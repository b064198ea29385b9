//! A session as the client sees it: its keys, its letters, and whether the relay is there.
//!
//! Traffic is the evidence that the relay speaks: one that was sent something and says nothing for [`limits::SILENCE`] is
//! asked, and one that says nothing for [`limits::PING_PATIENCE`] more is lost. That it hears us too, only an answer
//! proves: while things are sent it is asked every [`limits::PROOF_EVERY`], and one that goes on speaking but answers no
//! question for [`limits::PROOF_PATIENCE`] is lost as well (a firewall or NAT that lets nothing out any more).

use core::time::Duration;

use super::limits;
use crate::relay::letters::Letters;
use crate::relay::link::Link;
use crate::relay::schedule::Keys;
use crate::relay::seal::{Opener, Sealer};
use crate::time::{Instant, span_ns};

/// Questions that nothing answered.
struct Asking {
    first: Instant,
    last: Instant,
}

/// One session.
pub(super) struct Session {
    pub(super) number: u32,
    pub(super) link: Link,
    pub(super) sealer: Sealer,
    pub(super) opener: Opener,
    pub(super) letters: Letters,
    last_sent: Instant,
    /// The first thing that was sent since something came.
    unanswered_since: Option<Instant>,
    /// The first thing that was sent since the relay answered a question.
    unproven_since: Option<Instant>,
    /// The last thing that came.
    heard_at: Instant,
    asking: Option<Asking>,
    /// The last question, for its round trip.
    asked: Option<(u64, Instant)>,
}

impl Session {
    pub(super) fn new(now: Instant, number: u32, link: Link, keys: Keys) -> Self {
        Self {
            number,
            link,
            sealer: Sealer::new(number, keys.up),
            opener: Opener::new(keys.down),
            letters: Letters::default(),
            last_sent: now,
            unanswered_since: None,
            unproven_since: None,
            heard_at: now,
            asking: None,
            asked: None,
        }
    }

    #[inline]
    pub(super) fn seal(&mut self, now: Instant, channel: u32, frame: &mut [u8]) -> Option<Link> {
        self.sealer.data(channel, frame).then(|| {
            self.sent(now);
            self.link
        })
    }

    /// Something was sent.
    #[inline]
    pub(super) fn sent(&mut self, now: Instant) {
        self.last_sent = now;
        self.unanswered_since.get_or_insert(now);
        self.unproven_since.get_or_insert(now);
    }

    /// Something genuine came.
    #[inline]
    pub(super) fn heard(&mut self, now: Instant) {
        self.unanswered_since = None;
        self.heard_at = now;
    }

    /// When there is something to do.
    pub(super) fn deadline(&self) -> Instant {
        let due = match &self.asking {
            Some(asking) => asking.last.after(limits::PING_PAUSE).min(self.patience_ends(asking)),
            None => self.question_due(),
        };
        self.letters.deadline().map_or(due, |letter| letter.min(due))
    }

    /// Is it time to ask whether the relay is there?
    pub(super) fn asks(&self, now: Instant) -> bool {
        let due = match &self.asking {
            Some(asking) => asking.last.after(limits::PING_PAUSE),
            None => self.question_due(),
        };
        due <= now
    }

    fn question_due(&self) -> Instant {
        let keepalive = self.last_sent.after(limits::KEEPALIVE);
        let silent = self.unanswered_since.map(|since| since.after(limits::SILENCE));
        let unproven = self.unproven_since.map(|since| since.after(limits::PROOF_EVERY));
        [silent, unproven].into_iter().flatten().fold(keepalive, Instant::min)
    }

    fn patience_ends(&self, asking: &Asking) -> Instant {
        let silent = self.heard_at.max(asking.first).after(limits::PING_PATIENCE);
        silent.min(asking.first.after(limits::PROOF_PATIENCE))
    }

    /// A question goes out.
    pub(super) fn ask(&mut self, now: Instant, token: u64) {
        let first = self.asking.as_ref().map_or(now, |asking| asking.first);
        self.asking = Some(Asking { first, last: now });
        self.asked = Some((token, now));
        self.last_sent = now;
    }

    /// The answer to a question came, which proves both ways; to the last one: its round trip in nanoseconds.
    pub(super) fn answered(&mut self, now: Instant, token: u64) -> Option<u64> {
        self.unproven_since = None;
        self.asking = None;
        let (_, at) = self.asked.take_if(|(asked, _)| *asked == token)?;
        Some(span_ns(now.since(at)).max(span_ns(Duration::from_nanos(1))))
    }

    /// Was it asked, and silent or deaf for too long?
    pub(super) fn is_lost(&self, now: Instant) -> bool {
        self.asking.as_ref().is_some_and(|asking| self.patience_ends(asking) <= now)
    }
}
