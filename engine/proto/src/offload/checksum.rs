//! The Internet checksum (RFC 1071): a one's complement sum of 16-bit words, in any byte order until it is written.

/// A sum that is not folded yet. Summed in the machine's own byte order, which section 2(B) of the RFC allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// Add `bytes`, which begin at an even place of what is summed; an odd last byte counts as if a zero followed.
    ///
    /// Always inlined, so that whoever has wider vectors compiles it for them (see [`Adder`]).
    #[inline(always)]
    #[must_use]
    pub fn plus(self, bytes: &[u8]) -> Self {
        // 32-bit words into a 64-bit sum: no carry is lost in 16 GiB, and the compiler makes vectors of it.
        let words = bytes.chunks_exact(4);
        let rest = words.remainder();
        let sum = words.fold(self.0, |sum, word| {
            let word: [u8; 4] = word.try_into().unwrap_or_default();
            sum.wrapping_add(u64::from(u32::from_ne_bytes(word)))
        });
        let mut last = [0; 4];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        Self(sum.wrapping_add(u64::from(u32::from_ne_bytes(last))))
    }

    /// Add one number of 16 bits.
    #[must_use]
    pub fn add_word(self, word: u16) -> Self {
        Self(self.0.wrapping_add(u64::from(u16::from_ne_bytes(word.to_be_bytes()))))
    }

    /// Add the two bytes of a field that holds a sum already.
    #[must_use]
    pub fn add_field(self, field: [u8; 2]) -> Self {
        Self(self.0.wrapping_add(u64::from(u16::from_ne_bytes(field))))
    }

    /// Take one number of 16 bits out again.
    #[must_use]
    pub fn without_word(self, word: u16) -> Self {
        self.add_word(!word)
    }

    /// The sum as bytes of a field (what a card expects in a checksum that it is to finish).
    #[must_use]
    pub fn partial(self) -> [u8; 2] {
        self.fold().to_ne_bytes()
    }

    /// The checksum as bytes of a field: the complement.
    #[must_use]
    pub fn finish(self) -> [u8; 2] {
        (!self.fold()).to_ne_bytes()
    }

    /// Does what was summed, its checksum field included, hold?
    #[must_use]
    pub fn is_valid(self) -> bool {
        self.fold() == u16::MAX
    }

    fn fold(self) -> u16 {
        let mut sum = self.0;
        // Each step at least halves the bits above 16; four steps are enough for any 64.
        for _ in 0..4 {
            sum = (sum & 0xffff_ffff).wrapping_add(sum >> 32);
            sum = (sum & 0xffff).wrapping_add(sum >> 16);
        }
        u16::try_from(sum & 0xffff).unwrap_or_default()
    }
}

/// How payloads are summed: [`Sum::plus`], or the same compiled for instructions that this crate may not suppose, which
/// the caller found in the processor at hand.
#[derive(Clone, Copy, Debug)]
pub struct Adder(fn(Sum, &[u8]) -> Sum);

impl Default for Adder {
    fn default() -> Self {
        Self(Sum::plus)
    }
}

impl Adder {
    /// `plus` does what [`Sum::plus`] does.
    #[must_use]
    pub fn new(plus: fn(Sum, &[u8]) -> Sum) -> Self {
        Self(plus)
    }

    /// `sum` with `bytes` added.
    #[must_use]
    pub fn add(self, sum: Sum, bytes: &[u8]) -> Sum {
        (self.0)(sum, bytes)
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests stop at the first surprise")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 1071 to the letter: big-endian words, one at a time, carries added back at once.
    fn naive(bytes: &[u8]) -> [u8; 2] {
        let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
        let sum = words.fold(0, |sum, word| {
            let sum = sum + word;
            (sum & 0xffff) + (sum >> 16)
        });
        (!u16::try_from(sum).unwrap()).to_be_bytes()
    }

    proptest! {
        #[test]
        fn it_is_the_rfcs(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            prop_assert_eq!(Sum::default().plus(&bytes).finish(), naive(&bytes));
        }

        #[test]
        fn parts_sum_to_the_whole(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..100) {
            let (head, tail) = bytes.split_at((at * 2).min(bytes.len() & !1));
            prop_assert_eq!(Sum::default().plus(head).plus(tail).finish(), naive(&bytes));
        }

        #[test]
        fn a_word_taken_out_was_never_there(bytes in proptest::collection::vec(1_u8.., 2..60), word: u16) {
            let sum = Sum::default().plus(&bytes);
            prop_assert_eq!(sum.add_word(word).without_word(word).finish(), sum.finish());
        }

        #[test]
        fn bytes_with_their_checksum_are_valid(mut bytes in proptest::collection::vec(any::<u8>(), 2..200)) {
            bytes[..2].fill(0);
            let finished = Sum::default().plus(&bytes).finish();
            bytes[..2].copy_from_slice(&finished);
            prop_assert!(Sum::default().plus(&bytes).is_valid());
        }
    }
}
