//! What seals a message (RFC 8489, 9.2.2, 14.5 to 14.7): HMAC with the long-term key, and the checksum.
//!
//! ring gives HMAC-SHA1, HMAC-SHA256 and SHA-256. MD5 is here only because every client of RFC 5389 derives its key
//! with it; the key's strength is the password's, and passwords here are 160 bits of an HMAC.

use md5::{Digest, Md5};
use ring::{digest, hmac};
use zeroize::Zeroizing;

/// Which HMAC seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// MESSAGE-INTEGRITY.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256.
    Sha256,
}

/// How a password becomes a key (PASSWORD-ALGORITHM; RFC 8489, 18.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordAlgorithm {
    /// 1 on the wire, and what a client means that names none.
    Md5,
    /// 2 on the wire.
    Sha256,
}

/// A long-term key: 16 or 32 bytes, erased when it goes.
#[derive(Clone)]
pub struct Key(Zeroizing<Vec<u8>>);

impl Key {
    /// The key of user, realm and password.
    #[must_use]
    pub fn derive(algorithm: PasswordAlgorithm, username: &[u8], realm: &[u8], password: &[u8]) -> Self {
        let text = Zeroizing::new([username, realm, password].join(&b':'));
        Self(Zeroizing::new(match algorithm {
            PasswordAlgorithm::Md5 => Md5::digest(&*text).to_vec(),
            PasswordAlgorithm::Sha256 => digest::digest(&digest::SHA256, &text).as_ref().to_vec(),
        }))
    }

    /// The key of these bytes, for tests and short-term credentials.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    fn hmac(&self, algorithm: Algorithm) -> hmac::Key {
        let function = match algorithm {
            Algorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Algorithm::Sha256 => hmac::HMAC_SHA256,
        };
        hmac::Key::new(function, &self.0)
    }

    /// The seal over `before` (header included), as if the message ended with it.
    pub(crate) fn seal(&self, algorithm: Algorithm, before: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.hmac(algorithm));
        let length = before.len().saturating_sub(16); // without header (20), with the seal's own header (4)
        let length = length.saturating_add(algorithm.bytes());
        context.update(before.get(..2).unwrap_or_default());
        context.update(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        context.update(before.get(4..).unwrap_or_default());
        context.sign()
    }

    pub(crate) fn verifies(&self, algorithm: Algorithm, before: &[u8], value: &[u8]) -> bool {
        crate::noise::same(self.seal(algorithm, before).as_ref(), value)
    }
}

impl Algorithm {
    /// How long its seal is.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// ITU V.42's sum, which a fingerprint is made of.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        let [low, ..] = sum.to_le_bytes();
        sum >> 8 ^ TABLE.get(usize::from(low ^ byte)).copied().unwrap_or(0)
    };
    !bytes.iter().fold(u32::MAX, step)
}

static TABLE: [u32; 256] = table();

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "runs in the compiler only")]
const fn table() -> [u32; 256] {
    let mut out = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut value = at as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        out[at] = value;
        at += 1;
    }
    out
}
