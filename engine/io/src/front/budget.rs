//! Memory for request bodies: one pot for all connections, of which one address may hold a part only.
//!
//! So nobody stops everybody's requests from one address by sending bodies that never become whole. Must not know what
//! a body is for.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::problem::Refusal;
use super::source::Source;

#[derive(Default)]
struct Held {
    all: usize,
    by_source: HashMap<Source, usize>, // no longer than there are connections
}

/// The pot.
pub struct Budget {
    max: usize,
    an_address_max: usize,
    held: Mutex<Held>,
}

impl Budget {
    /// `max` bytes for all, `an_address_max` of them for one address.
    pub fn new(max: usize, an_address_max: usize) -> Self {
        Self {
            max,
            an_address_max,
            held: Mutex::new(Held::default()),
        }
    }

    fn take(&self, source: Source, bytes: usize) -> Result<(), Refusal> {
        let mut held = self.lock();
        let all = held.all.saturating_add(bytes);
        let own = held.by_source.get(&source).copied().unwrap_or(0);
        let own = own.saturating_add(bytes);
        if all > self.max || own > self.an_address_max {
            return Err(Refusal::Busy);
        }
        held.all = all;
        held.by_source.insert(source, own);
        Ok(())
    }

    fn give_back(&self, source: Source, bytes: usize) {
        let mut held = self.lock();
        held.all = held.all.saturating_sub(bytes);
        if let Some(own) = held.by_source.get_mut(&source) {
            *own = own.saturating_sub(bytes);
            if *own == 0 {
                held.by_source.remove(&source);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one request holds of the pot, given back when dropped.
pub struct Share {
    budget: Arc<Budget>,
    source: Source,
    bytes: usize,
}

impl Share {
    /// Nothing yet, for a request of this address.
    pub fn of(budget: &Arc<Budget>, source: Source) -> Self {
        Self {
            budget: Arc::clone(budget),
            source,
            bytes: 0,
        }
    }

    /// Hold so many bytes more. `Busy`: the pot, or this address' part of it, has no room.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.budget.take(self.source, bytes)?;
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.give_back(self.source, self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn source(text: &str) -> Source {
        Source::of(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn one_address_holds_its_part_and_others_the_rest() {
        let budget = Arc::new(Budget::new(100, 40));
        let mut first = Share::of(&budget, source("192.0.2.1"));
        let mut same = Share::of(&budget, source("::ffff:192.0.2.1"));
        assert!(first.grow(30).is_ok() && same.grow(10).is_ok());
        assert_eq!(same.grow(1), Err(Refusal::Busy));
        let mut others: Vec<Share> = (2..4)
            .map(|it| Share::of(&budget, source(&format!("192.0.2.{it}"))))
            .collect();
        assert!(others[0].grow(40).is_ok() && others[1].grow(20).is_ok());
        assert_eq!(others[1].grow(1), Err(Refusal::Busy), "all is held");
        drop(first);
        assert!(others[1].grow(1).is_ok() && same.grow(29).is_ok());
        drop((same, others));
        assert!(budget.lock().by_source.is_empty() && budget.lock().all == 0);
    }

    #[test]
    fn a_64_of_ipv6_is_one_address() {
        let budget = Arc::new(Budget::new(100, 40));
        let mut held: Vec<Share> = (1..5)
            .map(|it| Share::of(&budget, source(&format!("2001:db8::{it}"))))
            .collect();
        assert!(held.iter_mut().all(|share| share.grow(10).is_ok()));
        let mut neighbour = Share::of(&budget, source("2001:db8::ffff:1"));
        assert_eq!(neighbour.grow(1), Err(Refusal::Busy));
        let mut other = Share::of(&budget, source("2001:db8:0:1::1"));
        assert!(other.grow(40).is_ok());
    }
}
