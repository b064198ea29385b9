//! Sessions: the keys of one line, from an accepted proof until they end or another session takes their place.

use super::{Event, Server, count, limits};
use crate::bucket::Bucket;
use crate::relay::frame::{self, Control};
use crate::relay::item::{Ended, Farewell, Item};
use crate::relay::letters::Letters;
use crate::relay::link::Link;
use crate::relay::seal::{Opener, Sealer};
use crate::time::Instant;
use crate::{Now, random};

/// Bytes of a control frame with one token in it: headers of frame, letter and item, token, tag.
const CHALLENGE_LEN: usize = 8 + 8 + 2 + 8 + 16;

/// Where a client that spoke from elsewhere was asked, what, and when.
pub(super) struct Challenge {
    pub(super) link: Link,
    pub(super) token: u64,
    pub(super) at: Instant,
}

/// One session.
pub(super) struct Session {
    pub(super) number: u32,
    pub(super) link: Link,
    pub(super) opener: Opener,
    pub(super) sealer: Sealer,
    pub(super) letters: Letters,
    pub(super) heard_at: Instant,
    /// Whose it is, once it is confirmed.
    pub(super) member: Option<u32>,
    pub(super) network: [u8; 32],
    pub(super) identity: [u8; 32],
    /// The earlier end of certificate and grant, Unix seconds.
    pub(super) not_after_s: u64,
    /// When its grant was issued, Unix seconds.
    pub(super) issued_s: u64,
    pub(super) rate: super::Rate,
    pub(super) challenge: Option<Challenge>,
    pub(super) controls: Bucket,
    /// When its letters are said again.
    pub(super) due: Option<Instant>,
    /// Its end is the end of its stream: it was confirmed, and no newer session goes over the same one.
    pub(super) owns_stream: bool,
}

impl Server {
    /// A control frame of this session.
    pub(super) fn handle_control(&mut self, now: Now, slot: u32, link: Link, header: &Control, bytes: &mut [u8]) {
        let length = bytes.len();
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let (opened, plain) = match session.opener.control(header, bytes) {
            Ok((plain, newest)) => (Ok(newest), plain),
            Err(trouble) => (Err(trouble), &[][..]),
        };
        if opened.is_ok() && !session.controls.take(now.mono, limits::CONTROLS) {
            count(&mut self.counters.drop_control_rate);
            return;
        }
        let Some(newest) = self.genuine(now, slot, link, opened) else { return };
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let Some(items) = session.letters.handle(plain) else {
            count(&mut self.counters.drop_malformed);
            return;
        };
        for item in &items {
            self.handle_item(now, slot, link, item);
        }
        if newest {
            self.follow(now, slot, link, length);
        }
        self.say(now, slot);
    }

    /// The newest frame of a session came from elsewhere: ask there whether its client is. Until it says so, nothing
    /// else goes there (SECURITY.md, rule 30).
    pub(super) fn follow(&mut self, now: Now, slot: u32, link: Link, bytes: usize) {
        let Some(session) = self.sessions.get_mut(slot).filter(|session| session.link != link) else { return };
        if bytes < CHALLENGE_LEN {
            return; // who shows a short frame of another's gets no longer one sent anywhere
        }
        let open = session.challenge.as_ref();
        if open.is_some_and(|open| now.mono.since(open.at) < limits::CHALLENGE_SPACING) {
            return;
        }
        let token = match open {
            Some(open) if open.link == link => open.token,
            _ => u64::from_be_bytes(random::bytes(&mut self.random)),
        };
        session.challenge = Some(Challenge { link, token, at: now.mono });
        let plain = session.letters.note(&[Item::Challenge(token)]);
        if let Some(frame) = session.sealer.control(&plain) {
            self.transmit(link, frame);
        }
    }

    /// The client answered from `link`: its frames go there.
    pub(super) fn handle_response(&mut self, slot: u32, link: Link, token: u64) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let asked = session.challenge.take_if(|open| open.link == link && open.token == token);
        if asked.is_some() {
            session.link = link;
            count(&mut self.counters.moves);
        }
    }

    /// Send what the session's letters have to say, and note when they have to say it again.
    pub(super) fn say(&mut self, now: Now, slot: u32) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        session.due.take().into_iter().for_each(|at| {
            self.due.remove(&(at, slot));
        });
        let link = session.link;
        let mut frames = Vec::new();
        while let Some(plain) = session.letters.next(now.mono) {
            let Some(frame) = session.sealer.control(&plain) else { break };
            frames.push(frame);
        }
        session.due = session.letters.deadline();
        session.due.into_iter().for_each(|at| {
            self.due.insert((at, slot));
        });
        frames.into_iter().for_each(|frame| self.transmit(link, frame));
    }

    /// Say something once, outside the letters.
    pub(super) fn say_note(&mut self, slot: u32, items: &[Item]) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let plain = session.letters.note(items);
        let link = session.link;
        if let Some(frame) = session.sealer.control(&plain) {
            self.transmit(link, frame);
        }
    }

    /// End a session, and with it its member; `farewell` is what its client is told.
    pub(super) fn end_session(&mut self, now: Now, slot: u32, farewell: Option<Farewell>) {
        let member = self.sessions.get(slot).and_then(|session| session.member);
        self.drop_session(slot, farewell);
        if let Some(member) = member {
            let reason = if farewell == Some(Farewell::Revoked) { Ended::Revoked } else { Ended::Gone };
            count(&mut self.counters.ended);
            self.end_member(now, member, reason);
        }
    }

    /// Forget a session, and nothing else.
    pub(super) fn drop_session(&mut self, slot: u32, farewell: Option<Farewell>) {
        if let Some(reason) = farewell {
            self.say_note(slot, &[Item::Bye(reason)]);
        }
        let Some(session) = self.sessions.remove(slot) else { return };
        self.indices.release(session.number);
        session.due.into_iter().for_each(|at| {
            self.due.remove(&(at, slot));
        });
        if session.member.is_none() {
            self.pending.retain(|pending| *pending != slot);
        }
        if let Link::Stream(stream) = session.link
            && session.owns_stream
        {
            self.tell(Event::Ended { stream });
        }
    }

    /// End what has ended: silent sessions, unconfirmed ones, credentials, clients that acknowledge nothing.
    pub(super) fn sweep(&mut self, now: Now) {
        let now_s = now.wall.0 / 1_000_000_000;
        let ends = |session: &Session| {
            let silent = now.mono.since(session.heard_at);
            if session.member.is_none() {
                (silent >= limits::PENDING_LIFE).then_some(None)
            } else if silent >= limits::SESSION_IDLE || session.letters.is_full() {
                Some(None)
            } else {
                (session.not_after_s < now_s).then_some(Some(Farewell::Expired))
            }
        };
        let ended: Vec<_> = self.sessions.iter().filter_map(|(slot, session)| Some((slot, ends(session)?))).collect();
        for (slot, farewell) in ended {
            if self.sessions.get(slot).is_some_and(|session| session.member.is_none()) {
                count(&mut self.counters.pending_forgotten);
            }
            self.end_session(now, slot, farewell);
        }
        self.revoked.forget(now_s);
    }

    /// Answer a frame of no session of ours, at most so often a source (never over a stream: that one is new).
    pub(super) fn answer_unknown(&mut self, now: Now, link: Link, number: u32, bytes: usize) {
        let is_less = bytes > frame::UNKNOWN_LEN && matches!(link, Link::Udp(_));
        if is_less && self.resets.take(now.mono, &link.payer(), limits::SOURCE_RESETS) {
            self.transmit(link, frame::unknown(number).to_vec());
        }
    }
}
