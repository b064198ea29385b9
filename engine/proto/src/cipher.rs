//! The ciphers: ChaCha20-Poly1305, its long-nonce form, and AES-256-GCM for the data of two nodes that are fast at it.
//!
//! ring does the work. Its keys cannot be erased from outside (they are plain memory inside a type of its own and this
//! crate has no unsafe code), so a session's data keys live in one box that is freed when the session ends.

use ring::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroize;

use crate::keys::Secret;
use crate::limits;

/// Length of an authentication tag, in bytes.
pub(crate) const TAG: usize = 16;

/// What seals the data of a session. Handshakes and cookies know only the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// WireGuard's.
    ChaCha20Poly1305,
    /// Between two nodes of ours that both have instructions for it.
    Aes256Gcm,
}

impl Cipher {
    /// A session that sealed so many packets is replaced.
    pub(crate) const fn rekey_after(self) -> u64 {
        match self {
            Self::ChaCha20Poly1305 => limits::REKEY_AFTER_MESSAGES,
            Self::Aes256Gcm => limits::AES_REKEY_AFTER_MESSAGES,
        }
    }

    /// No packet has this counter or a higher one.
    pub(crate) const fn reject_after(self) -> u64 {
        match self {
            Self::ChaCha20Poly1305 => limits::REJECT_AFTER_MESSAGES,
            Self::Aes256Gcm => limits::AES_REJECT_AFTER_MESSAGES,
        }
    }
}

/// What seals or opens the data of a session: one key, a counter as nonce, no associated data.
pub(crate) struct DataKey {
    key: LessSafeKey,
    pub(crate) cipher: Cipher,
}

impl DataKey {
    pub(crate) fn new(cipher: Cipher, key: &Secret) -> Self {
        let algorithm = match cipher {
            Cipher::ChaCha20Poly1305 => &CHACHA20_POLY1305,
            Cipher::Aes256Gcm => &AES_256_GCM,
        };
        match UnboundKey::new(algorithm, &key.0) {
            Ok(key) => Self { key: LessSafeKey::new(key), cipher },
            Err(_) => unreachable!("both take keys of 32 bytes"),
        }
    }

    /// Encrypt in place and return the tag; `None` only for data of more than 2^36 bytes.
    pub(crate) fn seal(&self, counter: u64, data: &mut [u8]) -> Option<[u8; TAG]> {
        let tag = self.key.seal_in_place_separate_tag(self.nonce(counter), Aad::empty(), data).ok()?;
        tag.as_ref().try_into().ok()
    }

    /// Decrypt in place `sealed`, which ends with its tag; the plaintext, or `None` if it is forged (then what lies
    /// there is undefined).
    pub(crate) fn open<'a>(&self, counter: u64, sealed: &'a mut [u8]) -> Option<&'a mut [u8]> {
        self.key.open_in_place(self.nonce(counter), Aad::empty(), sealed).ok()
    }

    /// The counter as Noise writes it for each cipher (revision 34, 12.3 and 12.4).
    fn nonce(&self, counter: u64) -> Nonce {
        Nonce::assume_unique_for_key(match self.cipher {
            Cipher::ChaCha20Poly1305 => counter_nonce(counter),
            Cipher::Aes256Gcm => big_endian_nonce(counter),
        })
    }
}

/// WireGuard's cipher, for handshakes and cookies.
pub(crate) struct ChaCha(LessSafeKey);

impl ChaCha {
    pub(crate) fn new(key: &Secret) -> Self {
        match UnboundKey::new(&CHACHA20_POLY1305, &key.0) {
            Ok(key) => Self(LessSafeKey::new(key)),
            Err(_) => unreachable!("the key has the only length there is"),
        }
    }

    /// Seal with associated data under a whole nonce (handshake, cookie).
    pub(crate) fn seal_with(&self, nonce: [u8; 12], aad: &[u8], data: &mut [u8]) -> Option<[u8; TAG]> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), data).ok()?;
        tag.as_ref().try_into().ok()
    }

    /// Open with associated data under a whole nonce (handshake, cookie).
    pub(crate) fn open_with<'a>(&self, nonce: [u8; 12], aad: &[u8], sealed: &'a mut [u8]) -> Option<&'a mut [u8]> {
        self.0.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), sealed).ok()
    }
}

/// Four zero bytes, then the counter, little-endian (paper, 5.4.6).
pub(crate) fn counter_nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce.iter_mut().skip(4).zip(counter.to_le_bytes()).for_each(|(to, from)| *to = from);
    nonce
}

fn big_endian_nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce.iter_mut().skip(4).zip(counter.to_be_bytes()).for_each(|(to, from)| *to = from);
    nonce
}

/// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): a nonce of 24 random bytes. Gives the subkey's cipher and nonce.
pub(crate) fn extended(key: &[u8; 32], nonce: &[u8; 24]) -> (ChaCha, [u8; 12]) {
    let mut head = [0; 16];
    let mut short = [0; 12];
    head.iter_mut().zip(nonce).for_each(|(to, from)| *to = *from);
    short.iter_mut().skip(4).zip(nonce.iter().skip(16)).for_each(|(to, from)| *to = *from);
    (ChaCha::new(&hchacha20(key, &head)), short)
}

/// The subkey of XChaCha20: ChaCha's rounds without the final addition, first and last row.
pub(crate) fn hchacha20(key: &[u8; 32], nonce: &[u8; 16]) -> Secret {
    let mut state = [0_u32; 16];
    let constant = b"expand 32-byte k";
    let words = constant.chunks_exact(4).chain(key.chunks_exact(4)).chain(nonce.chunks_exact(4));
    for (word, bytes) in state.iter_mut().zip(words) {
        *word = u32::from_le_bytes(bytes.try_into().unwrap_or_default());
    }
    for _ in 0..10 {
        double_round(&mut state);
    }
    let mut out = Secret([0; 32]);
    let rows = state.iter().take(4).chain(state.iter().skip(12));
    for (bytes, word) in out.0.chunks_exact_mut(4).zip(rows) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    state.zeroize();
    out
}

fn double_round(s: &mut [u32; 16]) {
    let [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15] = s;
    quarter(s0, s4, s8, s12);
    quarter(s1, s5, s9, s13);
    quarter(s2, s6, s10, s14);
    quarter(s3, s7, s11, s15);
    quarter(s0, s5, s10, s15);
    quarter(s1, s6, s11, s12);
    quarter(s2, s7, s8, s13);
    quarter(s3, s4, s9, s14);
}

fn quarter(a: &mut u32, b: &mut u32, c: &mut u32, d: &mut u32) {
    *a = a.wrapping_add(*b);
    *d = (*d ^ *a).rotate_left(16);
    *c = c.wrapping_add(*d);
    *b = (*b ^ *c).rotate_left(12);
    *a = a.wrapping_add(*b);
    *d = (*d ^ *a).rotate_left(8);
    *c = c.wrapping_add(*d);
    *b = (*b ^ *c).rotate_left(7);
}
