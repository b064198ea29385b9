//! What passes: the gate, crypto-key routing, and pings inside the session.

use super::pair::{A, B, PEER, Pair, inner_packet, packet, prefix};
use crate::message::INITIATION;
use crate::offload::VirtioHeader;
use crate::{Event, Instant, PeerConfig, PeerId, Span, Train, Trains};

#[test]
fn a_gate_is_shut_at_first_and_then_handshakes_work_but_no_packet_passes() {
    let mut pair = Pair::new();
    pair.hosts[B].device.remove_peer(PEER);
    pair.configure(B, |_| {});
    pair.send(A, b"x");
    pair.run_ms(100);
    assert_eq!((pair.handshakes(A), pair.handshakes(B)), (1, 1));
    assert_eq!(pair.counters(B).drop_gate_in, 1);
    pair.send(B, b"y");
    pair.run_s(1);
    assert_eq!(pair.counters(B).drop_gate_out, 1);
    assert!(pair.texts(A).is_empty() && pair.texts(B).is_empty());
    pair.hosts[B].device.set_gate(PEER, true).unwrap();
    pair.send(A, b"x");
    pair.send(B, b"y");
    pair.run_s(1);
    assert_eq!((pair.texts(A).len(), pair.texts(B).len()), (1, 1));
}

#[test]
fn a_packet_to_a_shut_peer_begins_no_handshake_and_what_waits_is_dropped() {
    let mut pair = Pair::new();
    pair.hosts[A].device.set_gate(PEER, false).unwrap();
    pair.send(A, b"x");
    assert_eq!(pair.messages(A, INITIATION).len(), 0);
    pair.hosts[A].device.set_gate(PEER, true).unwrap();
    pair.send(A, b"waits");
    pair.hosts[A].device.set_gate(PEER, false).unwrap();
    pair.run_s(1);
    assert_eq!(pair.handshakes(B), 1, "the handshake is confirmed all the same");
    assert!(pair.texts(B).is_empty());
}

#[test]
fn an_inner_source_that_is_not_the_peers_is_dropped() {
    let mut pair = Pair::new();
    pair.connect();
    pair.send_packet(A, &inner_packet([10, 0, 0, 9], [10, 0, 0, 1], b"another's"));
    pair.run_ms(50);
    assert_eq!(pair.counters(B).drop_inner_source, 1);
    assert!(pair.texts(B).is_empty());
}

#[test]
fn a_more_specific_prefix_of_another_peer_takes_its_addresses_away() {
    let mut pair = Pair::new();
    pair.configure(B, |config| config.allowed = vec![prefix("10.0.0.0/24")]);
    pair.connect();
    let other = PeerConfig {
        public_keys: vec![super::pair::key(9).public()],
        allowed: vec![prefix("10.0.0.0/32")],
        ..PeerConfig::default()
    };
    pair.hosts[B].device.set_peer(pair.now, PeerId(9), other).unwrap();
    pair.send(A, b"x");
    pair.run_ms(50);
    assert_eq!(pair.counters(B).drop_inner_source, 1, "10.0.0.0 is peer 9's");
    pair.hosts[B].device.remove_peer(PeerId(9));
    pair.send(A, b"x");
    pair.run_ms(50);
    assert_eq!(pair.texts(B).len(), 1);
}

#[test]
fn ipv6_is_carried_as_ipv4_is() {
    let mut pair = Pair::new();
    let mut inner = vec![0x60, 0, 0, 0, 0, 4, 59, 64];
    inner.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    inner.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    inner.extend(b"six!");
    pair.send_packet(A, &inner);
    pair.run_ms(100);
    assert_eq!(pair.hosts[B].delivered, [inner]);
}

#[test]
fn what_is_not_ip_or_longer_than_its_packet_is_dropped() {
    let mut pair = Pair::new();
    pair.connect();
    let mut longer = packet(A, b"x");
    longer[3] = 200;
    pair.send_packet(A, &longer);
    pair.run_ms(50);
    assert_eq!(pair.counters(B).drop_inner_malformed, 1);
    for bad in [&b""[..], b"\x45", b"\x00\x00\x00\x00", &[0x45; 19], &[0x60; 39]] {
        pair.send_packet(A, bad);
    }
    assert_eq!(pair.counters(A).drop_not_ip, 5);
}

#[test]
fn a_packet_without_room_is_counted_and_those_before_it_go() {
    let mut pair = Pair::new();
    pair.connect();
    let inner = packet(A, b"abc");
    let mut out = Trains::new(2 * 64 + 63, 9);
    for _ in 0..4 {
        pair.hosts[A].device.seal(pair.now, &VirtioHeader::default(), &inner, &mut out);
    }
    assert_eq!(
        out.list().iter().flat_map(Train::datagrams).map(|one| (one.start, one.len)).collect::<Vec<_>>(),
        [(0, 64), (64, 64)]
    );
    assert_eq!(pair.counters(A).drop_no_room, 2);
}

#[test]
fn a_packet_longer_than_the_mtu_is_counted_and_dropped() {
    let mut pair = Pair::new();
    pair.connect();
    pair.hosts[A].device.set_mtu(1300);
    pair.send_packet(A, &packet(A, &[7; 1280]));
    pair.send_packet(A, &packet(A, &[7; 1281]));
    pair.run_ms(50);
    assert_eq!(pair.texts(B).len(), 1);
    assert_eq!(pair.counters(A).drop_packet_too_long, 1);
}

#[test]
fn a_ping_makes_the_session_and_tells_its_round_trip() {
    let mut pair = Pair::new();
    pair.call(A, |device, now| device.ping(now, PEER, 0x1122)).unwrap();
    pair.run_ms(100);
    let Some(Event::Pong { peer: PEER, token: 0x1122, round_trip_ns, .. }) = pair.hosts[A].events.last() else {
        panic!("{:?}", pair.hosts[A].events)
    };
    assert_eq!(*round_trip_ns, 20_000_000);
    assert!(pair.texts(B).is_empty(), "it is not handed to the TUN");
}

#[test]
fn a_ping_is_answered_through_an_open_gate_only() {
    let mut pair = Pair::new();
    pair.connect();
    pair.hosts[B].device.set_gate(PEER, false).unwrap();
    pair.call(A, |device, now| device.ping(now, PEER, 1)).unwrap();
    pair.run_s(1);
    assert!(!pair.hosts[A].events.iter().any(|event| matches!(event, Event::Pong { .. })));
    assert_eq!(pair.counters(B).drop_gate_in, 1);
    pair.hosts[A].device.set_gate(PEER, false).unwrap();
    pair.call(A, |device, now| device.ping(now, PEER, 2)).unwrap();
    assert_eq!(pair.counters(A).drop_gate_out, 1);
}

#[test]
fn a_batch_of_good_and_bad_datagrams_gives_the_good_ones_in_order() {
    let mut pair = Pair::new();
    pair.connect();
    pair.latency = core::time::Duration::from_secs(1000);
    let first = pair.sent.len();
    for text in [b"one", b"two", b"six"] {
        pair.send(A, text);
    }
    let good: Vec<Vec<u8>> = pair.sent[first..].iter().map(|sent| sent.bytes.clone()).collect();
    let mut forged = good[1].clone();
    forged[17] ^= 1;
    let mut unknown = good[1].clone();
    unknown[4] ^= 1;
    let garbage = b"GET / HTTP/1.1".to_vec();
    let batch = [&good[0], &forged, &garbage, &good[1], &good[0], &unknown, &good[2]];
    let mut arena = vec![];
    let mut incoming = vec![];
    for bytes in batch {
        let span = Span { start: arena.len(), len: bytes.len() };
        incoming.push(crate::Incoming { source: pair.hosts[A].address, span });
        arena.extend(bytes);
    }
    let beyond = Span { start: arena.len(), len: 64 };
    incoming.push(crate::Incoming { source: pair.hosts[A].address, span: beyond });
    let mut out = vec![];
    pair.hosts[B].device.open_batch(pair.now, &mut arena, &incoming, &mut out);
    let texts: Vec<&[u8]> = out.iter().map(|opened| &arena[opened.span.start + 20..][..opened.span.len - 20]).collect();
    assert_eq!(texts, [b"one", b"two", b"six"]);
    assert!(out.is_sorted_by_key(|opened| opened.counter));
    let counters = pair.counters(B);
    assert_eq!((counters.drop_auth, counters.drop_not_ours, counters.drop_replay), (1, 1, 1));
    assert_eq!((counters.drop_unknown_index, counters.drop_malformed), (1, 1));
}

#[test]
fn a_batch_to_several_peers_is_sealed_in_order_and_arms_each() {
    let mut pair = Pair::new();
    pair.connect();
    let other = PeerConfig {
        public_keys: vec![super::pair::key(9).public()],
        allowed: vec![prefix("10.0.9.0/24")],
        ..PeerConfig::default()
    };
    let device = &mut pair.hosts[A].device;
    device.set_peer(pair.now, PeerId(9), other).unwrap();
    device.set_gate(PeerId(9), true).unwrap();
    device.set_endpoint(pair.now, PeerId(9), Some(super::pair::udp(9, 9))).unwrap();
    let to_other = inner_packet([10, 0, 0, 0], [10, 0, 9, 1], b"x");
    let nowhere = inner_packet([10, 0, 0, 0], [10, 1, 0, 0], b"x");
    let mut out = Trains::new(4096, 9);
    for inner in [&packet(A, b"1"), &to_other, &packet(A, b"2"), &nowhere, &to_other] {
        device.seal(pair.now, &VirtioHeader::default(), inner, &mut out);
    }
    assert_eq!(out.list().iter().map(|train| (train.peer, train.count())).collect::<Vec<_>>(), [(Some(PEER), 2)]);
    let before = pair.messages(A, INITIATION).len();
    pair.drain(A);
    assert_eq!(pair.messages(A, INITIATION).len(), before + 1, "one for both packets that wait");
    assert_eq!(pair.counters(A).drop_no_route, 1);
}

#[test]
fn answers_that_nobody_takes_are_bounded() {
    let mut pair = Pair::new();
    pair.connect();
    pair.latency = core::time::Duration::from_secs(1000);
    let first = pair.sent.len();
    for token in 0..crate::limits::TRANSMITS as u64 + 9 {
        pair.call(A, |device, now| device.ping(now, PEER, token)).unwrap();
    }
    let pings: Vec<Vec<u8>> = pair.sent[first..].iter().map(|sent| sent.bytes.clone()).collect();
    let source = pair.hosts[A].address;
    let mut out = vec![];
    for mut ping in pings {
        let span = Span { start: 0, len: ping.len() };
        pair.hosts[B].device.open_batch(pair.now, &mut ping, &[crate::Incoming { source, span }], &mut out);
    }
    assert_eq!(pair.counters(B).drop_transmit_full, 9);
}

#[test]
fn what_waits_in_all_is_bounded() {
    use crate::staging::{Budget, Queue, Staged};
    let (mut budget, mut counters) = (Budget::default(), crate::Counters::default());
    let mut queues: Vec<Queue> = (0..100).map(|_| Queue::default()).collect();
    for queue in &mut queues {
        for _ in 0..50 {
            queue.push(Instant(0), Staged::Packet(vec![0; 1400].into()), &mut budget, &mut counters);
        }
    }
    let kept = crate::limits::STAGED_BYTES / 1400;
    assert_eq!(counters.drop_staged_full as usize, 5000 - kept);
    queues[0].clear(&mut budget, &mut counters);
    queues[99].push(Instant(0), Staged::Packet(vec![0; 1400].into()), &mut budget, &mut counters);
    assert_eq!(counters.drop_staged_full as usize, 5000 - kept, "what is dropped makes room");
    assert_eq!(counters.drop_staged_gave_up, 50);
}

#[test]
fn an_owner_that_does_not_fit_its_bits_is_refused() {
    for (bits, value, fits) in [(0, 0, true), (0, 1, false), (3, 7, true), (3, 8, false), (8, 255, true), (9, 0, false)]
    {
        let mut config = crate::DeviceConfig::new(super::pair::key(1));
        config.owner = crate::Owner { bits, value };
        assert_eq!(crate::Device::new(config, Box::new(super::pair::Seeded(1))).is_ok(), fits, "{bits} {value}");
    }
}
