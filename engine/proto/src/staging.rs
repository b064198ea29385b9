//! Packets that wait for a session or an endpoint: a bounded queue a peer, and a bound on the bytes of all.
//!
//! A packet that waited for longer than [`limits::STAGED_FOR`] is not sent any more: who sent it has sent it again.

use std::collections::VecDeque;

use crate::counters::count;
use crate::{Counters, Instant, limits};

/// Something to seal when there is a session.
pub(crate) enum Staged {
    /// An inner packet.
    Packet(Box<[u8]>),
    /// A ping with its token.
    Ping(u64),
}

impl Staged {
    fn bytes(&self) -> usize {
        match self {
            Self::Packet(packet) => packet.len(),
            Self::Ping(_) => 0,
        }
    }
}

/// What waits for one peer, oldest first.
#[derive(Default)]
pub(crate) struct Queue(VecDeque<(Instant, Staged)>);

/// How many bytes wait in all.
#[derive(Default)]
pub(crate) struct Budget(usize);

#[cfg(any(test, feature = "fuzz"))]
impl Budget {
    pub(crate) fn used(&self) -> usize {
        self.0
    }
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(|(_, item)| item.bytes()).sum()
    }

    /// Add to the end; the oldest makes room. Counts what is dropped.
    pub(crate) fn push(&mut self, now: Instant, item: Staged, budget: &mut Budget, counters: &mut Counters) {
        if self.0.len() >= limits::STAGED_PACKETS {
            self.pop(budget);
            count(&mut counters.drop_staged_oldest);
        }
        let total = budget.0.saturating_add(item.bytes());
        if total > limits::STAGED_BYTES {
            count(&mut counters.drop_staged_full);
            return;
        }
        budget.0 = total;
        self.0.push_back((now, item));
    }

    /// The oldest that is worth sending.
    pub(crate) fn pop_fresh(&mut self, now: Instant, budget: &mut Budget, counters: &mut Counters) -> Option<Staged> {
        self.drop_old(now, budget, counters);
        self.pop(budget)
    }

    /// Drop packets that waited for too long. Pings stay: who asked says how long an answer is worth waiting for.
    pub(crate) fn drop_old(&mut self, now: Instant, budget: &mut Budget, counters: &mut Counters) {
        self.0.retain(|(since, item)| {
            let is_kept = matches!(item, Staged::Ping(_)) || now.since(*since) <= limits::STAGED_FOR;
            if !is_kept {
                budget.0 = budget.0.saturating_sub(item.bytes());
                count(&mut counters.drop_staged_old);
            }
            is_kept
        });
    }

    fn pop(&mut self, budget: &mut Budget) -> Option<Staged> {
        let (_, item) = self.0.pop_front()?;
        budget.0 = budget.0.saturating_sub(item.bytes());
        Some(item)
    }

    /// Drop all of it, and its memory.
    pub(crate) fn clear(&mut self, budget: &mut Budget, counters: &mut Counters) {
        while self.pop(budget).is_some() {
            count(&mut counters.drop_staged_gave_up);
        }
        self.0 = VecDeque::new();
    }
}
