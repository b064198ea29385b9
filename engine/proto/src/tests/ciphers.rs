//! The second cipher: who gets it, that nobody on the way chooses, its own limits, and what a peer that cannot gets.

use proptest::collection::vec;
use proptest::prelude::*;

use super::pair::{A, B, Link, PEER, Pair, key, udp};
use crate::cipher::DataKey;
use crate::handshake::SessionKeys;
use crate::keys::Secret;
use crate::message::{INITIATION, RESPONSE, TRANSPORT};
use crate::transport::{Refusal, Session};
use crate::{Cipher, HEADROOM, Instant, PublicKey, Transport, limits, noise};

const ALL: [Transport; 3] = [Transport::WireGuard, Transport::TakesAes, Transport::ChoosesAes];
const CHACHA: Cipher = Cipher::ChaCha20Poly1305;
const AES: Cipher = Cipher::Aes256Gcm;

/// A knows where B is, so A initiates.
fn pair_of(initiator: Transport, responder: Transport) -> Pair {
    let mut pair = Pair::new();
    pair.set_transport(A, initiator);
    pair.set_transport(B, responder);
    pair
}

fn ciphers(pair: &Pair) -> [Option<Cipher>; 2] {
    [A, B].map(|side| pair.stats(side).cipher)
}

/// Both may begin.
fn know_each_other(pair: &mut Pair) {
    let address = pair.hosts[A].address;
    pair.call(B, |device, now| device.set_endpoint(now, PEER, Some(address))).unwrap();
}

#[test]
fn the_responder_chooses_and_the_initiator_finds_it_whatever_the_preshared_key() {
    for psk in [&[][..], &[7], &[3, 7]] {
        for initiator in ALL {
            for responder in ALL {
                let mut pair = pair_of(initiator, responder);
                let transports = [initiator, responder];
                for side in [A, B] {
                    let keys = psk.iter().map(|number| crate::PresharedKey::new([*number; 32])).collect();
                    pair.configure(side, |config| {
                        config.preshared_keys = keys;
                        config.transport = transports[side];
                    });
                }
                pair.send(A, b"there");
                pair.run_s(1);
                pair.send(B, b"and back");
                pair.run_s(1);
                let chosen = responder == Transport::ChoosesAes && initiator != Transport::WireGuard;
                let wanted = Some(if chosen { AES } else { CHACHA });
                assert_eq!(ciphers(&pair), [wanted; 2], "{initiator:?} to {responder:?}");
                assert_eq!((pair.texts(A), pair.texts(B)), (vec![b"and back".to_vec()], vec![b"there".to_vec()]));
            }
        }
    }
}

#[test]
fn a_stock_peer_sees_the_same_bytes_whatever_else_we_could() {
    let wire = |transport| {
        let mut pair = pair_of(transport, Transport::WireGuard);
        pair.connect();
        pair.send(B, b"back");
        pair.run_s(1);
        pair.sent.iter().map(|sent| (sent.from, sent.bytes.clone())).collect::<Vec<_>>()
    };
    let plain = wire(Transport::WireGuard);
    assert!(wire(Transport::TakesAes) == plain, "as initiator nothing differs, since nothing is asked for");
    assert!(wire(Transport::ChoosesAes) == plain);
}

#[test]
fn a_peer_that_offers_but_cannot_has_a_session_within_a_second_and_keeps_it_through_renewals() {
    let mut pair = pair_of(Transport::WireGuard, Transport::ChoosesAes);
    pair.send(A, b"hello");
    pair.run_s(1);
    assert_eq!(pair.texts(B), [b"hello".to_vec()]);
    assert_eq!(pair.messages(B, RESPONSE).len(), usize::from(limits::AES_UNPROVEN) + 1);
    for _ in 0..300 {
        pair.send(A, b"a");
        pair.send(B, b"b");
        pair.run_s(1);
    }
    assert_eq!(ciphers(&pair), [Some(CHACHA); 2]);
    assert_eq!((pair.texts(A).len(), pair.texts(B).len()), (300, 300));
    // AES is tried once at each renewal.
    assert_eq!(pair.messages(A, INITIATION).len(), 3 + 2 + 2);
}

#[test]
fn who_drops_responses_on_the_way_gains_no_more_than_one_session_of_wireguards_own_cipher() {
    let mut pair = pair_of(Transport::ChoosesAes, Transport::ChoosesAes);
    pair.send(A, b"x");
    while pair.messages(B, RESPONSE).len() < usize::from(limits::AES_UNPROVEN) {
        let before = pair.messages(B, RESPONSE).len();
        while pair.messages(B, RESPONSE).len() == before {
            pair.run_ms(5);
        }
        pair.drop_flying();
    }
    pair.run_s(3);
    assert_eq!(ciphers(&pair), [Some(CHACHA); 2]);
    for _ in 0..125 {
        pair.send(A, b"a");
        pair.run_s(1);
    }
    assert_eq!(ciphers(&pair), [Some(AES); 2], "the renewal is not theirs to spoil");
    assert_eq!(pair.texts(B).len(), 126);
}

#[test]
fn a_response_that_was_changed_or_made_by_another_makes_no_session() {
    let mut pair = pair_of(Transport::ChoosesAes, Transport::ChoosesAes);
    pair.send(A, b"x");
    pair.run_ms(15);
    let response = pair.messages(B, RESPONSE)[0].bytes.clone();
    pair.drop_flying();
    let mac1_key = noise::mac1_key(&key(A as u8).public());
    // Whoever knows A's public key can make MAC1; each from a source of its own, so that no rate stands before.
    for at in 12..60 {
        let mut changed = response.clone();
        changed[at] ^= 1 << (at % 8);
        let mac1 = noise::mac(&mac1_key, &[&changed[..60]]);
        changed[60..76].copy_from_slice(&mac1);
        pair.inject(A, udp(at as u8, 51820), &changed);
        assert_eq!(pair.counters(A).drop_handshake_invalid, at as u64 - 11);
    }
    assert_eq!(pair.handshakes(A), 0);
    let source = pair.hosts[B].address;
    pair.inject(A, source, &response);
    assert_eq!(ciphers(&pair)[A], Some(AES), "and the one that was held back chooses what B chose");
}

#[test]
fn a_changed_wish_takes_effect_at_once_and_no_packet_is_lost() {
    for (first, then, wanted) in [
        (Transport::WireGuard, Transport::ChoosesAes, AES),
        (Transport::TakesAes, Transport::ChoosesAes, AES),
        (Transport::ChoosesAes, Transport::WireGuard, CHACHA),
    ] {
        let mut pair = pair_of(first, first);
        pair.connect();
        know_each_other(&mut pair);
        for second in 0..20 {
            if second == 5 {
                pair.set_transport(A, then);
                pair.drain(A);
            }
            if second == 6 {
                pair.set_transport(B, then);
                pair.drain(B);
            }
            pair.send(A, b"a");
            pair.send(B, b"b");
            pair.run_s(1);
        }
        assert_eq!(ciphers(&pair), [Some(wanted); 2], "{first:?} to {then:?}");
        assert_eq!((pair.texts(A).len(), pair.texts(B).len()), (20, 20));
    }
}

#[test]
fn handshakes_that_cross_and_a_bad_link_end_in_aes_all_the_same() {
    for seed in 0..10 {
        let mut pair = Pair::with_seed(seed);
        for side in [A, B] {
            pair.introduce(side);
            pair.set_transport(side, Transport::ChoosesAes);
            let address = pair.hosts[1 - side].address;
            pair.call(side, |device, now| device.set_endpoint(now, PEER, Some(address))).unwrap();
        }
        pair.link = Link { loss: 10, duplicate: 20, reorder: 40 };
        let mut seconds_of_aes = 0;
        for number in 0..400_u16 {
            pair.send(A, &number.to_be_bytes());
            pair.send(B, &number.to_be_bytes());
            pair.run_s(1);
            seconds_of_aes += usize::from(ciphers(&pair) == [Some(AES); 2]);
        }
        assert!(pair.texts(A).len() > 300 && pair.texts(B).len() > 300);
        assert!(seconds_of_aes > 200, "seed {seed}: {seconds_of_aes} of 400");
    }
}

#[test]
fn a_session_of_aes_is_renewed_after_2_27_messages_by_either_side() {
    for side in [A, B] {
        let mut pair = pair_of(Transport::ChoosesAes, Transport::ChoosesAes);
        pair.connect();
        know_each_other(&mut pair);
        pair.run_s(20);
        pair.hosts[side].device.set_counter_for_test(PEER, (1 << 27) - 2);
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
fn a_session_of_aes_seals_nothing_from_2_28_messages_on_and_opens_nothing_either() {
    let mut pair = pair_of(Transport::ChoosesAes, Transport::ChoosesAes);
    pair.connect();
    pair.link.loss = 100;
    pair.hosts[A].device.set_counter_for_test(PEER, (1 << 28) - 1);
    let before = pair.messages(A, TRANSPORT).len();
    pair.send(A, b"the last one");
    pair.send(A, b"waits");
    assert_eq!(pair.messages(A, TRANSPORT).len(), before + 1);
    let mut beyond = pair.messages(A, TRANSPORT).last().unwrap().bytes.clone();
    beyond[8..16].copy_from_slice(&(1_u64 << 28).to_le_bytes());
    let source = pair.hosts[A].address;
    pair.inject(B, source, &beyond);
    assert_eq!(pair.counters(B).drop_session_expired, 1);
    pair.link.loss = 0;
    pair.run_s(10);
    assert_eq!(pair.texts(B), [b"waits".to_vec()]);
}

fn session(cipher: Cipher, send: u8, receive: u8) -> Session {
    let keys = SessionKeys { send: Secret([send; 32]), receive: Secret([receive; 32]), cipher, remote_index: 9 };
    Session::new(Instant(0), &keys, 9, true, (PublicKey([1; 32]), PublicKey([2; 32])))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn what_one_end_seals_the_other_opens_once_and_only_unchanged(
        is_aes in any::<bool>(), text in vec(any::<u8>(), 0..200), counter in 0..(1_u64 << 29), at in any::<usize>(),
    ) {
        let cipher = if is_aes { AES } else { CHACHA };
        let (mut sender, mut receiver) = (session(cipher, 1, 2), session(cipher, 2, 1));
        sender.set_counter(counter);
        prop_assert_eq!(sender.can_send(Instant(0)), !is_aes || counter < limits::AES_REJECT_AFTER_MESSAGES);
        prop_assert_eq!(sender.wants_renewal(Instant(0)), is_aes && counter >= limits::AES_REKEY_AFTER_MESSAGES);
        let mut wire = vec![0xaa; HEADROOM + text.len().next_multiple_of(16) + 16];
        wire[HEADROOM..HEADROOM + text.len()].copy_from_slice(&text);
        prop_assert!(sender.seal(&mut wire, text.len()));
        let mut changed = wire.clone();
        let place = HEADROOM + at % (wire.len() - HEADROOM);
        changed[place] ^= 1 << (at % 8);
        let lives = !is_aes || counter < limits::AES_REJECT_AFTER_MESSAGES;
        let refused = if lives { Refusal::Forged } else { Refusal::Expired };
        prop_assert_eq!(receiver.open(Instant(0), counter, &mut changed).err(), Some(refused));
        let mut again = wire.clone();
        let opened = receiver.open(Instant(0), counter, &mut wire);
        prop_assert_eq!(opened.as_ref().is_ok(), lives);
        if let Ok(plain) = opened {
            prop_assert_eq!(&plain[..text.len()], &text[..]);
            prop_assert_eq!(receiver.open(Instant(0), counter, &mut again).err(), Some(Refusal::Replay));
        }
    }

    #[test]
    fn one_ciphers_data_is_nothing_to_the_other_under_the_same_key(text in vec(any::<u8>(), 0..100), counter: u64) {
        let [mut by_aes, mut by_chacha] = [text.clone(), text];
        let keys = [AES, CHACHA].map(|cipher| DataKey::new(cipher, &Secret([3; 32])));
        let tag = keys[0].seal(counter, &mut by_aes).unwrap();
        by_aes.extend(tag);
        let tag = keys[1].seal(counter, &mut by_chacha).unwrap();
        by_chacha.extend(tag);
        prop_assert!(keys[1].open(counter, &mut by_aes).is_none());
        prop_assert!(keys[0].open(counter, &mut by_chacha).is_none());
    }
}
