//! What is one message: on a datagram, and on a stream where one follows the other (RFC 8656, 12.5; RFC 8489, 6.2.2).
//!
//! Channel data: `number(2) | length(2) | payload`, padded to four bytes on a stream only.

use super::message::HEADER;
use crate::limits;

/// The header of channel data.
pub const CHANNEL_HEADER: usize = 4;
/// The numbers that channels have: RFC 5766's. RFC 8656, 12, allows only those up to 0x4fff, but coturn's programs of
/// Debian 12, among others, draw theirs from all of these, and nothing else on this port begins so.
pub const CHANNELS: core::ops::RangeInclusive<u16> = 0x4000..=0x7fff;

/// Channel data taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelData<'a> {
    /// The channel.
    pub number: u16,
    /// What goes to or came from the peer.
    pub payload: &'a [u8],
}

/// Does it begin as channel data does?
#[must_use]
pub fn looks_like_channel_data(message: &[u8]) -> bool {
    message.first().is_some_and(|first| first >> 6 == 1)
}

/// Take channel data apart; bytes after the payload are padding and ignored.
#[must_use]
pub fn parse_channel_data(message: &[u8]) -> Option<ChannelData<'_>> {
    let (head, rest) = message.split_first_chunk::<CHANNEL_HEADER>()?;
    let [n0, n1, l0, l1] = *head;
    let number = u16::from_be_bytes([n0, n1]);
    let payload = rest.get(..usize::from(u16::from_be_bytes([l0, l1])))?;
    CHANNELS.contains(&number).then_some(ChannelData { number, payload })
}

/// The header of channel data with this much payload.
#[must_use]
pub fn channel_header(number: u16, payload: usize) -> [u8; CHANNEL_HEADER] {
    let ([n0, n1], [l0, l1]) = (number.to_be_bytes(), u16::try_from(payload).unwrap_or(u16::MAX).to_be_bytes());
    [n0, n1, l0, l1]
}

/// What a stream's next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Too few to tell.
    Unknown,
    /// A message of so many bytes, padding included.
    Message(usize),
    /// Neither STUN nor channel data: the stream cannot be read any further.
    Foreign,
}

/// How long the message is that a stream goes on with.
#[must_use]
pub fn next(stream: &[u8]) -> Next {
    let Some(head) = stream.first_chunk::<4>() else {
        let foreign = stream.first().is_some_and(|first| first >> 6 > 1);
        return if foreign { Next::Foreign } else { Next::Unknown };
    };
    let [first, _, l0, l1] = *head;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if looks_like_channel_data(stream) {
        let whole = CHANNEL_HEADER.saturating_add(length).next_multiple_of(4);
        return if length <= limits::TURN_PAYLOAD { Next::Message(whole) } else { Next::Foreign };
    }
    let cookie = stream.get(4..8);
    if first >> 6 != 0 || length & 3 != 0 || cookie.is_some_and(|bytes| bytes != super::message::COOKIE) {
        return Next::Foreign;
    }
    Next::Message(HEADER.saturating_add(length))
}
