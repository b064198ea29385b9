//! The relay's side: who is a client, which frame goes to whom, and how much of it.
//!
//! The caller owns the sockets and drives it in this order:
//!
//! 1. [`Server::handle`] for each frame; a payload is rewritten where it lies, and the answer says where it goes;
//! 2. [`Server::handle_stream_lost`] when a stream ended; [`Server::handle_timeout`] when `poll_timeout` has passed;
//! 3. [`Server::poll_transmit`] until it is `None`, then [`Server::poll_event`] until it is `None`.
//!
//! A stranger costs a keyed hash and gets a cookie. Who sends it back from the same address, with credentials that it
//! sealed with the session key, costs two signatures and gets a pending session. Only the first frame sealed with that
//! session's keys makes a member of it: so a replayed proof ends nobody's session. A [`member::Member`] is an identity
//! of a network; sessions come and go under it, and its channels stay.
//!
//! Invariants: every table has a cap (`limits`) and an eviction; nobody unproven gets more bytes than it sent; a frame
//! goes only to a member of the sender's own network, through a channel that the relay made; nothing is dropped
//! uncounted. Must not know what payloads are.

mod channels;
mod cookies;
mod counters;
#[cfg(any(test, feature = "fuzz"))]
#[allow(clippy::expect_used, clippy::arithmetic_side_effects, reason = "stops at the first surprise")]
mod inspect;
mod membership;
mod proofs;
mod rate;
mod revoked;
mod sessions;
mod slots;
mod talk;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::frame::{self, Frame};
use super::item::Identity;
use super::limits;
use super::link::Link;
use super::seal::Trouble;
use crate::bucket::{Bucket, Sources};
use crate::index::Indices;
use crate::time::Instant;
use crate::{Now, Owner, PrivateKey, PublicKey, Random, random};
use cookies::Cookies;
pub use counters::Counters;
use counters::count;
use membership::{Member, Network};
use rate::Bytes;
pub use rate::{Meter, Rate};
use revoked::Revoked;
use sessions::Session;
use slots::Slots;

/// What one relay is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its number: which grants name it.
    pub number: u64,
    /// Its X25519 key.
    pub private_key: PrivateKey,
    /// Whose grants count (Ed25519 keys).
    pub signers: Vec<[u8; 32]>,
    /// How many members at most, in all; never more than [`limits::MEMBERS`].
    pub members: usize,
    /// Of one client, unless its grant allows less.
    pub client_rate: Rate,
    /// Of one network.
    pub network_rate: Rate,
    /// In all.
    pub total_rate: Rate,
}

/// Something that the caller acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Who is at the other end of this stream has proved its key.
    Proven {
        /// Which stream.
        stream: u64,
    },
    /// Nothing more goes over this stream: close it.
    Ended {
        /// Which stream.
        stream: u64,
    },
}

/// How much there is at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Members with a session.
    pub members: usize,
    /// Networks with a member.
    pub networks: usize,
    /// Sessions that nobody confirmed yet.
    pub pending: usize,
    /// Channels, counted once for both ends.
    pub channels: usize,
    /// Identities that are revoked.
    pub revoked: usize,
}

/// One relay.
pub struct Server {
    config: Config,
    public_key: PublicKey,
    random: Box<dyn Random + Send>,
    cookies: Cookies,
    hellos: Sources,
    proofs_by_source: Sources,
    resets: Sources,
    proofs: Bucket,
    total: Bytes,
    indices: Indices,
    sessions: Slots<Session>,
    /// Sessions that nobody confirmed yet, oldest first.
    pending: VecDeque<u32>,
    members: Slots<Member>,
    networks: BTreeMap<[u8; 32], Network>,
    revoked: Revoked,
    /// Sessions whose letters have to be said again.
    due: BTreeSet<(Instant, u32)>,
    sweep_at: Instant,
    outgoing: VecDeque<(Link, Vec<u8>)>,
    events: VecDeque<Event>,
    counters: Counters,
}

impl Server {
    /// A relay without clients.
    #[must_use]
    pub fn new(config: Config, now: Now, mut random: Box<dyn Random + Send>) -> Self {
        Self {
            public_key: config.private_key.public(),
            cookies: Cookies::new(now.mono, &mut random),
            hellos: Sources::new(random::bytes(&mut random)),
            proofs_by_source: Sources::new(random::bytes(&mut random)),
            resets: Sources::new(random::bytes(&mut random)),
            random,
            proofs: Bucket::default(),
            total: Bytes::new(config.total_rate),
            indices: Indices::new(Owner::default()),
            sessions: Slots::new(),
            pending: VecDeque::new(),
            members: Slots::new(),
            networks: BTreeMap::new(),
            revoked: Revoked::default(),
            due: BTreeSet::new(),
            sweep_at: now.mono.after(limits::SWEEP),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
            config,
        }
    }

    /// The key by which clients know this relay.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// Take one frame that came over `link`. `Some`: it is a payload, its header is rewritten, and it goes there.
    #[inline]
    pub fn handle(&mut self, now: Now, link: Link, bytes: &mut [u8]) -> Option<Link> {
        count(&mut self.counters.rx_frames);
        self.counters.rx_bytes = self.counters.rx_bytes.saturating_add(bytes.len() as u64);
        let Some(header) = frame::data(bytes) else {
            self.handle_other(now, link, bytes);
            return None;
        };
        let slot = self.find(now, link, header.session, bytes.len())?;
        let session = self.sessions.get_mut(slot)?;
        let opened = session.opener.data(&header, bytes);
        let newest = self.genuine(now, slot, link, opened)?;
        let to = self.forward(now, slot, header.channel, bytes);
        if newest {
            self.follow(now, slot, link, bytes.len());
        }
        to
    }

    /// This stream ended: so did the session that it carried.
    pub fn handle_stream_lost(&mut self, now: Now, stream: u64) {
        let carried: Vec<u32> =
            self.sessions.iter().filter(|(_, it)| it.link == Link::Stream(stream)).map(|it| it.0).collect();
        for slot in carried {
            self.end_session(now, slot, None);
        }
    }

    /// Grants of this identity that were issued at `before_s` (Unix seconds) or earlier count no more: its session ends.
    pub fn revoke(&mut self, now: Now, network: [u8; 32], identity: Identity, before_s: u64) {
        self.revoked.add((network, identity), before_s);
        self.end_revoked(now, &network, &identity, before_s);
    }

    /// The next frame that the relay made by itself: where to, and how many bytes of `out`, which has room for
    /// [`limits::OWN_FRAME`].
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

    /// When to call `handle_timeout` at the latest; `None` while there is no session.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.sessions.len() == 0 {
            return None;
        }
        Some(self.due.first().map_or(self.sweep_at, |(at, _)| self.sweep_at.min(*at)))
    }

    /// Do what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((_, slot)) = self.due.first().copied().filter(|(at, _)| *at <= now.mono) {
            self.say(now, slot);
        }
        if self.sweep_at <= now.mono {
            self.sweep_at = now.mono.after(limits::SWEEP);
            self.sweep(now);
        }
    }

    /// Every counter.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How much there is.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        let ends: usize = self.members.iter().map(|(_, member)| member.channels.len()).sum();
        Gauges {
            members: self.members.len(),
            networks: self.networks.len(),
            pending: self.pending.len(),
            channels: ends >> 1,
            revoked: self.revoked.len(),
        }
    }

    /// What each member here sent and was sent: network, identity, meter.
    pub fn client_meters(&self) -> impl Iterator<Item = (&[u8; 32], &Identity, Meter)> {
        self.members.iter().map(|(_, member)| (&member.network, &member.identity, member.meter))
    }

    /// What each network with a member here sent and was sent, since it had its first one.
    pub fn network_meters(&self) -> impl Iterator<Item = (&[u8; 32], Meter)> {
        self.networks.iter().map(|(id, network)| (id, network.meter))
    }

    fn handle_other(&mut self, now: Now, link: Link, bytes: &mut [u8]) {
        match frame::parse(bytes) {
            Some(Frame::Control(header)) => {
                let Some(slot) = self.find(now, link, header.session, bytes.len()) else { return };
                self.handle_control(now, slot, link, &header, bytes);
            }
            Some(Frame::Hello { random }) => {
                let random = *random;
                self.handle_hello(now, link, &random);
            }
            Some(Frame::Proof { random, cookie, session_key }) => {
                let (random, cookie, session_key) = (*random, *cookie, PublicKey(*session_key));
                self.handle_proof(now, link, (&random, &cookie, session_key), bytes);
            }
            Some(
                Frame::Data(_)
                | Frame::Cookie { .. }
                | Frame::Welcome { .. }
                | Frame::Refusal { .. }
                | Frame::Unknown { .. },
            )
            | None => count(&mut self.counters.drop_malformed),
        }
    }

    /// The session of a frame. Who speaks of one that is not is told so, by less than it sent and now and then.
    fn find(&mut self, now: Now, link: Link, number: u32, bytes: usize) -> Option<u32> {
        let slot = self.indices.find(number).filter(|slot| self.sessions.get(*slot).is_some());
        let Some(slot) = slot else {
            count(&mut self.counters.drop_unknown_session);
            self.answer_unknown(now, link, number, bytes);
            return None;
        };
        let session = self.sessions.get(slot)?;
        let may_move = matches!((session.link, link), (Link::Udp(_), Link::Udp(_)));
        if session.link != link && !may_move {
            count(&mut self.counters.drop_other_line);
            return None;
        }
        Some(slot)
    }

    /// Is the frame genuine? Then the session is heard of (and confirmed by its first one). `Some(true)`: the newest.
    #[inline]
    fn genuine(&mut self, now: Now, slot: u32, link: Link, opened: Result<bool, Trouble>) -> Option<bool> {
        match opened {
            Ok(newest) => {
                let session = self.sessions.get_mut(slot)?;
                session.heard_at = now.mono;
                if session.member.is_none() && !self.confirm(now, slot, link) {
                    return None;
                }
                Some(newest)
            }
            Err(Trouble::Forged) => {
                count(&mut self.counters.drop_forged);
                None
            }
            Err(Trouble::Replayed) => {
                count(&mut self.counters.drop_replayed);
                None
            }
        }
    }

    /// One payload from this session through that channel: within the limits, it gets the header for its receiver.
    #[inline]
    fn forward(&mut self, now: Now, slot: u32, channel: u32, bytes: &mut [u8]) -> Option<Link> {
        let sender = self.sessions.get(slot)?.member?;
        let member = self.members.get_mut(sender)?;
        member.meter.took(bytes.len());
        let Some(channel) = member.channels.find(channel).copied() else {
            count(&mut self.counters.drop_unknown_channel);
            return None;
        };
        let network = self.networks.get_mut(&member.network)?;
        network.meter.took(bytes.len());
        let refused = if !member.bucket.has(now.mono) {
            &mut self.counters.drop_client_limit
        } else if !network.bucket.has(now.mono) {
            &mut self.counters.drop_network_limit
        } else if !self.total.has(now.mono) {
            &mut self.counters.drop_total_limit
        } else {
            member.bucket.take(now.mono, bytes.len());
            network.bucket.take(now.mono, bytes.len());
            self.total.take(now.mono, bytes.len());
            network.meter.gave(bytes.len());
            return self.deliver(&channel, bytes);
        };
        count(refused);
        member.meter.refused();
        network.meter.refused();
        None
    }

    #[inline]
    fn deliver(&mut self, channel: &channels::Channel, bytes: &mut [u8]) -> Option<Link> {
        let receiver = self.members.get_mut(channel.peer)?;
        let session = self.sessions.get_mut(receiver.session)?;
        if !session.sealer.data(channel.peer_number, bytes) {
            return None;
        }
        receiver.meter.gave(bytes.len());
        count(&mut self.counters.forwarded_frames);
        self.counters.forwarded_bytes = self.counters.forwarded_bytes.saturating_add(bytes.len() as u64);
        Some(session.link)
    }

    fn transmit(&mut self, link: Link, bytes: Vec<u8>) {
        if self.outgoing.len() < limits::OUTGOING {
            self.outgoing.push_back((link, bytes));
        } else {
            count(&mut self.counters.drop_outgoing_full);
        }
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < limits::SERVER_EVENTS {
            self.events.push_back(event);
        }
    }
}
