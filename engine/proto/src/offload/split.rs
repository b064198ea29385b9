//! One superpacket of the TUN into packets that fit the link, as a card with segmentation offload does.
//!
//! Segments are written one by one into the caller's memory, right where they are sealed. Each takes the superpacket's
//! headers with its own lengths, sequence number or IP-ID, flags and checksums. Invariant: whatever the kernel's header
//! says, no byte outside the packet is read, and a segment is never longer than [`Superpacket::longest`].

use core::net::IpAddr;

use super::checksum::{Adder, Sum};
use super::headers::{CWR, FIN, PSH, Transport, long, put, short, word};
use super::virtio::{Gso, VirtioHeader};
use crate::inner;

/// Why a packet of the TUN cannot be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Neither IPv4 nor IPv6, or cut.
    NotIp,
    /// The offsets of its header do not lie within it, or do not fit its kind.
    Offsets,
}

/// A packet as the TUN gives it, whole or to be split.
#[derive(Clone, Copy, Debug)]
pub struct Superpacket<'a> {
    packet: &'a [u8],
    destination: IpAddr,
    shape: Shape,
    adder: Adder,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    /// To be taken as it is.
    Whole,
    /// Its checksum waits to be finished: where the sum begins, and where it goes.
    Unfinished {
        start: usize,
        field: usize,
        is_udp: bool,
    },
    Segments(Segments),
}

#[derive(Clone, Copy, Debug)]
struct Segments {
    kind: Transport,
    is_v4: bool,
    /// Where the transport header begins and where the payload does.
    transport: usize,
    payload: usize,
    /// Bytes of payload in each segment but the last.
    size: usize,
    /// IPv4's header without its length, identification and checksum.
    ip_sum: Sum,
}

impl<'a> Superpacket<'a> {
    /// Look at a packet through its header.
    ///
    /// # Errors
    /// See [`Malformed`].
    pub fn parse(header: &VirtioHeader, packet: &'a [u8]) -> Result<Self, Malformed> {
        let destination = inner::destination(packet).ok_or(Malformed::NotIp)?;
        let start = usize::from(header.checksum_start);
        let shape = match header.gso {
            Gso::None if !header.needs_checksum => Shape::Whole,
            Gso::None => unfinished(packet, start, header.checksum_offset).ok_or(Malformed::Offsets)?,
            Gso::Tcp4 | Gso::Tcp6 | Gso::Udp => {
                let is_v4 = destination.is_ipv4();
                let kind = if header.gso == Gso::Udp { Transport::Udp } else { Transport::Tcp };
                let wrong_version =
                    (header.gso == Gso::Tcp4 && !is_v4) || (header.gso == Gso::Tcp6 && is_v4) || !header.needs_checksum;
                let segments = segments(packet, kind, is_v4, start, usize::from(header.segment_len));
                Shape::Segments(segments.filter(|_| !wrong_version).ok_or(Malformed::Offsets)?)
            }
        };
        Ok(Self { packet, destination, shape, adder: Adder::default() })
    }

    /// The same, its payload summed by `adder`.
    #[must_use]
    pub fn summed_by(mut self, adder: Adder) -> Self {
        self.adder = adder;
        self
    }

    /// Where to.
    #[must_use]
    pub fn destination(&self) -> IpAddr {
        self.destination
    }

    /// As the TUN gave it.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.packet
    }

    /// How many packets come of it; at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        match self.shape {
            Shape::Whole | Shape::Unfinished { .. } => 1,
            Shape::Segments(it) => self.packet.len().saturating_sub(it.payload).div_ceil(it.size).max(1),
        }
    }

    /// Length of the longest of them, in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        match self.shape {
            Shape::Whole | Shape::Unfinished { .. } => self.packet.len(),
            Shape::Segments(it) => self.packet.len().min(it.payload.saturating_add(it.size)),
        }
    }

    /// Write packet number `number` (from 0) to the beginning of `out`; its length, or `None` if there is no such
    /// packet or no room for it.
    pub fn write(&self, number: usize, out: &mut [u8]) -> Option<usize> {
        match self.shape {
            Shape::Segments(it) => it.write(self.packet, self.adder, number, out),
            Shape::Whole | Shape::Unfinished { .. } if number > 0 => None,
            Shape::Whole => {
                out.get_mut(..self.packet.len())?.copy_from_slice(self.packet);
                Some(self.packet.len())
            }
            Shape::Unfinished { start, field, is_udp } => {
                let out = out.get_mut(..self.packet.len())?;
                out.copy_from_slice(self.packet);
                // The field holds the pseudo header's sum, so summing over it is what is wanted.
                let sum = self.adder.add(Sum::default(), out.get(start..)?);
                put(out, field, finished(sum, is_udp));
                Some(out.len())
            }
        }
    }
}

/// Zero would say that UDP has no checksum (RFC 768).
fn finished(sum: Sum, is_udp: bool) -> [u8; 2] {
    match sum.finish() {
        [0, 0] if is_udp => [0xff, 0xff],
        field => field,
    }
}

fn unfinished(packet: &[u8], start: usize, offset: u16) -> Option<Shape> {
    let field = start.checked_add(usize::from(offset))?;
    packet.get(field..field.checked_add(2)?)?;
    let is_v4 = packet.first()? >> 4 == 4;
    let protocol = if is_v4 { *packet.get(9)? } else { *packet.get(6)? };
    let is_udp = protocol == Transport::Udp.number() && usize::from(offset) == Transport::Udp.checksum_at();
    (start >= if is_v4 { 20 } else { 40 }).then_some(Shape::Unfinished { start, field, is_udp })
}

fn segments(packet: &[u8], kind: Transport, is_v4: bool, transport: usize, size: usize) -> Option<Segments> {
    let ip_len = if is_v4 { usize::from(packet.first()? & 15).checked_mul(4)? } else { transport };
    if ip_len != transport || transport < if is_v4 { 20 } else { 40 } || size == 0 {
        return None;
    }
    let payload = transport.checked_add(kind.header_len(packet.get(transport..)?)?)?;
    let ip_sum = if is_v4 {
        let [len, id, sum] = [word(packet, 2)?, word(packet, 4)?, word(packet, 10)?];
        Sum::default().plus(packet.get(..transport)?).without_word(len).without_word(id).without_word(sum)
    } else {
        Sum::default()
    };
    // Lengths of segments are 16 bits; the first segment's are the largest.
    (packet.len() <= 65_575 && payload.checked_add(size)? <= 65_535).then_some(Segments {
        kind,
        is_v4,
        transport,
        payload,
        size,
        ip_sum,
    })
}

impl Segments {
    fn write(&self, packet: &[u8], adder: Adder, number: usize, out: &mut [u8]) -> Option<usize> {
        let (headers, payload) = packet.split_at_checked(self.payload)?;
        let from = number.checked_mul(self.size)?;
        let rest = payload.get(from..)?;
        if rest.is_empty() && number > 0 {
            return None;
        }
        let is_last = rest.len() <= self.size;
        let chunk = if is_last { rest } else { rest.get(..self.size)? };
        let out = out.get_mut(..headers.len().checked_add(chunk.len())?)?;
        let (head, body) = out.split_at_mut(headers.len());
        head.copy_from_slice(headers);
        body.copy_from_slice(chunk);

        let total = head.len().checked_add(body.len())?;
        if self.is_v4 {
            let id = word(head, 4)?.wrapping_add(short(number));
            put(head, 2, short(total).to_be_bytes());
            put(head, 4, id.to_be_bytes());
            put(head, 10, self.ip_sum.add_word(short(total)).add_word(id).finish());
        } else {
            put(head, 4, short(total.saturating_sub(40)).to_be_bytes());
        }
        let whole = packet.get(self.transport..)?.len();
        let segment = out.get_mut(self.transport..)?;
        let pseudo = self.finish(segment, whole, number, from, is_last)?;
        let sum = adder.add(pseudo, segment);
        put(segment, self.kind.checksum_at(), finished(sum, self.kind == Transport::Udp));
        Some(total)
    }

    /// The transport's own fields but the checksum: what has to be added to the segment's sum. `whole` is its length in
    /// the superpacket.
    fn finish(&self, segment: &mut [u8], whole: usize, number: usize, from: usize, is_last: bool) -> Option<Sum> {
        match self.kind {
            Transport::Tcp => {
                let sequence = long(segment, 4)?.wrapping_add(u32::try_from(from).ok()?);
                put(segment, 4, sequence.to_be_bytes());
                let flags = segment.get_mut(13)?;
                if !is_last {
                    *flags &= !(FIN | PSH);
                }
                if number > 0 {
                    *flags &= !CWR;
                }
            }
            Transport::Udp => put(segment, 4, short(segment.len()).to_be_bytes()),
        }
        // The field holds the pseudo header's sum with the superpacket's length in it.
        let at = self.kind.checksum_at();
        let pseudo: [u8; 2] = *segment.get(at..)?.first_chunk()?;
        put(segment, at, [0, 0]);
        Some(Sum::default().add_field(pseudo).without_word(short(whole)).add_word(short(segment.len())))
    }
}
