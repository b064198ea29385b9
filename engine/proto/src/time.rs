//! Time as a value: the crate reads no clock, every call that needs one is given [`Now`].
//!
//! Two clocks, because they answer two questions. `mono` only moves forward and drives all timers;
//! `wall` may jump and is used for the TAI64N stamp of an initiation and for statistics only.

use core::time::Duration;

/// A point on the caller's monotonic clock, in nanoseconds since any fixed start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(pub u64);

/// A point on the wall clock: nanoseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Unix(pub u64);

/// Both clocks, read once by the caller for a whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Now {
    /// Drives timers.
    pub mono: Instant,
    /// Stamps initiations and statistics.
    pub wall: Unix,
}

impl Instant {
    /// This instant plus `span`, at most the end of time.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span_ns(span)))
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A duration in nanoseconds, at most `u64::MAX` (584 years).
pub(crate) fn span_ns(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
