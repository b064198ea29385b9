//! The standard library's locks and atomics under one name, so that `tests/interleavings.rs` can put its own in their place
//! and try every order in which two threads may meet. For the files that it names; others use `std` as they please.

pub use std::sync::{Mutex, MutexGuard, PoisonError};

/// As `std::sync::atomic`.
pub mod atomic {
    pub use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
}
