//! The replay window (paper, 5.4.6; the ring of words is RFC 6479's): which counters were seen already.
//!
//! A counter may be up to 8,191 behind the highest one seen. Checking and marking are two steps, because a packet
//! counts as seen only after its tag verified.

/// How far a counter may lag, the highest one included.
pub(crate) const WINDOW: u64 = 8_192;
/// One word more than the window has, so that a window that begins inside a word fits.
const WORDS: usize = 129;

/// The window of one session.
pub(crate) struct Window {
    /// One more than the highest counter seen; 0 before the first.
    next: u64,
    ring: [u64; WORDS],
}

impl Window {
    pub(crate) fn new() -> Self {
        Self { next: 0, ring: [0; WORDS] }
    }

    /// Is `counter` new?
    pub(crate) fn is_new(&self, counter: u64) -> bool {
        match self.next.checked_sub(counter) {
            None | Some(0) => true,
            Some(lag) if lag > WINDOW => false,
            Some(_) => {
                let (place, bit) = place(counter);
                self.ring.get(place).is_some_and(|word| word & bit == 0)
            }
        }
    }

    /// `counter` was new and its packet is genuine.
    pub(crate) fn mark(&mut self, counter: u64) {
        if counter >= self.next {
            let from = word(self.next.saturating_sub(1));
            let steps = word(counter).saturating_sub(from).min(WORDS as u64);
            for step in 1..=steps {
                let (place, _) = place(from.saturating_add(step).saturating_mul(64));
                self.ring.get_mut(place).into_iter().for_each(|word| *word = 0);
            }
            self.next = counter.saturating_add(1);
        }
        let (place, bit) = place(counter);
        self.ring.get_mut(place).into_iter().for_each(|word| *word |= bit);
    }
}

fn word(counter: u64) -> u64 {
    counter >> 6
}

#[allow(clippy::arithmetic_side_effects, reason = "remainders by a constant that is not zero")]
#[allow(clippy::cast_possible_truncation, reason = "below 129")]
fn place(counter: u64) -> (usize, u64) {
    ((word(counter) % WORDS as u64) as usize, 1 << (counter % 64))
}
