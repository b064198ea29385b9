//! Datagrams to send, laid one behind the other, so that those to one destination leave in one system call.
//!
//! A train is what UDP's segmentation offload takes (udp(7), `UDP_SEGMENT`): datagrams of one length, the last one
//! shorter at most. Each may have free bytes before it (`lead`) for the header of a relay. The memory is used from its
//! beginning to its end, then all of it is sent, then it is used again.

use core::ops::Range;

use crate::limits::{RELAY_LEAD, TRAIN_BYTES, TRAIN_DATAGRAMS};
use crate::{Endpoint, PeerId, Span, Transmit};

/// Datagrams to one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Train {
    /// For whom, to be named when it fails; `None` for what is no peer's.
    pub peer: Option<PeerId>,
    /// Where to.
    pub endpoint: Endpoint,
    /// Where they lie, leads included.
    pub span: Span,
    /// Bytes from the beginning of one to that of the next; never zero.
    pub stride: usize,
    /// Free bytes at the beginning of each.
    pub lead: usize,
}

impl Train {
    /// How many datagrams.
    #[must_use]
    pub fn count(&self) -> usize {
        self.span.len.div_ceil(self.stride.max(1))
    }

    /// The place of each, its lead included.
    pub fn datagrams(&self) -> impl Iterator<Item = Span> {
        let Span { start, len } = self.span;
        let stride = self.stride.max(1);
        (0..len)
            .step_by(stride)
            .map(move |from| Span { start: start.saturating_add(from), len: stride.min(len.saturating_sub(from)) })
    }

    /// Without its first `count` datagrams, which were sent.
    pub fn drop_front(&mut self, count: usize) {
        let bytes = count.saturating_mul(self.stride).min(self.span.len);
        self.span.start = self.span.start.saturating_add(bytes);
        self.span.len = self.span.len.saturating_sub(bytes);
    }

    /// May a datagram of `len` bytes, lead included, follow?
    fn takes(&self, len: usize) -> bool {
        let is_even = self.span.len.checked_rem(self.stride) == Some(0);
        is_even
            && len <= self.stride
            && self.span.len.saturating_add(len) <= TRAIN_BYTES
            && self.count() < TRAIN_DATAGRAMS
    }
}

/// How many free bytes a datagram for `endpoint` has before it.
#[must_use]
pub fn lead_for(endpoint: &Endpoint) -> usize {
    match endpoint {
        Endpoint::Udp { .. } => 0,
        Endpoint::Relay { .. } => RELAY_LEAD,
    }
}

/// The memory and what lies in it.
pub struct Trains {
    bytes: Box<[u8]>,
    used: usize,
    list: Vec<Train>,
    most: usize,
}

impl Trains {
    /// Memory for so many bytes, and a list of so many trains. Pages that nothing touches are never resident.
    #[must_use]
    pub fn new(bytes: usize, most: usize) -> Self {
        Self { bytes: vec![0; bytes].into(), used: 0, list: Vec::with_capacity(most), most }
    }

    /// Is nothing there to be sent?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Is there room for a datagram of `len` bytes, lead included?
    #[must_use]
    pub fn has_room(&self, len: usize) -> bool {
        self.list.len() < self.most && self.bytes.len().saturating_sub(self.used) >= len
    }

    /// Bytes that lie there.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used
    }

    /// The free memory, `lead` bytes left out before it: the next datagram is written to its beginning, and pushed.
    /// Empty when there is no room.
    pub fn spare(&mut self, lead: usize) -> &mut [u8] {
        let from = self.used.saturating_add(lead);
        if self.list.len() >= self.most {
            return &mut [];
        }
        self.bytes.get_mut(from..).unwrap_or_default()
    }

    /// Take what was written to the beginning of `spare(lead)`, `len` bytes without the lead.
    pub fn push(&mut self, peer: Option<PeerId>, endpoint: Endpoint, lead: usize, len: usize) {
        let whole = lead.saturating_add(len);
        let start = self.used;
        let end = start.saturating_add(whole);
        if whole == 0 || end > self.bytes.len() {
            return;
        }
        self.used = end;
        if let Some(last) = self.list.last_mut() {
            let same = last.peer == peer && last.endpoint == endpoint && last.lead == lead;
            let adjacent = last.span.start.saturating_add(last.span.len) == start;
            if same && adjacent && last.takes(whole) {
                last.span.len = last.span.len.saturating_add(whole);
                return;
            }
        }
        self.list.push(Train { peer, endpoint, span: Span { start, len: whole }, stride: whole, lead });
    }

    /// Take `bytes` as one datagram; false if there is no room.
    pub fn push_copy(&mut self, peer: Option<PeerId>, endpoint: Endpoint, bytes: &[u8]) -> bool {
        let lead = lead_for(&endpoint);
        let Some(to) = self.spare(lead).get_mut(..bytes.len()) else { return false };
        to.copy_from_slice(bytes);
        self.push(peer, endpoint, lead, bytes.len());
        true
    }

    /// Take a datagram that [`crate::Device::poll_transmit`] wrote to the beginning of `spare(0)`.
    pub fn push_transmit(&mut self, transmit: &Transmit) {
        let lead = lead_for(&transmit.endpoint);
        let written = self.used..self.used.saturating_add(transmit.len);
        if written.end.saturating_add(lead) > self.bytes.len() {
            return;
        }
        if lead > 0 {
            self.bytes.copy_within(written, self.used.saturating_add(lead));
        }
        self.push(transmit.peer, transmit.endpoint, lead, transmit.len);
    }

    /// What waits, in order.
    #[must_use]
    pub fn list(&self) -> &[Train] {
        &self.list
    }

    /// The memory that `Train::span` is about.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What waits with the memory, for who writes leads and readdresses trains, or sends a part of one.
    pub fn parts_mut(&mut self) -> (&mut [u8], &mut Vec<Train>) {
        (&mut self.bytes, &mut self.list)
    }

    /// What lies there; nothing for a place outside.
    #[must_use]
    pub fn get(&self, span: Span) -> &[u8] {
        self.bytes.get(range(span)).unwrap_or_default()
    }

    /// The first `sent` trains are gone, and `datagrams` of the one after them. When all are, the memory is free.
    pub fn drop_front(&mut self, sent: usize, datagrams: usize) {
        self.list.drain(..sent.min(self.list.len()));
        if let Some(first) = self.list.first_mut() {
            first.drop_front(datagrams);
            if first.span.len == 0 {
                self.list.remove(0);
            }
        }
        if self.list.is_empty() {
            self.clear();
        }
    }

    /// Forget all.
    pub fn clear(&mut self) {
        self.list.clear();
        self.used = 0;
    }
}

fn range(span: Span) -> Range<usize> {
    span.start..span.start.saturating_add(span.len)
}
