//! Data between clients and peers (RFC 8656, 11 and 12): Send and Data indications, and channels. Nothing here answers.

use core::net::SocketAddr;

use super::{Outcome, Server, unknown_attributes};
use crate::counters::{add, count};
use crate::time::Instant;
use crate::turn::allocation::SocketNumber;
use crate::turn::attribute::{Family, kind, read_xored, write_xored};
use crate::turn::client::Client;
use crate::turn::frame::{CHANNEL_HEADER, channel_header, parse_channel_data};
use crate::turn::message::{ATTRIBUTE_HEADER, COOKIE, Class, HEADER, Message, Method, type_number};
use crate::{limits, random};

/// What goes before a peer's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    bytes: [u8; limits::TURN_HEADROOM],
    length: usize,
}

impl Prefix {
    fn empty() -> Self {
        Self { bytes: [0; limits::TURN_HEADROOM], length: 0 }
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = self.bytes.iter_mut().skip(self.length);
        room.zip(bytes).for_each(|(to, from)| *to = *from);
        self.length = self.length.saturating_add(bytes.len()).min(limits::TURN_HEADROOM);
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// A peer's payload is for this client: `prefix`, the payload, then `padding` zero bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToClient {
    /// Whom to send to.
    pub client: Client,
    /// What goes before.
    pub prefix: Prefix,
    /// What goes after: 0 to 3.
    pub padding: usize,
}

impl Server {
    /// A client's channel data.
    pub(super) fn channel_data<'m>(&mut self, now: Instant, client: &Client, message: &'m [u8]) -> Outcome<'m> {
        let Some(data) = parse_channel_data(message) else {
            count(&mut self.counters.drop_malformed);
            return Outcome::Nothing;
        };
        let peer = self.allocation(client).and_then(|known| known.peer(now, data.number));
        let Some(peer) = peer else {
            count(&mut self.counters.drop_no_allocation);
            return Outcome::Nothing;
        };
        self.relay(now, client, peer, data.payload, false)
    }

    /// A client's Send indication.
    pub(super) fn send<'m>(&mut self, now: Instant, client: &Client, message: &Message<'m>) -> Outcome<'m> {
        let peer = message.value(kind::XOR_PEER_ADDRESS).and_then(|it| read_xored(it, message.transaction));
        let (Some(peer), Some(payload)) = (peer, message.value(kind::DATA)) else {
            count(&mut self.counters.drop_malformed);
            return Outcome::Nothing;
        };
        if !unknown_attributes(message).is_empty() {
            count(&mut self.counters.drop_malformed);
            return Outcome::Nothing;
        }
        let Some(known) = self.allocation(client) else {
            count(&mut self.counters.drop_no_allocation);
            return Outcome::Nothing;
        };
        if !known.is_permitted(now, &peer) {
            count(&mut self.counters.drop_no_permission);
            return Outcome::Nothing;
        }
        if !self.may_reach(peer) {
            count(&mut self.counters.denied_peers);
            return Outcome::Nothing;
        }
        self.relay(now, client, peer, payload, message.has(kind::DONT_FRAGMENT))
    }

    fn relay<'m>(
        &mut self,
        now: Instant,
        client: &Client,
        peer: SocketAddr,
        payload: &'m [u8],
        dont_fragment: bool,
    ) -> Outcome<'m> {
        let Some((socket, user)) = self
            .allocation(client)
            .and_then(|known| Some((known.of_family(Family::of(peer.ip()))?.socket, known.user)))
        else {
            count(&mut self.counters.drop_no_allocation);
            return Outcome::Nothing;
        };
        if !self.usage.pass(now, user, payload.len()) {
            count(&mut self.counters.drop_bandwidth);
            return Outcome::Nothing;
        }
        count(&mut self.counters.datagrams_to_peers);
        add(&mut self.counters.bytes_to_peers, payload.len());
        Outcome::ToPeer { socket, peer, payload, dont_fragment }
    }

    /// Take a datagram of `payload` bytes that `peer` sent to a relayed socket.
    pub fn handle_peer(
        &mut self,
        now: Instant,
        socket: SocketNumber,
        peer: SocketAddr,
        payload: usize,
    ) -> Option<ToClient> {
        let known = self.by_socket.get(&socket).and_then(|slot| self.allocations.get(*slot)?.as_ref());
        let Some(known) = known else {
            count(&mut self.counters.drop_no_allocation); // reserved, not yet claimed
            return None;
        };
        if !known.is_permitted(now, &peer) || payload > limits::TURN_PAYLOAD {
            count(&mut self.counters.drop_no_permission);
            return None;
        }
        let (client, user, number) = (known.client, known.user, known.number(now, &peer));
        if !self.usage.pass(now, user, payload) {
            count(&mut self.counters.drop_bandwidth);
            return None;
        }
        count(&mut self.counters.datagrams_to_clients);
        add(&mut self.counters.bytes_to_clients, payload);
        let rounded = payload.next_multiple_of(4).saturating_sub(payload);
        let (prefix, padding) = match number {
            Some(number) => {
                let mut prefix = Prefix::empty();
                prefix.push(&channel_header(number, payload));
                (prefix, if client.is_proven() { rounded } else { 0 })
            }
            None => (self.data_indication(peer, payload), rounded),
        };
        Some(ToClient { client, prefix, padding })
    }

    /// Everything of a Data indication but the payload, which is its last attribute's value.
    fn data_indication(&mut self, peer: SocketAddr, payload: usize) -> Prefix {
        let transaction: [u8; 12] = random::bytes(&mut self.random);
        let (address, length) = write_xored(peer, &transaction);
        let address = address.get(..length).unwrap_or_default();
        let number = |value: usize| u16::try_from(value).unwrap_or(u16::MAX).to_be_bytes();
        let body = length.saturating_add(2 * ATTRIBUTE_HEADER).saturating_add(payload.next_multiple_of(4));
        let mut prefix = Prefix::empty();
        prefix.push(&type_number(Class::Indication, Method::Data).to_be_bytes());
        prefix.push(&number(body));
        prefix.push(&COOKIE);
        prefix.push(&transaction);
        prefix.push(&kind::XOR_PEER_ADDRESS.to_be_bytes());
        prefix.push(&number(length));
        prefix.push(address);
        prefix.push(&kind::DATA.to_be_bytes());
        prefix.push(&number(payload));
        prefix
    }
}

const _: () = assert!(limits::TURN_HEADROOM >= HEADER + ATTRIBUTE_HEADER + 20 + ATTRIBUTE_HEADER);
const _: () = assert!(limits::TURN_HEADROOM >= CHANNEL_HEADER);
