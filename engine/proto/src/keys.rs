//! The keys of WireGuard: who holds which, and that secrets neither print nor stay in freed memory.

use core::fmt;

use subtle::ConstantTimeEq;
use x25519_dalek::StaticSecret;
use zeroize::Zeroize;

use crate::{Cipher, noise};

/// A peer's name on the wire: an X25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// An X25519 private key together with its public half.
#[derive(Clone)]
pub struct PrivateKey {
    secret: StaticSecret,
    public: PublicKey,
}

/// A symmetric key mixed into the handshake (Noise psk2); all zeros means none.
#[derive(Clone)]
pub struct PresharedKey([u8; 32]);

/// 32 bytes that must not outlive their use: a shared secret, a chaining key, a hash key.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) [u8; 32]);

impl PrivateKey {
    /// From 32 random bytes; X25519 clamps them itself.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        let secret = StaticSecret::from(bytes);
        let public = PublicKey(x25519_dalek::PublicKey::from(&secret).to_bytes());
        Self { secret, public }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// X25519; `None` where the other key is of low order, so that the secret would be known to all.
    pub(crate) fn exchange(&self, with: &PublicKey) -> Option<Secret> {
        let shared = self.secret.diffie_hellman(&x25519_dalek::PublicKey::from(with.0));
        shared.was_contributory().then(|| Secret(shared.to_bytes()))
    }
}

impl PresharedKey {
    /// From its 32 bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn none() -> Self {
        Self([0; 32])
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key that stands for this one where the responder chooses this cipher. Message 2 authenticates it, and every
    /// key of the session descends from it, so none is ever used with two ciphers.
    pub(crate) fn choosing(&self, cipher: Cipher) -> Self {
        match cipher {
            Cipher::ChaCha20Poly1305 => self.clone(),
            Cipher::Aes256Gcm => Self(noise::keyed_hash(&self.0, b"warren/transport/aes256gcm/v1")),
        }
    }
}

impl PartialEq for PresharedKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for PresharedKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(5).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Drop for PresharedKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

macro_rules! redacted {
    ($($name:ty),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[redacted]")
            }
        }
    )*};
}
redacted!(PrivateKey, PresharedKey, Secret);
