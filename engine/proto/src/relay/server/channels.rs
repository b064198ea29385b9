//! The channels of one member: by number for every packet, by peer for what is asked.
//!
//! A number is a place (12 bits) and 20 random bits, so that a frame on its way to a channel that ended does not come
//! out of the one that took its place.

use std::collections::BTreeMap;

use crate::relay::limits;

const PLACE_BITS: u32 = 12;
const _: () = assert!(limits::CHANNELS == 1 << PLACE_BITS);

/// One end of a channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    /// This end's number.
    pub(super) number: u32,
    /// The member at the other end, by its slot.
    pub(super) peer: u32,
    /// The other end's number.
    pub(super) peer_number: u32,
    /// This end asked for it (and did not take that back).
    pub(super) is_asked: bool,
}

/// All of one member.
#[derive(Default)]
pub(super) struct Channels {
    places: Vec<Option<Channel>>,
    free: Vec<u32>,
    by_peer: BTreeMap<u32, u32>,
}

impl Channels {
    pub(super) fn is_full(&self) -> bool {
        self.by_peer.len() >= limits::CHANNELS
    }

    /// Where the channel of this number leads.
    #[inline]
    pub(super) fn find(&self, number: u32) -> Option<&Channel> {
        let place = number & (1_u32 << PLACE_BITS).wrapping_sub(1);
        self.places.get(place as usize)?.as_ref().filter(|channel| channel.number == number)
    }

    pub(super) fn to(&self, peer: u32) -> Option<&Channel> {
        self.find(*self.by_peer.get(&peer)?)
    }

    pub(super) fn to_mut(&mut self, peer: u32) -> Option<&mut Channel> {
        let number = *self.by_peer.get(&peer)?;
        let place = number & (1_u32 << PLACE_BITS).wrapping_sub(1);
        self.places.get_mut(place as usize)?.as_mut()
    }

    /// A new end towards `peer`; its number, which holds 20 bits of `random`. Call only while it is not full.
    pub(super) fn add(&mut self, peer: u32, random: u32, is_asked: bool) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            u32::try_from(self.places.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        let number = (random << PLACE_BITS) | place;
        if let Some(room) = self.places.get_mut(place as usize) {
            *room = Some(Channel { number, peer, peer_number: 0, is_asked });
        }
        self.by_peer.insert(peer, number);
        number
    }

    /// The other end has this number.
    pub(super) fn join(&mut self, peer: u32, peer_number: u32) {
        if let Some(channel) = self.to_mut(peer) {
            channel.peer_number = peer_number;
        }
    }

    pub(super) fn remove(&mut self, peer: u32) -> Option<Channel> {
        let number = self.by_peer.remove(&peer)?;
        let place = number & (1_u32 << PLACE_BITS).wrapping_sub(1);
        self.free.push(place);
        self.places.get_mut(place as usize)?.take()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.places.iter().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.by_peer.len()
    }
}
