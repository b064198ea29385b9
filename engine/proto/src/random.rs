//! Where randomness comes from: the caller. The crate never asks the operating system.

/// A cryptographically secure source of random bytes. A test may pass a seeded one.
pub trait Random {
    /// Fill `out` with unpredictable bytes; must not fail (block, or abort the process, instead).
    fn fill(&mut self, out: &mut [u8]);
}

impl<R: Random + ?Sized> Random for Box<R> {
    fn fill(&mut self, out: &mut [u8]) {
        (**self).fill(out);
    }
}

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>(random: &mut dyn Random) -> [u8; N] {
    let mut out = [0; N];
    random.fill(&mut out);
    out
}

/// A random number of nanoseconds below `most_ns` (which is small beside 2^64, so the bias is nothing).
pub(crate) fn below(random: &mut dyn Random, most_ns: u64) -> u64 {
    u64::from_le_bytes(bytes(random)).checked_rem(most_ns).unwrap_or(0)
}
