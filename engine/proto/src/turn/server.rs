//! The server of STUN and TURN (RFC 8489, RFC 8656) as a state machine without sockets or clock.
//!
//! [`Server::handle_client`] takes one message of a client and says what to do with it: nothing, an answer, or data for
//! a peer; [`Server::handle_peer`] takes one datagram of a peer and says for which client, and what goes before it. The
//! caller opens and closes the relayed sockets when asked through [`Sockets`], and calls [`Server::handle_timeout`]
//! when the time of [`Server::poll_timeout`] has come.
//!
//! Invariants: no answer to a datagram of an unproven sender is larger than what that source sent (`credit`); no
//! address is reached that [`Peers`] denies; without a secret there is no TURN; every table has a limit.

use core::net::{IpAddr, SocketAddr};
use core::ops::RangeInclusive;
use std::collections::{BTreeMap, BTreeSet};

use super::allocation::{Allocation, SocketNumber};
use super::attribute::{Family, kind};
use super::build::Builder;
use super::client::Client;
use super::counters::Counters;
use super::credentials::TurnSecret;
use super::credit::Credit;
use super::frame::looks_like_channel_data;
use super::message::{Class, Message, Method, parse};
use super::nonce::Nonces;
use super::peers::Peers;
use super::quota::{Quotas, Use, UserSlot};
use crate::bucket::Sources;
use crate::counters::count;
use crate::time::Instant;
use crate::{Now, Random, limits, random};

mod allocate;
mod authenticate;
mod data;
mod permissions;

pub use data::{Prefix, ToClient};

/// What the server is told.
#[derive(Clone)]
pub struct ServerConfig {
    /// The realm of the credentials: up to 128 bytes; with 8 or fewer a challenge is 56 bytes.
    pub realm: Vec<u8>,
    /// What passwords are made with; without one only STUN is served.
    pub secret: Option<TurnSecret>,
    /// Bytes that an answer to an unproven sender may be larger than what it sent.
    pub allowance: usize,
    /// Ports of relayed sockets.
    pub ports: RangeInclusive<u16>,
    /// What users, addresses and all may have.
    pub quotas: Quotas,
    /// Who may be reached.
    pub peers: Peers,
}

/// Why a relayed socket was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// Another program has the port.
    PortTaken,
    /// The machine has no address of this family.
    NoFamily,
    /// No descriptor or memory is left.
    Exhausted,
}

/// The sockets of the world.
pub trait Sockets {
    /// Open a UDP socket at `port` for this client's peers of `family`; the address is where peers see it.
    fn open(
        &mut self,
        socket: SocketNumber,
        family: Family,
        port: u16,
        client: &Client,
    ) -> Result<SocketAddr, NotOpened>;

    /// Close one that was opened.
    fn close(&mut self, socket: SocketNumber);
}

/// What to do with a client's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<'m> {
    /// Nothing; why is counted.
    Nothing,
    /// Send this back.
    Answer(Vec<u8>),
    /// Send `payload` to `peer`.
    ToPeer {
        /// From this socket.
        socket: SocketNumber,
        /// The peer.
        peer: SocketAddr,
        /// What the client sent.
        payload: &'m [u8],
        /// Whether routers may cut it into fragments.
        dont_fragment: bool,
    },
}

/// What ends at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Allocation(usize),
    Reservation([u8; 8]),
}

/// A port that waits for the allocation which names its token.
struct Reservation {
    relayed: super::allocation::Relayed,
    client: Client,
    user: UserSlot,
    user_id: Vec<u8>,
    until: Instant,
}

/// See the module.
pub struct Server {
    config: ServerConfig,
    random: Box<dyn Random + Send>,
    nonces: Nonces,
    credit: Credit,
    rates: Sources,
    usage: Use,
    allocations: Vec<Option<Allocation>>,
    free: Vec<usize>,
    by_client: BTreeMap<Client, usize>,
    by_socket: BTreeMap<SocketNumber, usize>,
    relayed: BTreeSet<SocketAddr>,
    ports: BTreeSet<(Family, u16)>,
    reservations: BTreeMap<[u8; 8], Reservation>,
    deadlines: BTreeSet<(Instant, Due)>,
    next_socket: u64,
    counters: Counters,
}

impl Server {
    /// A server without allocations.
    #[must_use]
    pub fn new(config: ServerConfig, mut random: Box<dyn Random + Send>) -> Self {
        Self {
            nonces: Nonces::new(&mut random),
            credit: Credit::new(&mut random),
            rates: Sources::new(random::bytes(&mut random)),
            usage: Use::new(config.quotas),
            config,
            random,
            allocations: Vec::new(),
            free: Vec::new(),
            by_client: BTreeMap::new(),
            by_socket: BTreeMap::new(),
            relayed: BTreeSet::new(),
            ports: BTreeSet::new(),
            reservations: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            next_socket: 1,
            counters: Counters::default(),
        }
    }

    /// Sums since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Allocations and relayed ports that live.
    #[must_use]
    pub fn live(&self) -> (usize, u32) {
        (self.by_client.len(), self.usage.ports())
    }

    /// Has this client an allocation?
    #[must_use]
    pub fn has_allocation(&self, client: &Client) -> bool {
        self.by_client.contains_key(client)
    }

    /// What the machine calls itself from here on; what was permitted before and is denied by it ends.
    pub fn set_own_addresses(&mut self, own: impl IntoIterator<Item = IpAddr>) {
        self.config.peers.set_own(own);
        let peers = &self.config.peers;
        self.allocations.iter_mut().flatten().for_each(|it| it.forget(|address| peers.check(address).is_err()));
    }

    /// Take one message of a client: a datagram, or one message of a stream.
    pub fn handle_client<'m>(
        &mut self,
        now: Now,
        client: Client,
        message: &'m [u8],
        sockets: &mut dyn Sockets,
    ) -> Outcome<'m> {
        count(&mut self.counters.messages);
        if looks_like_channel_data(message) {
            return self.channel_data(now.mono, &client, message);
        }
        if !client.is_proven() {
            self.credit.earn(now.mono, &client, message.len());
        }
        let Some(message) = parse(message) else {
            count(&mut self.counters.drop_malformed);
            return Outcome::Nothing;
        };
        match message.class {
            Class::Request => self.request(now, client, &message, sockets),
            Class::Indication if message.method == Method::Send => self.send(now.mono, &client, &message),
            Class::Indication if message.method == Method::Binding => Outcome::Nothing, // keeps a mapping open
            Class::Indication | Class::Success | Class::Error => {
                count(&mut self.counters.drop_not_served);
                Outcome::Nothing
            }
        }
    }

    /// A stream ended: what its client had is closed.
    pub fn handle_closed(&mut self, client: &Client, sockets: &mut dyn Sockets) {
        if let Some(slot) = self.by_client.get(client).copied() {
            self.end(slot, sockets);
        }
    }

    /// When [`Self::handle_timeout`] is due, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let (at, due) = self.deadlines.first()?;
        Some((*at, if matches!(due, Due::Allocation(_)) { "allocation" } else { "reservation" }))
    }

    /// End what ran out.
    pub fn handle_timeout(&mut self, now: Instant, sockets: &mut dyn Sockets) {
        while let Some((at, due)) = self.deadlines.first().copied() {
            if at > now {
                break;
            }
            self.deadlines.remove(&(at, due));
            match due {
                Due::Allocation(slot) => self.end(slot, sockets),
                Due::Reservation(token) => {
                    if let Some(reserved) = self.reservations.remove(&token) {
                        self.usage.give(&reserved.client, reserved.user, 1);
                        self.close(reserved.relayed, sockets);
                    }
                }
            }
        }
    }

    fn request<'m>(
        &mut self,
        now: Now,
        client: Client,
        message: &Message<'_>,
        sockets: &mut dyn Sockets,
    ) -> Outcome<'m> {
        if !self.rates.take(now.mono, &client.endpoint(), limits::STUN_SOURCE_REQUESTS) {
            count(&mut self.counters.drop_rate);
            return Outcome::Nothing;
        }
        let answer = match message.method {
            Method::Binding => self.binding(now.mono, &client, message),
            Method::Allocate | Method::Refresh | Method::CreatePermission | Method::ChannelBind
                if self.config.secret.is_some() =>
            {
                self.authenticated(now, client, message, sockets)
            }
            Method::Allocate
            | Method::Refresh
            | Method::CreatePermission
            | Method::ChannelBind
            | Method::Send
            | Method::Data
            | Method::Other(_) => {
                count(&mut self.counters.drop_not_served);
                None
            }
        };
        answer.map_or(Outcome::Nothing, Outcome::Answer)
    }

    /// Where the request came from; nothing else, and the fingerprint only where there is credit for it.
    fn binding(&mut self, now: Instant, client: &Client, message: &Message<'_>) -> Option<Vec<u8>> {
        let unknown = unknown_attributes(message);
        let plain = if unknown.is_empty() {
            let answer = Builder::new(Class::Success, Method::Binding, message.transaction);
            answer.address(kind::XOR_MAPPED_ADDRESS, client.remote)
        } else {
            let answer = Builder::new(Class::Error, Method::Binding, message.transaction).error(420);
            answer.attribute(kind::UNKNOWN_ATTRIBUTES, &unknown)
        };
        let whole = plain.size().saturating_add(8);
        let answer = if message.has_fingerprint && self.may_send(now, client, whole) {
            plain.fingerprint()
        } else if self.may_send(now, client, plain.size()) {
            plain
        } else {
            count(&mut self.counters.drop_no_credit);
            return None;
        };
        count(if unknown.is_empty() { &mut self.counters.bindings } else { &mut self.counters.refused });
        Some(answer.finish())
    }

    /// May an answer of so many bytes go to a client that proved nothing?
    fn may_send(&mut self, now: Instant, client: &Client, bytes: usize) -> bool {
        client.is_proven() || self.credit.spend(now, client, bytes, self.config.allowance)
    }

    /// End an allocation with all it has.
    fn end(&mut self, slot: usize, sockets: &mut dyn Sockets) {
        let Some(gone) = self.allocations.get_mut(slot).and_then(Option::take) else { return };
        self.free.push(slot);
        self.by_client.remove(&gone.client);
        self.deadlines.remove(&(gone.until, Due::Allocation(slot)));
        for relayed in gone.relayed() {
            self.usage.give(&gone.client, gone.user, 1);
            self.close(relayed, sockets);
        }
        count(&mut self.counters.allocations_ended);
    }

    fn close(&mut self, relayed: super::allocation::Relayed, sockets: &mut dyn Sockets) {
        self.by_socket.remove(&relayed.socket);
        self.relayed.remove(&relayed.address);
        self.ports.remove(&(Family::of(relayed.address.ip()), relayed.port));
        sockets.close(relayed.socket);
    }

    fn allocation(&mut self, client: &Client) -> Option<&mut Allocation> {
        let slot = *self.by_client.get(client)?;
        self.allocations.get_mut(slot)?.as_mut()
    }

    #[cfg(any(test, feature = "fuzz"))]
    #[allow(clippy::arithmetic_side_effects, reason = "a test stops at the first surprise")]
    pub(crate) fn check_tables(&self) {
        let live = self.allocations.iter().flatten().count();
        assert_eq!(live, self.by_client.len());
        assert_eq!(live + self.reservations.len(), self.deadlines.len());
        let sockets: usize = self.allocations.iter().flatten().map(|it| it.relayed().count()).sum();
        assert_eq!(sockets, self.by_socket.len());
        let ports = sockets + self.reservations.len();
        assert_eq!((ports, ports), (self.ports.len(), self.relayed.len()));
        assert_eq!(ports, self.usage.ports() as usize);
        let (users, addresses) = self.usage.entries();
        assert!(users <= ports && addresses <= ports && ports <= self.config.quotas.ports as usize);
        for [permissions, channels, numbers] in self.allocations.iter().flatten().map(Allocation::entries) {
            assert!(
                permissions <= limits::TURN_PERMISSIONS && channels <= limits::TURN_CHANNELS && numbers <= channels
            );
        }
    }
}

/// The attributes that must be understood and are not, as UNKNOWN-ATTRIBUTES lists them.
fn unknown_attributes(message: &Message<'_>) -> Vec<u8> {
    let unknown = |it: &u16| *it < super::attribute::COMPREHENSION_OPTIONAL && !super::attribute::is_known(*it);
    let kinds = message.attributes().map(|attribute| attribute.kind).filter(unknown);
    kinds.take(limits::STUN_UNKNOWN_NAMED).flat_map(u16::to_be_bytes).collect()
}
