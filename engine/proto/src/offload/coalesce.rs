//! Opened packets of one flow into superpackets, as a card with receive offload does: without moving a payload.
//!
//! A run is a chain of places: the first packet whole, then the payloads of those that follow it. Headers are changed in
//! place, and the virtio header goes into the room before the first packet, where the transport message's header was.
//! The rules are the kernel's own (`net/ipv4/tcp_offload.c`, `udp_offload.c`): packets merge only if splitting the
//! result gives them back (but for the IP-ID of IPv4 packets with DF, which means nothing), each with a checksum that was verified before. A run of one keeps its own checksum. Runs
//! leave in the order of their first packets, so a flow keeps its order: what cannot merge ends its flow's run.

use super::checksum::{Adder, Sum};
use super::headers::{ACK, CWR, FIN, PSH, RST, SYN, Transport, URG, long, pseudo, put, set_ip_length, short, word};
use super::virtio::{Gso, VIRTIO_HEADER, VirtioHeader};
use crate::limits::{OPEN_RUNS, RUN_BYTES, RUN_PIECES};
use crate::{Opened, Span};

/// What the TUN takes merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Merging {
    /// Each packet has a virtio header before it.
    pub headers: bool,
    /// TCP over IPv4 and IPv6.
    pub tcp: bool,
    /// UDP over both.
    pub udp: bool,
}

/// One write to the TUN: see [`Coalescer::pieces`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first packet, with the virtio header before it where the TUN wants one.
    pub first: Span,
    /// Packets in it.
    pub count: usize,
    /// The virtio header.
    pub header: VirtioHeader,
    /// The chain of further payloads.
    next: Option<u32>,
    last: u32,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    span: Span,
    next: Option<u32>,
}

/// A run that may still grow, with what the next packet has to match.
#[derive(Clone, Copy, Debug)]
struct Open {
    run: usize,
    shape: Shape,
    /// Payload of each packet; the first one's.
    size: usize,
    /// Bytes of the superpacket so far.
    total: usize,
    /// The sequence number that follows.
    sequence: u32,
    /// The first packet's checksum was looked at.
    is_verified: bool,
    /// The last packet said PSH.
    has_push: bool,
}

/// Where things stand in a packet that could merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    kind: Transport,
    is_v4: bool,
    transport: usize,
    payload: usize,
}

/// What to do with a packet.
enum Fate {
    /// It has no flow that we know: alone.
    Stranger,
    /// Alone, and its flow's run goes on (a bare acknowledgement).
    Aside,
    /// Alone, and its flow's run ends.
    Barrier(Shape),
    /// It may merge.
    Mergeable(Shape),
}

/// Makes runs of a batch. Made once: it allocates until it has seen the largest batch.
#[derive(Debug, Default)]
pub struct Coalescer {
    runs: Vec<Run>,
    pieces: Vec<Piece>,
    /// The newest flow last.
    open: Vec<Open>,
    adder: Adder,
}

impl Coalescer {
    /// One with room for batches of so many packets.
    #[must_use]
    pub fn new(packets: usize) -> Self {
        Self {
            runs: Vec::with_capacity(packets),
            pieces: Vec::with_capacity(packets),
            open: Vec::with_capacity(OPEN_RUNS),
            adder: Adder::default(),
        }
    }

    /// The same, checksums verified by `adder`.
    #[must_use]
    pub fn summed_by(mut self, adder: Adder) -> Self {
        self.adder = adder;
        self
    }

    /// Make runs of `opened`, which lies in `arena`, each packet with [`crate::HEADROOM`] bytes before it. `opened` is
    /// put into the order in which it was sealed first.
    pub fn coalesce(&mut self, merging: Merging, arena: &mut [u8], opened: &mut [Opened]) {
        self.runs.clear();
        self.pieces.clear();
        self.open.clear();
        in_order(opened);
        for packet in opened.iter() {
            self.take(merging, arena, packet.span);
        }
        while let Some(open) = self.open.pop() {
            self.end(arena, &open);
        }
        if merging.headers {
            for run in &self.runs {
                let at = run.first.start.checked_sub(VIRTIO_HEADER);
                at.into_iter().for_each(|at| put(arena, at, run.header.bytes()));
            }
        }
    }

    /// Leave out the runs that `may_pass` does not let through; it is given a run's first packet and how many there are.
    pub(crate) fn retain(&mut self, arena: &[u8], mut may_pass: impl FnMut(&[u8], usize) -> bool) {
        self.runs.retain(|run| {
            let end = run.first.start.saturating_add(run.first.len);
            arena.get(run.first.start..end).is_some_and(|first| may_pass(first, run.count))
        });
    }

    /// What to write, in order.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The places of a run one after the other: the first packet, then payloads.
    pub fn pieces(&self, run: &Run) -> impl Iterator<Item = Span> {
        let mut next = run.next;
        let rest = core::iter::from_fn(move || {
            let piece = self.pieces.get(next? as usize)?;
            next = piece.next;
            Some(piece.span)
        });
        core::iter::once(run.first).chain(rest)
    }

    fn take(&mut self, merging: Merging, arena: &mut [u8], span: Span) {
        let Some(packet) = span.start.checked_add(span.len).and_then(|end| arena.get(span.start..end)) else { return };
        match fate(merging, packet) {
            Fate::Stranger | Fate::Aside => {
                self.begin(span);
            }
            Fate::Barrier(shape) => {
                self.leave(arena, span, shape);
                self.begin(span);
            }
            Fate::Mergeable(shape) => self.merge(arena, span, shape),
        }
    }

    /// The place in `open` of the packet's flow.
    fn find(&self, arena: &[u8], span: Span, shape: Shape) -> Option<usize> {
        let of = |open: &Open| {
            let first = self.runs.get(open.run)?.first;
            let same = open.shape.kind == shape.kind && open.shape.is_v4 == shape.is_v4;
            (same && flow(arena, first, open.shape)? == flow(arena, span, shape)?).then_some(())
        };
        self.open.iter().rposition(|open| of(open).is_some())
    }

    fn merge(&mut self, arena: &mut [u8], span: Span, shape: Shape) {
        if let Some(place) = self.find(arena, span, shape) {
            let open = self.open.get(place).copied();
            let grown = open.and_then(|open| self.append(arena, span, shape, open));
            let open = match (grown, self.open.get_mut(place)) {
                (Some((open, true)), Some(to)) => {
                    *to = open;
                    return;
                }
                _ => self.open.remove(place),
            };
            self.end(arena, &grown.map_or(open, |(open, _)| open));
            if grown.is_some() {
                return;
            }
        }
        let run = self.begin(span);
        let packet = arena.get(span.start..).and_then(|rest| rest.get(..span.len)).unwrap_or_default();
        let Some(open) = Open::new(run, shape, packet).filter(|open| !open.has_push) else { return };
        if self.open.len() >= OPEN_RUNS {
            let oldest = self.open.remove(0);
            self.end(arena, &oldest);
        }
        self.open.push(open);
    }

    /// Add a packet to its flow's run: the run's new state and whether it may grow on; `None` if it does not fit.
    fn append(&mut self, arena: &[u8], span: Span, shape: Shape, mut open: Open) -> Option<(Open, bool)> {
        let run = self.runs.get_mut(open.run)?;
        let first = arena.get(run.first.start..)?.get(..run.first.len)?;
        let packet = arena.get(span.start..)?.get(..span.len)?;
        let len = span.len.checked_sub(shape.payload)?;
        let total = open.total.checked_add(len)?;
        if shape != open.shape || len > open.size || total > RUN_BYTES || run.count >= RUN_PIECES || open.has_push {
            return None;
        }
        if !same_headers(first, packet, shape, run.count)
            || (shape.kind == Transport::Tcp && long_at(packet, shape)? != open.sequence)
        {
            return None;
        }
        if !open.is_verified && !is_valid(self.adder, first, shape) {
            return None;
        }
        open.is_verified = true;
        if !is_valid(self.adder, packet, shape) {
            return None;
        }
        let place = u32::try_from(self.pieces.len()).ok()?;
        let payload = Span { start: span.start.checked_add(shape.payload)?, len };
        self.pieces.push(Piece { span: payload, next: None });
        match run.next {
            None => run.next = Some(place),
            Some(_) => self.pieces.get_mut(run.last as usize)?.next = Some(place),
        }
        run.last = place;
        run.count = run.count.saturating_add(1);
        open.total = total;
        open.sequence = open.sequence.wrapping_add(u32::try_from(len).ok()?);
        open.has_push = has_push(packet, shape);
        Some((open, len == open.size && !open.has_push))
    }

    /// A run of this one packet.
    fn begin(&mut self, first: Span) -> usize {
        self.runs.push(Run { first, count: 1, header: VirtioHeader::default(), next: None, last: 0 });
        self.runs.len().saturating_sub(1)
    }

    /// The flow's run ends here.
    fn leave(&mut self, arena: &mut [u8], span: Span, shape: Shape) {
        if let Some(place) = self.find(arena, span, shape) {
            let open = self.open.remove(place);
            self.end(arena, &open);
        }
    }

    /// Make the first packet's headers those of the superpacket.
    fn end(&mut self, arena: &mut [u8], open: &Open) {
        let Some(run) = self.runs.get_mut(open.run).filter(|run| run.count > 1) else { return };
        let Some(first) = arena.get_mut(run.first.start..).and_then(|rest| rest.get_mut(..run.first.len)) else {
            return;
        };
        let Shape { kind, is_v4, transport, payload } = open.shape;
        let of_transport = open.total.saturating_sub(transport);
        set_ip_length(first, is_v4, transport, open.total);
        let sum = pseudo(first, is_v4, kind, of_transport).unwrap_or_default();
        let Some(header) = first.get_mut(transport..) else { return };
        put(header, kind.checksum_at(), sum.partial());
        match kind {
            Transport::Udp => put(header, 4, short(of_transport).to_be_bytes()),
            Transport::Tcp if open.has_push => header.get_mut(13).into_iter().for_each(|flags| *flags |= PSH),
            Transport::Tcp => {}
        }
        let gso = match (kind, is_v4) {
            (Transport::Udp, _) => Gso::Udp,
            (Transport::Tcp, true) => Gso::Tcp4,
            (Transport::Tcp, false) => Gso::Tcp6,
        };
        run.header = VirtioHeader {
            needs_checksum: true,
            gso,
            has_ecn: false,
            header_len: short(payload),
            segment_len: short(open.size),
            checksum_start: short(transport),
            checksum_offset: short(kind.checksum_at()),
        };
    }
}

impl Open {
    fn new(run: usize, shape: Shape, packet: &[u8]) -> Option<Self> {
        let size = packet.len().checked_sub(shape.payload)?;
        let sequence = match shape.kind {
            Transport::Tcp => long_at(packet, shape)?.wrapping_add(u32::try_from(size).ok()?),
            Transport::Udp => 0,
        };
        let has_push = has_push(packet, shape);
        Some(Self { run, shape, size, total: packet.len(), sequence, is_verified: false, has_push })
    }
}

/// Sort each stretch of one session by its counter; nearly always there is nothing to do.
fn in_order(opened: &mut [Opened]) {
    for stretch in opened.chunk_by_mut(|a, b| a.session == b.session) {
        if !stretch.is_sorted_by_key(|packet| packet.counter) {
            stretch.sort_unstable_by_key(|packet| packet.counter);
        }
    }
}

/// TCP's sequence number.
fn long_at(packet: &[u8], shape: Shape) -> Option<u32> {
    long(packet, shape.transport.checked_add(4)?)
}

/// Is the receiver to hand on what it has? Nothing may follow in the same run.
fn has_push(packet: &[u8], shape: Shape) -> bool {
    let flags = shape.transport.checked_add(13).and_then(|at| packet.get(at));
    shape.kind == Transport::Tcp && flags.is_some_and(|flags| flags & PSH != 0)
}

/// Addresses and ports.
fn flow(arena: &[u8], span: Span, shape: Shape) -> Option<(&[u8], &[u8])> {
    let packet = arena.get(span.start..)?.get(..span.len)?;
    let addresses = if shape.is_v4 { packet.get(12..20)? } else { packet.get(8..40)? };
    Some((addresses, packet.get(shape.transport..)?.get(..4)?))
}

fn fate(merging: Merging, packet: &[u8]) -> Fate {
    let Some((kind, is_v4, transport)) = transport_of(packet) else { return Fate::Stranger };
    let wanted = match kind {
        Transport::Tcp => merging.tcp,
        Transport::Udp => merging.udp,
    };
    let header = packet.get(transport..).unwrap_or_default();
    let Some(len) = kind.header_len(header).filter(|_| wanted) else { return Fate::Stranger };
    let shape = Shape { kind, is_v4, transport, payload: transport.saturating_add(len) };
    let has_payload = packet.len() > shape.payload;
    match kind {
        Transport::Tcp => match header.get(13).copied().unwrap_or_default() {
            flags if flags & (SYN | FIN | RST | URG | CWR) != 0 || flags & ACK == 0 => Fate::Barrier(shape),
            _ if !has_payload => Fate::Aside,
            _ => Fate::Mergeable(shape),
        },
        Transport::Udp => {
            let whole = word(header, 4).map(usize::from) == Some(header.len());
            let has_sum = word(header, 6) != Some(0);
            if has_payload && whole && has_sum { Fate::Mergeable(shape) } else { Fate::Barrier(shape) }
        }
    }
}

/// Transport, version, and where the transport header begins; `None` for what has options, extensions or is a
/// fragment.
fn transport_of(packet: &[u8]) -> Option<(Transport, bool, usize)> {
    let (number, is_v4, transport, len) = match *packet.first()? {
        // Neither more fragments nor an offset.
        0x45 if word(packet, 6)? & 0x3fff == 0 => (*packet.get(9)?, true, 20, usize::from(word(packet, 2)?)),
        first if first >> 4 == 6 => (*packet.get(6)?, false, 40, usize::from(word(packet, 4)?).checked_add(40)?),
        _ => return None,
    };
    let kind = [Transport::Tcp, Transport::Udp].into_iter().find(|kind| kind.number() == number)?;
    (packet.len() > transport && packet.len() == len).then_some((kind, is_v4, transport))
}

/// Is `packet`, the run's next after `count` others, in all but lengths, numbers and checksums what `first` is?
/// Addresses and ports are known to be the same.
fn same_headers(first: &[u8], packet: &[u8], shape: Shape, count: usize) -> bool {
    let same = |from: usize, to: usize| {
        let range = from..to;
        first.get(range.clone()).is_some_and(|field| packet.get(range) == Some(field))
    };
    let same_ip = if shape.is_v4 {
        // Service and ECN, DF and the reserved bit, time to live.
        same(1, 2) && same(6, 9) && follows_id(first, packet, count)
    } else {
        // Class, ECN and flow label, hop limit.
        same(0, 4) && same(7, 8)
    };
    let at = |offset: usize| shape.transport.saturating_add(offset);
    same_ip
        && match shape.kind {
            Transport::Udp => true,
            Transport::Tcp => {
                let flags = |packet: &[u8]| packet.get(at(13)).map(|flags| flags & !PSH);
                // Acknowledgement and header length, flags but PSH, window, options.
                same(at(8), at(13))
                    && flags(first) == flags(packet)
                    && same(at(14), at(16))
                    && same(at(20), shape.payload)
            }
        }
}

/// A datagram that may be fragmented needs its own IP-ID back: it has to count up. With DF it means nothing (RFC 6864).
fn follows_id(first: &[u8], packet: &[u8], count: usize) -> bool {
    let is_atomic = first.get(6).is_some_and(|flags| flags & 0x40 != 0);
    is_atomic || word(packet, 4) == word(first, 4).map(|id| id.wrapping_add(short(count)))
}

fn is_valid(adder: Adder, packet: &[u8], shape: Shape) -> bool {
    let ip_holds = !shape.is_v4 || Sum::default().plus(packet.get(..20).unwrap_or_default()).is_valid();
    let transport = packet.get(shape.transport..).unwrap_or_default();
    ip_holds
        && pseudo(packet, shape.is_v4, shape.kind, transport.len())
            .is_some_and(|sum| adder.add(sum, transport).is_valid())
}
