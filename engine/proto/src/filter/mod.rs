//! The packet filter: which packets pass between this machine and a peer, both ways, and why one does not.
//!
//! It stands behind the gate, decryption and crypto-key routing, and before the TUN; a superpacket is one question.
//! Rules ([`Rules`]) say what may open a flow, and in which direction; everything else passes only as part of a flow
//! that was opened, or as an error about one. Without rules nothing passes. A flow remembers the version of the rules
//! that accepted it: when they change it is judged again with its next packet, or by the sweep, and one that they no
//! longer accept is cut, and stays cut until its ends are silent, so that what is still sent does not open it from the
//! other side. Pure: no clock, and no packet allocates unless it opens a flow.

pub(crate) mod encoding;
mod flow;
mod fragments;
pub(crate) mod packet;
mod reason;
mod record;
mod rules;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use flow::{Flow, Stage};
use fragments::Fragments;
use packet::{ACK, Ends, ICMP, ICMP6, Kind, Packet, RST, SYN};
use record::{Drops, Records};
use table::Table;

use crate::{Instant, Now, PeerId, Random, limits};

pub use flow::{End, Load};
pub use reason::{Direction, Reason};
pub use record::{RECORD_BYTES, Record};
pub use rules::{Refused, Rule, Rules, Tuple};

/// Which way a packet goes, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) direction: Direction,
    /// The peer's slot, and what the caller calls it.
    pub(crate) slot: u32,
    pub(crate) peer: PeerId,
}

/// What happened since the filter was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// Flows that were opened.
    pub(crate) opened: u64,
    /// Flows that had to go for others.
    pub(crate) evicted: u64,
}

/// See the module.
pub(crate) struct Filter {
    rules: Arc<Rules>,
    version: u32,
    table: Table,
    fragments: Fragments,
    drops: Drops,
    records: Records,
    /// Until then TCP may begin in its middle: this program was started anew under connections that live.
    pick_up_until: Option<Instant>,
    sweep_at: Option<Instant>,
    /// Where the sweep goes on.
    hand: u32,
    pub(crate) sums: Sums,
}

impl Filter {
    /// One with these rules and no flows.
    pub(crate) fn new(now: Now, rules: Arc<Rules>, random: &mut dyn Random) -> Self {
        let mut seed = [[0; 8]; 2];
        seed.iter_mut().for_each(|half| random.fill(half));
        Self {
            rules,
            version: 1,
            table: Table::new(seed.map(u64::from_ne_bytes)),
            fragments: Fragments::default(),
            drops: Drops::default(),
            records: Records::default(),
            pick_up_until: Some(now.mono.after(limits::FLOW_PICK_UP)),
            sweep_at: None,
            hand: 0,
            sums: Sums::default(),
        }
    }

    /// Swap the rules; the ones before, so that whoever has time frees them.
    pub(crate) fn set_rules(&mut self, rules: Arc<Rules>) -> Arc<Rules> {
        self.version = self.version.wrapping_add(1);
        self.fragments.clear();
        core::mem::replace(&mut self.rules, rules)
    }

    /// May this packet pass? `packet` begins with its internet header; `load` is all that it stands for.
    ///
    /// # Errors
    /// Why not; also kept for [`Self::drops`].
    pub(crate) fn check(&mut self, now: Now, way: Way, packet: &[u8], load: Load) -> Result<(), Reason> {
        let (tuple, verdict) = match packet::parse(packet) {
            Ok(packet) => {
                let tuple = tuple(&packet.ends, way.direction);
                (tuple, self.judge(now, way, &packet, tuple, load))
            }
            Err(reason) => (NOBODY, Err(reason)),
        };
        if let Err(reason) = verdict {
            let record = Record::dropped(tuple, way.peer, way.direction, reason, now.wall, load);
            if self.drops.note(way.slot, record) {
                self.records.push(record);
            }
        }
        verdict
    }

    /// The rule by which a flow could be opened.
    pub(crate) fn find(&self, direction: Direction, tuple: &Tuple) -> Option<u32> {
        self.rules.find(direction, tuple)
    }

    /// Records of flows that ended, the oldest first, and how many were lost since the last time.
    pub(crate) fn take_records(&mut self, most: usize) -> (Vec<Record>, u64) {
        self.records.take(most)
    }

    /// What was dropped of a peer lately, the newest first.
    pub(crate) fn drops(&self, slot: u32) -> Vec<Record> {
        self.drops.of(slot)
    }

    /// How many flows there are.
    pub(crate) fn flows(&self) -> usize {
        self.table.len()
    }

    /// A peer is gone, and its slot may be another's soon.
    pub(crate) fn forget(&mut self, slot: u32) {
        for is_settled in [false, true] {
            while let Some(place) = self.table.oldest(slot, is_settled) {
                self.end(place, End::PeerGone);
            }
        }
        self.fragments.forget(slot);
        self.drops.forget(slot);
    }

    /// When to call [`Self::sweep`]; `None` while there are no flows.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.sweep_at
    }

    /// End what is over, and judge again what has sent nothing since the rules changed; a part of the table each time.
    pub(crate) fn sweep(&mut self, now: Now) {
        if self.sweep_at.is_none_or(|at| at > now.mono) {
            return;
        }
        for _ in 0..limits::FLOW_SWEEP.min(self.table.places()) {
            self.hand =
                if self.hand.saturating_add(1) >= self.table.places() { 0 } else { self.hand.saturating_add(1) };
            if self.is_over(now, self.hand) {
                continue;
            }
            self.judge_again(self.hand);
        }
        self.sweep_at = (self.table.len() > 0).then(|| now.mono.after(limits::FLOW_SWEEP_SPACING));
    }

    fn judge(&mut self, now: Now, way: Way, packet: &Packet, tuple: Tuple, load: Load) -> Result<(), Reason> {
        if packet.fragment.is_some_and(|fragment| fragment.offset > 0) {
            let passed = self.fragments.passed(now.mono, way.slot, way.direction, packet);
            return if passed { Ok(()) } else { Err(Reason::Fragment) };
        }
        match packet.kind {
            Kind::Error(about) if self.is_about_a_flow(now, way, &packet.ends, about) => {}
            Kind::Error(_) => self.find(way.direction, &tuple).map(|_| ()).ok_or(Reason::NotOpened)?,
            Kind::Bare if matches!(tuple.protocol, ICMP | ICMP6) => {
                self.find(way.direction, &tuple).map(|_| ()).ok_or(Reason::NoRule)?;
            }
            Kind::Tcp(_) | Kind::Udp | Kind::EchoRequest | Kind::EchoReply | Kind::Bare => {
                match self.table.find(&tuple).filter(|place| !self.is_over(now, *place)) {
                    Some(place) => self.go_on(now, way, packet.kind, place, load)?,
                    None => self.begin(now, way, packet.kind, tuple, load)?,
                }
            }
        }
        if packet.fragment.is_some() {
            self.fragments.remember(now.mono, way.slot, way.direction, packet);
        }
        Ok(())
    }

    /// A packet between the ends of a flow that is known.
    fn go_on(&mut self, now: Now, way: Way, kind: Kind, place: u32, load: Load) -> Result<(), Reason> {
        self.judge_again(place);
        let Some(flow) = self.table.at(place).copied() else { return Err(Reason::NotOpened) };
        if flow.slot != way.slot {
            // The address is another peer's by now.
            self.end(place, End::PeerGone);
            return self.begin(now, way, kind, flow.tuple, load);
        }
        let is_syn = matches!(kind, Kind::Tcp(_)) && begins(kind);
        let is_dead = flow.is_withdrawn || flow.stage == Stage::Closed;
        if is_syn && is_dead {
            self.find(way.direction, &flow.tuple).ok_or(Reason::NoRule)?;
            self.end(place, flow.end());
            return self.begin(now, way, kind, flow.tuple, load);
        }
        if is_syn && way.direction != flow.opened {
            // The other side wants to open one too: that is a question of its own.
            self.find(way.direction, &flow.tuple).ok_or(Reason::NoRule)?;
        }
        let Some(flow) = self.table.at_mut(place) else { return Err(Reason::NotOpened) };
        if flow.is_withdrawn {
            if way.direction != flow.opened {
                flow.last = now.mono;
            }
            return Err(Reason::Withdrawn);
        }
        let (idle, was_settled) = (now.mono.since(flow.last), flow.is_settled());
        flow.pass(now, way.direction, kind, load);
        // The order of last use need not be finer than that; a list costs three cache lines.
        if idle >= limits::FLOW_TOUCH_SPACING || was_settled != flow.is_settled() {
            self.table.touch(place);
        }
        Ok(())
    }

    /// A packet of no flow: it may open one.
    fn begin(&mut self, now: Now, way: Way, kind: Kind, tuple: Tuple, load: Load) -> Result<(), Reason> {
        let is_first = begins(kind);
        let opened = if is_first { Some(way.direction) } else { self.pick_up(now, kind, &tuple) };
        let opened = opened.ok_or(Reason::NotOpened)?;
        let refusal = if is_first { Reason::NoRule } else { Reason::NotOpened };
        let mut flow = Flow::new(tuple, way.slot, way.peer, opened, now.wall);
        flow.rule = self.find(opened, &tuple).ok_or(refusal)?;
        flow.version = self.version;
        if !is_first {
            flow.pick_up();
        }
        flow.pass(now, way.direction, kind, load);
        let (_, displaced) = self.table.insert(flow);
        self.sums.opened = self.sums.opened.saturating_add(1);
        if let Some(displaced) = displaced {
            self.sums.evicted = self.sums.evicted.saturating_add(1);
            self.records.push(Record::of(&displaced, End::Evicted));
        }
        if self.sweep_at.is_none() {
            self.sweep_at = Some(now.mono.after(limits::FLOW_SWEEP_SPACING));
        }
        Ok(())
    }

    /// Which side opened a connection that was there before this program: the one with the higher port, since services
    /// have the low ones. Only at the start, and only until a rule was withdrawn under a flow.
    fn pick_up(&self, now: Now, kind: Kind, tuple: &Tuple) -> Option<Direction> {
        let until = self.pick_up_until?;
        let is_midway = matches!(kind, Kind::Tcp(flags) if flags & (SYN | RST) == 0 && flags & ACK != 0);
        if !is_midway || now.mono >= until {
            return None;
        }
        match tuple.local_port.cmp(&tuple.remote_port) {
            core::cmp::Ordering::Less => Some(Direction::In),
            core::cmp::Ordering::Greater => Some(Direction::Out),
            core::cmp::Ordering::Equal => None,
        }
    }

    /// Is an error's subject a packet that went the other way, in a flow of this peer?
    fn is_about_a_flow(&mut self, now: Now, way: Way, ends: &Ends, about: Option<Ends>) -> bool {
        let Some(about) = about.filter(|about| about.source == ends.destination) else { return false };
        let opposite = match way.direction {
            Direction::In => Direction::Out,
            Direction::Out => Direction::In,
        };
        let Some(place) = self.table.find(&tuple(&about, opposite)) else { return false };
        if self.is_over(now, place) {
            return false;
        }
        self.judge_again(place);
        self.table.at(place).is_some_and(|flow| flow.slot == way.slot && !flow.is_withdrawn)
    }

    /// A flow's verdict holds for the rules that gave it.
    fn judge_again(&mut self, place: u32) {
        let version = self.version;
        let Some(flow) = self.table.at(place).filter(|flow| flow.version != version) else { return };
        let rule = self.find(flow.opened, &flow.tuple);
        let Some(flow) = self.table.at_mut(place) else { return };
        flow.version = version;
        flow.rule = rule.unwrap_or(flow.rule);
        let was_withdrawn = core::mem::replace(&mut flow.is_withdrawn, rule.is_none());
        let flow = *flow;
        if flow.is_withdrawn && !was_withdrawn {
            self.pick_up_until = None;
            self.records.push(Record::of(&flow, End::Withdrawn));
        }
        if flow.is_withdrawn != was_withdrawn {
            self.table.touch(place);
        }
    }

    /// True if the flow's time was over, and then it is gone.
    fn is_over(&mut self, now: Now, place: u32) -> bool {
        let end = self.table.at(place).filter(|flow| flow.is_over(now.mono)).map(Flow::end);
        end.is_some_and(|end| {
            self.end(place, end);
            true
        })
    }

    fn end(&mut self, place: u32, end: End) {
        // A flow that was cut has its record already.
        if let Some(flow) = self.table.remove(place).filter(|flow| !flow.is_withdrawn) {
            self.records.push(Record::of(&flow, end));
        }
    }
}

#[cfg(any(test, feature = "fuzz"))]
impl Filter {
    /// A smaller table, which a test can fill.
    pub(crate) fn limit(&mut self, flows: usize) {
        self.table.limit(flows);
    }

    /// TCP begins with SYN from here on.
    pub(crate) fn settle(&mut self) {
        self.pick_up_until = None;
    }

    /// Everything that has to hold between the parts.
    pub(crate) fn check_parts(&self) {
        self.table.check();
    }
}

/// Where a packet's ends cannot be told.
const NOBODY: Tuple = Tuple { is_v4: true, protocol: 0, local: 0, remote: 0, local_port: 0, remote_port: 0 };

/// The ends of a packet as this machine sees them.
fn tuple(ends: &Ends, direction: Direction) -> Tuple {
    let Ends { is_v4, protocol, source, destination, source_port, destination_port } = *ends;
    let (local, remote, local_port, remote_port) = match direction {
        Direction::In => (destination, source, destination_port, source_port),
        Direction::Out => (source, destination, source_port, destination_port),
    };
    Tuple { is_v4, protocol, local, remote, local_port, remote_port }
}

/// Can a packet of this kind be a flow's first?
fn begins(kind: Kind) -> bool {
    match kind {
        Kind::Tcp(flags) => flags & (SYN | ACK) == SYN,
        Kind::Udp | Kind::EchoRequest | Kind::Bare => true,
        Kind::EchoReply | Kind::Error(_) => false,
    }
}
