//! TAI64N stamps of initiations (paper, 5.1): made so that they always grow, compared as bytes.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use crate::time::Unix;
use crate::{StampWindow, message};

/// 8 bytes of seconds and 4 of nanoseconds, big-endian: bytewise order is the order of time.
pub(crate) type Stamp = [u8; 12];

/// The seconds of 1970-01-01 00:00:10 TAI, which is the start of Unix time.
const UNIX_EPOCH_TAI64: u64 = (1 << 62) + 10;
const SECOND_NS: u64 = 1_000_000_000;
/// Stamps tell the time to 16.8 ms only: a finer one would be a clock signal to strangers.
const WHITEN_NS: u64 = (1 << 24) - 1;

/// The label of a moment.
pub(crate) fn encode(time: Unix) -> Stamp {
    let seconds = time.0.checked_div(SECOND_NS).unwrap_or(0).saturating_add(UNIX_EPOCH_TAI64);
    let nanos = u32::try_from(time.0.checked_rem(SECOND_NS).unwrap_or(0)).unwrap_or(0);
    message::concat(&[&seconds.to_be_bytes(), &nanos.to_be_bytes()])
}

/// The last stamp of all devices that share it: a peer may be given to another one, and stamps grow all the same.
#[derive(Clone, Debug, Default)]
pub struct LastStamp(Arc<AtomicU64>);

/// Makes stamps: `max(last + 1 ns, clamp(wall, floor, ceiling))`.
#[derive(Debug)]
pub(crate) struct Stamper {
    window: StampWindow,
    last: LastStamp,
}

impl Stamper {
    pub(crate) fn new(window: StampWindow, last: LastStamp) -> Self {
        Self { window, last }
    }

    pub(crate) fn set_window(&mut self, window: StampWindow) {
        self.window = window;
    }

    /// The next stamp. It stays a second below the ceiling, so that `last + 1` has room while the clock is beyond it.
    pub(crate) fn next(&mut self, wall: Unix) -> Stamp {
        let floor = self.window.floor.0;
        let ceiling = self.window.ceiling.0.saturating_sub(SECOND_NS).max(floor);
        let time = (wall.0 & !WHITEN_NS).clamp(floor, ceiling);
        // What is kept is the least that the next one may be.
        let LastStamp(least) = &self.last;
        let grow = |least: u64| Some(time.max(least).saturating_add(1));
        let before = least.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow).unwrap_or_default();
        encode(Unix(time.max(before)))
    }
}
