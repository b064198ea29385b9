//! What comes from the TUN and what goes to it: splitting stays within its bytes, and merging can be undone.

use super::input::Input;
use crate::offload::{Coalescer, Gso, Merging, Sum, Superpacket, VirtioHeader};
use crate::{HEADROOM, Opened, PeerId, Span};

/// Packets of a batch; more would only cost time.
const PACKETS: usize = 24;

/// A packet under any virtio header: segments lie within what was promised, and carry each byte of the payload once.
pub(super) fn superpacket(data: &[u8]) {
    let Some((header, packet)) = data.split_first_chunk() else { return };
    let Some(header) = VirtioHeader::parse(header) else { return };
    assert_eq!(VirtioHeader::parse(&header.bytes()), Some(header));
    let Ok(whole) = Superpacket::parse(&header, packet) else { return };
    let (count, longest) = (whole.count(), whole.longest());
    assert!(count >= 1 && longest <= packet.len().max(1));
    let mut out = vec![0; longest];
    let mut total = 0;
    for number in 0..count {
        let len = whole.write(number, &mut out).expect("room for the longest");
        assert!(len <= longest);
        assert!(number + 1 == count || len == longest, "only the last is shorter");
        assert_eq!(whole.write(number, &mut out[..len - 1]), None, "no room");
        total += len;
    }
    assert_eq!(whole.write(count, &mut out), None);
    if header.gso == Gso::None {
        assert_eq!((count, total), (1, packet.len()));
    }
}

/// A batch of packets, of a few flows and of anything: what is written to the TUN splits into the same packets, each
/// flow in its order.
pub(super) fn merge(data: &[u8]) {
    let mut input = Input::new(data);
    let merging = Merging { headers: true, tcp: input.flag(), udp: input.flag() };
    let (mut arena, mut opened, mut packets) = (vec![], vec![], vec![]);
    let mut sequences = [1000_u32; 4];
    while !input.is_empty() && packets.len() < PACKETS {
        let packet = if input.below(8) == 0 { input.some().to_vec() } else { of_flow(&mut input, &mut sequences) };
        arena.extend([0; HEADROOM]);
        let span = Span { start: arena.len(), len: packet.len() };
        opened.push(Opened { peer: PeerId(1), session: 1, counter: packets.len() as u64, span });
        arena.extend(&packet);
        packets.push(packet);
    }
    if input.flag() {
        opened.reverse();
    }
    let mut coalescer = Coalescer::new(0);
    coalescer.coalesce(merging, &mut arena, &mut opened);
    let mut again = vec![];
    for run in coalescer.runs() {
        let bytes: Vec<u8> = coalescer.pieces(run).flat_map(|span| arena[span.start..][..span.len].to_vec()).collect();
        if run.count == 1 {
            again.push(bytes);
            continue;
        }
        let whole = Superpacket::parse(&run.header, &bytes).expect("what was merged can be split");
        assert_eq!(whole.count(), run.count);
        for number in 0..run.count {
            let mut out = vec![0; whole.longest()];
            let len = whole.write(number, &mut out).expect("room for the longest");
            again.push(out[..len].to_vec());
        }
    }
    let known = |packets: Vec<Vec<u8>>| {
        let mut known: Vec<Vec<u8>> = packets.into_iter().map(without_id).collect();
        known.sort();
        known
    };
    assert_eq!(known(again), known(packets));
}

/// A packet with DF may get another IP-ID, and with it another header checksum.
fn without_id(mut packet: Vec<u8>) -> Vec<u8> {
    if packet.len() >= 20 && packet[0] == 0x45 && packet[6] & 0x40 != 0 {
        packet[4..6].fill(0);
        packet[10..12].fill(0);
    }
    packet
}

/// A packet of one of four flows (TCP and UDP over IPv4 and IPv6), that often follows the one before it.
fn of_flow(input: &mut Input<'_>, sequences: &mut [u32; 4]) -> Vec<u8> {
    let which = input.below(4);
    let (is_v4, is_tcp) = (which & 1 == 0, which & 2 == 0);
    let (oddity, flags) = (input.byte(), if input.flag() { 0x10 } else { input.byte() });
    let payload = vec![input.byte(); input.below(40)];
    let sequence = sequences[which].wrapping_add(u32::from(oddity == 1));
    sequences[which] = sequence.wrapping_add(payload.len() as u32);
    let mut transport = vec![0, which as u8, 0, 9];
    if is_tcp {
        transport.extend(sequence.to_be_bytes());
        transport.extend([0, 0, 0, u8::from(oddity == 2), 0x50, flags, 1, 0, 0, 0, 0, 0]);
    } else {
        transport.extend([0, (8 + payload.len()) as u8, 0, 0]);
    }
    transport.extend(&payload);
    let length = (transport.len() as u16).to_be_bytes();
    let number = if is_tcp { 6 } else { 17 };
    let mut packet = if is_v4 {
        let total = (20 + transport.len() as u16).to_be_bytes();
        let fragment = if oddity & 1 == 0 { 0x40 } else { oddity & 0x3f };
        let mut header = vec![0x45, u8::from(oddity == 3), total[0], total[1], 0, 1, fragment, 0, 64, number, 0, 0];
        header.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        let sum = Sum::default().plus(&header).finish();
        header[10..12].copy_from_slice(&sum);
        header
    } else {
        let mut header = vec![0x60, 0, 0, u8::from(oddity == 3), length[0], length[1], number, 64];
        header.extend([0xfd; 16]);
        header.extend([0xfc; 16]);
        header
    };
    let addresses = if is_v4 { 12..20 } else { 8..40 };
    let pseudo = Sum::default().plus(&packet[addresses]).plus(&[0, number]).plus(&length);
    let sum = if oddity == 4 { [1, 2] } else { pseudo.plus(&transport).finish() };
    let at = if is_tcp { 16 } else { 6 };
    transport[at..at + 2].copy_from_slice(&sum);
    packet.extend(transport);
    packet
}
