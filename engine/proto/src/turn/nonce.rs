//! Nonces (RFC 8489, 9.2): made and checked without keeping any. One that came back proves that its sender receives
//! at the address it was sent to.
//!
//! `base64(seconds(3) | mac(6))`, the MAC keyed, over seconds, form and client; in front of it, in the long form, the
//! words of RFC 8489, 9.2 that announce password algorithms. Short, so that a refusal is hardly longer than a request.

use core::time::Duration;

use super::client::Client;
use super::credentials::base64;
use crate::time::{Instant, span_ns};
use crate::{Random, limits, noise, random};

/// What a nonce begins with whose server offers password algorithms: the RFC's cookie, then 24 bits, the first one set.
const ANNOUNCEMENT: &[u8; 13] = b"obMatJos2gAAA";
const LETTERS: usize = 12;

/// What a nonce that came back says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Ours, of this client, young.
    Good {
        /// Whether it announced password algorithms.
        announces: bool,
    },
    /// Ours, of this client, too old.
    Stale,
    /// None of ours for this client.
    Foreign,
}

/// The key of this process' nonces.
pub(crate) struct Nonces([u8; 32]);

impl Nonces {
    pub(crate) fn new(random: &mut dyn Random) -> Self {
        Self(random::bytes(random))
    }

    /// A fresh one for this client.
    pub(crate) fn issue(&self, now: Instant, client: &Client, announces: bool) -> Vec<u8> {
        let mut out = if announces { ANNOUNCEMENT.to_vec() } else { Vec::new() };
        out.extend(self.letters(seconds(now), client, announces));
        out
    }

    /// What this one says.
    pub(crate) fn judge(&self, now: Instant, client: &Client, nonce: &[u8]) -> Verdict {
        let announces = nonce.starts_with(ANNOUNCEMENT);
        let letters = if announces { nonce.get(ANNOUNCEMENT.len()..).unwrap_or_default() } else { nonce };
        let Some(made) = issued_at(letters) else { return Verdict::Foreign };
        if !noise::same(&self.letters(made, client, announces), letters) {
            return Verdict::Foreign;
        }
        let age = seconds(now).wrapping_sub(made) & 0x00ff_ffff;
        let most = span_ns(limits::TURN_NONCE_LIFETIME).checked_div(NS).unwrap_or(0);
        if u64::from(age) <= most { Verdict::Good { announces } } else { Verdict::Stale }
    }

    fn letters(&self, made: u32, client: &Client, announces: bool) -> Vec<u8> {
        let [_, a, b, c] = made.to_be_bytes();
        let parts: [&[u8]; 3] = [&[a, b, c, u8::from(announces)], &[client.carriage.number()], &client.identity()];
        let [m0, m1, m2, m3, m4, m5, ..] = noise::mac(&self.0, &parts);
        base64(&[a, b, c, m0, m1, m2, m3, m4, m5])
    }
}

const NS: u64 = span_ns_of_second();

const fn span_ns_of_second() -> u64 {
    Duration::from_secs(1).as_nanos() as u64
}

/// Seconds modulo 2^24 (half a year): a nonce lives for minutes.
fn seconds(now: Instant) -> u32 {
    let whole = now.0.checked_div(NS).unwrap_or(0);
    u32::try_from(whole & 0x00ff_ffff).unwrap_or(0)
}

/// When a nonce says it was made; only its first four letters are read.
fn issued_at(letters: &[u8]) -> Option<u32> {
    (letters.len() == LETTERS).then_some(())?;
    letters.iter().take(4).try_fold(0_u32, |sum, letter| Some(sum << 6 | value_of(*letter)?))
}

fn value_of(letter: u8) -> Option<u32> {
    let within = |first: u8, start: u8| letter.checked_sub(first).and_then(|at| at.checked_add(start));
    let value = match letter {
        b'A'..=b'Z' => within(b'A', 0),
        b'a'..=b'z' => within(b'a', 26),
        b'0'..=b'9' => within(b'0', 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    value.map(u32::from)
}
