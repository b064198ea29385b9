//! Until when the port's thread sleeps, for the others who may bring an earlier deadline.
//!
//! Both sides look under the lock of that which has the deadline: otherwise one could note a deadline that the other
//! has just replaced, and sleep too long. Every order of two threads is tried in `tests/interleavings.rs`.

use crate::sync::MutexGuard;
use crate::sync::atomic::{AtomicU64, Ordering};

/// On the monotonic clock, in nanoseconds.
#[derive(Default)]
pub struct Planned(AtomicU64);

impl Planned {
    /// The thread is about to sleep until then; `None`: until it is woken.
    pub fn note<T>(&self, _held: &MutexGuard<'_, T>, deadline: Option<u64>) {
        self.0
            .store(deadline.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Does the thread have to be woken for this deadline?
    pub fn is_too_late<T>(&self, _held: &MutexGuard<'_, T>, deadline: Option<u64>) -> bool {
        deadline.is_some_and(|deadline| deadline < self.0.load(Ordering::Relaxed))
    }
}
