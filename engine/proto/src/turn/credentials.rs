//! Time-limited credentials: the user name says until when it is good, the password follows from it and a secret.
//!
//! The scheme that browsers' programs and coturn share (draft-uberti-behave-turn-rest): user name `EXPIRY:ID` with Unix
//! seconds, password base64(HMAC-SHA1(secret, user name)). So nothing is stored for a user, and whoever has the secret
//! (the server's own web part, another service) hands credentials out.

use ring::hmac;
use zeroize::Zeroizing;

use super::seal::{Key, PasswordAlgorithm};
use crate::limits;
use crate::time::Unix;

/// Fewer bytes can be guessed from one captured exchange.
pub const SECRET_MIN: usize = 16;

/// The secret that every password is made with; erased when it goes.
#[derive(Clone)]
pub struct TurnSecret(Zeroizing<Vec<u8>>);

/// A user name that is good for some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Username<'a> {
    /// Until when, in Unix seconds.
    pub expires_s: u64,
    /// Who: quotas are counted by it.
    pub id: &'a [u8],
}

impl TurnSecret {
    /// `None` for a secret that is too short to be one (SECURITY.md, rule 36).
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= SECRET_MIN).then(|| Self(Zeroizing::new(bytes.to_vec())))
    }

    /// The password of a user name.
    #[must_use]
    pub fn password(&self, username: &[u8]) -> Zeroizing<Vec<u8>> {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        Zeroizing::new(base64(hmac::sign(&key, username).as_ref()))
    }

    /// The long-term key of a user name.
    #[must_use]
    pub fn key(&self, algorithm: PasswordAlgorithm, username: &[u8], realm: &[u8]) -> Key {
        Key::derive(algorithm, username, realm, &self.password(username))
    }
}

/// Read `EXPIRY:ID`; `None` for anything else, too long ones included.
#[must_use]
pub fn parse_username(username: &[u8]) -> Option<Username<'_>> {
    let colon = username.iter().position(|byte| *byte == b':')?;
    let (digits, id) = (username.get(..colon)?, username.get(colon.saturating_add(1)..)?);
    if username.len() > limits::TURN_USERNAME || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let expires_s = core::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Username { expires_s, id })
}

impl Username<'_> {
    /// Is it still good?
    #[must_use]
    pub fn is_good(&self, wall: Unix) -> bool {
        let now_s = wall.0.checked_div(1_000_000_000).unwrap_or(0);
        self.expires_s > now_s
    }
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, 4, with padding.
#[must_use]
pub fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let letter = LETTERS.get((bits >> shift & 63) as usize).copied().unwrap_or(b'=');
            out.push(if at <= three.len() { letter } else { b'=' });
        }
    }
    out
}
