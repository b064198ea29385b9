//! A session: two keys, a counter out, a replay window in (paper, 5.4.6). Ages are the paper's 6.1, and so are the
//! limits of its cipher; those of AES are lower.

use core::time::Duration;

use crate::batch::HEADROOM;
use crate::cipher::{DataKey, TAG};
use crate::handshake::SessionKeys;
use crate::message::transport_header;
use crate::replay::Window;
use crate::time::Instant;
use crate::{Cipher, PublicKey, limits};

/// Why a datagram of a session was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Expired,
    Replay,
    Forged,
}

/// One pair of data keys with all that belongs to it.
pub(crate) struct Session {
    send: DataKey,
    receive: DataKey,
    window: Window,
    /// Of the next packet to seal.
    counter: u64,
    born: Instant,
    remote_index: u32,
    pub(crate) local_index: u32,
    /// We sent the initiation, so renewing it is our task.
    pub(crate) initiated: bool,
    /// The static keys it was made with.
    pub(crate) local: PublicKey,
    pub(crate) remote: PublicKey,
    /// The renewal that receiving late in its life provokes was asked for.
    asked_renewal: bool,
}

impl Session {
    pub(crate) fn new(
        now: Instant,
        keys: &SessionKeys,
        local_index: u32,
        initiated: bool,
        (local, remote): (PublicKey, PublicKey),
    ) -> Self {
        Self {
            send: DataKey::new(keys.cipher, &keys.send),
            receive: DataKey::new(keys.cipher, &keys.receive),
            window: Window::new(),
            counter: 0,
            born: now,
            remote_index: keys.remote_index,
            local_index,
            initiated,
            local,
            remote,
            asked_renewal: false,
        }
    }

    pub(crate) fn cipher(&self) -> Cipher {
        self.send.cipher
    }

    fn age(&self, now: Instant) -> Duration {
        now.since(self.born)
    }

    /// May it seal another packet?
    pub(crate) fn can_send(&self, now: Instant) -> bool {
        self.counter < self.cipher().reject_after() && self.age(now) < limits::REJECT_AFTER_TIME
    }

    /// Too old to open anything either.
    pub(crate) fn is_dead(&self, now: Instant) -> bool {
        self.age(now) >= limits::REJECT_AFTER_TIME
    }

    /// After sealing: is it time for a new one?
    pub(crate) fn wants_renewal(&self, now: Instant) -> bool {
        self.counter >= self.cipher().rekey_after() || (self.initiated && self.age(now) >= limits::REKEY_AFTER_TIME)
    }

    /// After opening: true once, when so little of its life is left that a keepalive and a handshake just fit.
    pub(crate) fn wants_late_renewal(&mut self, now: Instant) -> bool {
        let late =
            limits::REJECT_AFTER_TIME.saturating_sub(limits::KEEPALIVE_TIMEOUT).saturating_sub(limits::REKEY_TIMEOUT);
        let wants = self.initiated && !self.asked_renewal && self.age(now) >= late;
        self.asked_renewal |= wants;
        wants
    }

    /// Seal in place: `region` is header, `len` bytes of packet, padding and tag. False if it is too short.
    pub(crate) fn seal(&mut self, region: &mut [u8], len: usize) -> bool {
        let Some((header, rest)) = region.split_first_chunk_mut::<HEADROOM>() else { return false };
        let Some((plain, tag)) = rest.split_last_chunk_mut::<TAG>() else { return false };
        let Some(padding) = plain.get_mut(len..) else { return false };
        padding.fill(0);
        let Some(made) = self.send.seal(self.counter, plain) else { return false };
        *header = transport_header(self.remote_index, self.counter);
        *tag = made;
        self.counter = self.counter.saturating_add(1);
        true
    }

    /// Open in place a datagram that names this session; the plaintext, padding included.
    pub(crate) fn open<'a>(
        &mut self,
        now: Instant,
        counter: u64,
        datagram: &'a mut [u8],
    ) -> Result<&'a mut [u8], Refusal> {
        if counter >= self.cipher().reject_after() || self.age(now) >= limits::REJECT_AFTER_TIME {
            return Err(Refusal::Expired);
        }
        if !self.window.is_new(counter) {
            return Err(Refusal::Replay);
        }
        let sealed = datagram.get_mut(HEADROOM..).ok_or(Refusal::Forged)?;
        let plain = self.receive.open(counter, sealed).ok_or(Refusal::Forged)?;
        self.window.mark(counter);
        Ok(plain)
    }

    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn set_counter(&mut self, counter: u64) {
        self.counter = counter;
    }
}

/// `len` rounded up to 16, but not beyond the MTU (paper, 5.4.6): a full packet must not grow.
pub(crate) fn padded(len: usize, mtu: usize) -> usize {
    // A packet longer than the MTU (it was lowered since) is padded as its last part would be.
    let last = if len > mtu { len.checked_rem(mtu).unwrap_or(len) } else { len };
    let aligned = last.checked_next_multiple_of(16).unwrap_or(last);
    let bound = if mtu == 0 { aligned } else { aligned.min(mtu) };
    len.saturating_add(bound.saturating_sub(last))
}
