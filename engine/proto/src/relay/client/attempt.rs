//! One attempt to connect: hellos to every address until a cookie comes, then the proof until it is answered.

use super::{Credentials, limits};
use crate::PublicKey;
use crate::message::take;
use crate::relay::frame::{self, COOKIE, REFUSAL_HEADER, TERMS, WELCOME_HEADER};
use crate::relay::grant::Refusal;
use crate::relay::link::Link;
use crate::relay::schedule::{Handshake, Keys};
use crate::time::Instant;

/// How far it is.
pub(super) enum Step {
    /// Hellos go out.
    Hello,
    /// The proof goes out, over the line that the cookie came by.
    Proof { link: Link, frame: Vec<u8>, handshake: Handshake },
}

/// One attempt.
pub(super) struct Attempt {
    /// Its name.
    pub(super) random: [u8; 16],
    pub(super) began: Instant,
    /// When the proof was sent last.
    pub(super) proven_at: Instant,
    pub(super) step: Step,
    tries: usize,
    again_at: Instant,
    over_at: Instant,
}

impl Attempt {
    /// One that begins now.
    pub(super) fn new(now: Instant, random: [u8; 16]) -> Self {
        Self {
            random,
            began: now,
            proven_at: now,
            step: Step::Hello,
            tries: 0,
            again_at: now,
            over_at: now.after(limits::HELLO_PAUSES.iter().sum()),
        }
    }

    /// When there is something to do.
    pub(super) fn deadline(&self) -> Instant {
        let patience = self.began.after(limits::UDP_PATIENCE);
        let next = if self.tries < limits::HELLO_PAUSES.len() { self.again_at.min(self.over_at) } else { self.over_at };
        // While UDP is silent the caller is asked for a stream.
        if matches!(self.step, Step::Hello) && self.again_at <= patience { next.min(patience) } else { next }
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.over_at <= now
    }

    /// A stream is being opened: it has its time.
    pub(super) fn wait_for_stream(&mut self, now: Instant) {
        self.over_at = self.over_at.max(now.after(limits::STREAM_PATIENCE));
    }

    /// Does it end with this line?
    pub(super) fn depends_on(&self, line: Link, only: bool) -> bool {
        match &self.step {
            Step::Hello => only,
            Step::Proof { link, .. } => *link == line,
        }
    }

    /// The hello over a line that has just opened.
    pub(super) fn greet(&mut self, now: Instant, link: Link) -> Option<(Link, Vec<u8>)> {
        if !matches!(self.step, Step::Hello) {
            return None;
        }
        self.over_at = now.after(limits::HELLO_PAUSES.iter().sum());
        self.tries = self.tries.min(1);
        Some((link, frame::hello(&self.random).to_vec()))
    }

    /// What is due to be sent (again).
    pub(super) fn repeat(&mut self, now: Instant, links: &[Link]) -> Vec<(Link, Vec<u8>)> {
        let Some(pause) = limits::HELLO_PAUSES.get(self.tries).filter(|_| self.again_at <= now) else {
            return Vec::new();
        };
        self.tries = self.tries.saturating_add(1);
        self.again_at = now.after(*pause);
        match &self.step {
            Step::Hello => links.iter().map(|link| (*link, frame::hello(&self.random).to_vec())).collect(),
            Step::Proof { link, frame, .. } => {
                self.proven_at = now;
                vec![(*link, frame.clone())]
            }
        }
    }

    /// A cookie came: the proof to send, and from now on only that. `None`: another cookie was first.
    pub(super) fn prove(
        &mut self,
        now: Instant,
        link: Link,
        cookie: &[u8; COOKIE],
        relay_key: &PublicKey,
        credentials: &Credentials,
    ) -> Option<Vec<u8>> {
        if !matches!(self.step, Step::Hello) {
            return None;
        }
        let session_key = credentials.session_key.public();
        let shared = credentials.session_key.exchange(relay_key)?;
        let handshake = Handshake::new(&shared, (relay_key, &session_key), &self.random, cookie);
        let header = frame::proof_header(&self.random, cookie, &session_key.0);
        let length = u16::try_from(credentials.grant.len()).ok()?.to_be_bytes();
        let mut sealed = [&length[..], &credentials.grant, &credentials.certificate].concat();
        let tag = handshake.proof().seal_with([0; 12], &header, &mut sealed)?;
        let proof = [&header[..], &sealed, &tag].concat();
        self.step = Step::Proof { link, frame: proof.clone(), handshake };
        self.proven_at = now;
        self.tries = 1;
        self.again_at = now.after(limits::HELLO_PAUSES.first().copied().unwrap_or_default());
        self.over_at = now.after(limits::HELLO_PAUSES.iter().sum());
        Some(proof)
    }

    /// The relay's welcome: the session's keys, and what this client may send in kbit/s. `None` if it is not genuine.
    pub(super) fn welcome(&self, from: Link, relay_random: &[u8; 16], bytes: &mut [u8]) -> Option<(Keys, u32)> {
        let Step::Proof { link, handshake, .. } = &self.step else { return None };
        let keys = handshake.keys(relay_random);
        let (header, sealed) = bytes.split_first_chunk_mut::<WELCOME_HEADER>()?;
        let terms: &[u8] = keys.answer.open_with([0; 12], header, sealed)?;
        let mut terms: &[u8] = terms.first_chunk::<TERMS>()?;
        let rate_kbit_s = u32::from_be_bytes(*take(&mut terms)?);
        (*link == from).then_some((keys, rate_kbit_s))
    }

    /// Why the relay refuses. `None` if that is not genuine.
    pub(super) fn refusal(&self, relay_random: &[u8; 16], bytes: &mut [u8]) -> Option<Refusal> {
        let Step::Proof { handshake, .. } = &self.step else { return None };
        let keys = handshake.keys(relay_random);
        let (header, sealed) = bytes.split_first_chunk_mut::<REFUSAL_HEADER>()?;
        let number = *keys.answer.open_with([0; 12], header, sealed)?.first()?;
        Some(Refusal::from_number(number).unwrap_or(Refusal::Malformed))
    }
}
