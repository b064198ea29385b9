//! The four messages on the wire (paper, 5.4): where each field lies, and nothing of what it means.
//!
//! Every message begins with its type and three zero bytes; numbers are little-endian.

use crate::batch::HEADROOM;

pub(crate) const INITIATION: u8 = 1;
pub(crate) const RESPONSE: u8 = 2;
pub(crate) const COOKIE_REPLY: u8 = 3;
pub(crate) const TRANSPORT: u8 = 4;

pub(crate) const INITIATION_LEN: usize = 148;
pub(crate) const RESPONSE_LEN: usize = 92;
pub(crate) const COOKIE_REPLY_LEN: usize = 64;
/// Both MACs at the end of an initiation or a response.
pub(crate) const MACS_LEN: usize = 32;
/// Header and tag of an empty transport message.
pub(crate) const TRANSPORT_MIN: usize = HEADROOM + 16;

/// First message of a handshake.
#[derive(Debug)]
pub struct Initiation<'a> {
    pub(crate) sender: u32,
    pub(crate) ephemeral: &'a [u8; 32],
    pub(crate) static_sealed: &'a [u8; 48],
    pub(crate) stamp_sealed: &'a [u8; 28],
    pub(crate) macs: Macs<'a>,
}

/// Second message of a handshake.
#[derive(Debug)]
pub struct Response<'a> {
    pub(crate) sender: u32,
    pub(crate) receiver: u32,
    pub(crate) ephemeral: &'a [u8; 32],
    pub(crate) nothing_sealed: &'a [u8; 16],
    pub(crate) macs: Macs<'a>,
}

/// The answer of a responder under load.
#[derive(Debug)]
pub struct CookieReply<'a> {
    pub(crate) receiver: u32,
    pub(crate) nonce: &'a [u8; 24],
    pub(crate) sealed: &'a [u8; 32],
}

/// The header of a data message.
#[derive(Debug)]
pub struct Transport {
    pub(crate) receiver: u32,
    pub(crate) counter: u64,
}

/// The end of an initiation or response, and what it covers.
#[derive(Debug)]
pub(crate) struct Macs<'a> {
    pub(crate) before_mac1: &'a [u8],
    pub(crate) before_mac2: &'a [u8],
    pub(crate) mac1: &'a [u8; 16],
    pub(crate) mac2: &'a [u8; 16],
}

/// One well-formed message.
#[derive(Debug)]
pub enum Message<'a> {
    /// Type 1.
    Initiation(Initiation<'a>),
    /// Type 2.
    Response(Response<'a>),
    /// Type 3.
    CookieReply(CookieReply<'a>),
    /// Type 4.
    Transport(Transport),
}

/// First byte 1 to 4, then three zeros: only then is a datagram WireGuard's.
#[must_use]
pub fn looks_like_wireguard(datagram: &[u8]) -> bool {
    matches!(datagram, [1..=4, 0, 0, 0, ..])
}

/// `None` where no message has this type and length.
#[must_use]
pub fn parse(datagram: &[u8]) -> Option<Message<'_>> {
    let mut rest = datagram;
    let [kind, 0, 0, 0] = *take::<4>(&mut rest)? else { return None };
    match (kind, datagram.len()) {
        (INITIATION, INITIATION_LEN) => Some(Message::Initiation(Initiation {
            sender: u32::from_le_bytes(*take(&mut rest)?),
            ephemeral: take(&mut rest)?,
            static_sealed: take(&mut rest)?,
            stamp_sealed: take(&mut rest)?,
            macs: macs(datagram)?,
        })),
        (RESPONSE, RESPONSE_LEN) => Some(Message::Response(Response {
            sender: u32::from_le_bytes(*take(&mut rest)?),
            receiver: u32::from_le_bytes(*take(&mut rest)?),
            ephemeral: take(&mut rest)?,
            nothing_sealed: take(&mut rest)?,
            macs: macs(datagram)?,
        })),
        (COOKIE_REPLY, COOKIE_REPLY_LEN) => Some(Message::CookieReply(CookieReply {
            receiver: u32::from_le_bytes(*take(&mut rest)?),
            nonce: take(&mut rest)?,
            sealed: take(&mut rest)?,
        })),
        (TRANSPORT, TRANSPORT_MIN..) => Some(Message::Transport(Transport {
            receiver: u32::from_le_bytes(*take(&mut rest)?),
            counter: u64::from_le_bytes(*take(&mut rest)?),
        })),
        _ => None,
    }
}

/// The header of a transport message.
pub(crate) fn transport_header(receiver: u32, counter: u64) -> [u8; HEADROOM] {
    concat(&[&[TRANSPORT, 0, 0, 0], &receiver.to_le_bytes(), &counter.to_le_bytes()])
}

/// `N` bytes made of `parts`; missing ones are zero, surplus ones are cut.
pub(crate) fn concat<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut out = [0; N];
    let bytes = parts.iter().flat_map(|part| part.iter());
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

/// Split the first `N` bytes off.
pub(crate) fn take<'a, const N: usize>(input: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, tail) = input.split_first_chunk()?;
    *input = tail;
    Some(head)
}

fn macs(message: &[u8]) -> Option<Macs<'_>> {
    let (before_mac2, mac2) = message.split_last_chunk()?;
    let (before_mac1, mac1) = before_mac2.split_last_chunk()?;
    Some(Macs { before_mac1, before_mac2, mac1, mac2 })
}
