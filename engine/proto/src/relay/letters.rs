//! Items that must arrive once and in order, over a line that loses and reorders: a few letters under way at a time,
//! all repeated until they are acknowledged (go-back-N). The same over a WebSocket, where it costs a few bytes.
//!
//! A letter is `number (u32) | acknowledged (u32) | items`; what is acknowledged is every letter up to that number.
//! Number 0 is a note: not repeated, not acknowledged (pings, answers to them, acknowledgements without more).

use std::collections::VecDeque;

use super::item::{self, Item};
use super::limits;
use crate::message::take;
use crate::time::Instant;

const HEADER: usize = 8;
/// Bytes of items that a letter of the other side may have.
pub(super) const MAX_BODY: usize = limits::OWN_FRAME;

/// Letters under way: enough that what follows the first one does not wait for a round trip.
const UNDER_WAY: usize = 8;

/// Both directions of one session.
#[derive(Default)]
pub(super) struct Letters {
    waiting: VecDeque<Item>,
    /// By number, oldest first.
    under_way: VecDeque<(u32, Vec<Item>)>,
    /// How many of them were sent since the last time that all had to be.
    sent: usize,
    number: u32,
    received: u32,
    tries: usize,
    again_at: Option<Instant>,
    owes: bool,
}

impl Letters {
    /// Say this after everything said before. False: more waits than may wait.
    pub(super) fn push(&mut self, item: Item) -> bool {
        let room = !self.is_full();
        if room {
            self.waiting.push_back(item);
        }
        room
    }

    /// Does as much wait as may wait? Then the other side acknowledges nothing.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= limits::LETTERS
    }

    /// Everything that was not acknowledged, in order: for the session that takes the place of this one.
    pub(super) fn unsaid(&mut self) -> impl Iterator<Item = Item> + '_ {
        self.again_at = None;
        self.under_way.drain(..).flat_map(|(_, items)| items).chain(self.waiting.drain(..))
    }

    /// The next plaintext to send, if there is something to say. Ask until there is nothing.
    pub(super) fn next(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.again_at.is_some_and(|at| at <= now) {
            self.sent = 0;
            self.again_at = None;
            self.tries = self.tries.saturating_add(1);
        }
        if self.sent == self.under_way.len() && self.under_way.len() < UNDER_WAY && !self.waiting.is_empty() {
            self.load();
        }
        let Some((number, items)) = self.under_way.get(self.sent) else {
            return core::mem::take(&mut self.owes).then(|| self.note(&[]));
        };
        let letter = self.written(*number, items);
        self.sent = self.sent.saturating_add(1);
        self.owes = false;
        if self.again_at.is_none() {
            let pause = limits::LETTER_PAUSES.get(self.tries).or(limits::LETTER_PAUSES.last());
            self.again_at = pause.map(|pause| now.after(*pause));
        }
        Some(letter)
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
        self.settle(acknowledged);
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

    /// Every letter up to this number arrived.
    fn settle(&mut self, acknowledged: u32) {
        if acknowledged > self.number {
            return;
        }
        while self.under_way.front().is_some_and(|(number, _)| *number <= acknowledged) {
            self.under_way.pop_front();
            self.sent = self.sent.saturating_sub(1);
            self.tries = 0;
        }
        if self.under_way.is_empty() {
            self.again_at = None;
        }
    }

    /// Put as many items under way as one letter holds.
    fn load(&mut self) {
        let (mut items, mut bytes) = (Vec::new(), Vec::new());
        while let Some(item) = self.waiting.front() {
            item::write(item, &mut bytes);
            if bytes.len() > limits::LETTER {
                break;
            }
            items.extend(self.waiting.pop_front());
        }
        self.number = self.number.saturating_add(1);
        self.under_way.push_back((self.number, items));
    }

    fn written(&self, number: u32, items: &[Item]) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(&self.received.to_be_bytes());
        items.iter().for_each(|item| item::write(item, &mut out));
        out
    }
}
