//! A grant: this identity of this network may use these relays, so much of them, until then (DESIGN.md, 'Relay').
//!
//! Fixed binary layout, at most 512 bytes, all numbers big-endian; `src/warren/protocol/relay/grants.py` writes it, and
//! `tests/vectors/relay` holds both to the same bytes.
//!
//! ```text
//!   0  version (1)      1  flags (bit 0: every relay that trusts the signer)   2  number of relays n (u16, at most 32)
//!   4  rate, kbit/s (u32, 0: the relay's own)          8  burst, KiB (u32, 0: the relay's own)
//!  12  issued, Unix s (u64)                           20  not after, Unix s (u64)
//!  28  network (32)     60  identity (32)             92  signer (32)
//! 124  n relay numbers (u64 each)                     then the signature (64)
//! ```
//! The signature covers `"warren/relay-grant/v1" 0` and every byte before it. Version, flags and sizes that are not
//! these are refused, so one grant has one encoding.

use super::{ed25519, limits};
use crate::message::take;

/// What the signature is about.
pub const DOMAIN: &[u8] = b"warren/relay-grant/v1\0";
/// Relays that one grant may name.
pub const RELAYS: usize = 32;
/// Bytes of the largest grant.
pub const MAX: usize = 124 + 8 * RELAYS + 64;

/// Why a grant, certificate or proof is refused. The numbers travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Refusal {
    /// It cannot be read, or its parts do not belong together.
    Malformed = 1,
    /// The signer is none that this relay trusts.
    Signer = 2,
    /// A signature is wrong.
    Signature = 3,
    /// It has ended, has not begun, or lasts for too long.
    Expired = 4,
    /// It names other relays.
    OtherRelay = 5,
    /// The identity was revoked after the grant was issued.
    Revoked = 6,
    /// The relay has as many members as it may have.
    Full = 7,
}

impl Refusal {
    /// From its number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Malformed, Self::Signer, Self::Signature, Self::Expired, Self::OtherRelay, Self::Revoked, Self::Full]
            .into_iter()
            .find(|refusal| *refusal as u8 == number)
    }
}

/// A grant that is well-formed; that it is genuine is for [`Grant::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant<'a> {
    /// For every relay that trusts the signer.
    pub all_relays: bool,
    /// What its holder may send, in kbit/s; 0: what the relay allows.
    pub rate_kbit_s: u32,
    /// How much at once, in KiB; 0: what the relay allows.
    pub burst_kib: u32,
    /// When it was signed, Unix seconds.
    pub issued_s: u64,
    /// When it ends, Unix seconds.
    pub not_after_s: u64,
    /// Whose network.
    pub network: &'a [u8; 32],
    /// Who may.
    pub identity: &'a [u8; 32],
    /// Who says so.
    pub signer: &'a [u8; 32],
    relays: &'a [u8],
    signed: &'a [u8],
    signature: &'a [u8; 64],
}

/// Read a grant; `None` where it is none.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Grant<'_>> {
    let (signed, signature) = bytes.split_last_chunk()?;
    let mut rest = signed;
    let [1, flags @ 0..=1, count @ ..] = *take::<4>(&mut rest)? else { return None };
    let count = usize::from(u16::from_be_bytes(count));
    let grant = Grant {
        all_relays: flags == 1,
        rate_kbit_s: u32::from_be_bytes(*take(&mut rest)?),
        burst_kib: u32::from_be_bytes(*take(&mut rest)?),
        issued_s: u64::from_be_bytes(*take(&mut rest)?),
        not_after_s: u64::from_be_bytes(*take(&mut rest)?),
        network: take(&mut rest)?,
        identity: take(&mut rest)?,
        signer: take(&mut rest)?,
        relays: rest,
        signed,
        signature,
    };
    let fits = count <= RELAYS && grant.relays.len() == count.saturating_mul(8);
    fits.then_some(grant)
}

impl Grant<'_> {
    /// The relays that it names.
    pub fn relays(&self) -> impl Iterator<Item = u64> + '_ {
        self.relays.chunks_exact(8).map(|number| u64::from_be_bytes(number.try_into().unwrap_or_default()))
    }

    /// Is it good at this relay (by its number), at this time (Unix seconds), if its signer is trusted?
    ///
    /// # Errors
    /// `Expired`, `OtherRelay`, `Signature`.
    pub fn check(&self, relay: u64, now_s: u64) -> Result<(), Refusal> {
        let begun = self.issued_s <= now_s.saturating_add(limits::CLOCK_SKEW_S);
        let life_s = self.not_after_s.saturating_sub(self.issued_s);
        if !begun || self.not_after_s < now_s || life_s > limits::GRANT_LIFE_S {
            return Err(Refusal::Expired);
        }
        if !self.all_relays && !self.relays().any(|number| number == relay) {
            return Err(Refusal::OtherRelay);
        }
        let message = [DOMAIN, self.signed].concat();
        if ed25519::is_signed(self.signer, &message, self.signature) { Ok(()) } else { Err(Refusal::Signature) }
    }
}
