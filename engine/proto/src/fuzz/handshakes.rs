//! Handshake messages and cookies: a real one is taken, and nothing that differs from it where it is authenticated.

use super::input::{Input, flip};
use super::world::{Splitmix, key};
use crate::cookie::{Holder, Issuer};
use crate::handshake::{Begin, Claimed, Initiator, SessionKeys};
use crate::keys::Secret;
use crate::message::{self, Message};
use crate::{Cipher, Endpoint, Instant, PresharedKey, PrivateKey, PublicKey, noise};

/// One handshake that was really made.
struct Made {
    initiator: Initiator,
    initiation: [u8; 148],
    response: [u8; 92],
    local: PrivateKey,
    responder: PrivateKey,
    static_static: Secret,
}

const BOTH: [Cipher; 2] = [Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305];
const STAMP: [u8; 12] = [0x40, 0, 0, 0, 0x6b, 1, 2, 3, 4, 5, 6, 0];

impl Made {
    fn new() -> Self {
        let (local, responder) = (key(1), key(2));
        let static_static = local.exchange(&responder.public()).expect("no low order");
        let begin = Begin {
            local: &local,
            remote: responder.public(),
            static_static: &static_static,
            ephemeral: key(3),
            index: 7,
            stamp: STAMP,
        };
        let (initiator, initiation) = Initiator::begin(begin).expect("no low order");
        let claimed = Claimed::read(&as_initiation(&initiation), &responder).expect("the real one");
        let proven = claimed.prove(&as_initiation(&initiation), &static_static).expect("the real one");
        let (_, response) =
            proven.respond(&key(4), &PresharedKey::none(), Cipher::ChaCha20Poly1305, 9).expect("no low order");
        Self { initiator, initiation, response, local, responder, static_static }
    }
}

thread_local! {
    static MADE: Made = Made::new();
}

fn as_initiation(wire: &[u8]) -> message::Initiation<'_> {
    match message::parse(wire) {
        Some(Message::Initiation(initiation)) => initiation,
        other => panic!("an initiation's length and type give {other:?}"),
    }
}

/// The claim shows with the right ephemeral and static, the proof with the right stamp too; the index is not covered.
pub(super) fn initiation(data: &[u8]) {
    MADE.with(|made| {
        let mut wire = made.initiation;
        flip(&mut wire[4..], data);
        let message = as_initiation(&wire);
        let claimed = Claimed::read(&message, &made.responder);
        assert_eq!(claimed.is_some(), wire[8..88] == made.initiation[8..88]);
        let Some(claimed) = claimed else { return };
        assert_eq!(claimed.initiator, made.local.public());
        let proven = claimed.prove(&message, &made.static_static);
        assert_eq!(proven.is_some(), wire[88..116] == made.initiation[88..116]);
        assert!(proven.is_none_or(|proven| proven.stamp == STAMP));
    });
}

/// The session's keys come of the real ephemeral and tag only.
pub(super) fn response(data: &[u8]) {
    MADE.with(|made| {
        let mut wire = made.response;
        flip(&mut wire[4..], data);
        let Some(Message::Response(message)) = message::parse(&wire) else { panic!("a response's length and type") };
        let finished = made.initiator.finish(&message, &made.local, &[], &BOTH);
        assert_eq!(finished.is_some(), wire[12..60] == made.response[12..60]);
        let chosen = |keys: SessionKeys| keys.remote_index == message.sender && keys.cipher == Cipher::ChaCha20Poly1305;
        assert!(finished.is_none_or(chosen));
        // With any preshared key but none it is another handshake.
        if data.len() > 88 {
            assert!(made.initiator.finish(&message, &made.local, &[PresharedKey::new([9; 32])], &BOTH).is_none());
            assert!(made.initiator.finish(&message, &made.local, &[], &[Cipher::Aes256Gcm]).is_none());
        }
    });
}

/// A cookie comes of the real reply to the last message, once; MAC2 proves the address that the cookie went to.
pub(super) fn cookie(data: &[u8]) {
    let mut input = Input::new(data);
    let now = Instant(1_000_000_000);
    let source = endpoint(1);
    let public: PublicKey = MADE.with(|made| made.responder.public());
    let (mac1_key, cookie_key) = (noise::mac1_key(&public), noise::cookie_key(&public));
    let mut wire = MADE.with(|made| made.initiation);
    let mut holder = Holder::default();
    holder.stamp(now, &mut wire, &mac1_key);
    let mut issuer = Issuer::new();
    let mut random = Splitmix(5);
    let mac1 = *as_initiation(&wire).macs.mac1;
    let mut reply = issuer.reply(now, &mut random, (7, &mac1, &source), &cookie_key).expect("one block");
    let real = reply;
    flip(&mut reply[4..], input.take(60));
    let Some(Message::CookieReply(message)) = message::parse(&reply) else { panic!("a reply's length and type") };
    let accepted = holder.accept(now, &message, &cookie_key);
    assert_eq!(accepted, reply[8..] == real[8..], "all but the index is covered");
    assert!(!(accepted && holder.accept(now, &message, &cookie_key)), "one reply a message");
    holder.stamp(now, &mut wire, &mac1_key);
    let stamped = wire;
    flip(&mut wire, input.take(148));
    if wire[..4] != stamped[..4] {
        return;
    }
    let proves = issuer.proves(now, &as_initiation(&wire).macs, &source);
    assert_eq!(proves, accepted && wire == stamped);
    assert!(!issuer.proves(now, &as_initiation(&wire).macs, &endpoint(2)), "the cookie is the address's");
}

fn endpoint(last: u8) -> Endpoint {
    Endpoint::Udp { remote: ([192, 0, 2, last], 51820).into() }
}
