//! What client and relay say to each other inside a session: short items, each behind its kind and length.
//!
//! An item of a kind that this side does not know is skipped, so either side may learn new ones first.

use super::letters::MAX_BODY;
use crate::message::take;

/// Who: an Ed25519 key.
pub type Identity = [u8; 32];

/// Why a channel is not, or is no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ended {
    /// The other side closed it.
    Closed = 1,
    /// The other side's session ended.
    Gone = 2,
    /// The other side was revoked.
    Revoked = 3,
    /// One of the two has as many channels as it may have.
    Full = 4,
    /// The relay knows nothing of it any more: it began anew.
    Forgotten = 5,
}

/// Why a session ends in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Farewell {
    /// Whoever says so is going.
    Leaving = 1,
    /// The client was revoked.
    Revoked = 2,
    /// Its certificate or grant ended.
    Expired = 3,
    /// A newer session of the same identity took its place.
    Replaced = 4,
}

impl Ended {
    fn from_number(number: u8) -> Option<Self> {
        let all = [Self::Closed, Self::Gone, Self::Revoked, Self::Full, Self::Forgotten];
        all.into_iter().find(|reason| *reason as u8 == number)
    }
}

impl Farewell {
    fn from_number(number: u8) -> Option<Self> {
        [Self::Leaving, Self::Revoked, Self::Expired, Self::Replaced].into_iter().find(|it| *it as u8 == number)
    }
}

/// One thing said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// Are you there? Either side; answered with the same token.
    Ping(u64),
    /// Yes.
    Pong(u64),
    /// Client: a channel to this member, now or when it comes.
    Open(Identity),
    /// Client: no channel to this member any more.
    Close(Identity),
    /// Relay: this channel leads to this member.
    Opened(Identity, u32),
    /// Relay: this member is not here; the channel opens when it comes.
    Absent(Identity),
    /// Relay: this channel leads nowhere any more.
    Closed(u32, Ended),
    /// Relay: no channel to this member, for this reason.
    Denied(Identity, Ended),
    /// Relay, to an address that a genuine frame came from: do you want frames there?
    Challenge(u64),
    /// Client: yes.
    Response(u64),
    /// Relay, first thing in a session: whatever you knew of channels is void.
    Fresh,
    /// This session ends.
    Bye(Farewell),
}

const PING: u8 = 1;
const PONG: u8 = 2;
const OPEN: u8 = 3;
const CLOSE: u8 = 4;
const OPENED: u8 = 5;
const ABSENT: u8 = 6;
const CLOSED: u8 = 7;
const DENIED: u8 = 8;
const CHALLENGE: u8 = 9;
const RESPONSE: u8 = 10;
const FRESH: u8 = 11;
const BYE: u8 = 12;

/// Append an item.
pub(super) fn write(item: &Item, out: &mut Vec<u8>) {
    let (kind, body): (u8, Vec<u8>) = match item {
        Item::Ping(token) => (PING, token.to_be_bytes().to_vec()),
        Item::Pong(token) => (PONG, token.to_be_bytes().to_vec()),
        Item::Open(identity) => (OPEN, identity.to_vec()),
        Item::Close(identity) => (CLOSE, identity.to_vec()),
        Item::Opened(identity, channel) => (OPENED, [&identity[..], &channel.to_be_bytes()].concat()),
        Item::Absent(identity) => (ABSENT, identity.to_vec()),
        Item::Closed(channel, reason) => (CLOSED, [&channel.to_be_bytes()[..], &[*reason as u8]].concat()),
        Item::Denied(identity, reason) => (DENIED, [&identity[..], &[*reason as u8]].concat()),
        Item::Challenge(token) => (CHALLENGE, token.to_be_bytes().to_vec()),
        Item::Response(token) => (RESPONSE, token.to_be_bytes().to_vec()),
        Item::Fresh => (FRESH, Vec::new()),
        Item::Bye(reason) => (BYE, vec![*reason as u8]),
    };
    let length = u8::try_from(body.len()).unwrap_or(0);
    out.extend_from_slice(&[kind, length]);
    out.extend_from_slice(&body);
}

/// Every item of known kinds; `None` if one of them is malformed.
#[must_use]
pub fn read_all(mut rest: &[u8]) -> Option<Vec<Item>> {
    if rest.len() > MAX_BODY {
        return None;
    }
    let mut items = Vec::new();
    while !rest.is_empty() {
        let [kind, length] = *take::<2>(&mut rest)?;
        let (body, after) = rest.split_at_checked(usize::from(length))?;
        rest = after;
        items.extend(read(kind, body)?);
    }
    Some(items)
}

/// One item; an inner `None` for a kind that is not known, the outer one for a body that is not of its kind.
#[allow(clippy::option_option, reason = "malformed and unknown are two things")]
fn read(kind: u8, mut body: &[u8]) -> Option<Option<Item>> {
    let rest = &mut body;
    let item = match kind {
        PING => Item::Ping(token(rest)?),
        PONG => Item::Pong(token(rest)?),
        OPEN => Item::Open(*take(rest)?),
        CLOSE => Item::Close(*take(rest)?),
        OPENED => Item::Opened(*take(rest)?, u32::from_be_bytes(*take(rest)?)),
        ABSENT => Item::Absent(*take(rest)?),
        CLOSED => Item::Closed(u32::from_be_bytes(*take(rest)?), ended(rest)?),
        DENIED => Item::Denied(*take(rest)?, ended(rest)?),
        CHALLENGE => Item::Challenge(token(rest)?),
        RESPONSE => Item::Response(token(rest)?),
        FRESH => Item::Fresh,
        BYE => {
            let [number] = *take::<1>(rest)?;
            Item::Bye(Farewell::from_number(number).unwrap_or(Farewell::Leaving))
        }
        _ => return Some(None),
    };
    // A later version may say more behind what we know of an item.
    Some(Some(item))
}

fn token(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(|bytes| u64::from_be_bytes(*bytes))
}

fn ended(rest: &mut &[u8]) -> Option<Ended> {
    let [number] = *take::<1>(rest)?;
    Some(Ended::from_number(number).unwrap_or(Ended::Closed))
}
