//! Bytes a second: a bucket that each frame takes its length from, and what came through.

use crate::time::Instant;

/// How many bytes a second, and how many at once. Zero bytes a second: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Bytes a second.
    pub bytes_s: u64,
    /// Bytes at once; at least one frame always passes a full bucket.
    pub burst_bytes: u64,
}

/// A bucket of bytes as one number, the time at which it will be full (GCRA).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bytes {
    full_at: u64,
    /// Nanoseconds a byte, times 2^16; 0: no limit.
    cost: u64,
    room_ns: u64,
}

impl Bytes {
    pub(super) fn new(rate: Rate) -> Self {
        let cost = (1_000_000_000_u64 << 16).checked_div(rate.bytes_s).unwrap_or(0).max(u64::from(rate.bytes_s > 0));
        Self { full_at: 0, cost, room_ns: rate.burst_bytes.saturating_mul(cost) >> 16 }
    }

    /// Whether so many bytes may pass; then they are taken by `take`.
    #[inline]
    pub(super) fn has(&self, now: Instant) -> bool {
        self.full_at.saturating_sub(now.0) <= self.room_ns
    }

    #[inline]
    pub(super) fn take(&mut self, now: Instant, bytes: usize) {
        let span = (bytes as u64).saturating_mul(self.cost) >> 16;
        self.full_at = self.full_at.max(now.0).saturating_add(span);
    }
}

/// What one client, or one network, sent and was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    /// Frames taken from it.
    pub rx_frames: u64,
    /// Their bytes.
    pub rx_bytes: u64,
    /// Frames given to it.
    pub tx_frames: u64,
    /// Their bytes.
    pub tx_bytes: u64,
    /// Frames of it that were dropped because it, its network or the relay had its fill.
    pub over_limit: u64,
}

impl Meter {
    #[inline]
    pub(super) fn took(&mut self, bytes: usize) {
        self.rx_frames = self.rx_frames.saturating_add(1);
        self.rx_bytes = self.rx_bytes.saturating_add(bytes as u64);
    }

    #[inline]
    pub(super) fn gave(&mut self, bytes: usize) {
        self.tx_frames = self.tx_frames.saturating_add(1);
        self.tx_bytes = self.tx_bytes.saturating_add(bytes as u64);
    }

    #[inline]
    pub(super) fn refused(&mut self) {
        self.over_limit = self.over_limit.saturating_add(1);
    }
}
