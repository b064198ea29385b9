//! Frames that wait for a stream: so many, the oldest goes when there is no room. Memory is made once.
//!
//! What is old is worth less: a TCP inside has sent it again, a call has gone on. So a slow line delays nothing by more
//! than these frames.

/// First in, first out, of bounded length and frames of bounded size.
pub struct Ring {
    bytes: Box<[u8]>,
    lens: Box<[usize]>,
    slot_bytes: usize,
    first: usize,
    count: usize,
}

impl Ring {
    /// An empty one. Pages that no frame touches are never resident.
    pub fn new(slots: usize, slot_bytes: usize) -> Self {
        Self {
            bytes: vec![0; slots * slot_bytes].into_boxed_slice(),
            lens: vec![0; slots].into_boxed_slice(),
            slot_bytes,
            first: 0,
            count: 0,
        }
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends the frame that `write` makes in the memory it is given (it says how long); the number of frames that
    /// were lost by this: the oldest, or the new one if it is none.
    pub fn push(&mut self, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> u64 {
        let mut lost = 0;
        if self.count == self.lens.len() {
            self.pop();
            lost = 1;
        }
        let slot = (self.first + self.count) % self.lens.len().max(1);
        let start = slot * self.slot_bytes;
        let memory = self.bytes.get_mut(start..start + self.slot_bytes);
        let written = memory.and_then(write);
        match (written, self.lens.get_mut(slot)) {
            (Some(len), Some(place)) => {
                *place = len;
                self.count += 1;
                lost
            }
            _ => lost + 1,
        }
    }

    /// The oldest frame.
    pub fn front(&self) -> Option<&[u8]> {
        if self.is_empty() {
            return None;
        }
        let len = *self.lens.get(self.first)?;
        let start = self.first * self.slot_bytes;
        self.bytes.get(start..start + len)
    }

    /// Forgets the oldest frame.
    pub fn pop(&mut self) {
        if self.count > 0 {
            self.first = (self.first + 1) % self.lens.len().max(1);
            self.count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(ring: &mut Ring, frame: &[u8]) -> u64 {
        ring.push(|memory| {
            memory.get_mut(..frame.len())?.copy_from_slice(frame);
            Some(frame.len())
        })
    }

    #[test]
    fn the_oldest_makes_room_and_what_does_not_fit_is_lost() {
        let mut ring = Ring::new(2, 4);
        assert_eq!(
            [
                put(&mut ring, b"one"),
                put(&mut ring, b"two"),
                put(&mut ring, b"six")
            ],
            [0, 0, 1]
        );
        assert_eq!(put(&mut ring, b"seven"), 2, "the oldest and itself");
        assert_eq!(ring.front(), Some(&b"six"[..]));
        ring.pop();
        assert!(ring.front().is_none() && ring.is_empty());
        assert_eq!(put(&mut ring, b"four"), 0);
        assert_eq!(ring.front(), Some(&b"four"[..]));
    }
}
