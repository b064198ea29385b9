//! Strangers: floods, replays, forgeries, and what they may cost.

use super::pair::{A, B, PEER, Pair, Seeded, key, udp};
use crate::message::{COOKIE_REPLY, INITIATION, RESPONSE};
use crate::{Event, Random, limits, noise};

/// Initiations of a device that B does not know, one for each call.
fn strange_initiations(count: usize) -> Vec<Vec<u8>> {
    let mut pair = Pair::new();
    pair.call(A, |device, now| device.set_private_keys(now, vec![key(50)])).unwrap();
    pair.link.loss = 100;
    while pair.messages(A, INITIATION).len() < count {
        pair.call(A, |device, now| device.initiate(now, PEER)).unwrap();
        pair.run_ms(100);
    }
    pair.messages(A, INITIATION).into_iter().map(|sent| sent.bytes).take(count).collect()
}

/// A valid MAC1, and nonsense inside: what anyone can make who knows B's public key.
fn forged_initiation(random: &mut Seeded) -> Vec<u8> {
    let mut bytes = vec![0; 148];
    random.fill(&mut bytes);
    bytes[..4].copy_from_slice(&[1, 0, 0, 0]);
    let mac1 = noise::mac(&noise::mac1_key(&key(B as u8).public()), &[&bytes[..116]]);
    bytes[116..132].copy_from_slice(&mac1);
    bytes
}

#[test]
fn an_unknown_initiator_is_told_at_a_bounded_rate_and_not_answered() {
    let mut pair = Pair::new();
    let initiations = strange_initiations(60);
    for (number, bytes) in initiations.iter().enumerate() {
        pair.inject(B, udp(100 + number as u8, 1), bytes);
    }
    let told: Vec<_> = pair.hosts[B].events.iter().collect();
    assert_eq!(told.len(), limits::UNKNOWN_INITIATORS.1 as usize);
    let expected = Event::UnknownInitiator { public_key: key(50).public(), endpoint: udp(100, 1) };
    assert_eq!(*told[0], expected);
    assert_eq!(pair.sent.len(), 0);
    assert_eq!(pair.counters(B).drop_unknown_initiator, 60);
}

#[test]
fn learning_of_an_unknown_initiator_a_moment_later_starts_the_handshake_from_our_side() {
    let mut pair = Pair::new();
    pair.hosts[B].device.remove_peer(PEER);
    pair.send(A, b"x");
    pair.run_ms(20);
    let [Event::UnknownInitiator { public_key, endpoint }] = pair.hosts[B].events[..] else { panic!() };
    assert_eq!(public_key, key(A as u8).public());
    pair.introduce(B);
    pair.call(B, |device, now| device.set_endpoint(now, PEER, Some(endpoint))).unwrap();
    pair.call(B, |device, now| device.initiate(now, PEER)).unwrap();
    pair.run_ms(60);
    assert_eq!(pair.texts(B), [b"x".to_vec()], "before the 250 ms of the next try");
}

#[test]
fn a_replayed_initiation_costs_no_exchange_and_changes_nothing() {
    let mut pair = Pair::new();
    pair.connect();
    let old = pair.messages(A, INITIATION)[0].bytes.clone();
    pair.inject(B, udp(66, 6), &old);
    assert_eq!(pair.counters(B).drop_initiation_seen, 1);
    // Another device, which never saw it but knows a newer stamp, has only the stamp to tell by.
    pair.call(A, |device, now| device.initiate(now, PEER)).unwrap();
    pair.run_s(1);
    pair.hosts[B].device.limit_handshakes_for_test(limits::HANDSHAKES_PER_S);
    let (responses, endpoint) = (pair.messages(B, RESPONSE).len(), pair.stats(B).endpoint);
    pair.inject(B, udp(66, 6), &old);
    assert_eq!(pair.counters(B).drop_stamp_old, 1);
    assert_eq!((pair.messages(B, RESPONSE).len(), pair.stats(B).endpoint), (responses, endpoint));
}

#[test]
fn a_flood_of_one_source_is_asked_for_cookies_and_others_are_served() {
    let mut pair = Pair::new();
    let mut random = Seeded(5);
    for _ in 0..200 {
        pair.inject(B, udp(200, 1), &forged_initiation(&mut random));
    }
    let computed = pair.counters(B).drop_handshake_invalid;
    assert_eq!(computed, u64::from(limits::SOURCE_HANDSHAKES.1));
    assert_eq!(pair.counters(B).tx_cookie_replies, 200 - computed);
    pair.connect();
}

/// B does two exchanges a second at most, and forged initiations have used up the one for strangers.
fn flooded() -> Pair {
    let mut pair = Pair::new();
    pair.hosts[B].device.limit_handshakes_for_test(2);
    let mut random = Seeded(6);
    for number in 0..5 {
        pair.inject(B, udp(100 + number, 1000), &forged_initiation(&mut random));
    }
    assert_eq!((pair.counters(B).drop_handshake_invalid, pair.counters(B).tx_cookie_replies), (1, 4));
    pair
}

#[test]
fn a_forger_of_sources_makes_the_engine_ask_for_cookies_and_members_get_in_with_one() {
    let mut pair = flooded();
    pair.send(A, b"x");
    pair.run_ms(30);
    assert_eq!(pair.handshakes(A), 0, "the first one was answered with a cookie");
    assert_eq!(pair.counters(A).rx_cookie_replies, 1);
    pair.run_ms(300);
    assert_eq!(pair.texts(B), [b"x".to_vec()], "the second one carried it");
    assert_ne!(pair.messages(A, INITIATION)[1].bytes[132..], [0; 16]);
}

#[test]
fn the_work_of_a_second_is_bounded_whatever_comes() {
    let mut pair = Pair::new();
    let mut random = Seeded(7);
    for number in 0..5000_u16 {
        pair.now.mono.0 += 200_000;
        pair.inject(B, udp((number % 250) as u8, number), &forged_initiation(&mut random));
    }
    let computed = pair.counters(B).drop_handshake_invalid;
    assert!(computed <= u64::from(limits::HANDSHAKES_PER_S), "{computed}");
}

#[test]
fn amid_fifty_thousand_forged_initiations_a_second_a_member_is_in_within_three_seconds() {
    let mut pair = Pair::new();
    // So few exchanges that the flood has them all: only a cookie helps.
    pair.hosts[B].device.limit_handshakes_for_test(2);
    let mut random = Seeded(8);
    let forged: Vec<_> = (0..2000).map(|_| forged_initiation(&mut random)).collect();
    let mut number = 0_usize;
    let mut flood = |pair: &mut Pair| {
        for _ in 0..50 {
            number += 1;
            pair.inject(B, udp((number * 7 % 250) as u8, (number % 60_000) as u16), &forged[number % forged.len()]);
        }
        pair.run_ms(1);
    };
    (0..50).for_each(|_| flood(&mut pair));
    let began = pair.now.mono;
    pair.send(A, b"x");
    while pair.texts(B).is_empty() {
        flood(&mut pair);
        assert!(pair.now.mono.since(began).as_millis() < 3000, "{:?}", pair.counters(A));
    }
    assert!(pair.counters(A).rx_cookie_replies > 0, "through a cookie");
}

#[test]
fn sources_that_never_ask_again_are_hardly_answered() {
    let mut pair = flooded();
    let mut random = Seeded(9);
    let before = pair.counters(B).tx_cookie_replies;
    for number in 0..20_000_u16 {
        pair.now.mono.0 += 20_000;
        pair.inject(B, udp((number % 250) as u8, number), &forged_initiation(&mut random));
    }
    let (per_s, burst) = limits::COOKIE_REPLIES;
    let replies = pair.counters(B).tx_cookie_replies - before;
    assert!(replies <= u64::from(per_s * 2 / 5 + burst) + 20, "{replies} in 0.4 s");
}

#[test]
fn a_cookie_is_bound_to_the_port() {
    let mut pair = flooded();
    pair.send(A, b"x");
    pair.run_ms(30);
    assert_eq!(pair.counters(A).rx_cookie_replies, 1);
    pair.hosts[A].address = udp(1, 51821);
    pair.run_ms(300);
    assert_eq!(pair.messages(A, INITIATION).len(), 2);
    assert_eq!(pair.handshakes(A), 0, "the cookie of another port proves nothing");
    assert_eq!(pair.counters(A).rx_cookie_replies, 2);
}

#[test]
fn a_cookie_reply_moves_no_endpoint_and_counts_once() {
    let mut pair = flooded();
    pair.send(A, b"x");
    pair.run_ms(12);
    let endpoint = pair.stats(A).endpoint;
    let to_a = pair.hosts[A].address;
    let reply = pair.messages(B, COOKIE_REPLY).into_iter().rfind(|sent| sent.to == to_a).unwrap().bytes;
    pair.inject(A, udp(66, 6), &reply);
    pair.inject(A, udp(67, 7), &reply);
    assert_eq!(pair.counters(A).rx_cookie_replies, 1);
    assert_eq!(pair.counters(A).drop_cookie_invalid, 1);
    assert_eq!(pair.stats(A).endpoint, endpoint);
}

#[test]
fn no_answer_to_a_stranger_is_larger_than_its_question() {
    let mut pair = Pair::new();
    let mut random = Seeded(10);
    for number in 0..3000_u16 {
        let question = forged_initiation(&mut random);
        let before = pair.sent.len();
        pair.inject(B, udp(number as u8, number), &question);
        assert!(pair.sent[before..].iter().map(|sent| sent.bytes.len()).sum::<usize>() <= question.len());
    }
    assert!(pair.sent.iter().all(|sent| sent.bytes.len() <= 64));
    assert!(!pair.sent.is_empty());
}

#[test]
fn a_flood_of_replayed_responses_is_dropped_without_an_exchange() {
    let mut pair = Pair::new();
    pair.connect();
    let response = pair.messages(B, RESPONSE)[0].bytes.clone();
    let source = pair.hosts[B].address;
    for _ in 0..10 {
        pair.inject(A, source, &response);
    }
    assert_eq!(pair.counters(A).drop_unknown_index, 10);
    assert_eq!(pair.handshakes(A), 1);
}

#[test]
fn stun_answers_pass_once_with_a_live_transaction_only() {
    let mut pair = Pair::new();
    let answer = |transaction: u8| {
        let mut bytes = vec![1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42];
        bytes.extend([transaction; 12]);
        bytes.extend([0, 0x20, 0, 8, 0, 1, 1, 2, 3, 4, 5, 6]);
        bytes
    };
    pair.call(A, |device, now| device.expect_stun(now, [1; 12], 500));
    pair.call(A, |device, now| device.expect_stun(now, [2; 12], 500));
    for transaction in [1, 1, 3] {
        pair.inject(A, udp(9, 3478), &answer(transaction));
    }
    let mut cut = answer(2);
    cut.pop();
    pair.inject(A, udp(9, 3478), &cut);
    pair.run_s(1);
    pair.inject(A, udp(9, 3478), &answer(2));
    assert_eq!(pair.hosts[A].events, [Event::Stun { data: answer(1), endpoint: udp(9, 3478) }]);
    assert_eq!(pair.counters(A).drop_stun, 4);
}

#[test]
fn probes_pass_with_a_right_tag_within_a_rate() {
    let mut pair = Pair::new();
    let (hint, secret) = ([3; 8], [4; 32]);
    pair.hosts[A].device.set_probe_key(hint, secret, PEER).unwrap();
    let probe = |hint: [u8; 8], body: &[u8]| {
        let mut bytes = vec![0xd7, 0x57, 0x52, 0x4e];
        bytes.extend(hint);
        bytes.extend(body);
        let tag = noise::mac(&secret, &[&bytes]);
        bytes.extend(tag);
        bytes
    };
    let good = probe(hint, &[1; 38]);
    pair.inject(A, udp(9, 9), &good);
    assert_eq!(pair.hosts[A].events, [Event::Probe { peer: PEER, data: good.clone(), endpoint: udp(9, 9) }]);
    let mut forged = good.clone();
    forged[20] ^= 1;
    pair.inject(A, udp(9, 9), &forged);
    pair.inject(A, udp(9, 9), &probe(hint, &[1; 37]));
    pair.inject(A, udp(9, 9), &probe(hint, &[1; 1500]));
    assert_eq!(pair.counters(A).drop_probe_invalid, 3);
    pair.inject(A, udp(9, 9), &probe([9; 8], &[1; 38]));
    assert_eq!(pair.counters(A).drop_probe_unknown, 1);
    for _ in 0..500 {
        pair.inject(A, udp(9, 9), &good);
    }
    assert_eq!(pair.counters(A).drop_probe_rate, 501 + 1 - u64::from(limits::SOURCE_PROBES.1));
    assert_eq!(pair.sent.len(), 0, "nothing here answers");
    assert!(pair.hosts[A].device.remove_probe_key(hint));
}

#[test]
fn events_that_nobody_takes_are_bounded_and_the_loss_is_told() {
    let mut events = crate::event::Events::default();
    for _ in 0..limits::EVENTS + 5 {
        events.push(Event::HandshakeGaveUp { peer: PEER });
    }
    let mut last = None;
    while let Some(event) = events.pop() {
        last = Some(event);
    }
    assert_eq!(last, Some(Event::Lost { count: 5 }));
}
