//! STUN answers that we wait for (RFC 8489, 5): only the shape and the transaction are looked at here.

use core::time::Duration;
use std::collections::VecDeque;

use crate::time::Instant;
use crate::{limits, message};

const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER: usize = 20;

/// The transactions on their way.
#[derive(Default)]
pub(crate) struct Transactions(VecDeque<([u8; 12], Instant)>);

/// Two zero bits, then the magic cookie in its place.
#[must_use]
pub fn looks_like_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| first >> 6 == 0) && datagram.get(4..8) == Some(&COOKIE)
}

/// The transaction of a message whose length is what its header says and at most [`limits::CONTROL_DATAGRAM`].
#[must_use]
pub fn transaction(datagram: &[u8]) -> Option<[u8; 12]> {
    let mut rest = datagram;
    let _kind: &[u8; 2] = message::take(&mut rest)?;
    let length = u16::from_be_bytes(*message::take(&mut rest)?);
    let _cookie: &[u8; 4] = message::take(&mut rest)?;
    let transaction = *message::take(&mut rest)?;
    let whole = usize::from(length).saturating_add(HEADER);
    let fits = whole == datagram.len() && whole <= limits::CONTROL_DATAGRAM && length & 3 == 0;
    fits.then_some(transaction)
}

impl Transactions {
    /// Wait for the answer to one more.
    pub(crate) fn expect(&mut self, now: Instant, transaction: [u8; 12], wait: Duration) {
        self.0.retain(|(known, until)| *until > now && *known != transaction);
        if self.0.len() >= limits::STUN_TRANSACTIONS {
            self.0.pop_front();
        }
        self.0.push_back((transaction, now.after(wait)));
    }

    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Was this answer waited for? Only its first copy is.
    pub(crate) fn settle(&mut self, now: Instant, transaction: &[u8; 12]) -> bool {
        let at = self.0.iter().position(|(known, until)| known == transaction && *until > now);
        at.and_then(|at| self.0.remove(at)).is_some()
    }
}
