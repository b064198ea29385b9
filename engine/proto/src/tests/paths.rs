//! Endpoints: who may move them, and packets that wait for one.

use super::pair::{A, B, PEER, Pair, udp};
use crate::message::{INITIATION, TRANSPORT};
use crate::{Endpoint, Event, Mode};

#[test]
fn a_roaming_peer_is_followed_after_an_authentic_packet_only() {
    let mut pair = Pair::new();
    pair.connect();
    let moved = udp(77, 4242);
    pair.send(A, b"seen by somebody");
    let mut forged = pair.sent.last().unwrap().bytes.clone();
    pair.run_ms(50);
    let original = forged.clone();
    forged[20] ^= 1;
    forged[8] = 9;
    pair.inject(B, udp(66, 1), &forged);
    pair.inject(B, udp(66, 1), &original);
    assert_eq!(pair.stats(B).endpoint, Some(pair.hosts[A].address), "forged and replayed ones move nothing");
    assert_eq!((pair.counters(B).drop_auth, pair.counters(B).drop_replay), (1, 1));
    pair.hosts[A].address = moved;
    pair.send(A, b"from there");
    pair.run_ms(50);
    assert_eq!(pair.stats(B).endpoint, Some(moved));
    pair.hosts[A].delivered.clear();
    pair.send(B, b"back");
    pair.run_ms(50);
    assert_eq!(pair.texts(A), [b"back".to_vec()]);
}

#[test]
fn a_managed_peer_stays_where_the_caller_put_it_and_its_packets_elsewhere_are_told() {
    let mut pair = Pair::new();
    pair.set_mode(B, Mode::Managed);
    let home = pair.hosts[A].address;
    pair.call(B, |device, now| device.set_endpoint(now, PEER, Some(home))).unwrap();
    pair.connect();
    let moved = udp(77, 4242);
    pair.hosts[A].address = moved;
    for _ in 0..30 {
        pair.send(A, b"from there");
        pair.run_ms(100);
    }
    assert_eq!(pair.texts(B).len(), 30, "what it says is taken all the same");
    assert_eq!(pair.stats(B).endpoint, Some(home));
    let told = pair.hosts[B].events.iter().filter(|event| **event == Event::Elsewhere { peer: PEER, endpoint: moved });
    assert_eq!(told.count(), 10, "every third: at most four a second");
}

#[test]
fn a_managed_responder_answers_a_handshake_where_it_came_from() {
    let mut pair = Pair::new();
    pair.set_mode(B, Mode::Managed);
    pair.connect();
    assert_eq!(pair.stats(B).endpoint, None);
    let source = pair.hosts[A].address;
    assert!(pair.hosts[B].events.contains(&Event::Elsewhere { peer: PEER, endpoint: source }));
    pair.send(B, b"waits");
    assert_eq!(pair.messages(B, TRANSPORT).len(), 0);
    pair.call(B, |device, now| device.set_endpoint(now, PEER, Some(source))).unwrap();
    pair.run_ms(50);
    assert_eq!(pair.texts(A), [b"waits".to_vec()]);
}

#[test]
fn packets_wait_for_an_endpoint_and_begin_the_handshake_when_it_comes() {
    let mut pair = Pair::with_seed(1);
    pair.introduce(A);
    pair.introduce(B);
    pair.send(A, b"old");
    pair.run_s(20);
    pair.send(A, b"x");
    pair.run_ms(1900);
    assert_eq!(pair.sent.len(), 0);
    let address = pair.hosts[B].address;
    pair.call(A, |device, now| device.set_endpoint(now, PEER, Some(address))).unwrap();
    pair.run_ms(100);
    assert_eq!(pair.texts(B), [b"x".to_vec()], "and what waited for longer than two seconds is not sent");
    assert_eq!(pair.counters(A).drop_staged_old, 1);
    assert_eq!(pair.messages(A, INITIATION).len(), 1);
}

#[test]
fn a_session_stands_both_ways_though_all_that_waited_for_it_is_too_old() {
    let mut pair = Pair::with_seed(1);
    pair.introduce(A);
    pair.introduce(B);
    pair.send(A, b"old");
    pair.run_s(3);
    let address = pair.hosts[B].address;
    pair.call(A, |device, now| device.set_endpoint(now, PEER, Some(address))).unwrap();
    pair.run_ms(100);
    assert_eq!((pair.texts(B).len(), pair.counters(A).drop_staged_old), (0, 1));
    pair.send(B, b"the other way");
    pair.run_ms(50);
    assert_eq!(pair.texts(A), [b"the other way".to_vec()]);
    assert_eq!(pair.messages(A, INITIATION).len() + pair.messages(B, INITIATION).len(), 1);
}

#[test]
fn packets_without_an_endpoint_are_given_up_after_90_s() {
    let mut pair = Pair::with_seed(1);
    pair.introduce(A);
    pair.send(A, b"x");
    pair.run_s(91);
    assert_eq!(pair.counters(A).drop_staged_gave_up, 1);
    assert_eq!(pair.hosts[A].events, [Event::HandshakeGaveUp { peer: PEER }]);
    assert_eq!(pair.hosts[A].device.poll_timeout(), None);
}

#[test]
fn a_new_endpoint_is_tried_at_once_while_a_handshake_waits() {
    let mut pair = Pair::new();
    let right = pair.hosts[B].address;
    pair.call(A, |device, now| device.set_endpoint(now, PEER, Some(udp(99, 9)))).unwrap();
    pair.send(A, b"old");
    pair.run_s(20);
    pair.send(A, b"x");
    pair.call(A, |device, now| device.set_endpoint(now, PEER, Some(right))).unwrap();
    pair.run_ms(150);
    assert_eq!(pair.texts(B), [b"x".to_vec()]);
}

#[test]
fn a_path_through_a_relay_is_an_endpoint_like_any_other() {
    let mut pair = Pair::new();
    pair.hosts[A].address = Endpoint::Relay { relay: 3, channel: 1 };
    pair.hosts[B].address = Endpoint::Relay { relay: 3, channel: 2 };
    let to_b = pair.hosts[B].address;
    pair.call(A, |device, now| device.set_endpoint(now, PEER, Some(to_b))).unwrap();
    pair.connect();
    assert_eq!(pair.stats(B).endpoint, Some(Endpoint::Relay { relay: 3, channel: 1 }));
    pair.hosts[B].address = udp(2, 5);
    pair.send(B, b"direct");
    pair.run_ms(50);
    assert_eq!(pair.stats(A).endpoint, Some(udp(2, 5)), "moving to a direct path loses nothing");
    assert_eq!(pair.texts(A), [b"direct".to_vec()]);
}

#[test]
fn asking_for_handshakes_all_the_time_sends_ten_a_second_at_most() {
    let mut pair = Pair::new();
    pair.link.loss = 100;
    for _ in 0..1000 {
        pair.call(A, |device, now| device.initiate(now, PEER)).unwrap();
        pair.run_ms(1);
    }
    let count = pair.messages(A, INITIATION).len();
    assert!((9..=11).contains(&count), "{count}");
}
