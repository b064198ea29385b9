//! Bytes of a fuzzer as a stream of small choices; where it ends, every choice is zero.

/// What is left of the input.
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number below `most`.
    pub(super) fn below(&mut self, most: usize) -> usize {
        usize::from(self.byte()) % most
    }

    pub(super) fn number(&mut self) -> u64 {
        self.take(8).iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    /// Up to so many bytes.
    pub(super) fn take(&mut self, most: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(most.min(self.0.len()));
        self.0 = tail;
        head
    }

    /// Bytes of a length that the input names first.
    pub(super) fn some(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte());
        self.take(length)
    }
}

/// `mask` laid over `bytes`; false where that changed nothing.
pub(super) fn flip(bytes: &mut [u8], mask: &[u8]) -> bool {
    bytes.iter_mut().zip(mask).fold(false, |changed, (byte, mask)| {
        *byte ^= mask;
        changed || *mask != 0
    })
}
