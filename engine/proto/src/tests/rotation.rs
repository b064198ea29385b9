//! Keys that change: static keys of either side, and the list of preshared keys.

use super::pair::{A, B, PEER, Pair, key};
use crate::{ConfigError, Event, PeerConfig, PeerId};

/// A's next key.
const NEXT: u8 = 40;

#[test]
fn a_device_rotates_its_key_and_no_packet_is_lost() {
    let mut pair = Pair::new();
    pair.connect();
    let both = |config: &mut PeerConfig| config.public_keys = vec![key(A as u8).public(), key(NEXT).public()];
    pair.configure(B, both);
    for second in 0..40 {
        pair.send(A, b"a");
        pair.send(B, b"b");
        if second == 10 {
            pair.call(A, |device, now| device.set_private_keys(now, vec![key(NEXT), key(A as u8)])).unwrap();
            pair.call(A, |device, now| device.initiate(now, PEER)).unwrap();
        }
        if second == 20 {
            pair.call(A, |device, now| device.set_private_keys(now, vec![key(NEXT)])).unwrap();
            pair.configure(B, |config| config.public_keys = vec![key(NEXT).public()]);
        }
        pair.run_s(1);
    }
    assert_eq!((pair.texts(A).len(), pair.texts(B).len()), (40, 40));
    assert_eq!(pair.handshakes(B), 2, "sessions of keys that stay go on");
    let Some(Event::Handshake { public_key, .. }) = pair.hosts[B].events.last() else { panic!() };
    assert_eq!(*public_key, key(NEXT).public());
}

#[test]
fn a_key_that_is_taken_away_ends_its_sessions_and_packets_wait_for_the_next() {
    let mut pair = Pair::new();
    pair.connect();
    pair.configure(B, |config| config.public_keys = vec![key(NEXT).public()]);
    assert!(!pair.stats(B).alive);
    pair.call(A, |device, now| device.set_private_keys(now, vec![key(NEXT)])).unwrap();
    assert!(!pair.stats(A).alive);
    pair.send(A, b"waits");
    pair.run_s(1);
    assert_eq!(pair.texts(B), [b"waits".to_vec()]);
}

#[test]
fn a_peer_that_went_on_to_its_next_key_is_reached_by_the_second_initiation() {
    let mut pair = Pair::new();
    pair.configure(A, |config| config.public_keys = vec![key(B as u8).public(), key(NEXT).public()]);
    pair.call(B, |device, now| device.set_private_keys(now, vec![key(NEXT)])).unwrap();
    pair.send(A, b"x");
    pair.run_ms(400);
    assert_eq!(pair.texts(B), [b"x".to_vec()]);
    assert_eq!(pair.counters(B).drop_mac1, 1);
}

#[test]
fn a_key_change_during_a_handshake_begins_it_again() {
    let mut pair = Pair::new();
    pair.configure(B, |config| config.public_keys = vec![key(A as u8).public(), key(NEXT).public()]);
    pair.send(A, b"x");
    pair.call(A, |device, now| device.set_private_keys(now, vec![key(NEXT)])).unwrap();
    pair.run_ms(200);
    assert_eq!(pair.texts(B), [b"x".to_vec()], "before the 250 ms of the next try");
}

#[test]
fn preshared_keys_must_agree() {
    let mut pair = Pair::new();
    pair.set_preshared(A, &[1]);
    pair.set_preshared(B, &[2]);
    pair.send(A, b"x");
    pair.run_s(3);
    assert_eq!(pair.handshakes(A), 0);
    assert!(pair.counters(A).drop_handshake_invalid > 0);
    // A changed preshared key takes effect with the next handshake, the one on its way included.
    pair.set_preshared(B, &[1]);
    pair.run_s(10);
    assert_eq!(pair.handshakes(A), 1);
    pair.send(A, b"y");
    pair.run_ms(50);
    assert_eq!(pair.texts(B), [b"y".to_vec()]);
}

#[test]
fn a_response_is_tried_against_each_preshared_key_in_order() {
    for of_b in [1, 2, 3, 4] {
        let mut pair = Pair::new();
        pair.set_preshared(A, &[1, 2, 3, 4]);
        pair.set_preshared(B, &[of_b, 9]);
        pair.connect();
    }
}

#[test]
fn no_preshared_key_and_one_of_zeros_are_the_same() {
    let mut pair = Pair::new();
    pair.set_preshared(A, &[5, 0]);
    pair.connect();
}

#[test]
fn wrong_configurations_are_refused_and_change_nothing() {
    let mut pair = Pair::new();
    pair.connect();
    let device = &mut pair.hosts[A].device;
    let with = |keys: Vec<_>| PeerConfig { public_keys: keys, ..PeerConfig::default() };
    let other = PeerId(8);
    let cases = [
        (PEER, with(vec![]), ConfigError::Keys),
        (PEER, with(vec![key(5).public(), key(5).public()]), ConfigError::Keys),
        (PEER, with(vec![key(5).public(), key(6).public(), key(7).public()]), ConfigError::Keys),
        (PEER, with(vec![key(A as u8).public()]), ConfigError::KeyUnusable),
        (PEER, with(vec![crate::PublicKey([0; 32])]), ConfigError::KeyUnusable),
        (other, with(vec![key(B as u8).public()]), ConfigError::KeyTaken),
        (
            PEER,
            PeerConfig { preshared_keys: vec![crate::PresharedKey::new([1; 32]); 5], ..Pair::peer_config(B) },
            ConfigError::PresharedKeys,
        ),
    ];
    for (peer, config, error) in cases {
        assert_eq!(device.set_peer(pair.now, peer, config), Err(error));
    }
    assert_eq!(device.set_gate(other, true), Err(ConfigError::UnknownPeer));
    assert_eq!(device.set_private_keys(pair.now, vec![]), Err(ConfigError::Keys));
    assert!(pair.stats(A).alive);
    pair.send(A, b"still");
    pair.run_s(1);
    assert_eq!(pair.texts(B), [b"still".to_vec()]);
}

#[test]
fn a_removed_peer_leaves_nothing_behind() {
    let mut pair = Pair::new();
    pair.connect();
    let device = &mut pair.hosts[A].device;
    device.set_probe_key([1; 8], [2; 32], PEER).unwrap();
    assert!(device.remove_peer(PEER) && !device.remove_peer(PEER));
    assert_eq!((device.indices_for_test(), device.poll_timeout()), (0, None));
    assert!(!device.remove_probe_key([1; 8]));
    pair.send(A, b"x");
    assert_eq!(pair.counters(A).drop_no_route, 1);
    // The same key may come back under another number.
    pair.hosts[A].device.set_peer(pair.now, PeerId(8), Pair::peer_config(B)).unwrap();
}
