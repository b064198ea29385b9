//! MAC1, MAC2 and cookies (paper, 5.4.4 and 5.4.7): who may make us compute an exchange.
//!
//! [`Issuer`] is the responder's half: it hands out cookies bound to address *and* port. [`Holder`] is the sender's:
//! it stamps outgoing handshake messages. A cookie reply never moves an endpoint: whoever saw our message can send one.

use crate::cipher::extended;
use crate::message::{self, COOKIE_REPLY, COOKIE_REPLY_LEN, CookieReply, MACS_LEN, Macs};
use crate::time::Instant;
use crate::{Endpoint, Random, limits, noise, random};

/// Hands out and checks cookies. One secret, changed every two minutes, is all its state.
pub(crate) struct Issuer {
    secret: [u8; 32],
    since: Option<Instant>,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        Self { secret: [0; 32], since: None }
    }

    /// Does MAC2 show that the sender received our cookie at `source`?
    pub(crate) fn proves(&mut self, now: Instant, macs: &Macs<'_>, source: &Endpoint) -> bool {
        let young = self.since.is_some_and(|since| now.since(since) < limits::COOKIE_LIFETIME);
        young && noise::same(&noise::mac(&self.cookie(source), &[macs.before_mac2]), macs.mac2)
    }

    /// The reply to a message that was sent by `sender` from `source`, sealed so that only who saw it can read it.
    pub(crate) fn reply(
        &mut self,
        now: Instant,
        random: &mut dyn Random,
        (sender, mac1, source): (u32, &[u8; 16], &Endpoint),
        cookie_key: &[u8; 32],
    ) -> Option<[u8; COOKIE_REPLY_LEN]> {
        if self.since.is_none_or(|since| now.since(since) >= limits::COOKIE_LIFETIME) {
            random.fill(&mut self.secret);
            self.since = Some(now);
        }
        let mut cookie = self.cookie(source);
        let nonce: [u8; 24] = random::bytes(random);
        let (cipher, short) = extended(cookie_key, &nonce);
        let tag = cipher.seal_with(short, mac1, &mut cookie)?;
        Some(message::concat(&[&[COOKIE_REPLY, 0, 0, 0], &sender.to_le_bytes(), &nonce, &cookie, &tag]))
    }

    fn cookie(&self, source: &Endpoint) -> [u8; 16] {
        noise::mac(&self.secret, &[&source.identity()])
    }
}

/// Stamps what we send to one peer.
#[derive(Default)]
pub(crate) struct Holder {
    cookie: Option<([u8; 16], Instant)>,
    last_mac1: Option<[u8; 16]>,
}

impl Holder {
    /// Fill in both MACs of a finished message; MAC2 stays zero without a fresh cookie.
    pub(crate) fn stamp(&mut self, now: Instant, wire: &mut [u8], mac1_key: &[u8; 32]) {
        let Some(at) = wire.len().checked_sub(MACS_LEN) else { return };
        let (body, macs) = wire.split_at_mut(at);
        let mac1 = noise::mac(mac1_key, &[body]);
        let mac2 = match self.cookie {
            Some((cookie, since)) if now.since(since) < limits::COOKIE_LIFETIME => noise::mac(&cookie, &[body, &mac1]),
            _ => [0; 16],
        };
        macs.iter_mut().zip(mac1.iter().chain(&mac2)).for_each(|(to, from)| *to = *from);
        self.last_mac1 = Some(mac1);
    }

    /// Take the cookie of a reply to the last message stamped; false, and nothing changes, if it is not one.
    pub(crate) fn accept(&mut self, now: Instant, reply: &CookieReply<'_>, cookie_key: &[u8; 32]) -> bool {
        let Some(mac1) = self.last_mac1 else { return false };
        let (cipher, short) = extended(cookie_key, reply.nonce);
        let mut work = *reply.sealed;
        let cookie = cipher.open_with(short, &mac1, &mut work).and_then(|plain| <[u8; 16]>::try_from(&*plain).ok());
        let Some(cookie) = cookie else { return false };
        self.cookie = Some((cookie, now));
        // One reply a message: a second one would let an observer of the first replay it for ever.
        self.last_mac1 = None;
        true
    }
}
