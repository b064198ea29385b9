//! A packet cut into pieces that fit: IPv4 without DF (RFC 791, 3.2), and small IPv6.
//!
//! IPv6 is cut by who sends it alone, but a link that carries less than 1280 bytes has to see to it that packets of
//! 1280 bytes arrive (RFC 8200, 5), and hosts do not believe in less: those are cut with a fragment header as their
//! sender would have, pieces again. What has other extension headers is left alone.

use super::IPV6_LEAST;
use crate::inner;
use crate::offload::headers::{long, put, set_ip_length, word};

const MORE: u16 = 0x2000;
const WHOLE: u16 = 0x4000;
const OFFSET: u16 = 0x1fff;
const IPV6_HEADER: usize = 40;
const FRAGMENT: u8 = 44;
const FRAGMENT_HEADER: usize = 8;
/// IPv6's extension headers by number (RFC 7045; hop-by-hop, routing, fragment, ESP, AH, destination, mobility, HIP,
/// shim6): with one of them first, where the part ends that stands in every piece is a question.
const EXTENSIONS: [u8; 9] = [0, 43, 44, 50, 51, 60, 135, 139, 140];

/// The pieces of at most `limit` bytes each, in order; `None` where the packet may not be cut. `id` names the pieces of
/// an IPv6 packet; IPv4's have their own.
pub(crate) fn pieces(packet: &[u8], limit: usize, id: u32) -> Option<Vec<Vec<u8>>> {
    let packet = packet.get(..inner::total(packet))?;
    match packet.first()? >> 4 {
        4 => pieces_v4(packet, limit),
        6 => pieces_v6(packet, limit, id),
        _ => None,
    }
}

fn pieces_v4(packet: &[u8], limit: usize) -> Option<Vec<Vec<u8>>> {
    let len = usize::from(packet.first()? & 15).checked_mul(4)?;
    let (header, payload) = packet.split_at_checked(len).filter(|_| len >= 20)?;
    let place = word(header, 6)?;
    let step = limit.checked_sub(len)? & !7;
    if place & WHOLE != 0 || step == 0 {
        return None;
    }
    let mut out = Vec::new();
    for (number, chunk) in payload.chunks(step).enumerate() {
        let from = number.checked_mul(step)?;
        let is_last = from.checked_add(chunk.len())? == payload.len();
        let offset = u16::try_from(from >> 3).ok()?.checked_add(place & OFFSET).filter(|offset| *offset <= OFFSET)?;
        let more = if is_last { place & MORE } else { MORE };
        let mut piece = Vec::with_capacity(len.saturating_add(chunk.len()));
        piece.extend(header);
        if number > 0 {
            keep_copied_options(piece.get_mut(20..)?);
        }
        piece.extend(chunk);
        // The reserved bit stays as it was.
        put(&mut piece, 6, (place & !(MORE | OFFSET) | more | offset).to_be_bytes());
        let total = piece.len();
        set_ip_length(&mut piece, true, len, total);
        out.push(piece);
    }
    Some(out)
}

/// Options that only the first piece has become padding in the others (RFC 791, 3.1).
fn keep_copied_options(mut options: &mut [u8]) {
    while let Some(kind) = options.first().copied() {
        let len = match (kind, options.get(1)) {
            (0, _) => return,
            (1, _) => 1,
            (_, Some(len)) => usize::from(*len).max(2),
            (_, None) => return,
        };
        let Some((option, rest)) = options.split_at_mut_checked(len) else { return };
        if kind & 0x80 == 0 {
            option.fill(1);
        }
        options = rest;
    }
}

fn pieces_v6(packet: &[u8], limit: usize, id: u32) -> Option<Vec<Vec<u8>>> {
    let (header, payload) = packet.split_at_checked(IPV6_HEADER)?;
    let before = IPV6_HEADER.saturating_add(FRAGMENT_HEADER);
    let step = limit.checked_sub(before)? & !7;
    let whole = Part::of(*header.get(6)?, payload, id)?;
    if packet.len() > IPV6_LEAST || EXTENSIONS.contains(&whole.following) || step == 0 {
        return None;
    }
    let mut out = Vec::new();
    for (number, chunk) in whole.payload.chunks(step).enumerate() {
        let from = number.checked_mul(step)?;
        let is_last = from.checked_add(chunk.len())? == whole.payload.len();
        let offset = u16::try_from(from).ok()?.checked_add(whole.offset)?;
        let mut piece = Vec::with_capacity(before.saturating_add(chunk.len()));
        piece.extend(header);
        piece.extend([whole.following, 0]);
        // A multiple of 8, so its low bits are free for 'more'.
        piece.extend((offset | u16::from(whole.has_more || !is_last)).to_be_bytes());
        piece.extend(whole.id.to_be_bytes());
        piece.extend(chunk);
        put(&mut piece, 6, [FRAGMENT]);
        let total = piece.len();
        set_ip_length(&mut piece, false, IPV6_HEADER, total);
        out.push(piece);
    }
    Some(out)
}

/// What follows IPv6's header: all of it, or the piece of a packet that its sender cut.
struct Part<'a> {
    following: u8,
    payload: &'a [u8],
    /// In bytes; a multiple of 8.
    offset: u16,
    has_more: bool,
    id: u32,
}

impl<'a> Part<'a> {
    fn of(following: u8, payload: &'a [u8], id: u32) -> Option<Self> {
        if following != FRAGMENT {
            return Some(Self { following, payload, offset: 0, has_more: false, id });
        }
        let (head, payload) = payload.split_at_checked(FRAGMENT_HEADER)?;
        let place = word(head, 2)?;
        let (offset, has_more) = (place & !7, place & 1 != 0);
        Some(Self { following: *head.first()?, payload, offset, has_more, id: long(head, 4)? })
    }
}
