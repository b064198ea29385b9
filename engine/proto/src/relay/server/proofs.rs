//! From a hello to a pending session: cookie first, then the cheap checks, then the signatures.

use super::revoked::Who;
use super::sessions::Session;
use super::{Rate, Server, count, limits};
use crate::bucket::Bucket;
use crate::message::{concat, take};
use crate::relay::certificate::{self, Certificate};
use crate::relay::frame::{self, COOKIE, PROOF_HEADER, TERMS};
use crate::relay::grant::{self, Grant, Refusal};
use crate::relay::letters::Letters;
use crate::relay::link::Link;
use crate::relay::schedule::Handshake;
use crate::relay::seal::{Opener, Sealer};
use crate::{Now, PublicKey, random};

/// A client that proved everything but that it is here now.
struct Proven {
    who: Who,
    not_after_s: u64,
    issued_s: u64,
    rate: Rate,
}

impl Server {
    /// A stranger asks for a cookie.
    pub(super) fn handle_hello(&mut self, now: Now, link: Link, name: &[u8; 16]) {
        if !self.hellos.take(now.mono, &link.payer(), limits::SOURCE_HELLOS) {
            count(&mut self.counters.drop_hello_rate);
            return;
        }
        let cookie = self.cookies.make(now.mono, &mut self.random, link, name);
        count(&mut self.counters.cookies);
        self.transmit(link, frame::cookie(name, &cookie).to_vec());
    }

    /// Who has a cookie shows its credentials.
    pub(super) fn handle_proof(
        &mut self,
        now: Now,
        link: Link,
        (name, cookie, session_key): (&[u8; 16], &[u8; COOKIE], PublicKey),
        bytes: &mut [u8],
    ) {
        if !self.cookies.proves(now.mono, link, name, cookie) {
            count(&mut self.counters.drop_cookie);
            return;
        }
        let by_source = &mut self.proofs_by_source;
        if !by_source.take(now.mono, &link.payer(), limits::SOURCE_PROOFS)
            || !self.proofs.take(now.mono, limits::PROOFS)
        {
            count(&mut self.counters.drop_proof_rate);
            return;
        }
        let shared = self.config.private_key.exchange(&session_key);
        let handshake = shared.map(|it| Handshake::new(&it, (&self.public_key, &session_key), name, cookie));
        let opened = handshake.as_ref().and_then(|handshake| {
            let (header, sealed) = bytes.split_first_chunk_mut::<PROOF_HEADER>()?;
            handshake.proof().open_with([0; 12], header, sealed)
        });
        let (Some(handshake), Some(credentials)) = (handshake, opened) else {
            count(&mut self.counters.drop_proof_forged);
            return;
        };
        match self.judge(now, &session_key, credentials) {
            Ok(proven) => self.welcome(now, link, name, &handshake, &proven),
            Err(refusal) => self.refuse(link, name, &handshake, refusal),
        }
    }

    /// Do these credentials admit the holder of this session key, here and now?
    fn judge(&self, now: Now, session_key: &PublicKey, credentials: &[u8]) -> Result<Proven, Refusal> {
        let (grant, certificate) = parse(credentials).ok_or(Refusal::Malformed)?;
        if (grant.network, grant.identity) != (certificate.network, certificate.identity) {
            return Err(Refusal::Malformed);
        }
        if !self.config.signers.contains(grant.signer) {
            return Err(Refusal::Signer);
        }
        let now_s = now.wall.0 / 1_000_000_000;
        certificate.check(&self.public_key.0, &session_key.0, now_s)?;
        grant.check(self.config.number, now_s)?;
        let who = (*grant.network, *grant.identity);
        if self.revoked.holds(&who, grant.issued_s) {
            return Err(Refusal::Revoked);
        }
        if self.is_full(&who) {
            return Err(Refusal::Full);
        }
        Ok(Proven {
            who,
            not_after_s: grant.not_after_s.min(certificate.not_after_s),
            issued_s: grant.issued_s,
            rate: granted(&self.config.client_rate, &grant),
        })
    }

    /// Make a pending session and give the client its half of it.
    fn welcome(&mut self, now: Now, link: Link, name: &[u8; 16], handshake: &Handshake, proven: &Proven) {
        if self.pending.len() >= limits::PENDING
            && let Some(oldest) = self.pending.front().copied()
        {
            count(&mut self.counters.pending_forgotten);
            self.drop_session(oldest, None);
        }
        let relay_random: [u8; 16] = random::bytes(&mut self.random);
        let keys = handshake.keys(&relay_random);
        let (network, identity) = proven.who;
        let session = Session {
            number: 0,
            link,
            opener: Opener::new(keys.up),
            sealer: Sealer::new(0, keys.down),
            letters: Letters::default(),
            heard_at: now.mono,
            member: None,
            network,
            identity,
            not_after_s: proven.not_after_s,
            issued_s: proven.issued_s,
            rate: proven.rate,
            challenge: None,
            controls: Bucket::default(),
            due: None,
            owns_stream: false,
        };
        let slot = self.sessions.insert(session);
        let (Some(number), Some(session)) = (self.indices.draw(&mut self.random, slot), self.sessions.get_mut(slot))
        else {
            self.sessions.remove(slot);
            return;
        };
        session.number = number;
        session.sealer.rename(number);
        self.pending.push_back(slot);
        count(&mut self.counters.proofs);
        let header = frame::welcome_header(name, &relay_random, number);
        let mut terms = terms(&proven.rate);
        if let Some(tag) = keys.answer.seal_with([0; 12], &header, &mut terms) {
            self.transmit(link, [&header[..], &terms, &tag].concat());
        }
    }

    fn refuse(&mut self, link: Link, name: &[u8; 16], handshake: &Handshake, refusal: Refusal) {
        count(match refusal {
            Refusal::Malformed => &mut self.counters.refused_malformed,
            Refusal::Signer => &mut self.counters.refused_signer,
            Refusal::Signature => &mut self.counters.refused_signature,
            Refusal::Expired => &mut self.counters.refused_expired,
            Refusal::OtherRelay => &mut self.counters.refused_other_relay,
            Refusal::Revoked => &mut self.counters.refused_revoked,
            Refusal::Full => &mut self.counters.refused_full,
        });
        let relay_random: [u8; 16] = random::bytes(&mut self.random);
        let keys = handshake.keys(&relay_random);
        let header = frame::refusal_header(name, &relay_random);
        let mut reason = [refusal as u8];
        if let Some(tag) = keys.answer.seal_with([0; 12], &header, &mut reason) {
            self.transmit(link, [&header[..], &reason, &tag].concat());
        }
    }
}

/// Length of the grant, grant, certificate.
fn parse(credentials: &[u8]) -> Option<(Grant<'_>, Certificate<'_>)> {
    let mut rest = credentials;
    let length = usize::from(u16::from_be_bytes(*take(&mut rest)?));
    let (grant, certificate) = rest.split_at_checked(length)?;
    Some((grant::parse(grant)?, certificate::parse(certificate)?))
}

/// The smaller of what the relay and the grant allow.
fn granted(own: &Rate, grant: &Grant<'_>) -> Rate {
    let smaller = |own: u64, granted: u64| match (own, granted) {
        (own, 0) => own,
        (0, granted) => granted,
        (own, granted) => own.min(granted),
    };
    Rate {
        bytes_s: smaller(own.bytes_s, u64::from(grant.rate_kbit_s).saturating_mul(125)),
        burst_bytes: smaller(own.burst_bytes, u64::from(grant.burst_kib) << 10),
    }
}

/// What a welcome says: rate in kbit/s, burst in KiB, seconds until a silent session ends, zeros.
fn terms(rate: &Rate) -> [u8; TERMS] {
    let kbit_s = u32::try_from(rate.bytes_s / 125).unwrap_or(u32::MAX);
    let burst_kib = u32::try_from(rate.burst_bytes >> 10).unwrap_or(u32::MAX);
    let idle_s = u16::try_from(limits::SESSION_IDLE.as_secs()).unwrap_or(u16::MAX);
    concat(&[&kbit_s.to_be_bytes(), &burst_kib.to_be_bytes(), &idle_s.to_be_bytes()])
}
