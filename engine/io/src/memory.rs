//! A bounded queue of packets that polls like a device: what the in-memory TUN and UDP are made of.

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::MEMORY_QUEUE_MAX;
use crate::wake::Wake;

/// Items in order; full means that new ones are dropped, as a network does.
pub struct Inbox<T> {
    waiting: Mutex<VecDeque<T>>,
    arrived: Condvar,
    wake: Wake,
}

impl<T> Inbox<T> {
    /// An empty one. Fails when the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            waiting: Mutex::new(VecDeque::new()),
            arrived: Condvar::new(),
            wake: Wake::new()?,
        })
    }

    /// Appends; false if it was dropped.
    pub fn put(&self, item: T) -> bool {
        let mut waiting = self.lock();
        if waiting.len() >= MEMORY_QUEUE_MAX {
            return false;
        }
        waiting.push_back(item);
        self.wake.signal();
        self.arrived.notify_one();
        true
    }

    /// The oldest, if any waits.
    pub fn take(&self) -> Option<T> {
        let mut waiting = self.lock();
        let item = waiting.pop_front();
        if waiting.is_empty() {
            self.wake.clear();
        }
        item
    }

    /// The oldest, waiting for it at most so long.
    pub fn take_within(&self, limit: Duration) -> Option<T> {
        let end = Instant::now() + limit;
        let mut waiting = self.lock();
        while waiting.is_empty() {
            let left = end.checked_duration_since(Instant::now())?;
            waiting = self
                .arrived
                .wait_timeout(waiting, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        drop(waiting);
        self.take()
    }

    /// Polls as readable while something waits.
    pub fn fd(&self) -> RawFd {
        self.wake.fd()
    }

    /// A panic of another user leaves the queue whole, so a poisoned lock is no reason to fail.
    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
