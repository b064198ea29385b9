//! Handshakes and the life of a session, by the paper's times.

use core::time::Duration;

use super::pair::{A, B, Link, PEER, Pair, packet};
use crate::message::{INITIATION, RESPONSE, TRANSPORT};
use crate::{Event, Instant, limits};

fn gaps(times: &[Instant]) -> Vec<Duration> {
    times.windows(2).map(|pair| pair[1].since(pair[0])).collect()
}

#[test]
fn a_first_packet_makes_a_session_and_both_sides_then_talk() {
    let mut pair = Pair::new();
    pair.connect();
    pair.send(B, b"and back");
    pair.run_ms(50);
    assert_eq!(pair.texts(A), [b"and back".to_vec()]);
    assert_eq!((pair.messages(A, INITIATION).len(), pair.messages(B, RESPONSE).len()), (1, 1));
    let Some(Event::Handshake { peer, initiated: true, .. }) = pair.hosts[A].events.first() else {
        panic!("{:?}", pair.hosts[A].events)
    };
    assert_eq!(*peer, PEER);
    assert!(matches!(pair.hosts[B].events[..], [Event::Handshake { initiated: false, .. }]));
    assert!(pair.stats(A).alive && pair.stats(B).alive);
    assert_eq!(pair.stats(B).last_handshake.map(|at| at.0 / 1_000_000_000), Some(1_790_000_000));
}

#[test]
fn the_responder_may_be_the_first_to_send_data() {
    let mut pair = Pair::new();
    pair.call(A, |device, now| device.initiate(now, PEER)).unwrap();
    pair.run_ms(15);
    pair.send(B, b"first");
    assert_eq!(pair.messages(B, TRANSPORT).len(), 0, "it may not send before it heard from the initiator");
    pair.run_ms(50);
    assert_eq!(pair.texts(A), [b"first".to_vec()]);
}

#[test]
fn handshakes_that_cross_both_succeed_and_lose_nothing() {
    let mut pair = Pair::new();
    let address = pair.hosts[A].address;
    pair.call(B, |device, now| device.set_endpoint(now, PEER, Some(address))).unwrap();
    pair.send(A, b"from a");
    pair.send(B, b"from b");
    for _ in 0..60 {
        pair.run_s(9);
        pair.send(A, b"a");
        pair.send(B, b"b");
    }
    pair.run_s(1);
    assert_eq!(pair.texts(B).len(), 61);
    assert_eq!(pair.texts(A).len(), 61);
    assert_eq!(pair.counters(A).drop_unknown_index, 0);
}

#[test]
fn a_first_contact_is_repeated_at_a_quarter_a_half_one_two_and_five_seconds_until_ninety() {
    let mut pair = Pair::new();
    pair.link.loss = 100;
    pair.send(A, b"anyone?");
    pair.run_s(200);
    let times: Vec<Instant> = pair.messages(A, INITIATION).iter().map(|sent| sent.at).collect();
    let pauses: Vec<u128> = gaps(&times).iter().map(Duration::as_millis).collect();
    for (pause, wanted) in pauses.iter().zip([250, 500, 1000, 2000, 5000, 5000, 5000]) {
        assert!((wanted..=wanted + 333).contains(pause), "{pauses:?}");
    }
    assert!(times.last().unwrap().since(times[0]) < Duration::from_secs(90));
    assert_eq!(pair.hosts[A].events, [Event::HandshakeGaveUp { peer: PEER }]);
    assert_eq!(pair.counters(A).drop_staged_gave_up, 1);
    assert_eq!(pair.hosts[A].device.poll_timeout(), None, "then it costs nothing");
    pair.link.loss = 0;
    pair.connect();
}

#[test]
fn pauses_have_jitter() {
    let mut pauses: Vec<Duration> = (0..8)
        .flat_map(|seed| {
            let mut pair = Pair::with_seed(seed);
            pair.introduce(A);
            let address = pair.hosts[B].address;
            pair.call(A, |device, now| device.set_endpoint(now, PEER, Some(address))).unwrap();
            pair.send(A, b"x");
            pair.run_s(80);
            gaps(&pair.messages(A, INITIATION).iter().map(|sent| sent.at).collect::<Vec<_>>()).split_off(4)
        })
        .collect();
    pauses.sort();
    pauses.dedup();
    assert!(pauses.len() > 50, "{}", pauses.len());
    assert!(pauses.iter().all(|pause| (5000..5334).contains(&pause.as_millis())));
}

#[test]
fn a_bad_link_ends_in_a_session_all_the_same() {
    for seed in 0..20 {
        let mut pair = Pair::with_seed(seed);
        pair.introduce(A);
        pair.introduce(B);
        let address = pair.hosts[B].address;
        pair.call(A, |device, now| device.set_endpoint(now, PEER, Some(address))).unwrap();
        pair.link = Link { loss: 30, duplicate: 20, reorder: 40 };
        for number in 0..400_u16 {
            pair.send(A, &number.to_be_bytes());
            pair.send(B, &number.to_be_bytes());
            pair.run_s(1);
        }
        for side in [A, B] {
            let mut texts = pair.texts(side);
            let arrived = texts.len();
            texts.sort();
            texts.dedup();
            assert_eq!(texts.len(), arrived, "a duplicate passed");
            assert!(arrived > 230, "seed {seed}: {arrived} of 400");
        }
    }
}

#[test]
fn the_initiator_renews_after_120_s_without_losing_a_packet() {
    let mut pair = Pair::new();
    pair.connect();
    for _ in 0..130 {
        pair.send(A, b"a");
        pair.send(B, b"b");
        pair.run_s(1);
    }
    assert_eq!(pair.messages(A, INITIATION).len(), 2);
    assert_eq!(pair.messages(B, INITIATION).len(), 0, "renewing is the initiator's task");
    assert_eq!((pair.texts(A).len(), pair.texts(B).len()), (130, 130));
    assert_eq!(pair.handshakes(B), 2);
}

#[test]
fn an_initiator_that_only_receives_renews_before_the_session_ends() {
    let mut pair = Pair::new();
    pair.connect();
    for _ in 0..200 {
        pair.send(B, b"b");
        pair.run_s(1);
    }
    assert_eq!(pair.texts(A).len(), 200);
    let renewals = pair.messages(A, INITIATION);
    assert_eq!(renewals.len(), 2);
    let at = renewals[1].at.since(renewals[0].at).as_secs();
    assert!((120..=166).contains(&at), "{at}");
}

#[test]
fn an_initiator_that_hears_something_in_the_last_15_s_of_a_session_renews_it_at_once() {
    let mut pair = Pair::new();
    pair.connect();
    pair.run_s(160);
    pair.send(B, b"early");
    pair.run_ms(100);
    assert_eq!(pair.handshakes(A), 1);
    pair.run_s(6);
    pair.send(B, b"late");
    pair.run_ms(100);
    assert_eq!(pair.handshakes(A), 2);
}

#[test]
fn peers_and_sessions_are_as_small_as_promised() {
    assert!(size_of::<crate::peer::Peer>() <= 640, "{}", size_of::<crate::peer::Peer>());
    assert!(size_of::<crate::transport::Session>() <= 2560, "{}", size_of::<crate::transport::Session>());
    assert!(size_of::<crate::Endpoint>() <= 40);
}

#[test]
fn a_session_is_renewed_after_2_60_messages_by_either_side() {
    for side in [A, B] {
        let mut pair = Pair::new();
        pair.connect();
        pair.run_s(20);
        pair.hosts[side].device.set_counter_for_test(PEER, limits::REKEY_AFTER_MESSAGES - 2);
        pair.send(side, b"one below");
        pair.run_s(1);
        assert_eq!(pair.handshakes(side), 1);
        pair.send(side, b"reaches it");
        pair.run_s(1);
        assert_eq!(pair.handshakes(side), 2, "side {side}");
        assert_eq!(pair.texts(1 - side).len(), 2);
    }
}

#[test]
fn a_session_seals_nothing_from_2_64_minus_2_13_minus_1_messages_on() {
    let mut pair = Pair::new();
    pair.connect();
    pair.link.loss = 100;
    pair.hosts[A].device.set_counter_for_test(PEER, limits::REJECT_AFTER_MESSAGES - 1);
    let before = pair.messages(A, TRANSPORT).len();
    pair.send(A, b"the last one");
    pair.send(A, b"waits");
    assert_eq!(pair.messages(A, TRANSPORT).len(), before + 1);
    pair.link.loss = 0;
    pair.run_s(10);
    assert_eq!(pair.texts(B), [b"waits".to_vec()]);
}

#[test]
fn a_session_older_than_180_s_carries_nothing() {
    let mut pair = Pair::new();
    pair.connect();
    pair.send(B, b"x");
    let late = pair.sent.last().unwrap().bytes.clone();
    pair.link.loss = 100;
    pair.run_s(181);
    let transports = pair.messages(A, TRANSPORT).len();
    pair.send(A, b"y");
    assert_eq!(pair.messages(A, TRANSPORT).len(), transports);
    let source = pair.hosts[B].address;
    pair.hosts[A].delivered.clear();
    let replay_of = pair.counters(A).drop_session_expired;
    // Its copy was lost, so that only its age speaks against it.
    pair.inject(A, source, &late);
    assert_eq!(pair.counters(A).drop_session_expired, replay_of + 1);
    assert!(pair.hosts[A].delivered.is_empty());
}

#[test]
fn all_keys_are_erased_540_s_after_the_last_handshake() {
    let mut pair = Pair::new();
    pair.connect();
    pair.run_s(539);
    assert!(pair.hosts[A].device.sessions_for_test(PEER) > 0);
    pair.run_s(2);
    for side in [A, B] {
        assert_eq!(pair.hosts[side].device.sessions_for_test(PEER), 0);
        assert_eq!(pair.hosts[side].device.indices_for_test(), 0);
        assert_eq!(pair.hosts[side].device.poll_timeout(), None);
    }
}

#[test]
fn who_only_receives_sends_a_keepalive_after_10_s_and_nobody_else_does() {
    let mut pair = Pair::new();
    pair.connect();
    pair.run_s(30);
    let keepalives = |pair: &Pair, side| {
        let all = pair.messages(side, TRANSPORT).into_iter().filter(|sent| sent.bytes.len() == 32);
        all.map(|sent| sent.at).collect::<Vec<_>>()
    };
    let [at] = keepalives(&pair, B)[..] else { panic!("{:?}", keepalives(&pair, B)) };
    let data = pair.messages(A, TRANSPORT)[0].at;
    assert_eq!(at.since(data).as_secs(), 10);
    assert_eq!(keepalives(&pair, A), []);
    assert_eq!(pair.messages(A, INITIATION).len(), 1);
}

#[test]
fn a_persistent_keepalive_is_sent_at_its_interval_and_makes_the_session() {
    let mut pair = Pair::new();
    pair.configure(A, |config| config.keepalive_s = 25);
    pair.run_s(101);
    assert_eq!(pair.handshakes(A), 1);
    let count = pair.messages(A, TRANSPORT).len();
    assert!((4..=6).contains(&count), "{count}");
}

#[test]
fn a_silent_peer_is_asked_for_a_new_session_after_15_s() {
    let mut pair = Pair::new();
    pair.connect();
    pair.run_s(20);
    pair.link.loss = 100;
    pair.send(A, b"into the void");
    let sent = pair.now.mono;
    pair.run_s(20);
    let again = pair.messages(A, INITIATION)[1].at.since(sent);
    assert!((15_000..=15_334).contains(&again.as_millis()), "{again:?}");
}

#[test]
fn packets_wait_in_order_and_the_oldest_make_room() {
    let mut pair = Pair::new();
    for number in 0..=limits::STAGED_PACKETS {
        pair.send(A, &(number as u16).to_be_bytes());
    }
    pair.run_ms(100);
    let texts = pair.texts(B);
    assert_eq!(texts.len(), limits::STAGED_PACKETS);
    assert_eq!(texts[0], 1_u16.to_be_bytes());
    assert!(texts.is_sorted());
    assert_eq!(pair.counters(A).drop_staged_oldest, 1);
}

#[test]
fn packets_are_padded_to_16_but_not_beyond_the_mtu() {
    let mut pair = Pair::new();
    pair.connect();
    for (len, wire) in [(21, 32), (32, 32), (33, 48), (1391, 1392), (1393, 1400), (1400, 1400)] {
        let inner = packet(A, &vec![7; len - 20]);
        pair.send_packet(A, &inner);
        assert_eq!(pair.sent.last().unwrap().bytes.len(), wire + 32, "{len}");
        pair.run_ms(50);
        assert_eq!(pair.hosts[B].delivered.pop(), Some(inner));
    }
}

#[test]
fn a_wall_clock_that_goes_back_changes_nothing() {
    let mut pair = Pair::new();
    pair.connect();
    pair.now.wall.0 -= 3_600_000_000_000;
    pair.run_s(20);
    pair.call(A, |device, now| device.initiate(now, PEER)).unwrap();
    pair.run_s(1);
    assert_eq!(pair.handshakes(A), 2);
    assert_eq!(pair.counters(B).drop_stamp_old, 0);
}

#[test]
fn a_thousand_idle_peers_arm_nothing() {
    let mut pair = Pair::new();
    for number in 0..1_000_u64 {
        let mut secret = [9; 32];
        secret[8..16].copy_from_slice(&number.to_le_bytes());
        let config = crate::PeerConfig {
            public_keys: vec![crate::PrivateKey::new(secret).public()],
            ..crate::PeerConfig::default()
        };
        pair.hosts[A].device.set_peer(pair.now, crate::PeerId(1000 + number), config).unwrap();
    }
    assert_eq!(pair.hosts[A].device.poll_timeout(), None);
    pair.connect();
}
