//! One allocation (RFC 8656, 3.2): its client, its relayed sockets, and which peers may reach it.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;

use super::attribute::Family;
use super::client::Client;
use super::quota::UserSlot;
use crate::limits;
use crate::time::Instant;

/// A relayed socket, by a number that is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketNumber(pub u64);

/// A relayed socket and where peers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Relayed {
    pub(crate) socket: SocketNumber,
    pub(crate) address: SocketAddr,
    /// The port that is taken on this machine; behind a translator the address' own may differ.
    pub(crate) port: u16,
}

#[derive(Clone, Copy, Debug)]
struct Channel {
    peer: SocketAddr,
    until: Instant,
}

/// Why a channel is not bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotBound {
    /// The number has another peer, or the peer another number.
    Conflict,
    /// There are as many channels or permissions as may be.
    Full,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Allocation {
    pub(crate) client: Client,
    /// Who made it, without the time: a renewed credential is the same user's.
    pub(crate) user_id: Vec<u8>,
    pub(crate) user: UserSlot,
    /// Of the request that made it, so that its repetition gets the same answer.
    pub(crate) transaction: [u8; 12],
    pub(crate) until: Instant,
    relayed: [Option<Relayed>; 2],
    permissions: BTreeMap<IpAddr, Instant>,
    channels: BTreeMap<u16, Channel>,
    numbers: BTreeMap<SocketAddr, u16>,
}

impl Allocation {
    pub(crate) fn new(
        client: Client,
        user_id: &[u8],
        user: UserSlot,
        transaction: [u8; 12],
        until: Instant,
        relayed: &[Relayed],
    ) -> Self {
        let of = |family| relayed.iter().copied().find(|it| Family::of(it.address.ip()) == family);
        Self {
            client,
            user_id: user_id.to_vec(),
            user,
            transaction,
            until,
            relayed: [of(Family::V4), of(Family::V6)],
            permissions: BTreeMap::new(),
            channels: BTreeMap::new(),
            numbers: BTreeMap::new(),
        }
    }

    pub(crate) fn relayed(&self) -> impl Iterator<Item = Relayed> + use<> {
        self.relayed.into_iter().flatten()
    }

    /// The socket that reaches peers of this family.
    pub(crate) fn of_family(&self, family: Family) -> Option<Relayed> {
        self.relayed().find(|it| Family::of(it.address.ip()) == family)
    }

    /// Forget the socket of this family.
    pub(crate) fn take_family(&mut self, family: Family) -> Option<Relayed> {
        let place = self.relayed.iter_mut().flatten().position(|it| Family::of(it.address.ip()) == family)?;
        self.relayed.iter_mut().filter(|it| it.is_some()).nth(place)?.take()
    }

    /// Is there room for so many more permissions?
    pub(crate) fn has_room(&mut self, now: Instant, peers: &[IpAddr]) -> bool {
        self.permissions.retain(|_, until| *until > now);
        let fresh = peers.iter().filter(|peer| !self.permissions.contains_key(*peer)).count();
        self.permissions.len().saturating_add(fresh) <= limits::TURN_PERMISSIONS
    }

    /// Let an address in, for the time that a permission lasts.
    pub(crate) fn permit(&mut self, now: Instant, peer: IpAddr) {
        self.permissions.insert(peer, now.after(limits::TURN_PERMISSION_LIFETIME));
    }

    /// May data of this peer pass? A live channel is a permission for its peer, since some clients renew only that.
    pub(crate) fn is_permitted(&self, now: Instant, peer: &SocketAddr) -> bool {
        self.permissions.get(&peer.ip()).is_some_and(|until| *until > now) || self.number(now, peer).is_some()
    }

    /// Bind a channel or renew it; the permission comes with it.
    pub(crate) fn bind(&mut self, now: Instant, number: u16, peer: SocketAddr) -> Result<(), NotBound> {
        self.channels.retain(|_, channel| channel.until > now);
        let channels = &self.channels;
        self.numbers.retain(|_, number| channels.contains_key(number));
        let same_peer = self.channels.get(&number).is_none_or(|channel| channel.peer == peer);
        let same_number = self.numbers.get(&peer).is_none_or(|known| *known == number);
        if !same_peer || !same_number {
            return Err(NotBound::Conflict);
        }
        let is_new = !self.channels.contains_key(&number);
        if is_new && self.channels.len() >= limits::TURN_CHANNELS || !self.has_room(now, &[peer.ip()]) {
            return Err(NotBound::Full);
        }
        self.channels.insert(number, Channel { peer, until: now.after(limits::TURN_CHANNEL_LIFETIME) });
        self.numbers.insert(peer, number);
        self.permit(now, peer.ip());
        Ok(())
    }

    /// Whom a channel leads to.
    pub(crate) fn peer(&self, now: Instant, number: u16) -> Option<SocketAddr> {
        self.channels.get(&number).filter(|channel| channel.until > now).map(|channel| channel.peer)
    }

    /// The live channel of a peer.
    pub(crate) fn number(&self, now: Instant, peer: &SocketAddr) -> Option<u16> {
        let number = *self.numbers.get(peer)?;
        self.peer(now, number).filter(|known| known == peer).map(|_| number)
    }

    /// Forget all permissions and channels of addresses that `is_denied`.
    pub(crate) fn forget(&mut self, is_denied: impl Fn(IpAddr) -> bool) {
        self.permissions.retain(|peer, _| !is_denied(*peer));
        self.channels.retain(|_, channel| !is_denied(channel.peer.ip()));
        self.numbers.retain(|peer, _| !is_denied(peer.ip()));
    }

    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn entries(&self) -> [usize; 3] {
        [self.permissions.len(), self.channels.len(), self.numbers.len()]
    }
}
