//! Transport messages, probes and STUN answers, each against what a naive model lets through.

use core::time::Duration;
use std::collections::BTreeMap;

use super::input::{Input, flip};
use super::world::Splitmix;
use crate::handshake::SessionKeys;
use crate::keys::Secret;
use crate::message::{self, Message};
use crate::probe::{self, Probes};
use crate::stun::{self, Transactions};
use crate::transport::Session;
use crate::{Cipher, Endpoint, HEADROOM, Instant, PeerId, limits, noise};

const START: Instant = Instant(1_000_000_000_000);

/// Counters of the sealed packets: near, far, and around the end of what may be used.
const COUNTERS: [u64; 10] = [0, 1, 2, 63, 8_191, 8_192, 20_000, (1 << 28) - 1, 1 << 28, u64::MAX - (1 << 13) - 1];

fn session(cipher: Cipher, send: u8, receive: u8) -> Session {
    let keys = SessionKeys { send: Secret([send; 32]), receive: Secret([receive; 32]), cipher, remote_index: 9 };
    Session::new(START, &keys, 9, true, (crate::PublicKey([1; 32]), crate::PublicKey([2; 32])))
}

/// A datagram opens if nobody changed it, its counter is new and within the window, and the session is young.
pub(super) fn transport(data: &[u8]) {
    let mut input = Input::new(data);
    let cipher = if input.flag() { Cipher::Aes256Gcm } else { Cipher::ChaCha20Poly1305 };
    let mut receiver = session(cipher, 2, 1);
    let mut seen = Vec::new();
    let mut now = START;
    while !input.is_empty() {
        let counter = COUNTERS[input.below(COUNTERS.len())];
        now = now.after(Duration::from_secs(u64::from(input.byte() & 3)));
        let length = usize::from(input.byte() & 63);
        let text = input.take(length);
        let mut wire = sealed(cipher, counter, text);
        let changed = flip(&mut wire[8..], input.some());
        let Some(Message::Transport(header)) = message::parse(&wire) else { panic!("sealed by us") };
        assert_eq!(header.receiver, 9);
        let newest = seen.iter().copied().max();
        let old = newest.is_some_and(|newest: u64| newest.saturating_sub(counter) >= 8_192);
        let lives = now.since(START) < limits::REJECT_AFTER_TIME && counter < cipher.reject_after();
        let expected = !changed && !old && !seen.contains(&counter) && lives;
        match receiver.open(now, header.counter, &mut wire) {
            Ok(plain) => {
                assert!(expected, "counter {counter} of {seen:?}");
                assert_eq!(&plain[..text.len()], text);
                assert!(plain[text.len()..].iter().all(|byte| *byte == 0));
                seen.push(counter);
            }
            Err(refusal) => assert!(!expected, "counter {counter} of {seen:?}: {refusal:?}"),
        }
    }
}

fn sealed(cipher: Cipher, counter: u64, text: &[u8]) -> Vec<u8> {
    let mut sender = session(cipher, 1, 2);
    sender.set_counter(counter);
    let mut wire = vec![0xaa; HEADROOM + text.len().next_multiple_of(16) + 16];
    wire[HEADROOM..HEADROOM + text.len()].copy_from_slice(text);
    assert!(sender.seal(&mut wire, text.len()));
    wire
}

/// A probe counts for the peer of its hint if its tag is right, and whatever its length it never costs a panic.
pub(super) fn probe(data: &[u8]) {
    let mut input = Input::new(data);
    let mut probes = Probes::new(&mut Splitmix(1));
    let mut model: BTreeMap<[u8; 8], (u8, PeerId)> = BTreeMap::new();
    let source = Endpoint::Udp { remote: ([192, 0, 2, 1], 9).into() };
    let mut now = START;
    while !input.is_empty() {
        let (what, named) = (input.byte(), input.byte() & 7);
        let (hint, peer) = ([named; 8], PeerId(u64::from(named & 3)));
        now = now.after(Duration::from_millis(100));
        match what & 7 {
            0 => assert!(probes.set(hint, [what; 32], peer) && model.insert(hint, (what, peer)).is_none_or(|_| true)),
            1 => assert_eq!(probes.remove(&hint), model.remove(&hint).is_some()),
            2 => {
                probes.remove_peer(peer);
                model.retain(|_, (_, known)| *known != peer);
            }
            _ => {
                let length = usize::from(input.byte()) * 8;
                let body = input.take(length);
                let mut wire = [&[0xd7, b'W', b'R', b'N'][..], &hint, body].concat();
                let known = model.get(&hint).copied();
                let tag = noise::mac(&[known.map_or(what, |(key, _)| key); 32], &[&wire]);
                wire.extend(tag);
                let changed = flip(&mut wire, input.take(usize::from(what >> 3)));
                let fits = (66..=limits::CONTROL_DATAGRAM).contains(&wire.len());
                let expected = known.filter(|_| fits && !changed).map(|(_, peer)| peer);
                assert_eq!(probes.verify(now, &wire, &source).ok(), expected);
                assert_eq!(probe::parse(&wire).is_some(), fits && wire.starts_with(&[0xd7, b'W', b'R', b'N']));
            }
        }
    }
}

/// Transactions against a list: each is settled once, until its time, and at most so many wait.
pub(super) fn stun(data: &[u8]) {
    let mut input = Input::new(data);
    let mut transactions = Transactions::default();
    let mut model: Vec<([u8; 12], u64)> = Vec::new();
    let mut now = START;
    while !input.is_empty() {
        let (what, named) = (input.byte(), [input.byte(); 12]);
        match what & 3 {
            0 => now = now.after(Duration::from_millis(u64::from(what))),
            1 | 2 => {
                let until = now.0 + u64::from(what >> 2) * 1_000_000;
                transactions.expect(now, named, Duration::from_millis(u64::from(what >> 2)));
                model.retain(|(known, until)| *until > now.0 && *known != named);
                if model.len() >= limits::STUN_TRANSACTIONS {
                    model.remove(0);
                }
                model.push((named, until));
            }
            _ => {
                let length = input.take(2);
                let wire = [&[1, 1][..], length, &[0x21, 0x12, 0xa4, 0x42], &named, input.some()].concat();
                let expected = model.iter().position(|(known, until)| *known == named && *until > now.0);
                if let Some(transaction) = stun::transaction(&wire) {
                    assert_eq!(transaction, named);
                    assert_eq!(transactions.settle(now, &transaction), expected.is_some());
                    if let Some(at) = expected {
                        model.remove(at);
                    }
                }
            }
        }
    }
    assert!(model.len() <= limits::STUN_TRANSACTIONS);
}
