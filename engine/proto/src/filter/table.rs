//! The connection table: flows by their ends, each in the account of its peer.
//!
//! A slab of flows, an open-addressed index over it (keyed hash, linear probing, backward shift deletion, at most half
//! full), and for each peer two lists in the order of last use: flows that nobody answered yet, and those that both
//! sides keep up. Bounded, and a flood gains nothing: a peer holds at most [`limits::PEER_FLOWS`]; a new flow displaces
//! the oldest unanswered one of its own peer, or, where the table is full and its peer holds less than its share, of
//! the peer that holds most; a flow in use goes only where that peer has no other. Must not know rules or time.

use super::flow::Flow;
use super::rules::Tuple;
use crate::limits;

/// No flow.
const NONE: u32 = u32::MAX;
/// Of the index: so many places at first.
const FIRST_PLACES: usize = 64;

/// Where a flow lies in its peer's list.
#[derive(Clone, Copy, Debug)]
struct Node {
    flow: Flow,
    hash: u32,
    /// The next older and the next newer one.
    older: u32,
    newer: u32,
    /// In which of the two lists it is.
    is_settled: bool,
}

/// Oldest and newest of a list.
#[derive(Clone, Copy, Debug)]
struct Ends {
    oldest: u32,
    newest: u32,
}

const EMPTY: Ends = Ends { oldest: NONE, newest: NONE };

/// What one peer holds.
#[derive(Clone, Copy, Debug)]
struct Account {
    unanswered: Ends,
    settled: Ends,
    count: usize,
}

/// See the module.
pub(crate) struct Table {
    seed: [u64; 2],
    nodes: Vec<Option<Node>>,
    free: Vec<u32>,
    index: Vec<u32>,
    accounts: Vec<Account>,
    /// Peers that hold a flow.
    holders: usize,
    used: usize,
    capacity: usize,
}

impl Table {
    /// `seed`: random, so that nobody outside can choose where flows collide.
    pub(crate) fn new(seed: [u64; 2]) -> Self {
        Self {
            seed,
            nodes: Vec::new(),
            free: Vec::new(),
            index: vec![NONE; FIRST_PLACES],
            accounts: Vec::new(),
            holders: 0,
            used: 0,
            capacity: limits::FLOWS,
        }
    }

    /// How many flows there are.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// Places of the slab, for `at`.
    pub(crate) fn places(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(NONE)
    }

    /// The flow at a place.
    pub(crate) fn at(&self, place: u32) -> Option<&Flow> {
        self.node(place).map(|node| &node.flow)
    }

    pub(crate) fn at_mut(&mut self, place: u32) -> Option<&mut Flow> {
        self.nodes.get_mut(place as usize)?.as_mut().map(|node| &mut node.flow)
    }

    /// The place of the flow between these ends.
    pub(crate) fn find(&self, tuple: &Tuple) -> Option<u32> {
        let hash = self.hash(tuple);
        let mut probe = self.home(hash);
        loop {
            let place = *self.index.get(probe)?;
            let node = self.node(place)?;
            if node.hash == hash && node.flow.tuple == *tuple {
                return Some(place);
            }
            probe = self.following(probe);
        }
    }

    /// Add a flow that is not there; its place, and the one that had to go for it.
    pub(crate) fn insert(&mut self, flow: Flow) -> (u32, Option<Flow>) {
        let displaced = self.victim(flow.slot).and_then(|place| self.remove(place));
        if self.used.saturating_add(1).saturating_mul(2) > self.index.len() {
            self.grow();
        }
        let hash = self.hash(&flow.tuple);
        let node = Node { flow, hash, older: NONE, newer: NONE, is_settled: false };
        let place = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(None);
            self.places().saturating_sub(1)
        });
        self.nodes.get_mut(place as usize).into_iter().for_each(|to| *to = Some(node));
        self.enter(hash, place);
        self.used = self.used.saturating_add(1);
        let holders = self.account(flow.slot).map_or(0, |account| {
            account.count = account.count.saturating_add(1);
            usize::from(account.count == 1)
        });
        self.holders = self.holders.saturating_add(holders);
        self.append(place);
        (place, displaced)
    }

    /// Take a flow out.
    pub(crate) fn remove(&mut self, place: u32) -> Option<Flow> {
        let hash = self.node(place)?.hash;
        self.unlink(place);
        self.leave(hash, place);
        let node = self.nodes.get_mut(place as usize)?.take()?;
        self.free.push(place);
        self.used = self.used.saturating_sub(1);
        let account = self.account(node.flow.slot)?;
        account.count = account.count.saturating_sub(1);
        if account.count == 0 {
            self.holders = self.holders.saturating_sub(1);
        }
        Some(node.flow)
    }

    /// The flow was used: it is its list's newest, and in the list that it belongs to.
    pub(crate) fn touch(&mut self, place: u32) {
        self.unlink(place);
        self.append(place);
    }

    /// The oldest flow of a peer in one of its lists.
    pub(crate) fn oldest(&self, slot: u32, is_settled: bool) -> Option<u32> {
        let account = self.accounts.get(slot as usize)?;
        let ends = if is_settled { account.settled } else { account.unanswered };
        Some(ends.oldest).filter(|place| *place != NONE)
    }

    /// Who has to go for a new flow of this peer.
    fn victim(&self, slot: u32) -> Option<u32> {
        let of = |slot: u32| self.accounts.get(slot as usize).map_or(0, |account| account.count);
        let is_full = self.used >= self.capacity;
        let payer = if of(slot) >= limits::PEER_FLOWS.min(self.capacity) {
            slot
        } else if !is_full {
            return None;
        } else if of(slot) >= self.capacity.checked_div(self.holders).unwrap_or(0) {
            slot
        } else {
            let richest = self.accounts.iter().enumerate().max_by_key(|(_, account)| account.count)?.0;
            u32::try_from(richest).ok()?
        };
        self.oldest(payer, false).or_else(|| self.oldest(payer, true))
    }

    fn node(&self, place: u32) -> Option<&Node> {
        self.nodes.get(place as usize)?.as_ref()
    }

    fn account(&mut self, slot: u32) -> Option<&mut Account> {
        let needed = (slot as usize).saturating_add(1);
        if self.accounts.len() < needed {
            self.accounts.resize(needed, Account { unanswered: EMPTY, settled: EMPTY, count: 0 });
        }
        self.accounts.get_mut(slot as usize)
    }

    fn ends(&mut self, slot: u32, is_settled: bool) -> Option<&mut Ends> {
        let account = self.account(slot)?;
        Some(if is_settled { &mut account.settled } else { &mut account.unanswered })
    }

    /// Put a node at the newest end of its list.
    fn append(&mut self, place: u32) {
        let Some((slot, is_settled)) = self.node(place).map(|node| (node.flow.slot, node.flow.is_settled())) else {
            return;
        };
        let Some(ends) = self.ends(slot, is_settled) else { return };
        let before = core::mem::replace(&mut ends.newest, place);
        if before == NONE {
            ends.oldest = place;
        }
        if let Some(Some(node)) = self.nodes.get_mut(before as usize) {
            node.newer = place;
        }
        if let Some(Some(node)) = self.nodes.get_mut(place as usize) {
            (node.older, node.newer, node.is_settled) = (before, NONE, is_settled);
        }
    }

    fn unlink(&mut self, place: u32) {
        let Some(node) = self.node(place).copied() else { return };
        let Some(ends) = self.ends(node.flow.slot, node.is_settled) else { return };
        if ends.oldest == place {
            ends.oldest = node.newer;
        }
        if ends.newest == place {
            ends.newest = node.older;
        }
        if let Some(Some(older)) = self.nodes.get_mut(node.older as usize) {
            older.newer = node.newer;
        }
        if let Some(Some(newer)) = self.nodes.get_mut(node.newer as usize) {
            newer.older = node.older;
        }
    }

    // --- the index ---

    fn home(&self, hash: u32) -> usize {
        hash as usize & self.index.len().wrapping_sub(1)
    }

    fn following(&self, probe: usize) -> usize {
        probe.wrapping_add(1) & self.index.len().wrapping_sub(1)
    }

    fn enter(&mut self, hash: u32, place: u32) {
        let mut probe = self.home(hash);
        while self.index.get(probe).is_some_and(|there| *there != NONE) {
            probe = self.following(probe);
        }
        self.index.get_mut(probe).into_iter().for_each(|to| *to = place);
    }

    /// Take a place out of the index and move those behind it that would no longer be found.
    fn leave(&mut self, hash: u32, place: u32) {
        let mut hole = self.home(hash);
        while self.index.get(hole).is_some_and(|there| *there != place) {
            hole = self.following(hole);
        }
        let mut probe = hole;
        loop {
            probe = self.following(probe);
            let Some(there) = self.index.get(probe).copied().filter(|there| *there != NONE) else { break };
            let Some(home) = self.node(there).map(|node| self.home(node.hash)) else { break };
            let mask = self.index.len().wrapping_sub(1);
            // It may move if its home does not lie behind the hole.
            if probe.wrapping_sub(home) & mask >= probe.wrapping_sub(hole) & mask {
                self.index.get_mut(hole).into_iter().for_each(|to| *to = there);
                hole = probe;
            }
        }
        self.index.get_mut(hole).into_iter().for_each(|to| *to = NONE);
    }

    fn grow(&mut self) {
        let places = self.index.len().saturating_mul(2);
        self.index = vec![NONE; places];
        for place in 0..self.places() {
            if let Some(hash) = self.node(place).map(|node| node.hash) {
                self.enter(hash, place);
            }
        }
    }

    /// Multiply and fold, with a secret seed, over all that tells flows apart.
    fn hash(&self, tuple: &Tuple) -> u32 {
        let [a, b] = self.seed;
        let ports = u64::from(tuple.local_port) << 32
            | u64::from(tuple.remote_port) << 16
            | u64::from(tuple.protocol) << 1
            | u64::from(tuple.is_v4);
        let halves = |address: u128| ((address >> 64) as u64, address as u64);
        let (local, remote) = (halves(tuple.local), halves(tuple.remote));
        let mut sum = fold(a ^ local.0, b ^ local.1);
        sum = fold(sum ^ remote.0, b ^ remote.1);
        sum = fold(sum ^ ports, a);
        (sum >> 32) as u32
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a).wrapping_mul(u128::from(b | 1));
    product as u64 ^ (product >> 64) as u64
}

#[cfg(any(test, feature = "fuzz"))]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a check stops at the first surprise")]
impl Table {
    /// A smaller one, which a test can fill.
    pub(crate) fn limit(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// Everything that has to hold between the parts.
    pub(crate) fn check(&self) {
        let live: Vec<u32> = (0..self.places()).filter(|place| self.node(*place).is_some()).collect();
        assert_eq!(live.len(), self.used);
        assert_eq!(self.index.iter().filter(|place| **place != NONE).count(), self.used);
        for place in &live {
            assert_eq!(self.find(&self.node(*place).unwrap().flow.tuple), Some(*place));
        }
        let mut listed = 0;
        for account in &self.accounts {
            let mut of_account = 0;
            for (ends, is_settled) in [(account.unanswered, false), (account.settled, true)] {
                let (mut place, mut before) = (ends.oldest, NONE);
                while place != NONE {
                    let node = self.node(place).unwrap();
                    assert_eq!((node.older, node.is_settled), (before, is_settled));
                    (before, place) = (place, node.newer);
                    of_account += 1;
                }
                assert_eq!(ends.newest, before);
            }
            assert_eq!(of_account, account.count);
            listed += of_account;
        }
        assert_eq!(listed, self.used);
        assert_eq!(self.accounts.iter().filter(|account| account.count > 0).count(), self.holders);
    }
}
