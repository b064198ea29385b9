//! All client connections: how many, from where, which of them proved a key.
//!
//! Decides who is let in: an address (IPv6: its /64) may have so many unproven connections; when strangers hold half
//! of all slots, the oldest of theirs makes room; at nine tenths of all slots accepting pauses and the kernel's
//! backlog waits. So proven nodes are never pushed out by strangers. Must not know what a connection carries.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::settings::Limits;
use super::source::Source;

/// The connection proved a key.
pub const PROVEN: u8 = 1;
/// The front stops: end as soon as nothing is under way.
pub const DRAIN: u8 = 2;
/// End now: the slot is needed.
pub const EVICT: u8 = 4;

/// What a connection's task is told from outside.
#[derive(Default)]
pub struct Line {
    signals: AtomicU8,
    notify: Notify,
}

impl Line {
    /// Whether any of these signals was given.
    pub fn has(&self, signals: u8) -> bool {
        self.signals.load(Ordering::Acquire) & signals != 0
    }

    /// Wait for the next signal; one given before counts.
    pub async fn changed(&self) {
        self.notify.notified().await;
    }

    fn signal(&self, signal: u8) {
        self.signals.fetch_or(signal, Ordering::AcqRel);
        self.notify.notify_one();
    }
}

struct Entry {
    source: Source,
    line: Arc<Line>,
}

#[derive(Default)]
struct Table {
    open: BTreeMap<u64, Entry>,
    unproven: BTreeSet<u64>, // numbers count up, so the first one is the oldest
    unproven_by_source: HashMap<Source, usize>,
    next: u64,
    draining: bool,
}

impl Table {
    /// Take a connection out of the unproven count. False: it was not in it.
    fn lift(&mut self, number: u64) -> bool {
        let Some(entry) = self.open.get(&number) else {
            return false;
        };
        if !self.unproven.remove(&number) {
            return false;
        }
        if let Some(count) = self.unproven_by_source.get_mut(&entry.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.unproven_by_source.remove(&entry.source);
            }
        }
        true
    }
}

/// The table of connections.
pub struct Registry {
    table: Mutex<Table>,
    room: Notify,
    pause_at: usize,
    unproven_max: usize,
    an_address_max: usize,
}

/// A slot; giving it up is dropping it.
pub struct Ticket {
    registry: Arc<Registry>,
    /// The connection's number; never used again.
    pub number: u64,
    /// How it is told things.
    pub line: Arc<Line>,
    /// Whether an older connection was told to go for it.
    pub evicted_another: bool,
}

impl Registry {
    /// An empty table whose first connection gets `first_number`.
    pub fn new(limits: &Limits, first_number: u64) -> Self {
        let table = Table {
            next: first_number,
            ..Table::default()
        };
        Self {
            table: Mutex::new(table),
            room: Notify::new(),
            pause_at: (limits.connections_max.saturating_mul(9) / 10).max(1),
            unproven_max: (limits.connections_max / 2).max(1),
            an_address_max: limits.unproven_an_address_max,
        }
    }

    /// Let a connection in; `None`: its address has too many that proved nothing.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Ticket> {
        let source = Source::of(address);
        let mut table = self.lock();
        let held = table.unproven_by_source.get(&source).copied().unwrap_or(0);
        if held >= self.an_address_max {
            return None;
        }
        let mut evicted_another = false;
        if table.unproven.len() >= self.unproven_max
            && let Some(oldest) = table.unproven.first().copied()
        {
            table.lift(oldest); // it is on its way out, and must not be chosen twice
            if let Some(entry) = table.open.get(&oldest) {
                entry.line.signal(EVICT);
                evicted_another = true;
            }
        }
        let number = table.next;
        table.next = table.next.saturating_add(1);
        let line = Arc::new(Line::default());
        if table.draining {
            line.signal(DRAIN);
        }
        let entry = Entry {
            source,
            line: Arc::clone(&line),
        };
        table.open.insert(number, entry);
        table.unproven.insert(number);
        let count = table.unproven_by_source.entry(source).or_insert(0);
        *count = count.saturating_add(1);
        Some(Ticket {
            registry: Arc::clone(self),
            number,
            line,
            evicted_another,
        })
    }

    /// The connection proved a key. Numbers that are gone are ignored.
    pub fn prove(&self, number: u64) {
        let mut table = self.lock();
        if table.lift(number)
            && let Some(entry) = table.open.get(&number)
        {
            entry.line.signal(PROVEN);
        }
    }

    /// Tell every connection, and every later one, that the front stops.
    pub fn drain(&self) {
        let mut table = self.lock();
        table.draining = true;
        for entry in table.open.values() {
            entry.line.signal(DRAIN);
        }
    }

    /// Open connections, and how many of them are unproven.
    pub fn counts(&self) -> (usize, usize) {
        let table = self.lock();
        (table.open.len(), table.unproven.len())
    }

    /// Wait until fewer than nine tenths of the slots are taken.
    pub async fn wait_for_room(&self) {
        self.wait_until(|open| open < self.pause_at).await;
    }

    /// Wait until every connection is gone.
    pub async fn wait_until_empty(&self) {
        self.wait_until(|open| open == 0).await;
    }

    async fn wait_until(&self, enough: impl Fn(usize) -> bool) {
        loop {
            let mut freed = std::pin::pin!(self.room.notified());
            freed.as_mut().enable();
            if enough(self.counts().0) {
                return;
            }
            freed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut table = self.registry.lock();
        table.lift(self.number);
        table.open.remove(&self.number);
        drop(table);
        self.registry.room.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn registry(connections_max: usize, unproven_an_address_max: usize) -> Arc<Registry> {
        let limits = Limits {
            head_max_bytes: 0,
            body_max_bytes: 0,
            open_body_max_bytes: 0,
            buffered_max_bytes: 0,
            buffered_an_address_max_bytes: 0,
            connections_max,
            unproven_an_address_max,
            head: Duration::ZERO,
            body: Duration::ZERO,
            response: Duration::ZERO,
            idle: Duration::ZERO,
            unproven: Duration::ZERO,
            stall: Duration::ZERO,
            stop: Duration::ZERO,
        };
        Arc::new(Registry::new(&limits, 7))
    }

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn an_address_gets_its_slots_back_when_a_connection_proves_itself_or_ends() {
        let registry = registry(100, 2);
        let first = registry.admit(v4(1));
        let second = registry.admit(v4(1));
        assert!(registry.admit(v4(1)).is_none());
        assert!(registry.admit(v4(2)).is_some());
        registry.prove(7);
        registry.prove(7);
        let third = registry.admit(v4(1));
        assert!(third.is_some());
        assert!(
            registry.admit(v4(1)).is_none(),
            "proving twice frees one slot"
        );
        drop(second);
        assert!(registry.admit(v4(1)).is_some());
        drop((first, third));
        assert_eq!(registry.counts(), (0, 0));
        assert!(registry.lock().unproven_by_source.is_empty());
    }

    #[test]
    fn a_64_of_ipv6_is_one_address_and_a_mapped_one_is_ipv4() {
        let registry = registry(100, 1);
        let address = |text: &str| text.parse::<IpAddr>().unwrap_or(v4(9));
        let _one = registry.admit(address("2001:db8::1"));
        assert!(registry.admit(address("2001:db8::ffff:1")).is_none());
        assert!(registry.admit(address("2001:db8:0:1::1")).is_some());
        let _mapped = registry.admit(address("::ffff:192.0.2.1"));
        assert!(registry.admit(v4(1)).is_none());
    }

    #[test]
    fn strangers_push_out_strangers_and_never_a_proven_connection() {
        let registry = registry(8, 100);
        let held: Vec<Ticket> = (0..4).filter_map(|last| registry.admit(v4(last))).collect();
        registry.prove(7);
        let _fifth = registry.admit(v4(5));
        let _sixth = registry.admit(v4(6));
        let evicted: Vec<u64> = held
            .iter()
            .filter(|ticket| ticket.line.has(EVICT))
            .map(|ticket| ticket.number)
            .collect();
        assert_eq!(evicted, [8]);
    }

    #[test]
    fn numbers_are_never_used_again() {
        let registry = registry(8, 8);
        let first = registry.admit(v4(1)).map(|ticket| ticket.number);
        let second = registry.admit(v4(1)).map(|ticket| ticket.number);
        assert_eq!((first, second), (Some(7), Some(8)));
    }
}
