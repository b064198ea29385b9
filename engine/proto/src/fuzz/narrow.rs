//! Any packet before a narrow path: what is lowered, cut or answered is what it says it is, and nothing else changed.

use super::input::Input;
use crate::filter::packet::{self, Kind};
use crate::narrow::{fragment, mss, too_big};
use crate::{inner, limits};

/// A packet and how much of one fits.
pub(super) fn narrow(data: &[u8]) {
    let mut input = Input::new(data);
    let mtu = usize::from(limits::PATH_MTU_LEAST) + input.below(256) * 4;
    let packet = &data[data.len().min(1)..];
    lowered(packet, mtu);
    cut(packet, mtu);
    answered(packet, mtu);
}

/// Only a checksum and announcements change, and those are then as low as they have to be.
fn lowered(packet: &[u8], mtu: usize) {
    let mut out = packet.to_vec();
    let was_lowered = mss::clamp(&mut out, mtu);
    assert_eq!(was_lowered, out[..] != *packet, "it says so where something changed");
    assert!(!mss::clamp(&mut out, mtu), "once is enough");
    if was_lowered {
        let at = packet::chain(packet).expect("its headers were followed").at;
        assert_eq!(out[..at + 16], packet[..at + 16], "what is before the checksum");
        assert_eq!(out[at + 18..at + 20], packet[at + 18..at + 20]);
        let end = at + usize::from(packet[at + 12] >> 4) * 4;
        assert_eq!(out[end..], packet[end..], "the payload");
        assert_eq!(sum(&out[at..end]), sum(&packet[at..end]), "the checksum takes up the difference");
    }
}

/// The sum of 16-bit words, the slow way; both forms of zero are one.
fn sum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    words.sum::<u32>() % 0xffff
}

/// Pieces fit, each is a packet of the same ends, and together they are the packet.
fn cut(packet: &[u8], mtu: usize) {
    let Some(pieces) = fragment::pieces(packet, mtu, 7) else { return };
    let len = inner::total(packet);
    let is_v4 = packet[0] >> 4 == 4;
    let head = if is_v4 { usize::from(packet[0] & 15) * 4 } else { 40 };
    let is_piece = !is_v4 && packet[6] == 44;
    let (began, head) = match (is_v4, is_piece) {
        (true, _) => (usize::from(u16::from_be_bytes([packet[6], packet[7]]) & 0x1fff) * 8, head),
        (false, true) => (usize::from(u16::from_be_bytes([packet[42], packet[43]]) & !7), 48),
        (false, false) => (0, head),
    };
    let mut payload: Vec<u8> = Vec::new();
    for piece in &pieces {
        assert!(piece.len() <= mtu);
        assert_eq!(inner::parse(piece).map(|inner| inner.len), Some(piece.len()));
        assert_eq!(
            (inner::source(piece), inner::destination(piece)),
            (inner::source(packet), inner::destination(packet))
        );
        let (offset, body) = if is_v4 {
            (usize::from(u16::from_be_bytes([piece[6], piece[7]]) & 0x1fff) * 8, &piece[head..])
        } else {
            assert_eq!((piece[6], piece[40]), (44, if is_piece { packet[40] } else { packet[6] }));
            (usize::from(u16::from_be_bytes([piece[42], piece[43]]) & !7), &piece[48..])
        };
        assert_eq!(offset, began + payload.len(), "one behind the other");
        payload.extend(body);
    }
    assert_eq!(payload, packet[head..len]);
}

/// An answer is an error about the packet, to who sent it, and is itself never answered.
fn answered(packet: &[u8], mtu: usize) {
    let Some(answer) = too_big::answer(packet, mtu) else { return };
    assert_eq!(
        (inner::source(&answer), inner::destination(&answer)),
        (inner::destination(packet), inner::source(packet))
    );
    assert_eq!(inner::parse(&answer).map(|inner| inner.len), Some(answer.len()));
    assert!(answer.len() <= if packet[0] >> 4 == 4 { 576 } else { 1280 });
    let parsed = packet::parse(&answer).expect("what we say can be read");
    assert!(matches!(parsed.kind, Kind::Error(_)));
    assert_eq!(too_big::answer(&answer, mtu), None);
}
