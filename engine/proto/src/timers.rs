//! The timers of one peer (paper, 6.1 to 6.6), as deadlines. What a deadline means is done by `device::timeouts`.
//!
//! Each method is named for what happened; together they are the only place where a deadline is set.

use core::time::Duration;

use crate::time::{Instant, span_ns};
use crate::{Reason, limits};

/// Deadlines of one peer; all `None` for an idle one.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// Repeat the initiation, or give up.
    pub(crate) handshake: Option<Instant>,
    /// Data came and nothing went out: send a keepalive.
    pub(crate) keepalive: Option<Instant>,
    /// Data went out and nothing came: begin a handshake.
    pub(crate) no_answer: Option<Instant>,
    /// Send a persistent keepalive.
    pub(crate) persistent: Option<Instant>,
    /// Erase all keys.
    pub(crate) zero: Option<Instant>,
    /// Its interval; zero for none.
    interval: Duration,
    /// Drawn with each initiation, so that the packet path needs no randomness.
    pub(crate) jitter: Duration,
}

impl Timers {
    /// Data was sealed.
    pub(crate) fn data_sent(&mut self, now: Instant) {
        if self.no_answer.is_none() {
            let wait = limits::KEEPALIVE_TIMEOUT.saturating_add(limits::REKEY_TIMEOUT).saturating_add(self.jitter);
            self.no_answer = Some(now.after(wait));
        }
        self.authentic_sent(now);
    }

    /// Data was opened.
    pub(crate) fn data_received(&mut self, now: Instant) {
        if self.keepalive.is_none() {
            self.keepalive = Some(now.after(limits::KEEPALIVE_TIMEOUT));
        }
    }

    /// Anything that the peer can authenticate was sent.
    pub(crate) fn authentic_sent(&mut self, now: Instant) {
        self.keepalive = None;
        self.traversed(now);
    }

    /// Anything authentic came.
    pub(crate) fn authentic_received(&mut self, now: Instant) {
        self.no_answer = None;
        self.traversed(now);
    }

    /// A session was made.
    pub(crate) fn session_made(&mut self, now: Instant) {
        self.zero = Some(now.after(limits::ZERO_AFTER_TIME));
    }

    /// Set the persistent keepalive; with a new interval the first one is due at once.
    pub(crate) fn set_interval(&mut self, now: Instant, interval: Duration) {
        if interval != self.interval {
            self.interval = interval;
            self.persistent_now(now);
        }
    }

    /// The persistent keepalive, if there is one, is due now: the peer became reachable.
    pub(crate) fn persistent_now(&mut self, now: Instant) {
        self.persistent = (!self.interval.is_zero()).then_some(now);
    }

    fn traversed(&mut self, now: Instant) {
        if !self.interval.is_zero() {
            self.persistent = Some(now.after(self.interval));
        }
    }

    /// The persistent keepalive timer ran out.
    pub(crate) fn persistent_due(&mut self, now: Instant) {
        self.persistent = None;
        self.traversed(now);
    }

    /// The earliest deadline and what it is for.
    pub(crate) fn deadline(&self) -> Option<(Instant, Reason)> {
        [
            (self.handshake, Reason::Handshake),
            (self.keepalive, Reason::Keepalive),
            (self.persistent, Reason::Keepalive),
            (self.no_answer, Reason::NoAnswer),
            (self.zero, Reason::Zero),
        ]
        .into_iter()
        .filter_map(|(at, reason)| Some((at?, reason)))
        .min_by_key(|(at, _)| *at)
    }
}

/// The pause after initiation number `attempt` (from 0), and how much jitter it may get.
pub(crate) fn retry(attempt: u32, first_contact: bool) -> (Duration, Duration) {
    let [.., last] = limits::FIRST_CONTACT;
    let pause = match usize::try_from(attempt) {
        Ok(attempt) if first_contact => limits::FIRST_CONTACT.get(attempt).copied().unwrap_or(last),
        _ => limits::REKEY_TIMEOUT,
    };
    let most = Duration::from_nanos(span_ns(pause) >> 3);
    (pause, most.min(limits::REKEY_JITTER))
}
