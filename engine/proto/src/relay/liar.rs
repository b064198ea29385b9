//! A relay that holds its key and says whatever it is told to: what nodes' clients are tested and fuzzed against.
//!
//! It makes genuine frames around any words; what they say, and when, the caller decides. Compiled for tests and under
//! the feature `fuzz` only. Must not know the client's state beyond what the client sent.

use super::client::Credentials;
use super::frame::{self, COOKIE, Frame, TERMS};
use super::item::{self, Item};
use super::schedule::{Handshake, Keys};
use super::seal::{Opener, Sealer};
use super::{Link, certificate};
use crate::keys::Secret;
use crate::message::{concat, take};
use crate::{PrivateKey, PublicKey};

const RELAY_RANDOM: [u8; 16] = [0x77; 16];

/// What a client said.
pub(crate) enum Said {
    /// It asks for a cookie.
    Hello,
    /// It proves itself.
    Proof,
    /// Genuine words of the session that the liar has: the letter's number, and its items.
    Words(u32, Vec<Item>),
    /// Words of a session that the liar does not have.
    Lost,
}

/// One session, from the relay's side.
struct Session {
    number: u32,
    sealer: Sealer,
    opener: Opener,
}

/// The relay's side towards one client.
pub(crate) struct Liar {
    relay: PublicKey,
    client: PublicKey,
    shared: Secret,
    /// The last hello's name.
    asked: [u8; 16],
    cookie: [u8; COOKIE],
    /// By the last proof: its name, what both know, and where it came from.
    proven: Option<([u8; 16], Handshake, Link)>,
    session: Option<Session>,
}

/// Papers that a client takes, with nobody's signatures: only a relay looks at those.
pub(crate) fn papers(relay: &PublicKey, session_key: PrivateKey) -> Credentials {
    let names = [[1; 32], [2; 32]].concat();
    let mut certificate = [&[1, 0, 0, 0][..], &[0xff; 8], &relay.0, &names, &session_key.public().0].concat();
    certificate.resize(certificate::LEN, 0);
    let mut grant = [&[1, 1, 0, 0][..], &[0; 8], &[0; 8], &[0xff; 8], &names].concat();
    grant.resize(124 + 64, 0);
    Credentials { session_key, certificate, grant }
}

impl Liar {
    /// The relay with `relay`, towards whoever has `client`; `shared` is X25519 of both.
    pub(crate) fn new(relay: PublicKey, client: PublicKey, shared: Secret) -> Self {
        Self { relay, client, shared, asked: [0; 16], cookie: [0; COOKIE], proven: None, session: None }
    }

    /// Take what a client sent; `None` where that is nothing that a client may send.
    pub(crate) fn hear(&mut self, from: Link, bytes: &[u8]) -> Option<Said> {
        match frame::parse(bytes)? {
            Frame::Hello { random } => {
                self.asked = *random;
                Some(Said::Hello)
            }
            Frame::Proof { random, cookie, session_key } => {
                let handshake = Handshake::new(&self.shared, (&self.relay, &self.client), random, cookie);
                let (header, sealed) = bytes.split_first_chunk::<{ frame::PROOF_HEADER }>()?;
                handshake.proof().open_with([0; 12], header, &mut sealed.to_vec())?;
                self.proven = Some((*random, handshake, from));
                (*session_key == self.client.0).then_some(Said::Proof)
            }
            Frame::Control(header) => {
                let Some(session) = self.session.as_mut().filter(|it| it.number == header.session) else {
                    return Some(Said::Lost);
                };
                let mut copy = bytes.to_vec();
                let (mut plain, _) = session.opener.control(&header, &mut copy).ok()?;
                let number = u32::from_be_bytes(*take(&mut plain)?);
                take::<4>(&mut plain)?;
                Some(Said::Words(number, item::read_all(plain)?))
            }
            Frame::Data(_)
            | Frame::Cookie { .. }
            | Frame::Welcome { .. }
            | Frame::Refusal { .. }
            | Frame::Unknown { .. } => None,
        }
    }

    /// A cookie for the last hello.
    pub(crate) fn cookie(&mut self, fill: u8) -> Vec<u8> {
        self.cookie = [fill; COOKIE];
        frame::cookie(&self.asked, &self.cookie).to_vec()
    }

    /// From where the last proof came.
    pub(crate) fn proven_over(&self) -> Option<Link> {
        self.proven.as_ref().map(|(_, _, link)| *link)
    }

    /// A welcome to the last proof, for a session of this number; [`Liar::began`] once the client took it.
    pub(crate) fn welcome(&self, number: u32) -> Option<Vec<u8>> {
        let (name, keys) = self.keys()?;
        let header = frame::welcome_header(&name, &RELAY_RANDOM, number);
        let mut terms = [0; TERMS];
        let tag = keys.answer.seal_with([0; 12], &header, &mut terms)?;
        Some([&header[..], &terms, &tag].concat())
    }

    /// The client took the welcome of this number.
    pub(crate) fn began(&mut self, number: u32) {
        if let Some((_, keys)) = self.keys() {
            let (sealer, opener) = (Sealer::new(number, keys.down), Opener::new(keys.up));
            self.session = Some(Session { number, sealer, opener });
        }
    }

    /// A refusal of the last proof, for this reason, which may be none that there is.
    pub(crate) fn refusal(&self, reason: u8) -> Option<Vec<u8>> {
        let (name, keys) = self.keys()?;
        let header: [u8; frame::REFUSAL_HEADER] = frame::refusal_header(&name, &RELAY_RANDOM);
        let mut sealed = [reason];
        let tag = keys.answer.seal_with([0; 12], &header, &mut sealed)?;
        Some([&header[..], &sealed, &tag].concat())
    }

    /// A control frame around any bytes.
    pub(crate) fn control(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        self.session.as_mut()?.sealer.control(plain)
    }

    /// A letter (number 0: a note) that acknowledges up to `acknowledged`.
    pub(crate) fn letter(&mut self, number: u32, acknowledged: u32, items: &[Item]) -> Option<Vec<u8>> {
        let mut plain = concat::<8>(&[&number.to_be_bytes(), &acknowledged.to_be_bytes()]).to_vec();
        items.iter().for_each(|it| item::write(it, &mut plain));
        self.control(&plain)
    }

    /// A payload through a channel.
    pub(crate) fn data(&mut self, channel: u32, payload: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = [&[0; frame::HEADER], payload].concat();
        self.session.as_mut()?.sealer.data(channel, &mut bytes).then_some(bytes)
    }

    /// The number of its session.
    pub(crate) fn session(&self) -> Option<u32> {
        self.session.as_ref().map(|it| it.number)
    }

    /// It knows of no session any more: it began anew.
    pub(crate) fn forget(&mut self) {
        self.session = None;
    }

    fn keys(&self) -> Option<([u8; 16], Keys)> {
        self.proven.as_ref().map(|(name, handshake, _)| (*name, handshake.keys(&RELAY_RANDOM)))
    }
}

/// That there is no such session, which anybody can say.
pub(crate) fn unknown(session: u32) -> Vec<u8> {
    frame::unknown(session).to_vec()
}
