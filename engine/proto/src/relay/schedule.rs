//! The keys of a session, from one X25519 secret: HKDF (RFC 5869) over HMAC-BLAKE2s, as the tunnel's own.
//!
//! `X25519(session key, relay key)` is the same for as long as the certificate; the client's random, the relay's cookie
//! and the relay's random make every session's keys new. Only who holds the session key can make a proof, and only
//! who holds the relay's key can answer it.

use super::frame::COOKIE;
use super::tag;
use crate::cipher::ChaCha;
use crate::keys::Secret;
use crate::{PublicKey, noise};

const DOMAIN: &[u8] = b"warren/relay/v1";

/// What both sides know after a cookie.
pub(super) struct Handshake {
    proof: Secret,
    root: Secret,
}

/// What both sides know after the relay's random.
pub(super) struct Keys {
    /// Seals the one answer that has this random.
    pub(super) answer: ChaCha,
    /// From client to relay.
    pub(super) up: Direction,
    /// From relay to client.
    pub(super) down: Direction,
}

/// The keys of one direction.
pub(super) struct Direction {
    pub(super) control: ChaCha,
    pub(super) tag: [u8; tag::KEY],
}

impl Handshake {
    /// From the shared secret and everything public.
    pub(super) fn new(
        shared: &Secret,
        (relay_key, session_key): (&PublicKey, &PublicKey),
        random: &[u8; 16],
        cookie: &[u8; COOKIE],
    ) -> Self {
        let chain = Secret(noise::hash(&[DOMAIN, &relay_key.0, &session_key.0, random, cookie]));
        let [proof, root] = noise::kdf(&chain, &shared.0);
        Self { proof, root }
    }

    /// What seals the proof; used for one plaintext.
    pub(super) fn proof(&self) -> ChaCha {
        ChaCha::new(&self.proof)
    }

    /// The rest, once the relay gave its random.
    pub(super) fn keys(&self, relay_random: &[u8; 16]) -> Keys {
        let [answer, up, down] = noise::kdf(&self.root, relay_random);
        Keys { answer: ChaCha::new(&answer), up: Direction::new(&up), down: Direction::new(&down) }
    }
}

impl Direction {
    fn new(secret: &Secret) -> Self {
        let [control, tag] = noise::kdf(secret, &[]);
        Self { control: ChaCha::new(&control), tag: crate::message::concat(&[&tag.0]) }
    }
}
