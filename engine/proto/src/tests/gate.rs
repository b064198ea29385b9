//! What passes: the gate, crypto-key routing, and pings inside the session.

use super::pair::{A, B, PEER, Pair, inner_packet, packet, prefix};
use crate::message::INITIATION;
use crate::{Event, HEADROOM, PeerConfig, PeerId, Sealed, Span};

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
fn a_packet_without_room_around_it_is_counted_and_the_batch_goes_on() {
    let mut pair = Pair::new();
    pair.connect();
    let inner = packet(A, b"abc");
    let mut arena = vec![0; 200];
    arena[..inner.len()].copy_from_slice(&inner);
    arena[HEADROOM + 40..HEADROOM + 40 + inner.len()].copy_from_slice(&inner);
    arena[200 - inner.len()..].copy_from_slice(&inner);
    let spans = [0, HEADROOM + 40, 200 - inner.len(), usize::MAX].map(|start| Span { start, len: inner.len() });
    let mut out: Vec<Sealed> = vec![];
    pair.hosts[A].device.seal_batch(pair.now, &mut arena, &spans, &mut out);
    assert_eq!(out.iter().map(|sealed| sealed.span).collect::<Vec<_>>(), [Span { start: 40, len: 64 }]);
    assert_eq!((pair.counters(A).drop_no_room, pair.counters(A).drop_not_ip), (2, 1));
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
