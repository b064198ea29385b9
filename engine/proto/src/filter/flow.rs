//! One flow: who opened it, by which rule, how far it is and what it carried.
//!
//! TCP is followed only as far as lifetimes need (RFC 9293, 3.3.2; RFC 5382, 5): the two ends are authenticated peers,
//! so sequence numbers would defend nobody. UDP: RFC 4787, 4.3. ICMP: RFC 5508, 3.2.

use core::time::Duration;

use super::packet::{ACK, FIN, ICMP, ICMP6, Kind, RST, SYN, TCP, UDP};
use super::reason::Direction;
use super::rules::Tuple;
use crate::time::{Instant, Unix};
use crate::{Now, PeerId, limits};

/// How far a flow is. Protocols other than TCP are `Opening` until an answer comes, then `Open`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Only its first side has spoken.
    Opening,
    /// TCP: the other side has answered.
    Answered,
    /// Both have spoken.
    Open,
    /// TCP: one side has said FIN.
    Closing,
    /// TCP: both have, or one said RST.
    Closed,
}

/// Why a flow's record was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// TCP said so.
    Closed,
    /// Nothing came for its lifetime.
    Idle,
    /// Its rule is gone.
    Withdrawn,
    /// A newer flow of the same peer, or of a poorer one, took its place.
    Evicted,
    /// The peer is gone.
    PeerGone,
    /// It never began: its first packet was dropped.
    Refused,
}

impl End {
    /// Its number outside.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Closed => 1,
            Self::Idle => 2,
            Self::Withdrawn => 3,
            Self::Evicted => 4,
            Self::PeerGone => 5,
            Self::Refused => 6,
        }
    }
}

/// What passed one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Packets, each of a superpacket's.
    pub packets: u64,
    /// Their bytes, inner headers included (a superpacket's once).
    pub bytes: u64,
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) tuple: Tuple,
    /// The peer's slot, and what the caller calls it.
    pub(crate) slot: u32,
    pub(crate) peer: PeerId,
    /// The way of its first packet.
    pub(crate) opened: Direction,
    pub(crate) stage: Stage,
    /// TCP: which sides said FIN, a bit each.
    fins: u8,
    /// The rule that accepts it, and the version of the rules that said so.
    pub(crate) rule: u32,
    pub(crate) version: u32,
    /// Its rule was withdrawn: it stays here so that what still comes does not look like a new flow.
    pub(crate) is_withdrawn: bool,
    pub(crate) began: Unix,
    pub(crate) last: Instant,
    /// The same by the wall clock.
    pub(crate) seen: Unix,
    pub(crate) inward: Load,
    pub(crate) outward: Load,
}

impl Flow {
    pub(crate) fn new(tuple: Tuple, slot: u32, peer: PeerId, opened: Direction, began: Unix) -> Self {
        Self {
            tuple,
            slot,
            peer,
            opened,
            stage: Stage::Opening,
            fins: 0,
            rule: 0,
            version: 0,
            is_withdrawn: false,
            began,
            last: Instant(0),
            seen: began,
            inward: Load::default(),
            outward: Load::default(),
        }
    }

    /// Both sides have spoken: it is worth more than one that nobody answered.
    pub(crate) fn is_settled(&self) -> bool {
        !self.is_withdrawn && matches!(self.stage, Stage::Open | Stage::Closing)
    }

    /// How long it lives without a packet.
    fn lifetime(&self) -> Duration {
        if self.is_withdrawn {
            return limits::FLOW_WITHDRAWN_LIFETIME;
        }
        match (self.tuple.protocol, self.stage) {
            (TCP, Stage::Opening | Stage::Answered) => limits::FLOW_TCP_OPENING_LIFETIME,
            (TCP, Stage::Open) => limits::FLOW_TCP_LIFETIME,
            (TCP, Stage::Closing) => limits::FLOW_TCP_CLOSING_LIFETIME,
            (TCP, Stage::Closed) => limits::FLOW_TCP_CLOSED_LIFETIME,
            (ICMP | ICMP6, _) => limits::FLOW_ICMP_LIFETIME,
            (UDP, Stage::Opening) => limits::FLOW_UDP_OPENING_LIFETIME,
            _ => limits::FLOW_LIFETIME,
        }
    }

    pub(crate) fn is_over(&self, now: Instant) -> bool {
        now.since(self.last) >= self.lifetime()
    }

    /// Why it ends now that its time is over.
    pub(crate) fn end(&self) -> End {
        if self.stage == Stage::Closed { End::Closed } else { End::Idle }
    }

    /// A packet of it passes.
    pub(crate) fn pass(&mut self, now: Now, direction: Direction, kind: Kind, load: Load) {
        (self.last, self.seen) = (now.mono, now.wall);
        let to = match direction {
            Direction::In => &mut self.inward,
            Direction::Out => &mut self.outward,
        };
        to.packets = to.packets.saturating_add(load.packets);
        to.bytes = to.bytes.saturating_add(load.bytes);
        self.stage = match kind {
            Kind::Tcp(flags) => self.follow(direction, flags),
            Kind::Udp | Kind::EchoRequest | Kind::EchoReply | Kind::Error(_) | Kind::Bare => {
                if direction == self.opened { self.stage } else { Stage::Open }
            }
        };
    }

    /// TCP was under way before this table knew it.
    pub(crate) fn pick_up(&mut self) {
        self.stage = Stage::Answered;
    }

    fn follow(&mut self, direction: Direction, flags: u8) -> Stage {
        if flags & RST != 0 {
            return Stage::Closed;
        }
        if flags & FIN != 0 {
            self.fins |= direction.number();
        }
        let both = Direction::In.number() | Direction::Out.number();
        match self.stage {
            Stage::Closed => Stage::Closed,
            _ if self.fins == both => Stage::Closed,
            _ if self.fins != 0 => Stage::Closing,
            Stage::Opening if direction != self.opened && flags & ACK != 0 => Stage::Answered,
            Stage::Answered if direction == self.opened && flags & (SYN | ACK) == ACK => Stage::Open,
            Stage::Opening | Stage::Answered | Stage::Open | Stage::Closing => self.stage,
        }
    }
}
