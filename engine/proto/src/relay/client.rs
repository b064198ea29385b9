//! The node's side of a relay: connects, proves, asks for channels, keeps alive, notices a death, begins again.
//!
//! One [`Client`] a network and relay. The caller owns the sockets and drives it in this order:
//!
//! 1. [`Client::handle`] for each frame that came from one of the relay's addresses or over the stream;
//! 2. [`Client::seal`] for each packet to send through a channel;
//! 3. [`Client::handle_timeout`] when [`Client::poll_timeout`] has passed;
//! 4. [`Client::poll_transmit`] until it is `None`, then [`Client::poll_event`] until it is `None`;
//! 5. [`Client::wanted_stream`]: the WebSocket that has to be open (or being opened), if any.
//!
//! UDP comes first. Where it stays silent for [`limits::UDP_PATIENCE`] a stream is tried beside it; a session over a
//! stream looks for UDP again every half minute. A session that is silent while it is used is given up within 2.1 s.
//! Must not know peers beyond their identities, nor what a payload is.

mod attempt;
mod channels;
mod session;

use core::net::SocketAddr;
use std::collections::VecDeque;

use super::frame::{self, Frame};
use super::grant::Refusal;
use super::item::{Ended, Farewell, Identity, Item};
use super::link::Link;
use super::{certificate, grant, limits};
use crate::time::Instant;
use crate::{Now, PrivateKey, PublicKey, Random, random};
use attempt::{Attempt, Step};
use channels::Channels;
use session::Session;

/// Which relay, and how it can be reached.
#[derive(Clone, Debug)]
pub struct Config {
    /// The relay's X25519 key: who cannot answer for it is not the relay.
    pub relay_key: PublicKey,
    /// Its UDP addresses; the first answer wins. Empty: none.
    pub remotes: Vec<SocketAddr>,
    /// Whether the caller can open a WebSocket to it.
    pub has_stream: bool,
}

/// What proves the client: made by Python, once an hour and relay.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The session key, whose public half the certificate names.
    pub session_key: PrivateKey,
    /// `certificate::LEN` bytes.
    pub certificate: Vec<u8>,
    /// At most `grant::MAX` bytes.
    pub grant: Vec<u8>,
}

/// Why a session was lost, or an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing came back.
    Silent,
    /// The relay said that it ends.
    Farewell(Farewell),
    /// The stream ended.
    StreamEnded,
    /// The caller asked for it.
    Stopped,
}

/// Something that the caller acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session stands; also when a new one took the place of an old one, or UDP that of a stream.
    Connected {
        /// Over what.
        link: Link,
        /// From the proof to the relay's welcome, in nanoseconds.
        round_trip_ns: u64,
        /// What this client may send, kbit/s.
        rate_kbit_s: u32,
    },
    /// There is no session any more, and so no channel; the client connects again by itself unless it was stopped.
    Lost {
        /// Why.
        reason: Loss,
    },
    /// An attempt to connect came to nothing; the next one follows by itself.
    Failed {
        /// Why.
        reason: Loss,
    },
    /// The relay refused the credentials. The client tries again at long intervals, or when it gets others.
    Refused {
        /// Why.
        reason: Refusal,
    },
    /// A channel leads to this member: it was asked for, or the member opened it.
    Opened {
        /// To whom.
        identity: Identity,
        /// By which number.
        channel: u32,
    },
    /// A channel leads nowhere any more. What was asked for opens again when the member comes back.
    Closed {
        /// To whom it led.
        identity: Identity,
        /// Its number.
        channel: u32,
        /// Why.
        reason: Ended,
    },
    /// A member that was asked for is not at this relay; its channel opens when it comes.
    Absent {
        /// Who.
        identity: Identity,
    },
    /// The relay gives no channel to this member.
    Denied {
        /// To whom.
        identity: Identity,
        /// Why.
        reason: Ended,
    },
    /// How long the relay took to answer.
    RoundTrip {
        /// Nanoseconds.
        round_trip_ns: u64,
    },
}

/// What a frame was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A payload; it lies behind the first [`frame::HEADER`] bytes.
    Payload {
        /// Through which channel.
        channel: u32,
    },
    /// The client's own business; done.
    Own,
    /// Forged, replayed, or nothing that this client waits for; counted.
    Dropped,
}

/// What came and went, since the client was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Payloads received.
    pub rx_frames: u64,
    /// Their bytes.
    pub rx_bytes: u64,
    /// Payloads sealed.
    pub tx_frames: u64,
    /// Their bytes.
    pub tx_bytes: u64,
    /// Dropped: the tag is wrong.
    pub drop_forged: u64,
    /// Dropped: seen before.
    pub drop_replayed: u64,
    /// Dropped: malformed, or of no session or attempt of ours.
    pub drop_stray: u64,
    /// Not sent: no session.
    pub drop_no_session: u64,
}

/// A network's line to one relay.
pub struct Client {
    config: Config,
    credentials: Option<Credentials>,
    random: Box<dyn Random + Send>,
    session: Option<Session>,
    attempt: Option<Attempt>,
    /// When to begin an attempt.
    retry_at: Option<Instant>,
    failures: usize,
    /// The stream that the caller shall have open, and whether it is.
    stream: Option<(u64, bool)>,
    streams: u64,
    channels: Channels,
    outgoing: VecDeque<(Link, Vec<u8>)>,
    events: VecDeque<Event>,
    counters: Counters,
}

impl Client {
    /// A client that does nothing before it has credentials.
    #[must_use]
    pub fn new(config: Config, random: Box<dyn Random + Send>) -> Self {
        Self {
            config,
            credentials: None,
            random,
            session: None,
            attempt: None,
            retry_at: None,
            failures: 0,
            stream: None,
            streams: 0,
            channels: Channels::default(),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Prove with these from now on, at once; a living session goes on until the new one stands.
    ///
    /// False, and nothing changes, if certificate or grant are malformed or do not belong together.
    pub fn set_credentials(&mut self, now: Now, credentials: Credentials) -> bool {
        let fits = match (certificate::parse(&credentials.certificate), grant::parse(&credentials.grant)) {
            (Some(certificate), Some(grant)) => {
                *certificate.relay_key == self.config.relay_key.0
                    && *certificate.session_key == credentials.session_key.public().0
                    && (certificate.network, certificate.identity) == (grant.network, grant.identity)
            }
            _ => false,
        };
        if fits {
            self.credentials = Some(credentials);
            self.attempt = None;
            self.failures = 0;
            self.retry_at = Some(now.mono);
            self.handle_timeout(now);
        }
        fits
    }

    /// Use these addresses for the next attempt; a session over one that is gone ends by its silence.
    pub fn set_remotes(&mut self, remotes: Vec<SocketAddr>) {
        self.config.remotes = remotes;
    }

    /// The host's network changed: prove again at once (what goes out before is sent as before).
    pub fn reconnect(&mut self, now: Now) {
        if self.credentials.is_some() {
            self.attempt = None;
            self.failures = 0;
            self.retry_at = Some(now.mono);
            self.handle_timeout(now);
        }
    }

    /// End the session in order and forget the credentials; channels that were asked for stay asked for.
    pub fn stop(&mut self, _now: Now) {
        self.say_note(&[Item::Bye(Farewell::Leaving)]);
        self.credentials = None;
        self.attempt = None;
        self.retry_at = None;
        self.stream = None;
        self.end_session(Loss::Stopped);
    }

    /// Want a channel to this member, now and after every loss; an [`Event::Opened`] follows when there is one.
    /// False: as many are asked for as may be.
    pub fn open_channel(&mut self, now: Now, identity: Identity) -> bool {
        let fits = self.channels.want(identity);
        if let Some(session) = self.session.as_mut().filter(|_| fits) {
            session.letters.push(Item::Open(identity));
        }
        self.say(now);
        fits
    }

    /// Want it no more, and have the relay close it.
    pub fn close_channel(&mut self, now: Now, identity: &Identity) {
        self.channels.unwant(identity);
        if let Some(session) = self.session.as_mut() {
            session.letters.push(Item::Close(*identity));
        }
        self.say(now);
    }

    /// Write the header of a data frame into the first [`frame::HEADER`] bytes of `frame`; what follows is the payload.
    /// Where to send it, or `None` if there is no session.
    #[inline]
    pub fn seal(&mut self, now: Now, channel: u32, frame: &mut [u8]) -> Option<Link> {
        let sealed = self.session.as_mut().and_then(|session| session.seal(now.mono, channel, frame));
        if sealed.is_some() {
            self.counters.tx_frames = self.counters.tx_frames.saturating_add(1);
            self.counters.tx_bytes = self.counters.tx_bytes.saturating_add(frame.len() as u64);
        } else {
            self.counters.drop_no_session = self.counters.drop_no_session.saturating_add(1);
        }
        sealed
    }

    /// Take one frame that came over `link`; a payload stays where it lies.
    #[inline]
    pub fn handle(&mut self, now: Now, link: Link, bytes: &mut [u8]) -> Received {
        let Some(header) = frame::data(bytes) else { return self.handle_other(now, link, bytes) };
        let Some(session) = self.session.as_mut().filter(|session| session.number == header.session) else {
            return self.stray();
        };
        match session.opener.data(&header, bytes) {
            Ok(_) => {
                session.heard(now.mono);
                self.counters.rx_frames = self.counters.rx_frames.saturating_add(1);
                self.counters.rx_bytes = self.counters.rx_bytes.saturating_add(bytes.len() as u64);
                Received::Payload { channel: header.channel }
            }
            Err(trouble) => self.dropped(trouble),
        }
    }

    /// The stream with this number is open: bytes can be sent over it.
    pub fn handle_stream_open(&mut self, now: Now, number: u64) {
        let Some((wanted, is_open)) = self.stream.as_mut().filter(|(wanted, _)| *wanted == number) else { return };
        *is_open = true;
        let link = Link::Stream(*wanted);
        if let Some(attempt) = self.attempt.as_mut() {
            self.outgoing.extend(attempt.greet(now.mono, link));
        }
    }

    /// The stream with this number ended, or could not be opened.
    pub fn handle_stream_lost(&mut self, now: Now, number: u64) {
        if self.stream.is_none_or(|(wanted, _)| wanted != number) {
            return;
        }
        self.stream = None;
        let link = Link::Stream(number);
        if self.session.as_ref().is_some_and(|session| session.link == link) {
            self.end_session(Loss::StreamEnded);
            self.begin_soon(now.mono);
        }
        if self.attempt.as_ref().is_some_and(|attempt| attempt.depends_on(link, self.config.remotes.is_empty())) {
            self.fail(now, Loss::StreamEnded);
        }
    }

    /// The number of the stream that shall be open, or being opened; another one than before means: close that one.
    #[must_use]
    pub fn wanted_stream(&self) -> Option<u64> {
        self.stream.map(|(number, _)| number)
    }

    /// The next frame to send: where to, and how many bytes of `out`, which has room for [`limits::OWN_FRAME`].
    pub fn poll_transmit(&mut self, out: &mut [u8]) -> Option<(Link, usize)> {
        loop {
            let (link, bytes) = self.outgoing.pop_front()?;
            if let Some(room) = out.get_mut(..bytes.len()) {
                room.copy_from_slice(&bytes);
                return Some((link, bytes.len()));
            }
        }
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call `handle_timeout` at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let session = self.session.as_ref().map(Session::deadline);
        let attempt = self.attempt.as_ref().map(Attempt::deadline);
        [session, attempt, self.retry_at].into_iter().flatten().min()
    }

    /// Do what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        if let Some(session) = self.session.as_mut() {
            if session.is_lost(now.mono) {
                self.end_session(Loss::Silent);
                self.begin_soon(now.mono);
            } else if session.asks(now.mono) {
                let token = u64::from_be_bytes(random::bytes(&mut self.random));
                session.ask(now.mono, token);
                self.say_note(&[Item::Ping(token)]);
            }
        }
        self.say(now);
        if self.attempt.as_ref().is_some_and(|attempt| attempt.is_over(now.mono)) {
            self.fail(now, Loss::Silent);
        }
        if self.retry_at.is_some_and(|at| at <= now.mono) {
            self.retry_at = None;
            self.begin(now.mono);
        }
        self.drive_attempt(now.mono);
    }

    /// Over what the session goes, if there is one.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        self.session.as_ref().map(|session| session.link)
    }

    /// Every counter.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn handle_other(&mut self, now: Now, link: Link, bytes: &mut [u8]) -> Received {
        let Some(parsed) = frame::parse(bytes) else { return self.stray() };
        match parsed {
            Frame::Control(header) => self.handle_control(now, &header, bytes),
            Frame::Cookie { random, cookie } => {
                let Some(credentials) = self.credentials.as_ref() else { return self.stray() };
                let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.random == *random) else {
                    return self.stray();
                };
                let relay_key = &self.config.relay_key;
                let Some(proof) = attempt.prove(now.mono, link, cookie, relay_key, credentials) else {
                    return self.stray();
                };
                self.outgoing.push_back((link, proof));
                Received::Own
            }
            Frame::Welcome { random, relay_random, session } => {
                let (random, relay_random) = (*random, *relay_random);
                self.handle_welcome(now, link, (&random, &relay_random, session), bytes)
            }
            Frame::Refusal { random, relay_random } => {
                let (random, relay_random) = (*random, *relay_random);
                self.handle_refusal(now, (&random, &relay_random), bytes)
            }
            Frame::Unknown { session } => {
                // Nothing proves it, so it ends nothing: it is a reason to prove again at once.
                let ours = self.session.as_ref().is_some_and(|it| it.number == session && it.link == link);
                if !ours {
                    return self.stray();
                }
                self.begin_soon(now.mono);
                Received::Own
            }
            Frame::Data(_) | Frame::Hello { .. } | Frame::Proof { .. } => self.stray(),
        }
    }

    fn handle_control(&mut self, now: Now, header: &frame::Control, bytes: &mut [u8]) -> Received {
        let Some(session) = self.session.as_mut().filter(|session| session.number == header.session) else {
            return self.stray();
        };
        let plain = match session.opener.control(header, bytes) {
            Ok((plain, _)) => plain,
            Err(trouble) => return self.dropped(trouble),
        };
        session.heard(now.mono);
        let is_udp = matches!(session.link, Link::Udp(_));
        let Some(items) = session.letters.handle(plain) else { return self.stray() };
        if is_udp && self.attempt.is_none() {
            // The relay has taken this session: ending an older one's stream before would have ended our channels.
            self.stream = None;
        }
        for item in items {
            self.handle_item(now, &item);
            if self.session.is_none() {
                break; // it ended, and with it whatever else was said in it
            }
        }
        self.say(now);
        Received::Own
    }

    fn handle_item(&mut self, now: Now, item: &Item) {
        match item {
            Item::Ping(token) => self.say_note(&[Item::Pong(*token)]),
            Item::Challenge(token) => self.say_note(&[Item::Response(*token)]),
            Item::Pong(token) => {
                let asked = self.session.as_mut().and_then(|session| session.answered(now.mono, *token));
                self.tell(asked.map(|round_trip_ns| Event::RoundTrip { round_trip_ns }));
            }
            Item::Opened(identity, channel) => {
                let events = self.channels.opened(*identity, *channel);
                self.tell(events.into_iter().flatten());
            }
            Item::Closed(channel, reason) => {
                let event = self.channels.closed(*channel, *reason);
                self.tell(event);
            }
            Item::Absent(identity) => self.tell([Event::Absent { identity: *identity }]),
            Item::Denied(identity, reason) => self.tell([Event::Denied { identity: *identity, reason: *reason }]),
            Item::Fresh => {
                let events = self.channels.forget_all(Ended::Forgotten);
                self.tell(events);
            }
            Item::Bye(reason) => {
                self.end_session(Loss::Farewell(*reason));
                self.back_off(now.mono);
            }
            Item::Open(_) | Item::Close(_) | Item::Response(_) => {}
        }
    }

    fn handle_welcome(
        &mut self,
        now: Now,
        link: Link,
        (random, relay_random, number): (&[u8; 16], &[u8; 16], u32),
        bytes: &mut [u8],
    ) -> Received {
        let attempt = self.attempt.as_ref().filter(|attempt| attempt.random == *random);
        let Some((keys, rate_kbit_s)) = attempt.and_then(|attempt| attempt.welcome(link, relay_random, bytes)) else {
            return self.stray();
        };
        let proven_at = attempt.map_or(now.mono, |attempt| attempt.proven_at);
        let had = self.session.is_some();
        let mut session = Session::new(now.mono, number, link, keys);
        self.channels.wanted().for_each(|identity| {
            session.letters.push(Item::Open(*identity));
        });
        let round_trip_ns = u64::try_from(now.mono.since(proven_at).as_nanos()).unwrap_or(u64::MAX);
        self.session = Some(session);
        self.attempt = None;
        self.failures = 0;
        self.retry_at = match link {
            Link::Udp(_) => None,
            Link::Stream(_) => (!self.config.remotes.is_empty()).then(|| now.mono.after(limits::UDP_RETRY)),
        };
        if !had {
            self.channels.forget_all(Ended::Forgotten).for_each(drop);
        }
        self.tell([Event::Connected { link, round_trip_ns, rate_kbit_s }]);
        // The first frame that only this session's keys can make: before it the relay counts us as nobody.
        let token = u64::from_be_bytes(random::bytes(&mut self.random));
        if let Some(session) = self.session.as_mut() {
            session.ask(now.mono, token);
        }
        self.say_note(&[Item::Ping(token)]);
        self.say(now);
        Received::Own
    }

    fn handle_refusal(&mut self, now: Now, randoms: (&[u8; 16], &[u8; 16]), bytes: &mut [u8]) -> Received {
        let attempt = self.attempt.as_ref().filter(|attempt| attempt.random == *randoms.0);
        let Some(reason) = attempt.and_then(|attempt| attempt.refusal(randoms.1, bytes)) else {
            return self.stray();
        };
        self.attempt = None;
        self.failures = limits::BACKOFF.len();
        self.tell([Event::Refused { reason }]);
        self.back_off(now.mono);
        Received::Own
    }

    /// Begin an attempt, unless one is under way or there is nothing to prove with.
    fn begin(&mut self, now: Instant) {
        if self.credentials.is_none() || self.attempt.is_some() {
            return;
        }
        self.attempt = Some(Attempt::new(now, random::bytes(&mut self.random)));
        if self.config.remotes.is_empty() {
            self.want_stream(now);
        }
    }

    fn begin_soon(&mut self, now: Instant) {
        if self.attempt.is_none() {
            self.retry_at = Some(now);
        }
    }

    fn drive_attempt(&mut self, now: Instant) {
        let on_stream = self.session.as_ref().is_some_and(|session| matches!(session.link, Link::Stream(_)));
        let Some(attempt) = self.attempt.as_mut() else { return };
        let impatient = matches!(attempt.step, Step::Hello) && now.since(attempt.began) >= limits::UDP_PATIENCE;
        let remotes = self.config.remotes.iter().map(|remote| Link::Udp(*remote));
        let stream = self.stream.filter(|(_, is_open)| *is_open && !on_stream);
        let links: Vec<Link> = remotes.chain(stream.map(|(number, _)| Link::Stream(number))).collect();
        self.outgoing.extend(attempt.repeat(now, &links));
        if impatient && !on_stream {
            self.want_stream(now);
        }
    }

    fn want_stream(&mut self, now: Instant) {
        if self.config.has_stream && self.stream.is_none() {
            self.streams = self.streams.saturating_add(1);
            self.stream = Some((self.streams, false));
            if let Some(attempt) = self.attempt.as_mut() {
                attempt.wait_for_stream(now);
            }
        }
    }

    /// The attempt came to nothing.
    fn fail(&mut self, now: Now, reason: Loss) {
        self.attempt = None;
        if let Some(session) = self.session.as_ref() {
            // A search for UDP, or a renewal: the session goes on, and so does its stream.
            let again = matches!(session.link, Link::Stream(_)) && !self.config.remotes.is_empty();
            self.retry_at = again.then(|| now.mono.after(limits::UDP_RETRY));
            return;
        }
        self.stream = None;
        self.tell([Event::Failed { reason }]);
        self.back_off(now.mono);
    }

    fn back_off(&mut self, now: Instant) {
        let pause = limits::BACKOFF.get(self.failures).or(limits::BACKOFF.last()).copied().unwrap_or_default();
        self.failures = self.failures.saturating_add(1);
        let jitter = random::below(&mut self.random, crate::time::span_ns(pause) >> 2);
        self.retry_at = Some(Instant(now.after(pause).0.saturating_add(jitter)));
    }

    fn end_session(&mut self, reason: Loss) {
        if let Some(session) = self.session.take() {
            if matches!(session.link, Link::Stream(_)) {
                self.stream = None;
            }
            // `Lost` says it of every channel.
            self.channels.forget_all(Ended::Gone).for_each(drop);
            self.tell([Event::Lost { reason }]);
        }
    }

    /// Send what the letters have to say.
    fn say(&mut self, now: Now) {
        let Some(session) = self.session.as_mut() else { return };
        while let Some(plain) = session.letters.next(now.mono) {
            let Some(frame) = session.sealer.control(&plain) else { break };
            session.sent(now.mono);
            self.outgoing.push_back((session.link, frame));
        }
    }

    fn say_note(&mut self, items: &[Item]) {
        let Some(session) = self.session.as_mut() else { return };
        let plain = session.letters.note(items);
        let link = session.link;
        self.outgoing.extend(session.sealer.control(&plain).map(|frame| (link, frame)));
    }

    fn tell(&mut self, events: impl IntoIterator<Item = Event>) {
        let room = limits::CLIENT_EVENTS.saturating_sub(self.events.len());
        self.events.extend(events.into_iter().take(room));
    }

    fn stray(&mut self) -> Received {
        self.counters.drop_stray = self.counters.drop_stray.saturating_add(1);
        Received::Dropped
    }

    fn dropped(&mut self, trouble: super::seal::Trouble) -> Received {
        let counter = match trouble {
            super::seal::Trouble::Forged => &mut self.counters.drop_forged,
            super::seal::Trouble::Replayed => &mut self.counters.drop_replayed,
        };
        *counter = counter.saturating_add(1);
        Received::Dropped
    }
}
