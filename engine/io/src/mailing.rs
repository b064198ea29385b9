//! A bounded queue between two threads, one of which sleeps on a descriptor: readable exactly while something waits.
//!
//! Whoever appends never waits for the reader; what does not fit is counted, and the count is part of what waits.
//! Every order of two threads is tried in `tests/interleavings.rs`.

use std::collections::VecDeque;
use std::io;

use crate::sync::{Mutex, MutexGuard, PoisonError};
use crate::wake::Wake;

/// First in, first out, at most `most`.
pub struct Mailing<T> {
    state: Mutex<State<T>>,
    wake: Wake,
    most: usize,
}

struct State<T> {
    waiting: VecDeque<T>,
    lost: u64,
}

impl<T> Mailing<T> {
    /// An empty one. Fails when the process has no descriptor left.
    pub fn new(most: usize) -> io::Result<Self> {
        let state = State {
            waiting: VecDeque::new(),
            lost: 0,
        };
        Ok(Self {
            state: Mutex::new(state),
            wake: Wake::new()?,
            most,
        })
    }

    /// Appends, or counts as lost.
    pub fn push(&self, item: T) {
        let mut state = self.lock();
        if state.waiting.len() < self.most {
            state.waiting.push_back(item);
        } else {
            state.lost = state.lost.saturating_add(1);
        }
        if state.waiting.len() == 1 {
            self.wake.signal();
        }
    }

    /// Appends even to a full queue: the last item there is.
    pub fn push_last(&self, item: T) {
        let mut state = self.lock();
        state.waiting.push_back(item);
        // Under the lock, or the reader may have taken it already and find nothing.
        self.wake.signal();
    }

    /// The oldest items, at most `most`, and how many were lost behind them: told once, with the last that was kept
    /// and where there is room to tell it.
    pub fn take(&self, most: usize) -> (Vec<T>, u64) {
        let mut state = self.lock();
        let count = most.min(state.waiting.len());
        let taken: Vec<T> = state.waiting.drain(..count).collect();
        let mut lost = 0;
        if state.waiting.is_empty() {
            if taken.len() < most {
                lost = std::mem::take(&mut state.lost);
            }
            if state.lost == 0 {
                self.wake.clear();
            }
        }
        (taken, lost)
    }

    /// What to sleep on.
    pub fn wake(&self) -> &Wake {
        &self.wake
    }

    /// A panic of another user leaves the queue whole, so a poisoned lock is no reason to fail.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
