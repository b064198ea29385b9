//! Who has shown that it receives what is sent to its address: by a cookie, without state (SECURITY.md, 33 and 34).
//!
//! A cookie is the time of its making and a keyed hash of it, the address and the attempt's random. It is good for
//! [`limits::COOKIE_LIFE`]; the secret behind it changes, and the one before still counts.

use crate::message::{concat, take};
use crate::relay::frame::COOKIE;
use crate::relay::limits;
use crate::relay::link::Link;
use crate::time::Instant;
use crate::{Random, noise, random};

/// Makes and checks cookies.
pub(super) struct Cookies {
    secrets: [[u8; 32]; 2],
    since: Instant,
}

impl Cookies {
    pub(super) fn new(now: Instant, random: &mut dyn Random) -> Self {
        Self { secrets: [random::bytes(random), random::bytes(random)], since: now }
    }

    pub(super) fn make(&mut self, now: Instant, random: &mut dyn Random, link: Link, name: &[u8; 16]) -> [u8; COOKIE] {
        if now.since(self.since) >= limits::COOKIE_SECRET_LIFE {
            let [newest, _] = self.secrets;
            self.secrets = [random::bytes(random), newest];
            self.since = now;
        }
        let [newest, _] = &self.secrets;
        written(newest, now, link, name)
    }

    /// Was this cookie made for this address and attempt, a short while ago?
    pub(super) fn proves(&self, now: Instant, link: Link, name: &[u8; 16], cookie: &[u8; COOKIE]) -> bool {
        let mut rest: &[u8] = cookie;
        let Some(at) = take(&mut rest).map(|bytes| Instant(u64::from_be_bytes(*bytes))) else { return false };
        let is_fresh = at <= now && now.since(at) < limits::COOKIE_LIFE;
        is_fresh && self.secrets.iter().any(|secret| noise::same(&written(secret, at, link, name), cookie))
    }
}

fn written(secret: &[u8; 32], at: Instant, link: Link, name: &[u8; 16]) -> [u8; COOKIE] {
    let at = at.0.to_be_bytes();
    let mac = noise::mac(secret, &[&at, &link.identity(), name]);
    concat(&[&at, &mac])
}
