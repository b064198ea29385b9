//! The two halves of a session: what numbers and seals frames, and what opens each of them once.
//!
//! Data and control frames of one direction share one counter, so it is a nonce that never comes twice. 24 bits of it
//! travel; the rest follows from the newest frame that was genuine.

use super::frame::{self, CONTROL_HEADER, Control, Data, HEADER};
use super::schedule::Direction;
use super::tag;
use crate::cipher::counter_nonce;
use crate::noise;
use crate::replay::Window;

/// Counters beyond this are not used: the session is replaced once an hour, so this is never met.
const COUNTERS: u64 = 1 << 60;
const TRAVELLING: u64 = 1 << 24;

/// Why a frame goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The tag is wrong.
    Forged,
    /// It came before, or is far too late.
    Replayed,
}

/// Numbers and seals what goes out.
pub(super) struct Sealer {
    session: u32,
    next: u64,
    keys: Direction,
}

/// Opens what comes in.
pub(super) struct Opener {
    newest: u64,
    window: Window,
    keys: Direction,
}

impl Sealer {
    pub(super) fn new(session: u32, keys: Direction) -> Self {
        Self { session, next: 0, keys }
    }

    /// The session's number was drawn after its keys.
    pub(super) fn rename(&mut self, session: u32) {
        self.session = session;
    }

    /// Write the header of a data frame into its first bytes; what follows is its payload. False: no room for one, or
    /// no counter is left.
    #[inline]
    pub(super) fn data(&mut self, channel: u32, frame: &mut [u8]) -> bool {
        let Some((room, payload)) = frame.split_first_chunk_mut::<HEADER>() else { return false };
        let Some(counter) = self.count() else { return false };
        let tag = tag::tag(&self.keys.tag, self.session, channel, counter, payload);
        *room = frame::data_header(counter, self.session, channel, tag);
        true
    }

    /// A whole control frame around `plain`.
    pub(super) fn control(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        let counter = self.count()?;
        let header = frame::control_header(counter, self.session);
        let mut sealed = plain.to_vec();
        let tag = self.keys.control.seal_with(counter_nonce(counter), &header, &mut sealed)?;
        Some([&header[..], &sealed, &tag].concat())
    }

    fn count(&mut self) -> Option<u64> {
        let counter = self.next;
        self.next = counter.saturating_add(1);
        (counter < COUNTERS).then_some(counter)
    }
}

impl Opener {
    pub(super) fn new(keys: Direction) -> Self {
        Self { newest: 0, window: Window::new(), keys }
    }

    /// Take a data frame, once. True: it is the newest so far.
    #[inline]
    pub(super) fn data(&mut self, header: &Data, frame: &[u8]) -> Result<bool, Trouble> {
        let counter = self.whole(header.counter);
        let payload = frame.get(HEADER..).unwrap_or_default();
        let expected = tag::tag(&self.keys.tag, header.session, header.channel, counter, payload);
        if !noise::same(&expected, &header.tag) {
            return Err(Trouble::Forged);
        }
        self.take(counter)
    }

    /// Open a control frame in place, once: its plaintext, and whether it is the newest so far.
    pub(super) fn control<'a>(&mut self, header: &Control, frame: &'a mut [u8]) -> Result<(&'a [u8], bool), Trouble> {
        let counter = self.whole(header.counter);
        let (head, sealed) = frame.split_first_chunk_mut::<CONTROL_HEADER>().ok_or(Trouble::Forged)?;
        let cipher = &self.keys.control;
        let plain = cipher.open_with(counter_nonce(counter), head, sealed).ok_or(Trouble::Forged)?;
        let newest = self.take(counter)?;
        Ok((plain, newest))
    }

    fn take(&mut self, counter: u64) -> Result<bool, Trouble> {
        if !self.window.is_new(counter) {
            return Err(Trouble::Replayed);
        }
        self.window.mark(counter);
        let newest = counter >= self.newest;
        self.newest = self.newest.max(counter);
        Ok(newest)
    }

    /// The counter with these low bits that is closest to the newest one.
    fn whole(&self, low: u32) -> u64 {
        let half = TRAVELLING >> 1;
        let near = (self.newest & !(TRAVELLING.wrapping_sub(1))) | u64::from(low);
        if near.saturating_add(half) <= self.newest {
            near.saturating_add(TRAVELLING)
        } else if near > self.newest.saturating_add(half) {
            near.checked_sub(TRAVELLING).unwrap_or(near)
        } else {
            near
        }
    }
}
