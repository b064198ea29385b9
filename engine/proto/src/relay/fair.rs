//! Whose frame goes out next when a line takes no more, and which frames are given up: always the oldest of whoever
//! has most waiting for itself, never another's.
//!
//! [`Backlog`] is the queue of one receiver over a stream. [`Fair`] is for all receivers behind one UDP socket: a queue
//! each, served in turns of so many bytes (deficit round robin, Shreedhar and Varghese, 1995).

use std::collections::{BTreeMap, VecDeque};

use super::limits;

/// Frames for one stream, each behind its length as they travel; the oldest make room for new ones.
#[derive(Debug, Default)]
pub struct Backlog {
    bytes: VecDeque<u8>,
}

/// Bytes of a length.
const LENGTH: usize = 2;

impl Backlog {
    /// Append a frame; how many older ones it pushed out. One that can never fit is itself what is dropped.
    pub fn push(&mut self, frame: &[u8]) -> usize {
        let Ok(length) = u16::try_from(frame.len()) else { return 1 };
        let size = frame.len().saturating_add(LENGTH);
        if size > limits::BACKLOG {
            return 1;
        }
        let mut dropped = 0_usize;
        while self.bytes.len().saturating_add(size) > limits::BACKLOG {
            let oldest = self.first();
            self.bytes.drain(..oldest.min(self.bytes.len()));
            dropped = dropped.saturating_add(1);
        }
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend(frame);
        dropped
    }

    /// Move whole frames, lengths included, to the end of `out`: as many as fit in `most` bytes, at least one.
    pub fn take(&mut self, most: usize, out: &mut Vec<u8>) {
        let mut end = 0_usize;
        loop {
            let next = end.saturating_add(self.at(end));
            if next == end || next > self.bytes.len() || (next > most && end > 0) {
                break;
            }
            end = next;
        }
        let (front, back) = self.bytes.as_slices();
        let head = end.min(front.len());
        out.extend_from_slice(front.get(..head).unwrap_or_default());
        out.extend_from_slice(back.get(..end.saturating_sub(head)).unwrap_or_default());
        self.bytes.drain(..end);
        if self.bytes.is_empty() {
            self.bytes = VecDeque::new(); // an idle client keeps no memory
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    fn first(&self) -> usize {
        self.at(0)
    }

    /// Bytes of the frame at this place with its length; 0 at the end.
    fn at(&self, place: usize) -> usize {
        match (self.bytes.get(place), self.bytes.get(place.saturating_add(1))) {
            (Some(high), Some(low)) => usize::from(u16::from_be_bytes([*high, *low])).saturating_add(LENGTH),
            _ => 0,
        }
    }
}

struct Queue {
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
    credit: usize,
}

/// Frames for many receivers behind one socket that is full at the moment.
pub struct Fair<K> {
    queues: BTreeMap<K, Queue>,
    turns: VecDeque<K>,
    bytes: usize,
}

impl<K> Default for Fair<K> {
    fn default() -> Self {
        Self { queues: BTreeMap::new(), turns: VecDeque::new(), bytes: 0 }
    }
}

impl<K: Ord + Copy> Fair<K> {
    /// Append a frame for `key`; how many frames were given up for it.
    pub fn push(&mut self, key: K, frame: &[u8]) -> usize {
        let turns = &mut self.turns;
        let queue = self.queues.entry(key).or_insert_with(|| {
            turns.push_back(key);
            Queue { frames: VecDeque::new(), bytes: 0, credit: 0 }
        });
        queue.frames.push_back(frame.to_vec());
        queue.bytes = queue.bytes.saturating_add(frame.len());
        self.bytes = self.bytes.saturating_add(frame.len());
        let mut dropped = 0_usize;
        while queue.bytes > limits::FAIR_EACH {
            let Some(oldest) = queue.frames.pop_front() else { break };
            queue.bytes = queue.bytes.saturating_sub(oldest.len());
            self.bytes = self.bytes.saturating_sub(oldest.len());
            dropped = dropped.saturating_add(1);
        }
        while self.bytes > limits::FAIR_ALL {
            let greediest = self.queues.iter().max_by_key(|(_, queue)| queue.bytes).map(|(key, _)| *key);
            let Some(oldest) = greediest.and_then(|key| self.queues.get_mut(&key)).and_then(|queue| {
                let oldest = queue.frames.pop_front()?;
                queue.bytes = queue.bytes.saturating_sub(oldest.len());
                Some(oldest)
            }) else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(oldest.len());
            dropped = dropped.saturating_add(1);
        }
        dropped
    }

    /// The frame whose turn it is.
    pub fn pop(&mut self) -> Option<(K, Vec<u8>)> {
        loop {
            let key = *self.turns.front()?;
            let queue = self.queues.get_mut(&key)?;
            let Some(next) = queue.frames.front().map(Vec::len) else {
                self.queues.remove(&key);
                self.turns.pop_front();
                continue;
            };
            if queue.credit < next {
                queue.credit = queue.credit.saturating_add(limits::FAIR_QUANTUM);
                self.turns.rotate_left(1);
                continue;
            }
            queue.credit = queue.credit.saturating_sub(next);
            queue.bytes = queue.bytes.saturating_sub(next);
            self.bytes = self.bytes.saturating_sub(next);
            return queue.frames.pop_front().map(|frame| (key, frame));
        }
    }

    /// Put a frame back that the socket did not take after all.
    pub fn put_back(&mut self, key: K, frame: Vec<u8>) {
        if let Some(queue) = self.queues.get_mut(&key) {
            queue.credit = queue.credit.saturating_add(frame.len());
            queue.bytes = queue.bytes.saturating_add(frame.len());
            self.bytes = self.bytes.saturating_add(frame.len());
            queue.frames.push_front(frame);
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }
}
