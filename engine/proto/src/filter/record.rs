//! What flows and drops look like from outside: fixed bytes, in bounded queues that count what they lose.
//!
//! A flow's record is made when it ends, or when its first packet was refused. Records of flows that nobody answered
//! may fill half of the queue only, so that a flood does not push out what really happened. The last drops of each
//! peer are kept in sets chosen by the peer, like fragments, for whoever asks why.

use std::collections::VecDeque;

use super::flow::{End, Flow, Load};
use super::reason::{Direction, Reason};
use super::rules::Tuple;
use crate::time::Unix;
use crate::{PeerId, limits};

/// Bytes of a record; see [`Record::bytes`].
pub const RECORD_BYTES: usize = 104;
/// Drops kept of one set of peers.
const WAYS: usize = 8;

/// One flow from its beginning to its end, or one drop and those like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Between whom.
    pub tuple: Tuple,
    /// Whose it is.
    pub peer: PeerId,
    /// The way of its first packet.
    pub opened: Direction,
    /// Why it ended.
    pub end: End,
    /// Why it was dropped; `None` where a rule accepted it.
    pub reason: Option<Reason>,
    /// The rule that accepted it, or 0.
    pub rule: u32,
    /// When its first packet came.
    pub began: Unix,
    /// When its last one did.
    pub last: Unix,
    /// What came from the peer.
    pub inward: Load,
    /// What went there.
    pub outward: Load,
}

impl Record {
    /// Of a flow at its end.
    pub(crate) fn of(flow: &Flow, end: End) -> Self {
        let reason = (end == End::Withdrawn).then_some(Reason::Withdrawn);
        let Flow { tuple, peer, opened, rule, began, seen: last, inward, outward, .. } = *flow;
        Self { tuple, peer, opened, end, reason, rule, began, last, inward, outward }
    }

    /// Of packets that were dropped.
    pub(crate) fn dropped(tuple: Tuple, peer: PeerId, way: Direction, reason: Reason, at: Unix, load: Load) -> Self {
        let (inward, outward) = match way {
            Direction::In => (load, Load::default()),
            Direction::Out => (Load::default(), load),
        };
        let end = End::Refused;
        Self { tuple, peer, opened: way, end, reason: Some(reason), rule: 0, began: at, last: at, inward, outward }
    }

    /// Family (4 or 6), protocol, direction, end, reason (0: accepted), three zeros; rule (4), both ports (2 each: ours
    /// first), peer (8), began and last (8 each, Unix nanoseconds), both addresses (16 each: ours first, IPv4 in the
    /// last 4), packets and bytes in and out (8 each). Big-endian.
    #[must_use]
    pub fn bytes(&self) -> [u8; RECORD_BYTES] {
        let Self { tuple, .. } = self;
        let family = if tuple.is_v4 { 4 } else { 6 };
        let reason = self.reason.map_or(0, Reason::number);
        let head = [family, tuple.protocol, self.opened.number(), self.end.number(), reason, 0, 0, 0];
        let loads = [self.inward.packets, self.inward.bytes, self.outward.packets, self.outward.bytes];
        let [packets_in, bytes_in, packets_out, bytes_out] = loads.map(u64::to_be_bytes);
        crate::message::concat(&[
            &head,
            &self.rule.to_be_bytes(),
            &tuple.local_port.to_be_bytes(),
            &tuple.remote_port.to_be_bytes(),
            &self.peer.0.to_be_bytes(),
            &self.began.0.to_be_bytes(),
            &self.last.0.to_be_bytes(),
            &tuple.local.to_be_bytes(),
            &tuple.remote.to_be_bytes(),
            &packets_in,
            &bytes_in,
            &packets_out,
            &bytes_out,
        ])
    }

    /// The same packets again, dropped for the same reason.
    fn is_like(&self, other: &Self) -> bool {
        let what = |it: &Self| (it.tuple, it.peer, it.opened, it.reason);
        what(self) == what(other)
    }
}

/// Records that the caller has not taken.
#[derive(Debug, Default)]
pub(crate) struct Records {
    queue: VecDeque<Record>,
    lost: u64,
}

impl Records {
    pub(crate) fn push(&mut self, record: Record) {
        let is_minor = record.inward.packets == 0 || record.outward.packets == 0;
        let room = if is_minor { limits::FLOW_RECORDS >> 1 } else { limits::FLOW_RECORDS };
        if self.queue.len() < room {
            self.queue.push_back(record);
        } else {
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// The oldest ones, and how many were lost since the last time.
    pub(crate) fn take(&mut self, most: usize) -> (Vec<Record>, u64) {
        let taken = self.queue.drain(..most.min(self.queue.len())).collect();
        if self.queue.is_empty() {
            self.queue.shrink_to(limits::FLOW_RECORDS >> 4);
        }
        (taken, core::mem::take(&mut self.lost))
    }
}

/// The last drops of each peer. Made when the first one comes.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    entries: Vec<Option<(u32, Record)>>,
}

impl Drops {
    /// One more; true if none like it is known.
    pub(crate) fn note(&mut self, slot: u32, record: Record) -> bool {
        if self.entries.is_empty() {
            self.entries = vec![None; limits::DROP_SETS.saturating_mul(WAYS)];
        }
        let set = self.set(slot);
        if let Some((_, known)) = set.iter_mut().flatten().find(|(_, known)| known.is_like(&record)) {
            known.last = record.last;
            for (sum, more) in [(&mut known.inward, record.inward), (&mut known.outward, record.outward)] {
                sum.packets = sum.packets.saturating_add(more.packets);
                sum.bytes = sum.bytes.saturating_add(more.bytes);
            }
            return false;
        }
        let oldest = set.iter_mut().min_by_key(|entry| entry.map(|(_, known)| known.last));
        oldest.into_iter().for_each(|to| *to = Some((slot, record)));
        true
    }

    /// Of one peer, the newest first.
    pub(crate) fn of(&self, slot: u32) -> Vec<Record> {
        let mine = self.entries.iter().flatten().filter(|(owner, _)| *owner == slot);
        let mut found: Vec<Record> = mine.map(|(_, record)| *record).collect();
        found.sort_by_key(|record| core::cmp::Reverse(record.last));
        found
    }

    pub(crate) fn forget(&mut self, slot: u32) {
        for entry in self.set(slot) {
            entry.take_if(|(owner, _)| *owner == slot);
        }
    }

    fn set(&mut self, slot: u32) -> &mut [Option<(u32, Record)>] {
        let first = (slot as usize & limits::DROP_SETS.saturating_sub(1)).saturating_mul(WAYS);
        self.entries.get_mut(first..first.saturating_add(WAYS)).unwrap_or_default()
    }
}
