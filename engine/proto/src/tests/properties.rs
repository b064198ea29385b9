//! Properties over arbitrary input: parsers never panic, strangers change nothing, and each table agrees with a
//! deliberately naive model of itself.

use std::collections::{BTreeMap, BTreeSet};

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use proptest::collection::vec;
use proptest::prelude::*;

use super::pair::{A, B, PEER, Pair, Seeded, udp};
use crate::allowed_ips::AllowedIps;
use crate::index::Indices;
use crate::replay::{WINDOW, Window};
use crate::wakeups::Wakeups;
use crate::{Instant, Owner, Prefix, Reason, inner, message, probe, stun};

/// Bytes that often look like something.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let heads = prop_oneof![
        Just(vec![]),
        (1_u8..=4).prop_map(|kind| vec![kind, 0, 0, 0]),
        Just(vec![1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42]),
        Just(vec![0xd7, 0x57, 0x52, 0x4e, 1, 1, 1, 1, 1, 1, 1, 1]),
    ];
    let lengths = prop_oneof![Just(28_usize), Just(60), Just(88), Just(144), 0..200_usize];
    (heads, lengths.prop_flat_map(|length| vec(any::<u8>(), length))).prop_map(|(head, tail)| [head, tail].concat())
}

/// An address of a small space, so that prefixes meet.
fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[bool; 6]>().prop_map(|bits| {
            let spread = bits.iter().enumerate().map(|(at, bit)| u32::from(*bit) << (at * 6)).sum::<u32>();
            IpAddr::V4(Ipv4Addr::from(spread))
        }),
        any::<[bool; 6]>().prop_map(|bits| {
            let spread = bits.iter().enumerate().map(|(at, bit)| u128::from(*bit) << (at * 25)).sum::<u128>();
            IpAddr::V6(Ipv6Addr::from(spread))
        }),
    ]
}

fn any_prefix() -> impl Strategy<Value = Prefix> {
    (address(), 0_u8..=128).prop_map(|(address, length)| {
        let most = if address.is_ipv4() { 32 } else { 128 };
        Prefix::new(address, length.min(most)).unwrap()
    })
}

fn contains(prefix: &Prefix, address: &IpAddr) -> bool {
    prefix.address().is_ipv4() == address.is_ipv4()
        && Prefix::new(*address, prefix.length()).is_some_and(|cut| cut.address() == prefix.address())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn parsers_take_any_bytes(bytes in datagram()) {
        let _ = message::parse(&bytes);
        let _ = stun::transaction(&bytes);
        let _ = probe::parse(&bytes);
        let _ = inner::destination(&bytes);
        let _ = inner::parse_echo(&bytes);
        if let Some(packet) = inner::parse(&bytes) {
            prop_assert!(packet.len >= 20 && packet.len <= bytes.len());
        }
    }

    #[test]
    fn arbitrary_datagrams_change_nothing_but_counters(datagrams in vec(datagram(), 1..20)) {
        let mut pair = Pair::new();
        pair.connect();
        let (stats, sent, deadline) = (pair.stats(B), pair.sent.len(), pair.hosts[B].device.poll_timeout());
        let indices = pair.hosts[B].device.indices_for_test();
        for bytes in &datagrams {
            pair.inject(B, udp(66, 6), bytes);
        }
        prop_assert_eq!(pair.stats(B), stats);
        prop_assert_eq!(pair.sent.len(), sent);
        prop_assert_eq!(pair.hosts[B].device.poll_timeout(), deadline);
        prop_assert_eq!(pair.hosts[B].device.indices_for_test(), indices);
        prop_assert_eq!(pair.handshakes(B), 1);
        prop_assert!(pair.texts(B).is_empty());
        let dropped: u64 = pair.counters(B).named().filter(|(name, _)| name.starts_with("drop_")).map(|(_, n)| n).sum();
        prop_assert_eq!(dropped, datagrams.len() as u64, "each under one reason");
    }

    #[test]
    fn one_changed_bit_of_a_real_message_is_refused(which in 0_usize..3, at in 0_usize..148, bit in 0_u8..8) {
        let mut pair = Pair::new();
        pair.send(A, b"hello");
        pair.run_ms(100);
        pair.run_ms(100);
        let mut bytes = pair.sent[which].bytes.clone();
        let to = 1 - pair.sent[which].from;
        let at = at % bytes.len();
        // MAC2 means nothing while the receiver is not under load.
        prop_assume!(!(which < 2 && at >= bytes.len() - 16));
        bytes[at] ^= 1 << bit;
        let (stats, handshakes) = (pair.stats(to), pair.handshakes(to));
        pair.hosts[to].delivered.clear();
        pair.inject(to, udp(66, 6), &bytes);
        prop_assert_eq!(pair.stats(to), stats);
        prop_assert_eq!(pair.handshakes(to), handshakes);
        prop_assert!(pair.hosts[to].delivered.is_empty());
    }

    #[test]
    fn arbitrary_packets_from_the_tun_never_panic(packets in vec(vec(any::<u8>(), 0..60), 1..10)) {
        let mut pair = Pair::new();
        pair.connect();
        for packet in &packets {
            pair.send_packet(A, packet);
        }
    }

    #[test]
    fn the_replay_window_is_that_of_a_naive_model(
        steps in vec(prop_oneof![
            (0_i64..70).prop_map(|step| step - 60),
            (-9_000_i64..9_000),
            Just(8_192), Just(-8_192), Just(-8_191), Just(64), Just(-64), Just(100_000),
        ], 1..300)
    ) {
        let mut window = Window::new();
        let mut seen = BTreeSet::new();
        let mut highest: u64 = 0;
        let mut at: u64 = 5_000;
        for step in steps {
            at = at.saturating_add_signed(step);
            let too_old = !seen.is_empty() && highest.saturating_sub(at) >= WINDOW;
            let is_new = !too_old && !seen.contains(&at);
            prop_assert_eq!(window.is_new(at), is_new, "{}", at);
            if is_new {
                window.mark(at);
                seen.insert(at);
                highest = highest.max(at);
            }
            at = highest.max(at / 2);
        }
    }

    #[test]
    fn the_trie_is_that_of_a_naive_model(
        changes in vec((any_prefix(), 0_u32..4, any::<bool>()), 1..60),
        asked in vec(address(), 1..30),
    ) {
        let mut trie = AllowedIps::new();
        let mut model: BTreeMap<Prefix, u32> = BTreeMap::new();
        for (prefix, slot, add) in changes {
            if add {
                prop_assert!(trie.insert(&prefix, slot));
                model.insert(prefix, slot);
            } else {
                trie.remove(&prefix, slot);
                if model.get(&prefix) == Some(&slot) {
                    model.remove(&prefix);
                }
            }
            for address in &asked {
                let best = model.iter().filter(|(prefix, _)| contains(prefix, address));
                let best = best.max_by_key(|(prefix, _)| prefix.length()).map(|(_, slot)| *slot);
                prop_assert_eq!(trie.owner(address), best, "{}", address);
            }
        }
        prop_assert_eq!(trie.room(), crate::limits::ALLOWED_IPS - model.len());
        for (prefix, slot) in &model {
            trie.remove(prefix, *slot);
        }
        prop_assert!(trie.is_empty(), "a trie without prefixes has no nodes");
    }

    #[test]
    fn the_wakeups_come_in_order(steps in vec((0_u32..20, 0_u64..1000, 0_u8..4), 1..200)) {
        let mut wakeups = Wakeups::default();
        wakeups.reserve(20);
        let mut model: BTreeMap<u32, u64> = BTreeMap::new();
        for (slot, at, what) in steps {
            match what {
                0 => {
                    wakeups.clear(slot);
                    model.remove(&slot);
                }
                1 => {
                    let first = model.values().copied().min();
                    let popped = wakeups.pop(Instant(at));
                    prop_assert_eq!(popped.is_some(), first.is_some_and(|first| first <= at));
                    if let Some(slot) = popped {
                        prop_assert_eq!(model.remove(&slot), first);
                    }
                }
                _ => {
                    wakeups.no_later(slot, Instant(at), Reason::Zero);
                    let entry = model.entry(slot).or_insert(at);
                    *entry = at.min(*entry);
                }
            }
            prop_assert_eq!(wakeups.first().map(|(at, _)| at.0), model.values().copied().min());
        }
    }

    #[test]
    fn indices_find_their_slot_and_keep_the_owners_bits(
        seed in any::<u64>(), bits in 0_u8..=8, value in any::<u8>(), steps in vec((0_u32..9, any::<bool>()), 1..200)
    ) {
        let owner = Owner { bits, value: value & (1_u16 << bits).wrapping_sub(1) as u8 };
        let mut indices = Indices::new(owner);
        let mut random = Seeded(seed);
        let mut model: BTreeMap<u32, u32> = BTreeMap::new();
        for (slot, add) in steps {
            if add {
                let index = indices.draw(&mut random, slot).unwrap();
                prop_assert_eq!(index & ((1 << bits) - 1), u32::from(owner.value));
                prop_assert!(model.insert(index, slot).is_none());
            } else if let Some(index) = model.keys().nth(slot as usize).copied() {
                indices.release(index);
                model.remove(&index);
                prop_assert_eq!(indices.find(index), None);
            }
            prop_assert_eq!(indices.used(), model.len());
        }
        for (index, slot) in model {
            prop_assert_eq!(indices.find(index), Some(slot));
            prop_assert_eq!(indices.find(index ^ (1 << 31)), None);
        }
    }
}

#[test]
fn the_window_takes_the_known_cases() {
    let mut window = Window::new();
    let mut take = |counter| {
        let is_new = window.is_new(counter);
        if is_new {
            window.mark(counter);
        }
        is_new
    };
    assert!(take(0) && !take(0) && take(1) && take(9) && !take(1) && take(8) && take(7) && !take(7));
    assert!(take(WINDOW) && take(WINDOW - 1) && !take(WINDOW) && take(10));
    assert!(take(WINDOW + 200) && !take(200) && take(201) && !take(201));
    let far = crate::limits::REJECT_AFTER_MESSAGES - 1;
    assert!(take(far) && !take(far) && take(far - WINDOW + 1) && !take(far - WINDOW) && !take(WINDOW));
}

#[test]
fn a_full_index_table_refuses_and_does_not_hang() {
    let mut indices = Indices::new(Owner::default());
    let mut random = Seeded(3);
    let drawn = (0..crate::limits::INDICES).map_while(|_| indices.draw(&mut random, 1)).count();
    assert_eq!(drawn, crate::limits::INDICES / 2);
}

#[test]
fn the_pair_is_the_same_for_the_same_seed() {
    let [one, other] = [0, 0].map(|_| {
        let mut pair = Pair::new();
        pair.connect();
        pair.sent.into_iter().map(|sent| sent.bytes).collect::<Vec<_>>()
    });
    assert_eq!(one, other);
    assert_eq!(PEER, crate::PeerId(7));
}
