//! The primitives of the paper's section 5.4 and the symmetric state that a handshake carries along.
//!
//! HASH is BLAKE2s-256, MAC is keyed BLAKE2s with 16 bytes of output, KDF is HKDF over HMAC-BLAKE2s.

use blake2::digest::consts::{U16, U32};
use blake2::digest::{FixedOutput, KeyInit, Update};
use blake2::{Blake2s256, Blake2sMac, Digest};
use subtle::ConstantTimeEq;

use crate::PublicKey;
use crate::cipher::{ChaCha, TAG, counter_nonce};
use crate::keys::Secret;

const CONSTRUCTION: &[u8] = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
const IDENTIFIER: &[u8] = b"WireGuard v1 zx2c4 Jason@zx2c4.com";
/// BLAKE2s works on blocks of so many bytes.
const BLOCK: usize = 64;

/// HASH over the concatenation of `parts`.
pub(crate) fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut state = Blake2s256::new();
    parts.iter().for_each(|part| Digest::update(&mut state, part));
    state.finalize().into()
}

/// MAC over the concatenation of `parts`, under a key of 16 or 32 bytes.
pub(crate) fn mac<const N: usize>(key: &[u8; N], parts: &[&[u8]]) -> [u8; 16] {
    const { assert!(N <= 32, "BLAKE2s takes keys of up to 32 bytes") };
    let Ok(mut state) = Blake2sMac::<U16>::new_from_slice(key) else { unreachable!("checked above") };
    parts.iter().for_each(|part| Update::update(&mut state, part));
    state.finalize_fixed().into()
}

/// Keyed BLAKE2s with all of its output.
pub(crate) fn keyed_hash(key: &[u8; 32], data: &[u8]) -> [u8; 32] {
    let Ok(mut state) = Blake2sMac::<U32>::new_from_slice(key) else { unreachable!("BLAKE2s takes 32 bytes") };
    Update::update(&mut state, data);
    state.finalize_fixed().into()
}

/// Equal, in a time that does not depend on where they differ.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// RFC 2104 over BLAKE2s.
pub(crate) fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> Secret {
    let mut inner = [0x36; BLOCK];
    let mut outer = [0x5c; BLOCK];
    inner.iter_mut().zip(key).for_each(|(pad, byte)| *pad ^= byte);
    outer.iter_mut().zip(key).for_each(|(pad, byte)| *pad ^= byte);
    let mut state = Blake2s256::new();
    Digest::update(&mut state, inner);
    parts.iter().for_each(|part| Digest::update(&mut state, part));
    let digest = Secret(state.finalize().into());
    Secret(hash(&[&outer, &digest.0]))
}

/// KDF with one, two or three outputs (RFC 5869 with an empty info).
pub(crate) fn kdf<const N: usize>(chain: &Secret, input: &[u8]) -> [Secret; N] {
    let root = hmac(&chain.0, &[input]);
    let mut last: Option<Secret> = None;
    let mut number = 0_u8;
    [(); N].map(|()| {
        number = number.wrapping_add(1);
        let before: &[u8] = last.as_ref().map_or(&[], |secret| &secret.0);
        let next = hmac(&root.0, &[before, &[number]]);
        last = Some(next.clone());
        next
    })
}

/// The key under which MAC1 for `public` is made.
pub(crate) fn mac1_key(public: &PublicKey) -> [u8; 32] {
    hash(&[b"mac1----", &public.0])
}

/// The key under which the owner of `public` seals cookies.
pub(crate) fn cookie_key(public: &PublicKey) -> [u8; 32] {
    hash(&[b"cookie--", &public.0])
}

/// Chaining key and hash: what both sides of a handshake have in common so far.
#[derive(Clone)]
pub(crate) struct Symmetric {
    chain: Secret,
    hash: [u8; 32],
}

impl Symmetric {
    /// The start of every handshake with this responder.
    pub(crate) fn new(responder: &PublicKey) -> Self {
        let chain = hash(&[CONSTRUCTION]);
        let named = hash(&[&chain, IDENTIFIER]);
        Self { chain: Secret(chain), hash: hash(&[&named, &responder.0]) }
    }

    pub(crate) fn mix_hash(&mut self, data: &[u8]) {
        self.hash = hash(&[&self.hash, data]);
    }

    /// Mix a public ephemeral into both.
    pub(crate) fn mix_ephemeral(&mut self, ephemeral: &[u8; 32]) {
        self.mix_hash(ephemeral);
        self.mix(ephemeral);
    }

    /// Mix a secret into the chain.
    pub(crate) fn mix(&mut self, input: &[u8; 32]) {
        [self.chain] = kdf(&self.chain, input);
    }

    /// Mix a secret into the chain and take a key.
    pub(crate) fn mix_key(&mut self, input: &Secret) -> Secret {
        let [chain, key] = kdf(&self.chain, &input.0);
        self.chain = chain;
        key
    }

    /// Mix the preshared key into both and take a key.
    pub(crate) fn mix_preshared(&mut self, preshared: &[u8; 32]) -> Secret {
        let [chain, tau, key] = kdf(&self.chain, preshared);
        self.chain = chain;
        self.mix_hash(&tau.0);
        key
    }

    /// Encrypt `data` in place under `key`; the tag, and the ciphertext goes into the hash.
    pub(crate) fn seal(&mut self, key: &Secret, data: &mut [u8]) -> [u8; TAG] {
        let sealed = ChaCha::new(key).seal_with(counter_nonce(0), &self.hash, data);
        let Some(tag) = sealed else { unreachable!("handshake fields have at most 32 bytes") };
        self.hash = hash(&[&self.hash, data, &tag]);
        tag
    }

    /// Decrypt `sealed` (ciphertext and tag) into `N` bytes; the ciphertext goes into the hash.
    pub(crate) fn open<const N: usize, const SEALED: usize>(
        &mut self,
        key: &Secret,
        sealed: &[u8; SEALED],
    ) -> Option<[u8; N]> {
        let mut work = *sealed;
        let plain = ChaCha::new(key).open_with(counter_nonce(0), &self.hash, &mut work)?;
        let plain: [u8; N] = (&*plain).try_into().ok()?;
        self.mix_hash(sealed);
        Some(plain)
    }

    /// The two data keys: from initiator to responder, then back.
    pub(crate) fn split(self) -> (Secret, Secret) {
        let [forward, back] = kdf(&self.chain, &[]);
        (forward, back)
    }
}
