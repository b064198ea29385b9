//! The memory of a batch: slots of equal size in one allocation made once. Devices fill it, the engine works in place,
//! and the other side sends from it; what moves between them are places (`warren_proto::Span`), never bytes.

use warren_proto::Span;

/// Slots one behind the other.
pub struct Arena {
    bytes: Box<[u8]>,
    slot_bytes: usize,
}

impl Arena {
    /// Memory for `slots` packets of at most `slot_bytes` each, the room around them included. Pages that nothing
    /// touches are never resident.
    #[must_use]
    pub fn new(slots: usize, slot_bytes: usize) -> Self {
        Self {
            bytes: vec![0; slots * slot_bytes].into_boxed_slice(),
            slot_bytes,
        }
    }

    /// How many slots there are.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.bytes.len() / self.slot_bytes
    }

    /// The slots from number `first` on, each with its place in the arena.
    pub fn slots_from(&mut self, first: usize) -> impl Iterator<Item = (usize, &mut [u8])> {
        let slot_bytes = self.slot_bytes;
        let numbered = self.bytes.chunks_exact_mut(slot_bytes).enumerate();
        numbered
            .skip(first)
            .map(move |(number, memory)| (number * slot_bytes, memory))
    }

    /// Copies `bytes` to `offset` bytes into the slot; `None` if there is no such slot or no room.
    pub fn copy_in(&mut self, slot: usize, offset: usize, bytes: &[u8]) -> Option<Span> {
        let (start, memory) = self.slots_from(slot).next()?;
        memory
            .get_mut(offset..)?
            .get_mut(..bytes.len())?
            .copy_from_slice(bytes);
        Some(Span {
            start: start + offset,
            len: bytes.len(),
        })
    }

    /// What lies there; nothing for a place outside.
    #[must_use]
    pub fn get(&self, span: Span) -> &[u8] {
        let from = self.bytes.get(span.start..).unwrap_or_default();
        from.get(..span.len).unwrap_or_default()
    }

    /// All of it, for the engine to work in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_found_where_it_was_put() {
        let mut arena = Arena::new(2, 32);
        let spans = [
            arena.copy_in(0, 16, b"first"),
            arena.copy_in(1, 0, b"second"),
        ];
        let seen: Vec<&[u8]> = spans
            .iter()
            .flatten()
            .map(|span| arena.get(*span))
            .collect();
        assert_eq!(seen, [b"first".as_slice(), b"second"]);
    }

    #[test]
    fn what_does_not_fit_its_slot_is_refused() {
        let mut arena = Arena::new(2, 8);
        assert_eq!(arena.copy_in(0, 0, b"far too long"), None);
        assert_eq!(arena.copy_in(0, 6, b"late"), None);
        assert_eq!(arena.copy_in(2, 0, b"x"), None);
        assert_eq!(arena.get(Span { start: 9, len: 8 }), b"");
    }
}
