//! The node's side of a relay, among strangers who spoof the relay's address and a relay that lies under its own key.
//!
//! Whatever they say: no payload that the relay did not seal, and each once; what the events tell of channels is one
//! table in which a number leads to one member; the client sends only to where it was told to, a bounded number of
//! frames, and each of them is genuine; it never asks to be woken for nothing; and towards a relay that is honest
//! from then on it comes back, with every channel that was asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::input::{Input, flip};
use super::world::{Splitmix, key};
use crate::keys::Secret;
use crate::relay::client::{Config, Event, Received};
use crate::relay::frame::{self, Frame};
use crate::relay::item::{Ended, Farewell, Identity, Item};
use crate::relay::liar::{Liar, Said, papers, unknown};
use crate::relay::{Client, Link, limits};
use crate::{Instant, Now, Unix};

const SECOND_NS: u64 = 1_000_000_000;
/// Numbers in the pool of keys.
const RELAY: u8 = 1;
const NODE: u8 = 2;
const STEPS: usize = 120;
/// Virtual time of one input: longer than any pause there is.
const PASSES_NS: u64 = 100 * SECOND_NS;
/// A relay that is honest again is found within this: a keepalive, an attempt over a stream that says nothing, the
/// longest pause with its quarter at random, an attempt.
const HEALS_NS: u64 = 90 * SECOND_NS;
/// Frames that one frame of the relay, or one deadline, may cost: an answer to each of the smallest items, and what
/// waits to be told.
const ANSWERS: usize = limits::OWN_FRAME / 10 + 64;

thread_local! {
    static SHARED: Secret = key(RELAY).exchange(&key(NODE).public()).unwrap();
}

struct Scene {
    client: Client,
    liar: Liar,
    now_ns: u64,
    remotes: Vec<Link>,
    /// The stream that the caller has open.
    stream: Option<u64>,
    /// What the events said.
    is_connected: bool,
    channels: BTreeMap<Identity, u32>,
    wanted: BTreeSet<Identity>,
    dropped: u64,
    /// Frames of sessions that the client took.
    taken: Vec<Vec<u8>>,
    letter: u32,
    is_honest: bool,
    asked: BTreeSet<Identity>,
}

/// Any bytes: how it is set up, then what happens.
pub(super) fn client(data: &[u8]) {
    let mut input = Input::new(data);
    let settings = input.byte();
    let mut scene = Scene::new(settings);
    scene.begin();
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        scene.step(&mut input);
    }
    if settings & 8 != 0 {
        scene.heals();
    }
}

impl Scene {
    fn new(settings: u8) -> Self {
        let has_stream = settings & 1 != 0;
        let count = if has_stream { settings >> 1 & 3 } else { 1 + (settings >> 1 & 1) };
        let remotes: Vec<_> = (0..count).map(|host| ([192, 0, 2, host], 3_478).into()).collect();
        let config = Config { relay_key: key(RELAY).public(), remotes: remotes.clone(), has_stream };
        let shared = SHARED.with(Secret::clone);
        Self {
            client: Client::new(config, Box::new(Splitmix(u64::from(settings)))),
            liar: Liar::new(key(RELAY).public(), key(NODE).public(), shared),
            now_ns: 1_000 * SECOND_NS,
            remotes: remotes.into_iter().map(Link::Udp).collect(),
            stream: None,
            is_connected: false,
            channels: BTreeMap::new(),
            wanted: BTreeSet::new(),
            dropped: 0,
            taken: Vec::new(),
            letter: 0,
            is_honest: false,
            asked: BTreeSet::new(),
        }
    }

    fn now(&self) -> Now {
        Now { mono: Instant(self.now_ns), wall: Unix(self.now_ns) }
    }

    /// It gets papers that it takes.
    fn begin(&mut self) {
        assert!(self.client.set_credentials(self.now(), papers(&key(RELAY).public(), key(NODE))));
        self.settle();
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(13) {
            0 => {
                let unit_ms = if input.flag() { 1 } else { 250 };
                self.pass(u64::from(input.byte()) * unit_ms * 1_000_000, PASSES_NS);
            }
            1 => self.stranger(input),
            2 => {
                let cookie = self.liar.cookie(input.byte());
                self.give(input, cookie);
            }
            3 => self.welcome(input),
            4 => {
                let refusal = self.liar.refusal(input.byte());
                refusal.into_iter().for_each(|it| self.give(input, it));
            }
            5 => {
                let control = self.liar.control(input.some());
                control.into_iter().for_each(|it| self.give(input, it));
            }
            6 | 7 => self.letter(input),
            8 => self.payload(input),
            9 => self.replay(input),
            10 => self.forged(input),
            11 => self.streams(input),
            _ => self.caller(input),
        }
        self.settle();
    }

    fn link(&self, input: &mut Input<'_>) -> Link {
        let number = input.below(4);
        self.remotes.get(number).copied().unwrap_or(Link::Stream(self.stream.unwrap_or(1)))
    }

    /// The client takes a frame; what it drops it counts, once.
    fn handle(&mut self, link: Link, bytes: &mut [u8]) -> Received {
        let received = self.client.handle(self.now(), link, bytes);
        self.dropped += u64::from(received == Received::Dropped);
        let counters = self.client.counters();
        assert_eq!(counters.drop_forged + counters.drop_replayed + counters.drop_stray, self.dropped);
        received
    }

    /// Something of the liar's that is no payload, from anywhere.
    fn give(&mut self, input: &mut Input<'_>, mut bytes: Vec<u8>) {
        let (link, copy) = (self.link(input), bytes.clone());
        match self.handle(link, &mut bytes) {
            Received::Payload { .. } => panic!("no payload was sent"),
            Received::Own if copy[0] == frame::CONTROL => self.taken.push(copy),
            Received::Own | Received::Dropped => {}
        }
    }

    /// Bytes of somebody without any key, who may have seen what went by.
    fn stranger(&mut self, input: &mut Input<'_>) {
        let link = self.link(input);
        let mut bytes = match input.below(3) {
            0 => unknown(self.liar.session().unwrap_or(0) ^ u32::from(input.byte() & 1)),
            1 => {
                let mut bytes = vec![0; 8 + usize::from(input.byte())];
                bytes.iter_mut().zip(input.some()).for_each(|(to, from)| *to = *from);
                bytes[0] = frame::DATA + (bytes[0] & 1);
                bytes[4..8].copy_from_slice(&self.liar.session().unwrap_or(0).to_be_bytes());
                bytes
            }
            _ => input.some().to_vec(),
        };
        // Whose it is stands in what can be read: an attempt's name and a session's number are no secrets.
        let harmless =
            frame::parse(&bytes).is_some_and(|it| matches!(it, Frame::Cookie { .. } | Frame::Unknown { .. }));
        let before = self.client.link();
        let received = self.handle(link, &mut bytes);
        assert!(received == Received::Dropped || received == Received::Own && harmless, "{received:?} of a stranger");
        assert!(self.client.poll_event().is_none() && self.client.link() == before, "a stranger moved something");
    }

    fn welcome(&mut self, input: &mut Input<'_>) {
        let number = u32::from(input.byte());
        let over = if input.flag() { self.liar.proven_over() } else { None };
        let link = over.unwrap_or_else(|| self.link(input));
        let Some(mut welcome) = self.liar.welcome(number) else { return };
        if self.handle(link, &mut welcome) == Received::Own {
            assert_eq!(Some(link), self.liar.proven_over(), "a welcome counts where the proof went");
            self.liar.began(number);
            self.letter = 0;
            self.taken.clear();
            self.asked.clear();
        }
    }

    fn letter(&mut self, input: &mut Input<'_>) {
        let shape = input.byte();
        let number = if shape & 1 == 0 { 0 } else { self.letter + 1 + u32::from(shape >> 1 & 1) };
        self.letter += u32::from(shape & 3 == 1);
        let acknowledged = u32::from(input.byte());
        let items: Vec<_> = if shape & 4 == 0 {
            (0..input.below(6)).map(|_| item(input)).collect()
        } else {
            let first = u16::from_be_bytes([input.byte() & 0x7f, input.byte()]);
            (0..28).map(|at| Item::Opened(name(first + at), u32::from(first & 0xff) + u32::from(at))).collect()
        };
        let letter = self.liar.letter(number, acknowledged, &items);
        letter.into_iter().for_each(|it| self.give(input, it));
    }

    fn payload(&mut self, input: &mut Input<'_>) {
        let (link, channel) = (self.link(input), u32::from(input.byte()));
        let Some(bytes) = self.liar.data(channel, input.some()) else { return };
        let mut copy = bytes.clone();
        match self.handle(link, &mut copy) {
            Received::Payload { channel: told } => assert_eq!((told, &copy), (channel, &bytes)),
            Received::Own => panic!("a payload is nothing of the client's"),
            Received::Dropped => assert!(!self.is_connected, "a genuine payload was lost"),
        }
        if self.is_connected {
            self.taken.push(bytes);
        }
    }

    fn replay(&mut self, input: &mut Input<'_>) {
        let link = self.link(input);
        if let Some(taken) = self.taken.get(usize::from(input.byte())) {
            let mut bytes = taken.clone();
            assert_eq!(self.handle(link, &mut bytes), Received::Dropped, "taken twice");
        }
    }

    fn forged(&mut self, input: &mut Input<'_>) {
        // All of it is under the tag: what lies between the edges of a longer payload is WireGuard's to protect.
        let frame = if input.flag() { self.liar.data(1, &[7; 32]) } else { self.liar.letter(0, 0, &[Item::Ping(1)]) };
        let (link, mask) = (self.link(input), input.some());
        let Some(mut bytes) = frame else { return };
        let is_other = flip(&mut bytes, mask);
        let kind = bytes[0];
        let received = self.handle(link, &mut bytes);
        let anybodys = kind == frame::HANDSHAKE && received == Received::Own;
        assert!(!is_other || received == Received::Dropped || anybodys, "{received:?} of what was changed on the way");
    }

    fn streams(&mut self, input: &mut Input<'_>) {
        let number = if input.flag() { self.client.wanted_stream().unwrap_or(0) } else { u64::from(input.byte() & 3) };
        if input.flag() {
            self.client.handle_stream_open(self.now(), number);
            if self.client.wanted_stream() == Some(number) {
                self.stream = Some(number);
            }
        } else {
            self.client.handle_stream_lost(self.now(), number);
            self.stream = self.stream.filter(|it| *it != number);
        }
    }

    /// What the node itself does meanwhile.
    fn caller(&mut self, input: &mut Input<'_>) {
        let (now, identity) = (self.now(), name(u16::from(input.byte() & 7)));
        match input.below(6) {
            0 | 1 => {
                assert!(self.client.open_channel(now, identity));
                self.wanted.insert(identity);
            }
            2 => {
                self.client.close_channel(now, &identity);
                self.wanted.remove(&identity);
            }
            3 => self.client.reconnect(now),
            4 => {
                let mut bytes = [5; frame::HEADER + 9];
                let sent = self.client.seal(now, u32::from(input.byte()), &mut bytes);
                assert_eq!(sent, self.client.link());
            }
            _ => {
                self.client.stop(now);
                self.settle();
                assert!(!self.is_connected && self.client.wanted_stream().is_none());
                assert!(self.client.poll_timeout().is_none(), "who stopped waits for nothing");
                self.begin();
            }
        }
    }

    /// Time goes on for so long, from deadline to deadline; `most_ns` since the beginning at most.
    fn pass(&mut self, span_ns: u64, most_ns: u64) {
        let end = (self.now_ns + span_ns).min(1_000 * SECOND_NS + most_ns).max(self.now_ns);
        while let Some(at) = self.client.poll_timeout().filter(|at| at.0 <= end) {
            self.now_ns = self.now_ns.max(at.0);
            self.client.handle_timeout(self.now());
            let next = self.client.poll_timeout();
            assert!(next.is_none_or(|at| at.0 > self.now_ns), "woken at {at:?} for nothing, again at {next:?}");
            self.settle();
        }
        self.now_ns = end;
    }

    /// Take out what the client has to say, and compare.
    fn settle(&mut self) {
        let mut out = [0; limits::OWN_FRAME];
        let mut sent = 0;
        while let Some((link, length)) = self.client.poll_transmit(&mut out) {
            sent += 1;
            assert!(self.remotes.contains(&link) || matches!(link, Link::Stream(_)), "sent to {link:?}");
            let said = self.liar.hear(link, &out[..length]).expect("what a client sends is genuine");
            self.events();
            if self.is_honest {
                self.answer(link, &out[..length], said);
            }
            assert!(self.is_honest || sent <= ANSWERS, "one frame cost {sent}");
        }
        self.events();
        assert_eq!(self.is_connected, self.client.link().is_some());
    }

    fn events(&mut self) {
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::Connected { link, .. } => {
                    assert_eq!(Some(link), self.client.link());
                    assert!(self.is_connected || self.channels.is_empty());
                    self.is_connected = true;
                }
                Event::Lost { .. } => {
                    assert!(self.is_connected, "lost what was not there");
                    self.is_connected = false;
                    self.channels.clear();
                }
                Event::Opened { identity, channel } => {
                    assert!(!self.channels.values().any(|it| *it == channel), "channel {channel} leads to two members");
                    assert_eq!(self.channels.insert(identity, channel), None, "two channels lead to one member");
                }
                Event::Closed { identity, channel, .. } => {
                    assert_eq!(self.channels.remove(&identity), Some(channel), "closed what was not open");
                }
                Event::RoundTrip { round_trip_ns } => assert!(round_trip_ns > 0),
                Event::Failed { .. } | Event::Refused { .. } | Event::Absent { .. } | Event::Denied { .. } => {}
            }
        }
        assert!(self.channels.len() <= 2 * limits::CHANNELS);
    }

    /// As an honest relay that began anew.
    fn answer(&mut self, link: Link, frame: &[u8], said: Said) {
        let number = 9_000;
        let mut answers = match said {
            Said::Hello => vec![self.liar.cookie(7)],
            Said::Proof => {
                let mut welcome = self.liar.welcome(number).unwrap();
                if self.handle(link, &mut welcome) != Received::Own {
                    return;
                }
                self.liar.began(number);
                self.asked.clear();
                self.letter = 1;
                vec![self.liar.letter(1, 0, &[Item::Fresh]).unwrap()]
            }
            Said::Words(count, items) => {
                let asked = items.iter().filter_map(|it| if let Item::Open(who) = it { Some(*who) } else { None });
                self.asked.extend(asked);
                let pongs =
                    items.iter().filter_map(|it| if let Item::Ping(it) = it { Some(Item::Pong(*it)) } else { None });
                vec![self.liar.letter(0, count, &pongs.collect::<Vec<_>>()).unwrap()]
            }
            Said::Lost => vec![unknown(u32::from_be_bytes(frame[4..8].try_into().unwrap()))],
        };
        answers.iter_mut().for_each(|it| {
            self.handle(link, it);
        });
    }

    fn heals(&mut self) {
        self.is_honest = true;
        self.liar.forget();
        self.taken.clear();
        let end = self.now_ns + HEALS_NS;
        while self.liar.session().is_none() || !self.is_connected || !self.wanted.is_subset(&self.asked) {
            let wanted = self.client.wanted_stream();
            if wanted != self.stream {
                self.stream = wanted;
                wanted.into_iter().for_each(|number| self.client.handle_stream_open(self.now(), number));
                self.settle();
                continue;
            }
            let next = self.client.poll_timeout().expect("a client without a session waits for something").0;
            assert!(next <= end, "a relay that is honest again is not found");
            self.pass(next.saturating_sub(self.now_ns), u64::MAX >> 1);
        }
    }
}

fn name(number: u16) -> Identity {
    let mut name = [0x60; 32];
    name[..2].copy_from_slice(&number.to_be_bytes());
    name
}

fn item(input: &mut Input<'_>) -> Item {
    let (kind, value) = (input.below(11), input.byte());
    let (who, channel) = (name(u16::from(value & 7)), u32::from(value >> 3 & 7));
    let reasons = [Ended::Closed, Ended::Gone, Ended::Revoked, Ended::Full, Ended::Forgotten];
    let ends = [Farewell::Leaving, Farewell::Revoked, Farewell::Expired, Farewell::Replaced];
    let reason = reasons[usize::from(value) % 5];
    match kind {
        0 => Item::Ping(u64::from(value)),
        1 => Item::Pong(input.number()),
        2..=4 => Item::Opened(who, channel),
        5 => Item::Absent(who),
        6 => Item::Closed(channel, reason),
        7 => Item::Denied(who, reason),
        8 => Item::Challenge(u64::from(value)),
        9 => Item::Fresh,
        _ => Item::Bye(ends[usize::from(value) % 4]),
    }
}
