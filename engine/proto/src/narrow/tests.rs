//! Packets of every kind before a narrow path.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests stop at the first surprise"
)]

use super::{fragment, mss, too_big};
use crate::offload::Sum;

const MTU: usize = 1200;

/// An IPv4 packet with these flags (DF 0x4000, MF 0x2000, offset) and IP options.
pub(crate) fn v4(protocol: u8, place: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = (20 + options.len() + payload.len()) as u16;
    let mut out = vec![0x45 + (options.len() / 4) as u8, 0];
    out.extend(total.to_be_bytes());
    out.extend([0x12, 0x34]);
    out.extend(place.to_be_bytes());
    out.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    out.extend(options);
    let sum = Sum::default().plus(&out).finish();
    out[10..12].copy_from_slice(&sum);
    out.extend(payload);
    out
}

/// An IPv6 packet; `extensions` are whole headers, each beginning with the number of the next one.
pub(crate) fn v6(first: u8, extensions: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x60, 0, 0, 0];
    out.extend(((extensions.len() + payload.len()) as u16).to_be_bytes());
    out.extend([first, 64]);
    out.extend([[0xfd; 16], [0xfc; 16]].concat());
    out.extend(extensions);
    out.extend(payload);
    out
}

/// TCP with these flags and options, its checksum right for addresses that sum to `pseudo`.
fn tcp(packet: impl Fn(&[u8]) -> Vec<u8>, flags: u8, options: &[u8]) -> Vec<u8> {
    let mut segment = vec![0, 80, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, ((5 + options.len() / 4) as u8) << 4, flags];
    segment.extend([0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(options);
    let sum = transport_sum(&packet(&segment), segment.len()).finish();
    segment[16..18].copy_from_slice(&sum);
    packet(&segment)
}

/// The sum over pseudo header and the last `len` bytes.
fn transport_sum(packet: &[u8], len: usize) -> Sum {
    let addresses = if packet[0] >> 4 == 4 { &packet[12..20] } else { &packet[8..40] };
    let pseudo = Sum::default().plus(addresses).add_word(6).add_word(len as u16);
    pseudo.plus(&packet[packet.len() - len..])
}

const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;
/// 1460, then what Linux says beside it.
const USUAL: [u8; 20] = [2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
/// The same behind a single byte of padding.
const ODD: [u8; 8] = [1, 2, 4, 0x05, 0xb4, 1, 1, 0];

#[test]
fn what_a_syn_announces_is_lowered_and_its_checksum_stays_right() {
    let hop = [60, 0, 1, 4, 0, 0, 0, 0];
    let destination = [6, 0, 1, 4, 0, 0, 0, 0];
    let extensions = [hop, destination].concat();
    let plain = |segment: &[u8]| v4(6, 0x4000, &[], segment);
    let with_options = |segment: &[u8]| v4(6, 0x4000, &[1, 1, 1, 0], segment);
    let six = |segment: &[u8]| v6(6, &[], segment);
    let extended = |segment: &[u8]| v6(0, &extensions, segment);
    for flags in [SYN, SYN_ACK, SYN | 0xc0] {
        for (options, at) in [(&USUAL[..], 22), (&ODD[..], 23)] {
            let mut cases = [
                (tcp(plain, flags, options), 20, 1160_u16),
                (tcp(with_options, flags, options), 24, 1160),
                (tcp(six, flags, options), 40, 1140),
                (tcp(extended, flags, options), 56, 1140),
            ];
            for (packet, begins, wanted) in &mut cases {
                let before = packet.clone();
                assert!(mss::clamp(packet, MTU));
                let place = *begins + at;
                assert_eq!(packet[place..place + 2], wanted.to_be_bytes());
                let len = packet.len() - *begins;
                assert!(transport_sum(packet, len).is_valid());
                let changed = packet.iter().zip(&before).filter(|(a, b)| a != b).count();
                assert!(changed <= 4, "the value and the checksum");
                assert!(!mss::clamp(packet, MTU), "it is low enough");
            }
        }
    }
}

#[test]
fn what_announces_nothing_too_high_stays_as_it_is() {
    let plain = |segment: &[u8]| v4(6, 0x4000, &[], segment);
    let low = [2, 4, 0x04, 0x88];
    let auth = [6, 4, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let nine = [[60, 0, 1, 4, 0, 0, 0, 0].repeat(8), vec![6, 0, 1, 4, 0, 0, 0, 0]].concat();
    let mut cut = tcp(plain, SYN, &USUAL);
    cut.truncate(41);
    let mut endless = tcp(plain, SYN, &USUAL);
    endless[41] = 0;
    let packets = [
        tcp(plain, 0x10, &USUAL),
        tcp(plain, SYN, &low),
        tcp(plain, SYN, &[0, 2, 4, 0xff, 0xff, 0, 0, 0]),
        tcp(plain, SYN, &[2, 3, 0xff, 0]),
        tcp(|segment| v4(6, 0x2000, &[], segment), SYN, &USUAL),
        tcp(|segment| v6(51, &auth, segment), SYN, &USUAL),
        tcp(|segment| v6(60, &nine, segment), SYN, &USUAL),
        v4(17, 0, &[], &tcp(plain, SYN, &USUAL)[20..]),
        cut,
        endless,
        vec![],
        vec![0x45; 12],
    ];
    for packet in packets {
        let mut out = packet.clone();
        assert!(!mss::clamp(&mut out, MTU));
        assert_eq!(out, packet);
    }
}

#[test]
fn a_sender_of_ipv4_is_told_what_fits_by_whom_it_sent_to() {
    let packet = v4(17, 0x4000, &[], &[7; 1300]);
    let answer = too_big::answer(&packet, MTU).unwrap();
    assert_eq!((&answer[12..16], &answer[16..20]), (&packet[16..20], &packet[12..16]));
    assert_eq!((answer[9], answer[20], answer[21], &answer[26..28]), (1, 3, 4, &1200_u16.to_be_bytes()[..]));
    assert_eq!(answer[28..], packet[..548]);
    assert_eq!(answer.len(), 576);
    assert!(Sum::default().plus(&answer[..20]).is_valid() && Sum::default().plus(&answer[20..]).is_valid());
}

#[test]
fn a_sender_of_ipv6_is_never_told_of_less_than_every_link_carries() {
    let packet = v6(17, &[], &[7; 1300]);
    for (mtu, told) in [(MTU, 1280_u32), (1300, 1300)] {
        let answer = too_big::answer(&packet, mtu).unwrap();
        assert_eq!((&answer[8..24], &answer[24..40]), (&packet[24..40], &packet[8..24]));
        assert_eq!((answer[6], answer[40], answer[41], &answer[44..48]), (58, 2, 0, &told.to_be_bytes()[..]));
        assert_eq!(answer[48..], packet[..1232]);
        let pseudo = Sum::default().plus(&answer[8..40]).add_word(58).add_word(answer.len() as u16 - 40);
        assert!(pseudo.plus(&answer[40..]).is_valid());
    }
}

#[test]
fn nobody_is_told_about_errors_packets_to_many_or_later_pieces() {
    let icmp = |kind: u8| [vec![kind, 0, 0, 0, 0, 0, 0, 0], v4(17, 0, &[], &[0; 1300])].concat();
    for kind in [3, 4, 5, 11, 12, 13] {
        assert_eq!(too_big::answer(&v4(1, 0x4000, &[], &icmp(kind)), MTU), None, "ICMP {kind}");
    }
    for kind in [1, 2, 3, 4, 137, 200] {
        assert_eq!(too_big::answer(&v6(58, &[], &icmp(kind)), MTU), None, "ICMPv6 {kind}");
    }
    assert!(too_big::answer(&v4(1, 0x4000, &[], &icmp(8)), MTU).is_some(), "an echo is a question");
    assert!(too_big::answer(&v6(58, &[], &icmp(128)), MTU).is_some());
    assert_eq!(too_big::answer(&v4(17, 0x4001, &[], &[0; 1300]), MTU), None);
    assert_eq!(too_big::answer(&v6(44, &[17, 0, 0, 8, 0, 0, 0, 1], &[0; 1300]), MTU), None);
    for (at, bytes) in [(16, [224, 0, 0, 1]), (16, [255; 4]), (12, [0; 4]), (12, [239, 0, 0, 1]), (12, [127, 0, 0, 1])]
    {
        let mut packet = v4(17, 0x4000, &[], &[0; 1300]);
        packet[at..at + 4].copy_from_slice(&bytes);
        assert_eq!(too_big::answer(&packet, MTU), None, "{bytes:?}");
    }
    let mut to_many = v6(17, &[], &[0; 1300]);
    to_many[24] = 0xff;
    assert_eq!(too_big::answer(&to_many, MTU), None);
}

/// What a receiver makes of pieces, in any order.
fn together(pieces: &[Vec<u8>], header: usize) -> Vec<u8> {
    let mut parts: Vec<(u16, &[u8])> =
        pieces.iter().map(|piece| (u16::from_be_bytes([piece[6], piece[7]]) & 0x1fff, &piece[header..])).collect();
    parts.sort();
    parts.iter().flat_map(|(_, part)| part.to_vec()).collect()
}

#[test]
fn ipv4_without_df_is_cut_and_a_piece_may_be_cut_again() {
    let payload: Vec<u8> = (0..1380).map(|at| at as u8).collect();
    let packet = v4(17, 0, &[], &payload);
    let pieces = fragment::pieces(&packet, MTU, 0).unwrap();
    assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [1196, 224]);
    assert_eq!(pieces.iter().map(|piece| piece[6] & 0x20 != 0).collect::<Vec<_>>(), [true, false]);
    assert!(pieces.iter().all(|piece| piece[4..6] == [0x12, 0x34] && Sum::default().plus(&piece[..20]).is_valid()));
    assert_eq!(together(&pieces, 20), payload);
    let again: Vec<_> = pieces.iter().flat_map(|piece| fragment::pieces(piece, 576, 0).unwrap()).collect();
    assert_eq!(again.iter().filter(|piece| piece[6] & 0x20 == 0).count(), 1, "one is the last");
    assert_eq!(together(&again, 20), payload);
    assert_eq!(fragment::pieces(&v4(17, 0x4000, &[], &payload), MTU, 0), None, "DF");
}

#[test]
fn options_that_are_not_copied_stand_in_the_first_piece_only() {
    // Record route (7) is not copied, router alert (148) is.
    let options = [7, 7, 4, 1, 2, 3, 4, 148, 4, 0, 0, 0];
    let packet = v4(17, 0, &options, &[9; 1380]);
    let pieces = fragment::pieces(&packet, MTU, 0).unwrap();
    assert_eq!(pieces[0][20..32], options);
    assert_eq!(pieces[1][20..32], [1, 1, 1, 1, 1, 1, 1, 148, 4, 0, 0, 0]);
    assert_eq!(together(&pieces, 32), vec![9; 1380]);
}

#[test]
fn small_ipv6_is_cut_where_the_path_carries_less_than_every_link_should() {
    let payload: Vec<u8> = (0..1240).map(|at| at as u8).collect();
    let packet = v6(6, &[], &payload);
    let pieces = fragment::pieces(&packet, MTU, 0x0102_0304).unwrap();
    assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [1200, 136]);
    let heads: Vec<_> = pieces.iter().map(|piece| piece[40..48].to_vec()).collect();
    assert_eq!(heads, [[6, 0, 0, 1, 1, 2, 3, 4], [6, 0, 0x04, 0x80, 1, 2, 3, 4]]);
    let body: Vec<u8> = pieces.iter().flat_map(|piece| piece[48..].to_vec()).collect();
    assert_eq!(body, payload);
    assert_eq!(fragment::pieces(&v6(6, &[], &[0; 1241]), MTU, 0), None, "its sender can do it");
    assert_eq!(fragment::pieces(&v6(60, &[6, 0, 1, 4, 0, 0, 0, 0], &[0; 1200]), MTU, 0), None);
    // A piece that its sender made, with more behind it, and the last one.
    for (more, last) in [(1, [6, 0, 0x09, 1, 0, 0, 0, 9]), (0, [6, 0, 0x09, 0, 0, 0, 0, 9])] {
        let again =
            fragment::pieces(&v6(44, &[6, 0, 0x04, 0x80 | more, 0, 0, 0, 9], &payload[..1232]), MTU, 7).unwrap();
        let heads: Vec<_> = again.iter().map(|piece| piece[40..48].to_vec()).collect();
        assert_eq!(heads, [[6, 0, 0x04, 0x81, 0, 0, 0, 9], last]);
    }
}
