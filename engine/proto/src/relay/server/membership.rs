//! Members and networks: who is here, whom they wait for, which channels join them.
//!
//! A channel has two ends, one a member; both are made and removed together. What a member asked for and is not here
//! is awaited: the channel opens when it comes.

use std::collections::{BTreeMap, BTreeSet};

use super::channels::Channels;
use super::rate::Bytes;
use super::revoked::Who;
use super::{Event, Meter, Server, count, limits};
use crate::relay::item::{Ended, Farewell, Identity, Item};
use crate::relay::link::Link;
use crate::{Now, random};

/// One identity of one network, while it has a session.
pub(super) struct Member {
    pub(super) network: [u8; 32],
    pub(super) identity: Identity,
    pub(super) session: u32,
    pub(super) channels: Channels,
    /// Whom it asked for and who is not here.
    pub(super) awaits: BTreeSet<Identity>,
    pub(super) bucket: Bytes,
    pub(super) meter: Meter,
}

/// One network, while it has a member.
pub(super) struct Network {
    pub(super) members: BTreeMap<Identity, u32>,
    /// Who is awaited, by whom.
    pub(super) awaited: BTreeMap<Identity, BTreeSet<u32>>,
    pub(super) bucket: Bytes,
    pub(super) meter: Meter,
}

impl Server {
    /// No room for this one, who is not here yet?
    pub(super) fn is_full(&self, (network, identity): &Who) -> bool {
        let is_here = self.networks.get(network).is_some_and(|network| network.members.contains_key(identity));
        !is_here && self.members.len() >= self.config.members.min(limits::MEMBERS)
    }

    /// The client has the session's keys, so it is here: from now on it is the member's. False: it was not taken.
    pub(super) fn confirm(&mut self, now: Now, slot: u32, link: Link) -> bool {
        self.pending.retain(|pending| *pending != slot);
        let Some(session) = self.sessions.get_mut(slot) else { return false };
        let who = (session.network, session.identity);
        let (issued_s, rate) = (session.issued_s, session.rate);
        let refused = if self.revoked.holds(&who, issued_s) {
            Some(Farewell::Revoked)
        } else {
            self.is_full(&who).then_some(Farewell::Leaving)
        };
        if refused.is_some() {
            self.drop_session(slot, refused);
            return false;
        }
        if let Some(session) = self.sessions.get_mut(slot) {
            session.owns_stream = true;
        }
        count(&mut self.counters.sessions);
        let here = self.networks.get(&who.0).and_then(|network| network.members.get(&who.1)).copied();
        match here {
            Some(member) => self.take_over(slot, member),
            None => self.add_member(now, slot, who),
        }
        if let Some(member) = self.sessions.get(slot).and_then(|session| session.member) {
            self.members.get_mut(member).into_iter().for_each(|member| member.bucket = Bytes::new(rate));
        }
        if let Link::Stream(stream) = link {
            self.tell(Event::Proven { stream });
        }
        self.say(now, slot);
        true
    }

    /// A newer session of a member that is here: it gets everything that the older one did not say, and all channels.
    fn take_over(&mut self, slot: u32, member: u32) {
        let Some(it) = self.members.get_mut(member) else { return };
        let older = core::mem::replace(&mut it.session, slot);
        let channels: Vec<(u32, u32)> = it.channels.iter().map(|channel| (channel.peer, channel.number)).collect();
        let unsaid: Vec<Item> = self.sessions.get_mut(older).into_iter().flat_map(|it| it.letters.unsaid()).collect();
        let opened =
            channels.iter().filter_map(|(peer, number)| Some(Item::Opened(self.members.get(*peer)?.identity, *number)));
        let told: Vec<Item> = unsaid.into_iter().chain(opened).collect();
        if let Some(session) = self.sessions.get_mut(slot) {
            session.member = Some(member);
            told.into_iter().for_each(|item| {
                session.letters.push(item);
            });
        }
        let line = self.sessions.get(slot).map(|session| session.link);
        if let Some(older) = self.sessions.get_mut(older) {
            older.member = None;
            older.owns_stream &= line != Some(older.link);
        }
        self.drop_session(older, Some(Farewell::Replaced));
        count(&mut self.counters.takeovers);
    }

    fn add_member(&mut self, now: Now, slot: u32, (id, identity): Who) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let member = self.members.insert(Member {
            network: id,
            identity,
            session: slot,
            channels: Channels::default(),
            awaits: BTreeSet::new(),
            bucket: Bytes::default(),
            meter: Meter::default(),
        });
        session.member = Some(member);
        session.letters.push(Item::Fresh);
        let rate = self.config.network_rate;
        let network = self.networks.entry(id).or_insert_with(|| Network {
            members: BTreeMap::new(),
            awaited: BTreeMap::new(),
            bucket: Bytes::new(rate),
            meter: Meter::default(),
        });
        network.members.insert(identity, member);
        for waiting in network.awaited.remove(&identity).unwrap_or_default() {
            self.members.get_mut(waiting).into_iter().for_each(|it| {
                it.awaits.remove(&identity);
            });
            self.join(now, waiting, member);
        }
    }

    /// A member asks for a channel.
    pub(super) fn open(&mut self, now: Now, member: u32, identity: Identity) {
        let Some(asking) = self.members.get_mut(member) else { return };
        let Some(network) = self.networks.get_mut(&asking.network) else { return };
        let peer = network.members.get(&identity).copied();
        if asking.identity == identity {
            self.inform(now, member, Item::Denied(identity, Ended::Closed));
        } else if let Some(peer) = peer {
            if let Some(channel) = asking.channels.to_mut(peer) {
                channel.is_asked = true;
                let number = channel.number;
                self.inform(now, member, Item::Opened(identity, number));
            } else {
                self.join(now, member, peer);
            }
        } else if asking.awaits.contains(&identity) || asking.awaits.len() < limits::AWAITED {
            asking.awaits.insert(identity);
            network.awaited.entry(identity).or_default().insert(member);
            self.inform(now, member, Item::Absent(identity));
        } else {
            self.inform(now, member, Item::Denied(identity, Ended::Full));
        }
    }

    /// A member wants a channel no more. It stands while the other one wants it.
    pub(super) fn close(&mut self, now: Now, member: u32, identity: &Identity) {
        let Some(asking) = self.members.get_mut(member) else { return };
        let Some(network) = self.networks.get_mut(&asking.network) else { return };
        if asking.awaits.remove(identity) {
            leave(network, identity, member);
        }
        let Some(peer) = network.members.get(identity).copied() else { return };
        let Some(channel) = asking.channels.to_mut(peer) else { return };
        channel.is_asked = false;
        let wanted = self.members.get(peer).and_then(|peer| peer.channels.to(member)).is_some_and(|it| it.is_asked);
        if !wanted {
            self.part(now, member, peer, Ended::Closed);
            self.part(now, peer, member, Ended::Closed);
        }
    }

    /// A member's session has ended: so has the member. Who asked for it waits for it from now on.
    pub(super) fn end_member(&mut self, now: Now, slot: u32, reason: Ended) {
        let Some(member) = self.members.remove(slot) else { return };
        let peers: Vec<u32> = member.channels.iter().map(|channel| channel.peer).collect();
        for peer in peers {
            if self.part(now, peer, slot, reason) {
                self.await_again(peer, member.identity);
            }
        }
        let Some(network) = self.networks.get_mut(&member.network) else { return };
        member.awaits.iter().for_each(|identity| leave(network, identity, slot));
        network.members.remove(&member.identity);
        if network.members.is_empty() {
            self.networks.remove(&member.network);
        }
    }

    pub(super) fn end_revoked(&mut self, now: Now, network: &[u8; 32], identity: &Identity, before_s: u64) {
        let is_old = |session: &super::Session| {
            session.network == *network && session.identity == *identity && session.issued_s <= before_s
        };
        let ended: Vec<u32> = self.sessions.iter().filter(|(_, it)| is_old(it)).map(|(slot, _)| slot).collect();
        for slot in ended {
            self.end_session(now, slot, Some(Farewell::Revoked));
        }
    }

    /// Make the channel between two members, which the first one asked for, and tell both.
    fn join(&mut self, now: Now, asking: u32, asked: u32) {
        let random = |server: &mut Self| u32::from_le_bytes(random::bytes(&mut server.random));
        let (here, there) = (random(self), random(self));
        let full = |slot| self.members.get(slot).is_none_or(|member| member.channels.is_full());
        let is_full = full(asking) || full(asked);
        let name = |server: &Self, slot| server.members.get(slot).map(|member: &Member| member.identity);
        let (Some(asker), Some(other)) = (name(self, asking), name(self, asked)) else { return };
        if is_full {
            self.inform(now, asking, Item::Denied(other, Ended::Full));
            return;
        }
        let Some(number) = self.members.get_mut(asking).map(|it| it.channels.add(asked, here, true)) else { return };
        let Some(peer_number) = self.members.get_mut(asked).map(|it| {
            let peer_number = it.channels.add(asking, there, false);
            it.channels.join(asking, number);
            peer_number
        }) else {
            return;
        };
        self.members.get_mut(asking).into_iter().for_each(|it| it.channels.join(asked, peer_number));
        count(&mut self.counters.channels);
        self.inform(now, asking, Item::Opened(other, number));
        self.inform(now, asked, Item::Opened(asker, peer_number));
    }

    /// Remove one member's end of its channel to `peer`, and tell it. True: it had asked for it.
    fn part(&mut self, now: Now, member: u32, peer: u32, reason: Ended) -> bool {
        let Some(channel) = self.members.get_mut(member).and_then(|it| it.channels.remove(peer)) else { return false };
        self.inform(now, member, Item::Closed(channel.number, reason));
        channel.is_asked
    }

    fn await_again(&mut self, member: u32, identity: Identity) {
        let Some(waiting) = self.members.get_mut(member).filter(|it| it.awaits.len() < limits::AWAITED) else { return };
        waiting.awaits.insert(identity);
        if let Some(network) = self.networks.get_mut(&waiting.network) {
            network.awaited.entry(identity).or_default().insert(member);
        }
    }

    /// Tell a member, for certain and in order.
    pub(super) fn inform(&mut self, now: Now, member: u32, item: Item) {
        let Some(slot) = self.members.get(member).map(|it| it.session) else { return };
        if let Some(session) = self.sessions.get_mut(slot) {
            session.letters.push(item); // one that is full ends with the next sweep
        }
        self.say(now, slot);
    }
}

fn leave(network: &mut Network, identity: &Identity, member: u32) {
    if let Some(waiting) = network.awaited.get_mut(identity) {
        waiting.remove(&member);
        if waiting.is_empty() {
            network.awaited.remove(identity);
        }
    }
}
