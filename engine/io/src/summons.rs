//! How a worker that sleeps is called: something waits for it, or it is to end.
//!
//! What waits is put down first and called for then; the worker hears the call before it looks. So a call between its
//! look and its sleep ends the sleep at once. Every order of two threads is tried in `tests/interleavings.rs`.

use std::io;

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::wake::Wake;

/// One for each worker.
pub struct Summons {
    wake: Wake,
    is_stopping: AtomicBool,
}

impl Summons {
    /// Nobody calls yet. Fails when the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            wake: Wake::new()?,
            is_stopping: AtomicBool::new(false),
        })
    }

    /// Something was put down for the worker; also by itself, when a turn left some of it.
    pub fn call(&self) {
        self.wake.signal();
    }

    /// The worker is to end.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.wake.signal();
    }

    /// Whether it is to end; to be asked after [`Self::hear`].
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// The worker is about to look at what waits.
    pub fn hear(&self) {
        self.wake.clear();
    }

    /// What it sleeps on.
    pub fn wake(&self) -> &Wake {
        &self.wake
    }
}
