//! The filter's place: behind the gate and crypto-key routing, once a superpacket, both ways.

use std::sync::Arc;

use super::Device;
use crate::counters::add;
use crate::filter::{Direction, Filter, Load, Reason, Record, Rules, Tuple, Way};
use crate::offload::{Coalescer, Merging, Superpacket};
use crate::{Counters, Now, Opened, PeerId, inner};

impl Device {
    /// Replace the filter's rules; flows are judged again by the new ones. `None`: no filter, what passes a gate
    /// passes. The rules before come back, for the caller to free where time does not matter.
    pub fn set_filter(&mut self, now: Now, rules: Option<Arc<Rules>>) -> Option<Arc<Rules>> {
        match (rules, &mut self.filter) {
            (Some(rules), Some(filter)) => Some(filter.set_rules(rules)),
            (Some(rules), none) => {
                *none = Some(Box::new(Filter::new(now, rules, &mut *self.random)));
                None
            }
            (None, filter) => filter.take().map(|mut filter| filter.set_rules(Arc::default())),
        }
    }

    /// Could a flow begin so, and by which rule? The outer `None`: there is no filter.
    #[must_use]
    pub fn find_rule(&self, direction: Direction, tuple: &Tuple) -> Option<Option<u32>> {
        self.filter.as_ref().map(|filter| filter.find(direction, tuple))
    }

    /// What the filter dropped of a peer lately, the newest first.
    #[must_use]
    pub fn filter_drops(&self, peer: PeerId) -> Vec<Record> {
        let slot = self.peers.slot(peer);
        self.filter.as_ref().zip(slot).map(|(filter, slot)| filter.drops(slot)).unwrap_or_default()
    }

    /// Records of flows that ended, the oldest first, and how many were lost since the last time.
    pub fn take_flow_records(&mut self, most: usize) -> (Vec<Record>, u64) {
        self.filter.as_mut().map(|filter| filter.take_records(most)).unwrap_or_default()
    }

    /// Flows that live, that were ever opened, and that had to go for others, by name.
    pub fn named_flows(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        let (live, sums) = self.filter.as_ref().map(|filter| (filter.flows(), filter.sums)).unwrap_or_default();
        [("flows", live as u64), ("flows_opened", sums.opened), ("flows_evicted", sums.evicted)].into_iter()
    }

    /// What [`Device::open_batch`] opened, made into runs that may pass to the TUN: `coalescer` holds them then.
    pub fn deliver(
        &mut self,
        now: Now,
        merging: Merging,
        arena: &mut [u8],
        opened: &mut [Opened],
        coalescer: &mut Coalescer,
    ) {
        coalescer.coalesce(merging, arena, opened);
        let Self { filter: Some(filter), routes, peers, counters, .. } = self else { return };
        coalescer.retain(arena, |packet, count| {
            let slot = inner::source(packet).and_then(|source| routes.owner(&source));
            let Some((slot, peer)) = slot.and_then(|slot| Some((slot, peers.get(slot)?.id))) else { return false };
            let way = Way { direction: Direction::In, slot, peer };
            let load = Load { packets: count as u64, bytes: inner::total(packet) as u64 };
            let verdict = filter.check(now, way, packet, load);
            verdict.map_err(|reason| tally(counters, way.direction, reason, count)).is_ok()
        });
    }

    /// May a packet of the TUN go to this peer?
    pub(super) fn may_leave(&mut self, now: Now, slot: u32, packet: &Superpacket<'_>) -> bool {
        let Self { filter: Some(filter), peers, counters, .. } = self else { return true };
        let Some(peer) = peers.get(slot).map(|peer| peer.id) else { return false };
        let way = Way { direction: Direction::Out, slot, peer };
        let load = Load { packets: packet.count() as u64, bytes: packet.bytes().len() as u64 };
        let verdict = filter.check(now, way, packet.bytes(), load);
        verdict.map_err(|reason| tally(counters, way.direction, reason, packet.count())).is_ok()
    }
}

fn tally(counters: &mut Counters, direction: Direction, reason: Reason, packets: usize) {
    let counter = match (reason, direction) {
        (Reason::NoRule, Direction::In) => &mut counters.drop_filter_no_rule_in,
        (Reason::NoRule, Direction::Out) => &mut counters.drop_filter_no_rule_out,
        (Reason::NotOpened, _) => &mut counters.drop_filter_not_opened,
        (Reason::Withdrawn, _) => &mut counters.drop_filter_withdrawn,
        (Reason::Malformed, _) => &mut counters.drop_filter_malformed,
        (Reason::Fragment, _) => &mut counters.drop_filter_fragment,
        (Reason::Headers, _) => &mut counters.drop_filter_headers,
    };
    add(counter, packets);
}
