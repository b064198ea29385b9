//! Superpackets against a naive model: each packet built from its fields, one at a time, with checksums by the book.
//!
//! Splitting must give exactly the packets that the model builds; merging what was split, and splitting that again, must
//! give them back, whatever else is in the batch and in whatever order it came.

use proptest::prelude::*;

use crate::offload::{Coalescer, Gso, Merging, Run, Sum, Superpacket, VIRTIO_HEADER, VirtioHeader};
use crate::{HEADROOM, Opened, PeerId, Span};

const ALL: Merging = Merging { headers: true, tcp: true, udp: true };

/// A flow's packets by their fields.
#[derive(Clone, Debug)]
struct Flow {
    is_v4: bool,
    is_tcp: bool,
    port: u16,
    sequence: u32,
    id: u16,
    is_atomic: bool,
    class: u8,
    options: usize,
    flags: u8,
    size: usize,
    payload: Vec<u8>,
}

impl Flow {
    fn transport(&self) -> usize {
        if self.is_v4 { 20 } else { 40 }
    }

    fn header_len(&self) -> usize {
        self.transport() + if self.is_tcp { 20 + self.options * 4 } else { 8 }
    }

    /// One packet of `payload`, with its own numbers and the whole checksum, or the pseudo header's sum in its place.
    fn packet(&self, id: u16, sequence: u32, flags: u8, payload: &[u8], is_finished: bool) -> Vec<u8> {
        let of_transport = self.header_len() - self.transport() + payload.len();
        let len16 = u16::try_from(of_transport).unwrap().to_be_bytes();
        let mut packet = vec![];
        if self.is_v4 {
            let total = u16::try_from(20 + of_transport).unwrap().to_be_bytes();
            let fragment = if self.is_atomic { 0x40 } else { 0 };
            let [id0, id1] = id.to_be_bytes();
            let number = if self.is_tcp { 6 } else { 17 };
            packet.extend([0x45, self.class, total[0], total[1], id0, id1, fragment, 0, 63, number, 0, 0]);
            packet.extend([10, 0, 0, 1, 10, 0, 0, 2]);
            let sum = Sum::default().plus(&packet).finish();
            packet[10..12].copy_from_slice(&sum);
        } else {
            let number = if self.is_tcp { 6 } else { 17 };
            packet.extend([0x60 | self.class >> 4, self.class << 4, 0, 7, len16[0], len16[1], number, 63]);
            packet.extend([0xfd, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
            packet.extend([0xfd, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        }
        let [p0, p1] = self.port.to_be_bytes();
        packet.extend([p0, p1, 0x14, 0x51]);
        if self.is_tcp {
            packet.extend(sequence.to_be_bytes());
            packet.extend([1, 2, 3, 4, u8::try_from(5 + self.options).unwrap() << 4, flags, 0x80, 0, 0, 0, 0, 0]);
            packet.extend((0..self.options * 4).map(|at| u8::try_from(at).unwrap()));
        } else {
            packet.extend([len16[0], len16[1], 0, 0]);
        }
        packet.extend(payload);
        let at = self.transport() + if self.is_tcp { 16 } else { 6 };
        let mut pseudo = packet[if self.is_v4 { 12..20 } else { 8..40 }].to_vec();
        pseudo.extend([0, if self.is_tcp { 6 } else { 17 }]);
        pseudo.extend(len16);
        let sum = Sum::default().plus(&pseudo);
        let field = if is_finished {
            match sum.plus(&packet[self.transport()..]).finish() {
                [0, 0] if !self.is_tcp => [0xff, 0xff],
                field => field,
            }
        } else {
            sum.partial()
        };
        packet[at..at + 2].copy_from_slice(&field);
        packet
    }

    /// The flow as single packets.
    fn packets(&self) -> Vec<Vec<u8>> {
        let chunks: Vec<&[u8]> =
            if self.payload.is_empty() { vec![&[]] } else { self.payload.chunks(self.size).collect() };
        let last = chunks.len() - 1;
        let each = chunks.iter().enumerate().map(|(number, chunk)| {
            let id = self.id.wrapping_add(u16::try_from(number).unwrap());
            let sequence = self.sequence.wrapping_add(u32::try_from(number * self.size).unwrap());
            let flags = match number {
                _ if number == last && number > 0 => self.flags & !0x80,
                _ if number == last => self.flags,
                0 => self.flags & !0x09,
                _ => self.flags & !0x89,
            };
            self.packet(id, sequence, flags, chunk, true)
        });
        each.collect()
    }

    /// The flow as the kernel hands it over.
    fn superpacket(&self) -> (VirtioHeader, Vec<u8>) {
        let header = VirtioHeader {
            needs_checksum: true,
            gso: match (self.is_tcp, self.is_v4) {
                (false, _) => Gso::Udp,
                (true, true) => Gso::Tcp4,
                (true, false) => Gso::Tcp6,
            },
            has_ecn: false,
            header_len: 7, // a forwarded packet's is wrong
            segment_len: u16::try_from(self.size).unwrap(),
            checksum_start: u16::try_from(self.transport()).unwrap(),
            checksum_offset: if self.is_tcp { 16 } else { 6 },
        };
        (header, self.packet(self.id, self.sequence, self.flags, &self.payload, false))
    }
}

fn split(header: &VirtioHeader, packet: &[u8]) -> Vec<Vec<u8>> {
    let whole = Superpacket::parse(header, packet).unwrap();
    let each = (0..whole.count()).map(|number| {
        let mut out = vec![0xaa; whole.longest()];
        let len = whole.write(number, &mut out).unwrap();
        out.truncate(len);
        out
    });
    let packets: Vec<_> = each.collect();
    assert_eq!(whole.write(whole.count(), &mut [0; 65_535]), None);
    packets
}

/// What the TUN would get for `packets`, which came with these counters.
fn merge(merging: Merging, packets: &[(u64, Vec<u8>)]) -> Vec<(VirtioHeader, Vec<u8>)> {
    let mut arena = vec![];
    let mut opened = vec![];
    for (counter, packet) in packets {
        arena.extend([0x55; HEADROOM]);
        let span = Span { start: arena.len(), len: packet.len() };
        opened.push(Opened { peer: PeerId(1), session: 1, counter: *counter, span });
        arena.extend(packet);
        arena.extend([0x66; 5]);
    }
    let mut coalescer = Coalescer::new(packets.len());
    coalescer.coalesce(merging, &mut arena, &mut opened);
    let gather = |run: &Run| {
        let pieces = coalescer.pieces(run).map(|span| arena[span.start..span.start + span.len].to_vec());
        let before = &arena[run.first.start - VIRTIO_HEADER..run.first.start];
        let header = VirtioHeader::parse(before.try_into().unwrap());
        assert_eq!(header, Some(if merging.headers { run.header } else { header.unwrap_or_default() }));
        (run.header, pieces.collect::<Vec<_>>().concat())
    };
    coalescer.runs().iter().map(gather).collect()
}

fn again(runs: &[(VirtioHeader, Vec<u8>)]) -> Vec<Vec<u8>> {
    runs.iter().flat_map(|(header, packet)| split(header, packet)).collect()
}

prop_compose! {
    fn flows()(
        (is_v4, is_tcp, is_atomic) in any::<(bool, bool, bool)>(),
        (port, sequence, id, class) in any::<(u16, u32, u16, u8)>(),
        options in 0_usize..=10,
        flags in prop_oneof![Just(0x10_u8), Just(0x18), Just(0x11), Just(0x90), Just(0x50)],
        size in 1_usize..2000,
        count in 0_usize..50,
        rest in 0_usize..2000,
        fill: u8,
    ) -> Flow {
        let len = (count * size + rest % size).min(65_000).max(usize::from(!is_tcp));
        let payload = (0..len).map(|at| (at % 255) as u8 ^ fill).collect();
        Flow { is_v4, is_tcp, port, sequence, id, is_atomic, class, options, flags, size, payload }
    }
}

proptest! {
    #[test]
    fn a_superpacket_splits_into_the_packets_it_stands_for(flow in flows()) {
        let (header, packet) = flow.superpacket();
        prop_assert_eq!(split(&header, &packet), flow.packets());
    }

    #[test]
    fn what_was_merged_splits_into_what_it_was_made_of(flow in flows()) {
        let packets = flow.packets();
        let numbered: Vec<_> = packets.iter().cloned().enumerate().map(|(at, packet)| (at as u64, packet)).collect();
        let runs = merge(ALL, &numbered);
        prop_assert_eq!(again(&runs), packets);
    }

    #[test]
    fn a_plain_flow_becomes_few_runs(mut flow in flows()) {
        flow.flags = 0x18;
        let packets = flow.packets();
        let numbered: Vec<_> = packets.iter().cloned().enumerate().map(|(at, packet)| (at as u64, packet)).collect();
        let runs = merge(ALL, &numbered);
        prop_assert!(runs.len() <= packets.len().div_ceil(128) + 1, "{} of {}", runs.len(), packets.len());
    }

    #[test]
    fn flows_that_mingle_out_of_order_come_apart_in_order(
        all in proptest::collection::vec(flows(), 1..6), order in any::<u64>(), is_merging: bool,
    ) {
        let mut flows = all;
        for (number, flow) in flows.iter_mut().enumerate() {
            flow.port = u16::try_from(number).unwrap();
            flow.payload.truncate(9000.max(flow.size));
        }
        let mut queues: Vec<_> = flows.iter().map(|flow| flow.packets().into_iter().peekable()).collect();
        let (mut numbered, mut state) = (vec![], order | 1);
        while queues.iter_mut().any(|queue| queue.peek().is_some()) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (state >> 33) as usize % queues.len();
            numbered.extend(queues[at].next().map(|packet| (numbered.len() as u64, packet)));
        }
        // What the network does to a batch: neighbours change places.
        let len = numbered.len();
        numbered.chunks_mut(1 + (order % 7) as usize).for_each(<[_]>::reverse);
        prop_assert_eq!(numbered.len(), len);
        let merging = Merging { headers: true, tcp: is_merging, udp: true };
        let all = again(&merge(merging, &numbered));
        prop_assert_eq!(all.len(), len);
        for flow in &flows {
            let port = flow.port.to_be_bytes();
            let of_flow = |packet: &&Vec<u8>| {
                let at = if packet[0] >> 4 == 4 { 20 } else { 40 };
                packet[at..at + 2] == port
            };
            let got: Vec<Vec<u8>> = all.iter().filter(of_flow).cloned().collect();
            let (mut expected, mut sorted) = (flow.packets(), got.clone());
            if is_merging || !flow.is_tcp {
                expected.sort();
                sorted.sort();
            }
            prop_assert_eq!(sorted, expected);
        }
    }

    #[test]
    fn one_wrong_bit_is_handed_on_as_it_came(flow in flows(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut packets = flow.packets();
        let which = at.index(packets.len());
        let place = flow.header_len() + at.index(packets[which].len().max(flow.header_len() + 1) - flow.header_len());
        prop_assume!(place < packets[which].len());
        packets[which][place] ^= 1_u8 << bit;
        let numbered: Vec<_> = packets.iter().cloned().enumerate().map(|(at, packet)| (at as u64, packet)).collect();
        prop_assert_eq!(again(&merge(ALL, &numbered)), packets);
    }

    #[test]
    fn any_header_over_any_bytes_reads_nothing_outside(header in any::<[u8; 10]>(), packet in any::<Vec<u8>>()) {
        let Some(header) = VirtioHeader::parse(&header) else { return Ok(()) };
        if let Ok(whole) = Superpacket::parse(&header, &packet) {
            let mut out = vec![0; whole.longest()];
            for number in 0..whole.count() {
                prop_assert!(whole.write(number, &mut out).is_some_and(|len| len <= whole.longest()));
            }
        }
    }
}

fn plain() -> Flow {
    Flow {
        is_v4: true,
        is_tcp: true,
        port: 9,
        sequence: 7,
        id: 1,
        is_atomic: true,
        class: 0,
        options: 3,
        flags: 0x10,
        size: 100,
        payload: vec![7; 1000],
    }
}

fn numbered(packets: &[Vec<u8>]) -> Vec<(u64, Vec<u8>)> {
    packets.iter().cloned().enumerate().map(|(at, packet)| (at as u64, packet)).collect()
}

#[test]
fn a_bare_acknowledgement_does_not_end_its_flows_run() {
    let flow = plain();
    let mut packets = flow.packets();
    packets.insert(5, flow.packet(99, 7, 0x10, &[], true));
    let runs = merge(ALL, &numbered(&packets));
    assert_eq!(runs.iter().map(|(header, _)| header.gso).collect::<Vec<_>>(), [Gso::Tcp4, Gso::None]);
}

#[test]
fn congestion_marks_keep_packets_apart() {
    let flow = plain();
    let marked = Flow { class: 3, ..flow.clone() };
    let mut packets = flow.packets();
    packets.splice(5..6, marked.packets().get(5).cloned());
    let runs = merge(ALL, &numbered(&packets));
    assert_eq!(runs.len(), 3);
    assert_eq!(again(&runs), packets);
}

#[test]
fn nothing_merges_across_what_must_not_merge() {
    for flags in [0x11, 0x14, 0x02, 0x30, 0x90] {
        let flow = plain();
        let mut packets = flow.packets();
        packets.insert(5, flow.packet(99, 507, flags, b"x", true));
        let runs = merge(ALL, &numbered(&packets));
        assert_eq!(runs.len(), 3, "{flags:x}");
        assert_eq!(again(&runs), packets);
    }
}

#[test]
fn a_datagram_without_a_checksum_stays_as_it_is() {
    let flow = Flow { is_tcp: false, ..plain() };
    let mut packets = flow.packets();
    packets.iter_mut().for_each(|packet| packet[26..28].fill(0));
    let runs = merge(ALL, &numbered(&packets));
    assert_eq!(runs.len(), packets.len());
    assert_eq!(again(&runs), packets);
}

#[test]
fn only_the_first_segment_says_that_congestion_was_echoed() {
    let flow = Flow { flags: 0x98, ..plain() };
    let (mut header, packet) = flow.superpacket();
    header.has_ecn = true;
    let flags: Vec<u8> = split(&header, &packet).iter().map(|packet| packet[33]).collect();
    assert_eq!(flags, [0x90, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x18]);
}
