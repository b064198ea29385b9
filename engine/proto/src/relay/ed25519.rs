//! The strict Ed25519 check of `src/warren/trust/ed25519.py`: the same answer as there for every input.
//!
//! ring refuses S beyond the group order and compares R byte for byte; keys (and R) of small order or in a second
//! encoding are refused here, since a small-order key signs any message.

use ring::signature::{ED25519, UnparsedPublicKey};

/// y of every point of small order, little-endian, without the sign.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    first(0x01, 0x00, 0x00),
    first(0xec, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn first(low: u8, middle: u8, high: u8) -> [u8; 32] {
    let mut out = [middle; 32];
    out[0] = low;
    out[31] = high;
    out
}

/// Is this the strict signature of `message` by `public`?
pub(super) fn is_signed(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let Some(r) = signature.first_chunk() else { return false };
    is_strong(public) && is_strong(r) && UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

/// In range and not of small order; that it is on the curve is for the signature check.
fn is_strong(encoded: &[u8; 32]) -> bool {
    let mut y = *encoded;
    y[31] &= 0x7f;
    let [low, middle @ .., high] = &y;
    let in_range = *low < 0xed || *high != 0x7f || middle.iter().any(|byte| *byte != 0xff);
    in_range && !SMALL_ORDER.contains(&y)
}
