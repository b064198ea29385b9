//! A session certificate: an identity says that a session key speaks for it towards one relay, for about an hour.
//!
//! So the identity key stays in Python, and the engine proves itself as often as it has to. Fixed binary layout of
//! 204 bytes, numbers big-endian, written by `src/warren/protocol/relay/certificates.py`:
//!
//! ```text
//!   0  version (1)   1  zeros (3)   4  not after, Unix s (u64)
//!  12  the relay's X25519 key (32)   44  network (32)   76  identity (32)   108  X25519 session key (32)
//! 140  signature of the identity (64)
//! ```
//! The signature covers `"warren/relay-session/v1" 0` and the 140 bytes before it.

use super::grant::Refusal;
use super::{ed25519, limits};
use crate::message::take;

/// What the signature is about.
pub const DOMAIN: &[u8] = b"warren/relay-session/v1\0";
/// Bytes of a certificate.
pub const LEN: usize = 204;

/// A certificate that is well-formed; that it is genuine is for [`Certificate::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// When it ends, Unix seconds.
    pub not_after_s: u64,
    /// Towards whom.
    pub relay_key: &'a [u8; 32],
    /// In which network.
    pub network: &'a [u8; 32],
    /// Who says so.
    pub identity: &'a [u8; 32],
    /// Which key.
    pub session_key: &'a [u8; 32],
    signed: &'a [u8],
    signature: &'a [u8; 64],
}

/// Read a certificate; `None` where it is none.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Certificate<'_>> {
    let (signed, signature) = bytes.split_last_chunk()?;
    let mut rest = signed;
    let [1, 0, 0, 0] = *take::<4>(&mut rest)? else { return None };
    let certificate = Certificate {
        not_after_s: u64::from_be_bytes(*take(&mut rest)?),
        relay_key: take(&mut rest)?,
        network: take(&mut rest)?,
        identity: take(&mut rest)?,
        session_key: take(&mut rest)?,
        signed,
        signature,
    };
    rest.is_empty().then_some(certificate)
}

impl Certificate<'_> {
    /// Does it speak for this session key at this relay, at this time (Unix seconds)?
    ///
    /// # Errors
    /// `Malformed` (for another relay or key), `Expired` (or good for too long), `Signature`.
    pub fn check(&self, relay_key: &[u8; 32], session_key: &[u8; 32], now_s: u64) -> Result<(), Refusal> {
        if self.relay_key != relay_key || self.session_key != session_key {
            return Err(Refusal::Malformed);
        }
        let most_s = now_s.saturating_add(limits::CERTIFICATE_LIFE_S).saturating_add(limits::CLOCK_SKEW_S);
        if self.not_after_s < now_s || self.not_after_s > most_s {
            return Err(Refusal::Expired);
        }
        let message = [DOMAIN, self.signed].concat();
        if ed25519::is_signed(self.identity, &message, self.signature) { Ok(()) } else { Err(Refusal::Signature) }
    }
}
