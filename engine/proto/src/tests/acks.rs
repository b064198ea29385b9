//! Acknowledgements that are spared, against their fields: what is missing has to be said by what came next.

use proptest::prelude::*;

use super::pair::{A, Pair};
use crate::Trains;
use crate::offload::{Gso, HeldAck, Offered, VirtioHeader};

/// A TCP segment by its fields; what `stamps` holds comes as an option.
#[derive(Clone, Debug, PartialEq)]
struct Segment {
    is_v4: bool,
    class: u8,
    hops: u8,
    fragment: u16,
    port: u16,
    sequence: u32,
    acknowledged: u32,
    flags: u8,
    window: u16,
    urgent: u16,
    stamps: Option<(u32, u32)>,
    /// SACK's block, with the two NOPs before it.
    sack: bool,
    payload: usize,
}

fn bare() -> Segment {
    Segment {
        is_v4: true,
        class: 0,
        hops: 64,
        fragment: 0x4000,
        port: 5201,
        sequence: 7,
        acknowledged: 1000,
        flags: 0x10,
        window: 500,
        urgent: 0,
        stamps: Some((50, 60)),
        sack: false,
        payload: 0,
    }
}

impl Segment {
    /// Of IPv4, by addresses that the two devices route.
    fn bytes_between(&self, from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
        let mut packet = self.bytes();
        packet[12..16].copy_from_slice(&from);
        packet[16..20].copy_from_slice(&to);
        packet
    }

    fn bytes(&self) -> Vec<u8> {
        let mut options = vec![];
        if let Some((own, echo)) = self.stamps {
            options.extend([1, 1, 8, 10]);
            options.extend(own.to_be_bytes());
            options.extend(echo.to_be_bytes());
        }
        if self.sack {
            options.extend([1, 1, 5, 10, 0, 0, 9, 9, 0, 0, 10, 10]);
        }
        let len = u16::try_from(20 + options.len() + self.payload).unwrap();
        let mut packet = vec![];
        if self.is_v4 {
            packet.extend([0x45, self.class]);
            packet.extend((20 + len).to_be_bytes());
            packet.extend([0xab, 0xcd]);
            packet.extend(self.fragment.to_be_bytes());
            packet.extend([self.hops, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        } else {
            packet.extend([0x60 | self.class >> 4, self.class << 4, 0, 0]);
            packet.extend(len.to_be_bytes());
            packet.extend([6, self.hops]);
            packet.extend([[0xfd; 16], [0xfe; 16]].concat());
        }
        packet.extend(self.port.to_be_bytes());
        packet.extend([0x14, 0x51]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.acknowledged.to_be_bytes());
        packet.extend([u8::try_from((20 + options.len()) / 4).unwrap() << 4, self.flags]);
        packet.extend(self.window.to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(self.urgent.to_be_bytes());
        packet.extend(options);
        packet.extend(vec![0xee; self.payload]);
        packet
    }

    /// Nothing but an acknowledgement, whole.
    fn is_bare(&self) -> bool {
        let whole = !self.is_v4 || self.fragment & 0x3fff == 0;
        self.flags == 0x10 && self.urgent == 0 && self.payload == 0 && !self.sack && whole
    }

    /// Says all that `older` says, and more.
    fn passes(&self, older: &Self) -> bool {
        let ahead = |new: u32, old: u32| new.wrapping_sub(old) < 1 << 31;
        let stamps = match (self.stamps, older.stamps) {
            (None, None) => true,
            (Some(new), Some(old)) => ahead(new.0, old.0) && ahead(new.1, old.1),
            _ => false,
        };
        let mut like = older.clone();
        like.acknowledged = self.acknowledged;
        like.window = self.window;
        like.stamps = self.stamps;
        like.fragment = self.fragment;
        like == *self
            && stamps
            && self.is_bare()
            && older.is_bare()
            && self.acknowledged != older.acknowledged
            && ahead(self.acknowledged, older.acknowledged)
    }
}

/// What goes on of packets that one turn reads; as the device does it.
fn sent(packets: &[Segment]) -> Vec<Vec<u8>> {
    let (mut held, mut out) = (HeldAck::default(), vec![]);
    let header = VirtioHeader::default();
    for packet in packets.iter().map(Segment::bytes) {
        let mut offered = held.offer(&header, &packet);
        if offered == Offered::Passed {
            out.extend(std::mem::take(&mut held).held().map(|(_, bytes)| bytes.to_vec()));
            offered = held.offer(&header, &packet);
        }
        if offered == Offered::Passed {
            out.push(packet);
        }
    }
    out.extend(held.held().map(|(_, bytes)| bytes.to_vec()));
    out
}

#[test]
fn the_newest_of_a_row_is_sent() {
    for is_v4 in [true, false] {
        for stamps in [None, Some((50, 60))] {
            let row: Vec<_> = [1000, 2000, 3000].map(|to| Segment { acknowledged: to, is_v4, stamps, ..bare() }).into();
            assert_eq!(sent(&row), [row[2].bytes()]);
        }
    }
    let wrapping = [u32::MAX - 10, 5].map(|acknowledged| Segment { acknowledged, ..bare() });
    assert_eq!(sent(&wrapping), [wrapping[1].bytes()]);
    let window = Segment { acknowledged: 1001, window: 9, ..bare() };
    assert_eq!(sent(&[bare(), window.clone()]), [window.bytes()]);
}

#[test]
fn what_says_anything_else_is_sent_and_so_is_what_was_before_it() {
    let next = Segment { acknowledged: 2000, ..bare() };
    let others = [
        ("a duplicate", Segment { acknowledged: 1000, ..next.clone() }),
        ("an older one", Segment { acknowledged: 999, ..next.clone() }),
        ("a window alone", Segment { acknowledged: 1000, window: 9, ..next.clone() }),
        ("SACK", Segment { sack: true, ..next.clone() }),
        ("data", Segment { payload: 1, ..next.clone() }),
        ("FIN", Segment { flags: 0x11, ..next.clone() }),
        ("RST", Segment { flags: 0x14, ..next.clone() }),
        ("PSH", Segment { flags: 0x18, ..next.clone() }),
        ("ECE", Segment { flags: 0x50, ..next.clone() }),
        ("CWR", Segment { flags: 0x90, ..next.clone() }),
        ("URG", Segment { urgent: 1, ..next.clone() }),
        ("another sequence number", Segment { sequence: 6, ..next.clone() }),
        ("another flow", Segment { port: 5202, ..next.clone() }),
        ("congestion on the way", Segment { class: 3, ..next.clone() }),
        ("another way", Segment { hops: 63, ..next.clone() }),
        ("a fragment", Segment { fragment: 0x2000, ..next.clone() }),
        ("a stamp that goes back", Segment { stamps: Some((49, 60)), ..next.clone() }),
        ("an echo that goes back", Segment { stamps: Some((50, 59)), ..next.clone() }),
        ("no stamps", Segment { stamps: None, ..next.clone() }),
    ];
    for (what, other) in others {
        assert_eq!(sent(&[bare(), other.clone()]), [bare().bytes(), other.bytes()], "{what}");
        if !other.is_bare() {
            let before = Segment { acknowledged: 900, ..other };
            assert_eq!(sent(&[before, bare()]).len(), 2, "before: {what}");
        }
    }
}

#[test]
fn superpackets_and_noise_pass() {
    let header = VirtioHeader { gso: Gso::Tcp4, ..VirtioHeader::default() };
    assert_eq!(HeldAck::default().offer(&header, &bare().bytes()), Offered::Passed);
    for len in 0..bare().bytes().len() {
        assert_eq!(HeldAck::default().offer(&VirtioHeader::default(), &bare().bytes()[..len]), Offered::Passed);
    }
}

#[test]
fn a_device_holds_an_acknowledgement_no_longer_than_its_turn() {
    let mut pair = Pair::new();
    pair.connect();
    let device = &mut pair.hosts[A].device;
    let ack =
        |acknowledged, payload| Segment { acknowledged, payload, ..bare() }.bytes_between([10, 0, 0, 0], [10, 0, 0, 1]);
    let mut out = Trains::new(4096, 9);
    let mut seal = |packet: &[u8]| {
        device.seal(pair.now, &VirtioHeader::default(), packet, &mut out);
        out.list().iter().map(crate::Train::count).sum::<usize>()
    };
    assert_eq!((seal(&ack(1, 0)), seal(&ack(2, 0)), seal(&ack(3, 0))), (0, 0, 0));
    assert_eq!(seal(&ack(3, 5)), 2, "the newest, and behind it the data");
    assert_eq!(seal(&ack(4, 0)), 2);
    device.seal_held(pair.now, &mut out);
    device.seal_held(pair.now, &mut out);
    assert_eq!(out.list().iter().map(crate::Train::count).sum::<usize>(), 3);
    assert_eq!(pair.counters(A).tx_acks_spared, 2);
}

fn segments() -> impl Strategy<Value = Vec<Segment>> {
    let rarely = |value: u8| prop_oneof![9 => Just(0), 1 => Just(value)];
    let stamps = prop_oneof![1 => Just(None), 9 => (40_u32..60, 40_u32..60).prop_map(Some)];
    let fields = (any::<bool>(), rarely(3), rarely(0x40), 990_u32..1010, rarely(1), stamps, rarely(1), 0_u16..3);
    let one = fields.prop_map(|(is_v4, class, flags, acknowledged, payload, stamps, port, window)| Segment {
        is_v4,
        class,
        flags: 0x10 | flags,
        acknowledged,
        payload: usize::from(payload),
        stamps,
        port: 5201 + u16::from(port),
        window,
        ..bare()
    });
    // Steps forward are the rule.
    proptest::collection::vec(one, 1..20).prop_map(|mut all| {
        let mut total = 0;
        for each in &mut all {
            total += each.acknowledged - 990;
            each.acknowledged = each.acknowledged.wrapping_add(if total % 3 == 0 { 0 } else { total });
            each.is_v4 |= total % 5 != 0;
        }
        all
    })
}

proptest! {
    #[test]
    fn what_is_missing_is_said_by_what_came_next(packets in segments()) {
        let out = sent(&packets);
        let mut rest = out.iter();
        let mut expected = rest.next();
        for (number, packet) in packets.iter().enumerate() {
            let next = packets.get(number + 1);
            if next.is_some_and(|next| next.passes(packet)) {
                continue;
            }
            prop_assert_eq!(Some(&packet.bytes()), expected, "packet {}", number);
            expected = rest.next();
        }
        prop_assert_eq!(expected, None);
    }

    #[test]
    fn any_bytes_are_held_whole_or_passed(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..90), 0..9)) {
        let mut held = HeldAck::default();
        for packet in &packets {
            if held.offer(&VirtioHeader::default(), packet) != Offered::Passed {
                prop_assert_eq!(held.held().map(|(_, bytes)| bytes), Some(packet.as_slice()));
            }
        }
    }
}
