//! Items that must arrive once and in order, over a line that loses and reorders: one letter under way at a time,
//! repeated until it is acknowledged. The same over a WebSocket, where it costs a few bytes.
//!
//! A letter is `number (u32) | acknowledged (u32) | items`. Number 0 is a note: not repeated, not acknowledged (pings,
//! answers to them, acknowledgements without more).

use std::collections::VecDeque;

use super::item::{self, Item};
use super::limits;
use crate::message::take;
use crate::time::Instant;

const HEADER: usize = 8;
/// Bytes of items that a letter of the other side may have.
pub(super) const MAX_BODY: usize = limits::OWN_FRAME;

/// Both directions of one session.
#[derive(Default)]
pub(super) struct Letters {
    waiting: VecDeque<Item>,
    under_way: Vec<Item>,
    number: u32,
    received: u32,
    tries: usize,
    again_at: Option<Instant>,
    owes: bool,
}

impl Letters {
    /// Say this after everything said before. False: more waits than may wait.
    pub(super) fn push(&mut self, item: Item) -> bool {
        let room = self.waiting.len() < limits::LETTERS;
        if room {
            self.waiting.push_back(item);
        }
        room
    }

    /// Everything that was not acknowledged, in order: for the session that takes the place of this one.
    pub(super) fn unsaid(&mut self) -> impl Iterator<Item = Item> + '_ {
        self.again_at = None;
        self.under_way.drain(..).chain(self.waiting.drain(..))
    }

    /// The next plaintext to send, if there is something to say.
    pub(super) fn next(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.under_way.is_empty() && !self.waiting.is_empty() {
            self.load();
            self.tries = 0;
        } else if self.again_at.is_none_or(|at| at > now) {
            return core::mem::take(&mut self.owes).then(|| self.note(&[]));
        }
        let pause = limits::LETTER_PAUSES.get(self.tries).or(limits::LETTER_PAUSES.last());
        self.again_at = pause.map(|pause| now.after(*pause));
        self.tries = self.tries.saturating_add(1);
        self.owes = false;
        Some(self.written(self.number, &self.under_way))
    }

    /// A plaintext that is sent once.
    pub(super) fn note(&mut self, items: &[Item]) -> Vec<u8> {
        self.owes = false;
        self.written(0, items)
    }

    /// What the other side says that it did not say before; `None` if it cannot be read, and then nothing changed.
    pub(super) fn handle(&mut self, plain: &[u8]) -> Option<Vec<Item>> {
        let mut rest = plain;
        let number = u32::from_be_bytes(*take(&mut rest)?);
        let acknowledged = u32::from_be_bytes(*take(&mut rest)?);
        let items = item::read_all(rest)?;
        if acknowledged == self.number {
            self.under_way.clear();
            self.again_at = None;
        }
        if number == 0 {
            return Some(items);
        }
        self.owes = true;
        if number != self.received.saturating_add(1) {
            return Some(Vec::new());
        }
        self.received = number;
        Some(items)
    }

    /// When `next` has something to say again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.again_at
    }

    /// Take as many items under way as one letter holds.
    fn load(&mut self) {
        self.number = self.number.saturating_add(1);
        let mut bytes = Vec::new();
        while let Some(item) = self.waiting.front() {
            item::write(item, &mut bytes);
            if bytes.len() > limits::LETTER {
                break;
            }
            self.under_way.extend(self.waiting.pop_front());
        }
    }

    fn written(&self, number: u32, items: &[Item]) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(&self.received.to_be_bytes());
        items.iter().for_each(|item| item::write(item, &mut out));
        out
    }
}
