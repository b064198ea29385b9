//! The shape of every frame. Over UDP a frame is a datagram; over a WebSocket many of them, each behind its length
//! (u16), make one binary message. Numbers are big-endian.
//!
//! ```text
//! data       d8 | counter, low 24 bits | session (4) | channel (4) | tag (8) | payload
//! control    d9 | counter, low 24 bits | session (4) | sealed items | tag (16)
//! hello      da 01 version 00 | client random (16) | zeros (44)
//! cookie     da 02 version 00 | client random (16) | cookie (24)
//! proof      da 03 version 00 | client random (16) | cookie (24) | session key (32) | sealed credentials | tag (16)
//! welcome    da 04 version 00 | client random (16) | relay random (16) | session (4) | sealed terms | tag (16)
//! refusal    da 05 version 00 | client random (16) | relay random (16) | sealed reason | tag (16)
//! unknown    da 06 version 00 | session (4)
//! ```
//! A hello is longer than the cookie, a proof longer than what answers it, and whatever is answered with `unknown` is
//! longer than that: nobody who did not prove an address gets more bytes than it sent (SECURITY.md, rule 34).

use core::ops::RangeInclusive;

use super::{certificate, grant, limits};
use crate::message::{concat, take};

/// Bytes before the payload of a data frame.
pub const HEADER: usize = 20;
/// First byte of a data frame.
pub const DATA: u8 = 0xd8;
/// First byte of a control frame.
pub const CONTROL: u8 = 0xd9;
/// First byte of the handshake's frames.
pub const HANDSHAKE: u8 = 0xda;
/// The only version of the handshake.
pub const VERSION: u8 = 1;

/// Bytes before what is sealed in a control frame.
pub(super) const CONTROL_HEADER: usize = 8;
pub(crate) const HELLO_LEN: usize = 64;
pub(crate) const COOKIE: usize = 24;
pub(super) const COOKIE_LEN: usize = 4 + 16 + COOKIE;
pub(crate) const PROOF_HEADER: usize = 4 + 16 + COOKIE + 32;
/// Length of the grant (u16), grant, certificate.
pub(super) const PROOF_LEN: RangeInclusive<usize> =
    PROOF_HEADER + 2 + 124 + 64 + certificate::LEN + 16..=PROOF_HEADER + 2 + grant::MAX + certificate::LEN + 16;
pub(super) const WELCOME_HEADER: usize = 4 + 16 + 16 + 4;
pub(super) const TERMS: usize = 12;
pub(super) const WELCOME_LEN: usize = WELCOME_HEADER + TERMS + 16;
pub(super) const REFUSAL_HEADER: usize = 4 + 16 + 16;
pub(super) const REFUSAL_LEN: usize = REFUSAL_HEADER + 1 + 16;
pub(super) const UNKNOWN_LEN: usize = 8;

const HELLO: u8 = 1;
const COOKIE_KIND: u8 = 2;
const PROOF: u8 = 3;
const WELCOME: u8 = 4;
const REFUSAL: u8 = 5;
const UNKNOWN: u8 = 6;

/// The header of a data frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data {
    /// The low 24 bits of its number.
    pub counter: u32,
    /// Whose session; the relay chose it.
    pub session: u32,
    /// To (or from) whom; the relay chose it.
    pub channel: u32,
    pub(super) tag: [u8; 8],
}

/// The header of a control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    pub(super) counter: u32,
    pub(super) session: u32,
}

/// One well-formed frame; what is sealed in it begins where its header ends.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Payload for a channel.
    Data(Data),
    /// Items between client and relay.
    Control(Control),
    /// A client asks for a cookie.
    Hello {
        /// Names the attempt.
        random: &'a [u8; 16],
    },
    /// The relay's cookie.
    Cookie {
        /// Which attempt.
        random: &'a [u8; 16],
        /// To be sent back.
        cookie: &'a [u8; COOKIE],
    },
    /// The client's credentials.
    Proof {
        /// Which attempt.
        random: &'a [u8; 16],
        /// What the relay gave.
        cookie: &'a [u8; COOKIE],
        /// X25519.
        session_key: &'a [u8; 32],
    },
    /// The relay takes the client.
    Welcome {
        /// Which attempt.
        random: &'a [u8; 16],
        /// The relay's part of the keys.
        relay_random: &'a [u8; 16],
        /// The session's number.
        session: u32,
    },
    /// The relay does not take the client.
    Refusal {
        /// Which attempt.
        random: &'a [u8; 16],
        /// The relay's part of the key.
        relay_random: &'a [u8; 16],
    },
    /// The relay has no such session.
    Unknown {
        /// Which.
        session: u32,
    },
}

/// Does its first byte say that it is one of ours?
#[must_use]
pub fn looks_like_relay(datagram: &[u8]) -> bool {
    matches!(datagram, [DATA..=HANDSHAKE, ..])
}

/// Take a frame apart; `None` if it is too short, too long or of no kind that there is.
#[must_use]
pub fn parse(frame: &[u8]) -> Option<Frame<'_>> {
    let mut rest = frame;
    let [kind, counter @ ..] = *take::<4>(&mut rest)?;
    match kind {
        DATA => data(frame).map(Frame::Data),
        CONTROL => {
            let fits = (CONTROL_HEADER + 16..=limits::OWN_FRAME).contains(&frame.len());
            let control = Control { counter: wide(counter), session: u32::from_be_bytes(*take(&mut rest)?) };
            fits.then_some(Frame::Control(control))
        }
        HANDSHAKE => {
            let [kind, VERSION, 0] = counter else { return None };
            handshake(kind, frame.len(), rest)
        }
        _ => None,
    }
}

/// The header of a data frame alone: the path that every packet takes.
#[inline]
pub(super) fn data(frame: &[u8]) -> Option<Data> {
    let header: &[u8; HEADER] = frame.first_chunk()?;
    let [DATA, c0, c1, c2, s0, s1, s2, s3, h0, h1, h2, h3, tag @ ..] = *header else { return None };
    (frame.len() <= limits::FRAME).then_some(Data {
        counter: wide([c0, c1, c2]),
        session: u32::from_be_bytes([s0, s1, s2, s3]),
        channel: u32::from_be_bytes([h0, h1, h2, h3]),
        tag,
    })
}

fn handshake(kind: u8, len: usize, mut rest: &[u8]) -> Option<Frame<'_>> {
    let rest = &mut rest;
    match (kind, len) {
        (HELLO, HELLO_LEN) => Some(Frame::Hello { random: take(rest)? }),
        (COOKIE_KIND, COOKIE_LEN) => Some(Frame::Cookie { random: take(rest)?, cookie: take(rest)? }),
        (PROOF, len) if PROOF_LEN.contains(&len) => {
            Some(Frame::Proof { random: take(rest)?, cookie: take(rest)?, session_key: take(rest)? })
        }
        (WELCOME, WELCOME_LEN) => Some(Frame::Welcome {
            random: take(rest)?,
            relay_random: take(rest)?,
            session: u32::from_be_bytes(*take(rest)?),
        }),
        (REFUSAL, REFUSAL_LEN) => Some(Frame::Refusal { random: take(rest)?, relay_random: take(rest)? }),
        (UNKNOWN, UNKNOWN_LEN) => Some(Frame::Unknown { session: u32::from_be_bytes(*take(rest)?) }),
        _ => None,
    }
}

fn wide([high, middle, low]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, high, middle, low])
}

/// The low 24 bits of a counter.
fn narrow(counter: u64) -> [u8; 3] {
    let [.., high, middle, low] = counter.to_be_bytes();
    [high, middle, low]
}

/// The header of a data frame, tag included.
pub(super) fn data_header(counter: u64, session: u32, channel: u32, tag: [u8; 8]) -> [u8; HEADER] {
    concat(&[&[DATA], &narrow(counter), &session.to_be_bytes(), &channel.to_be_bytes(), &tag])
}

/// The header of a control frame.
pub(super) fn control_header(counter: u64, session: u32) -> [u8; CONTROL_HEADER] {
    concat(&[&[CONTROL], &narrow(counter), &session.to_be_bytes()])
}

/// A hello, whole.
pub(crate) fn hello(random: &[u8; 16]) -> [u8; HELLO_LEN] {
    concat(&[&[HANDSHAKE, HELLO, VERSION, 0], random])
}

/// A cookie, whole.
pub(super) fn cookie(random: &[u8; 16], cookie: &[u8; COOKIE]) -> [u8; COOKIE_LEN] {
    concat(&[&[HANDSHAKE, COOKIE_KIND, VERSION, 0], random, cookie])
}

/// A proof up to what is sealed.
pub(crate) fn proof_header(random: &[u8; 16], cookie: &[u8; COOKIE], session_key: &[u8; 32]) -> [u8; PROOF_HEADER] {
    concat(&[&[HANDSHAKE, PROOF, VERSION, 0], random, cookie, session_key])
}

/// A welcome up to what is sealed.
pub(super) fn welcome_header(random: &[u8; 16], relay_random: &[u8; 16], session: u32) -> [u8; WELCOME_HEADER] {
    concat(&[&[HANDSHAKE, WELCOME, VERSION, 0], random, relay_random, &session.to_be_bytes()])
}

/// A refusal up to what is sealed.
pub(super) fn refusal_header(random: &[u8; 16], relay_random: &[u8; 16]) -> [u8; REFUSAL_HEADER] {
    concat(&[&[HANDSHAKE, REFUSAL, VERSION, 0], random, relay_random])
}

/// The answer to a frame of a session that is not, whole.
pub(super) fn unknown(session: u32) -> [u8; UNKNOWN_LEN] {
    concat(&[&[HANDSHAKE, UNKNOWN, VERSION, 0], &session.to_be_bytes()])
}
