//! The 8-byte tag of a data frame: SipHash-2-4 (Aumasson, Bernstein, 'SipHash: a fast short-input PRF', 2012).
//!
//! Covers the session, the channel, the whole 64-bit counter, the payload's length, and its first and last 16 bytes.
//! In a WireGuard packet those are its header and its own tag, so no payload can be moved to another frame. What lies
//! between is WireGuard's to protect: who alters it on the way gains no more than who drops it, since a counter is
//! taken once. That makes the tag cost the same for 1 byte as for 64 KiB.

use crate::message;

/// Bytes of a tag key.
pub(super) const KEY: usize = 16;
/// Bytes of a tag.
pub(super) const TAG: usize = 8;
/// How much of each end of the payload is covered.
const EDGE: usize = 16;
/// Session, channel, counter, length, both edges.
const COVERED: usize = 4 + 4 + 8 + 8 + 2 * EDGE;

/// The tag of a frame.
pub(super) fn tag(key: &[u8; KEY], session: u32, channel: u32, counter: u64, payload: &[u8]) -> [u8; TAG] {
    let head = payload.get(..EDGE).unwrap_or(payload);
    let tail = payload.last_chunk::<EDGE>().map_or(&[][..], |tail| tail);
    let covered: [u8; COVERED] = message::concat(&[
        &session.to_be_bytes(),
        &channel.to_be_bytes(),
        &counter.to_be_bytes(),
        &(payload.len() as u64).to_be_bytes(),
        &message::concat::<EDGE>(&[head]),
        tail,
    ]);
    siphash(key, &covered).to_le_bytes()
}

/// SipHash-2-4 of whole words; the length is part of the last one.
fn siphash(key: &[u8; KEY], data: &[u8]) -> u64 {
    let (low, high) = key.split_at(8);
    let (k0, k1) = (word(low), word(high));
    let mut state = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let mut chunks = data.chunks_exact(8);
    for chunk in &mut chunks {
        absorb(&mut state, word(chunk));
    }
    let length = (data.len() as u64) << 56;
    absorb(&mut state, length | word(chunks.remainder()));
    let [_, _, v2, _] = &mut state;
    *v2 ^= 0xff;
    (0..4).for_each(|_| round(&mut state));
    state.iter().fold(0, |sum, word| sum ^ word)
}

fn absorb(state: &mut [u64; 4], word: u64) {
    state[3] ^= word;
    round(state);
    round(state);
    state[0] ^= word;
}

/// Up to 8 bytes, little-endian.
fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(message::concat(&[bytes]))
}

fn round(state: &mut [u64; 4]) {
    let [v0, v1, v2, v3] = state;
    *v0 = v0.wrapping_add(*v1);
    *v1 = v1.rotate_left(13) ^ *v0;
    *v0 = v0.rotate_left(32);
    *v2 = v2.wrapping_add(*v3);
    *v3 = v3.rotate_left(16) ^ *v2;
    *v0 = v0.wrapping_add(*v3);
    *v3 = v3.rotate_left(21) ^ *v0;
    *v2 = v2.wrapping_add(*v1);
    *v1 = v1.rotate_left(17) ^ *v2;
    *v2 = v2.rotate_left(32);
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    /// The paper's appendix A: key 00..0f, message 00..0e.
    #[test]
    fn the_papers_own_example() {
        let key: [u8; 16] = core::array::from_fn(|at| at as u8);
        let message: [u8; 15] = core::array::from_fn(|at| at as u8);
        assert_eq!(siphash(&key, &message), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn every_covered_part_changes_the_tag() {
        let key = [7; 16];
        let payload: Vec<u8> = (0..100).collect();
        let whole = tag(&key, 1, 2, 3, &payload);
        assert_ne!(whole, tag(&[8; 16], 1, 2, 3, &payload));
        assert_ne!(whole, tag(&key, 9, 2, 3, &payload));
        assert_ne!(whole, tag(&key, 1, 9, 3, &payload));
        assert_ne!(whole, tag(&key, 1, 2, 9 << 24 | 3, &payload), "the part of the counter that does not travel");
        assert_ne!(whole, tag(&key, 1, 2, 3, &payload[..99]));
        for at in (0..16).chain(84..100) {
            let mut other = payload.clone();
            other[at] ^= 1;
            assert_ne!(whole, tag(&key, 1, 2, 3, &other), "byte {at}");
        }
        assert_ne!(tag(&key, 1, 2, 3, &[]), tag(&key, 1, 2, 3, &[0]), "zeros are no padding");
    }
}
