//! Packets out: routed by destination, sealed in place, or left to wait; and what the device sends by itself.

use core::mem;

use super::{Device, PingSent};
use crate::counters::{add, count};
use crate::inner::{self, ECHO_LEN, Echo};
use crate::narrow::mss;
use crate::offload::{Malformed, Offered, Superpacket, VirtioHeader};
use crate::outgoing::Outgoing;
use crate::peer::Peer;
use crate::staging::Staged;
use crate::stray::Stray;
use crate::trains::lead_for;
use crate::transport::padded;
use crate::{Counters, Endpoint, HEADROOM, Now, PeerId, Trains, Transmit, limits};

/// Bytes of a tag.
const TAG: usize = crate::cipher::TAG;

/// What sealing for a peer leads to beside the datagram itself.
enum Outcome {
    Sealed(Endpoint),
    /// No session or no endpoint.
    Wait,
    /// The buffer is too short.
    NoRoom,
}

impl Device {
    /// Seal a packet of the TUN, or each of the packets that a superpacket is made of: written, sealed and pushed to
    /// `out` one after the other. Route and gate are asked once. What goes nowhere is counted; what has no session or
    /// endpoint yet is copied to wait. An acknowledgement is held until the next packet or [`Device::seal_held`].
    pub fn seal(&mut self, now: Now, header: &VirtioHeader, packet: &[u8], out: &mut Trains) {
        let mut offered = self.held_ack.offer(header, packet);
        if offered == Offered::Passed && self.held_ack.held().is_some() {
            self.seal_held(now, out);
            offered = self.held_ack.offer(header, packet);
        }
        match offered {
            Offered::Held => {}
            Offered::Replaced => count(&mut self.counters.tx_acks_spared),
            Offered::Passed => self.seal_now(now, header, packet, out, false),
        }
    }

    /// Seal the acknowledgement that waits for the packet behind it, since there is none: call when the TUN is empty
    /// and when a turn ends.
    pub fn seal_held(&mut self, now: Now, out: &mut Trains) {
        let held = mem::take(&mut self.held_ack);
        if let Some((header, packet)) = held.held() {
            self.seal_now(now, header, packet, out, false);
        }
    }

    /// Seal what another worker read from the TUN and left to us.
    pub fn seal_handed(&mut self, now: Now, header: &VirtioHeader, packet: &[u8], out: &mut Trains) {
        self.seal_now(now, header, packet, out, true);
    }

    fn seal_now(&mut self, now: Now, header: &VirtioHeader, packet: &[u8], out: &mut Trains, is_handed: bool) {
        let packet = match Superpacket::parse(header, packet) {
            Ok(packet) => packet.summed_by(self.adder),
            Err(Malformed::NotIp) => return count(&mut self.counters.drop_not_ip),
            Err(Malformed::Offsets) => return count(&mut self.counters.drop_superpacket),
        };
        let packets = packet.count();
        if packet.longest() > self.mtu {
            add(&mut self.counters.drop_packet_too_long, packets);
            return self.refuse(now, &packet);
        }
        let Some(slot) = self.routes.owner(&packet.destination()) else {
            return add(&mut self.counters.drop_no_route, packets);
        };
        if !self.peers.get(slot).is_some_and(|peer| peer.open) {
            return self.keep_in(slot, header, &packet, is_handed);
        }
        if !self.may_leave(now, slot, &packet) {
            return;
        }
        match self.peers.get(slot).and_then(|peer| peer.path.limit()) {
            Some(limit) if packet.longest() > limit => self.refit(now, slot, &packet, limit, out),
            _ => self.emit(now, slot, &packet, out),
        }
    }

    /// The gate is shut here: the packet goes nowhere, or the peer is another worker's.
    fn keep_in(&mut self, slot: u32, header: &VirtioHeader, packet: &Superpacket<'_>, is_handed: bool) {
        let peer = self.peers.get(slot).map(|peer| peer.id).filter(|peer| !self.is_ours(*peer));
        let Some(peer) = peer else {
            return add(&mut self.counters.drop_gate_out, packet.count());
        };
        let stray = || Stray::Packet { header: *header, bytes: packet.bytes().into() };
        if is_handed || !self.strays.push(self.owner.of_peer(peer), stray) {
            add(&mut self.counters.drop_stray, packet.count());
        }
    }

    /// Seal each of the packets that `packet` is made of, or have them wait.
    pub(super) fn emit(&mut self, now: Now, slot: u32, packet: &Superpacket<'_>, out: &mut Trains) {
        let packets = packet.count();
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let before = out.used();
        let (sealed, outcome) = seal_each(peer, now, self.mtu, packet, &mut self.counters, out);
        if sealed > 0 {
            let bytes = out.used().saturating_sub(before);
            peer.timers.data_sent(now.mono);
            add(&mut peer.tally.tx_bytes, bytes);
            add(&mut self.counters.tx_packets, sealed);
            add(&mut self.counters.tx_datagrams, sealed);
            add(&mut self.counters.tx_bytes, bytes);
        }
        match outcome {
            Outcome::Sealed(_) => {}
            Outcome::NoRoom => add(&mut self.counters.drop_no_room, packets.saturating_sub(sealed)),
            Outcome::Wait => self.stage_each(now, slot, packet, sealed),
        }
        self.settle(now, slot);
    }

    /// Packets from number `first` on wait for a session or an endpoint.
    fn stage_each(&mut self, now: Now, slot: u32, packet: &Superpacket<'_>, first: usize) {
        let mut room = vec![0; packet.longest()];
        for number in first..packet.count() {
            let Some(len) = packet.write(number, &mut room) else { return };
            let written = room.get(..len).unwrap_or_default();
            self.stage(now, slot, || Staged::Packet(written.into()));
        }
    }

    /// After a run of packets to one peer: renew its session if it is time, and see to its timers.
    fn settle(&mut self, now: Now, slot: u32) {
        let session = self.peers.get_mut(slot).and_then(|peer| peer.keypairs.usable(now.mono));
        if session.is_some_and(|session| session.wants_renewal(now.mono)) {
            self.request_handshake(now, slot);
        }
        self.arm(slot);
    }

    /// Let something wait until it can be sealed, and see to it that it can; a shut gate drops it.
    pub(super) fn stage(&mut self, now: Now, slot: u32, item: impl FnOnce() -> Staged) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if !peer.open {
            count(&mut self.counters.drop_gate_out);
            return;
        }
        peer.staged.push(now.mono, item(), &mut self.staged_bytes, &mut self.counters);
        if peer.keypairs.can_send(now.mono) {
            self.flush(now, slot);
        } else {
            self.request_handshake(now, slot);
        }
    }

    /// The next datagram to send that is not the result of sealing a batch. Call until `None`, with a buffer of
    /// MTU + [`crate::TRANSMIT_OVERHEAD`] bytes and at least [`crate::TRANSMIT_MIN`].
    pub fn poll_transmit(&mut self, now: Now, buffer: &mut [u8]) -> Option<Transmit> {
        let transmit = self.next_outgoing(now, buffer).or_else(|| self.next_staged(now, buffer))?;
        count(&mut self.counters.tx_datagrams);
        add(&mut self.counters.tx_bytes, transmit.len);
        if let Some(peer) = transmit.peer.and_then(|id| self.peers.slot(id)).and_then(|slot| self.peers.get_mut(slot)) {
            add(&mut peer.tally.tx_bytes, transmit.len);
        }
        Some(transmit)
    }

    fn next_outgoing(&mut self, now: Now, buffer: &mut [u8]) -> Option<Transmit> {
        loop {
            let made = match self.outgoing.pop()? {
                Outgoing::Wire { peer, endpoint, bytes, len } => {
                    let fits = buffer.get_mut(..len).zip(bytes.get(..len));
                    fits.map(|(to, from)| {
                        to.copy_from_slice(from);
                        Transmit { peer, endpoint, len }
                    })
                }
                Outgoing::Keepalive(id) => self.seal_small(now, id, &[], buffer),
                Outgoing::Pong(id, token) => self.seal_small(now, id, &inner::write_echo(Echo::Pong(token)), buffer),
            };
            if made.is_some() {
                return made;
            }
        }
    }

    /// Seal a keepalive or a pong; nothing, where there is no session, no endpoint or (for a pong) no open gate.
    fn seal_small(&mut self, now: Now, id: PeerId, plain: &[u8], buffer: &mut [u8]) -> Option<Transmit> {
        let slot = self.peers.slot(id)?;
        let peer = self.peers.get_mut(slot)?;
        if !plain.is_empty() && !peer.open {
            count(&mut self.counters.drop_gate_out);
            return None;
        }
        let region = buffer.get_mut(..HEADROOM.checked_add(plain.len())?.checked_add(TAG)?)?;
        region.get_mut(HEADROOM..)?.get_mut(..plain.len())?.copy_from_slice(plain);
        let len = region.len();
        let Outcome::Sealed(endpoint) = seal_for(peer, now, region, plain.len()) else { return None };
        if plain.is_empty() {
            count(&mut self.counters.tx_keepalives);
            peer.timers.authentic_sent(now.mono);
        } else {
            peer.timers.data_sent(now.mono);
        }
        self.settle(now, slot);
        Some(Transmit { peer: Some(id), endpoint, len })
    }

    fn next_staged(&mut self, now: Now, buffer: &mut [u8]) -> Option<Transmit> {
        loop {
            let id = *self.ready.front()?;
            let slot = self.peers.slot(id);
            let made = slot.and_then(|slot| self.seal_staged(now, slot, buffer));
            let Some(slot) = slot else {
                self.ready.pop_front();
                continue;
            };
            if let Some(transmit) = made {
                return Some(transmit);
            }
            self.ready.pop_front();
            if let Some(peer) = self.peers.get_mut(slot) {
                peer.is_ready = false;
            }
            self.settle(now, slot);
        }
    }

    /// Seal the oldest waiting packet that fits; `None` when no more of them can go out.
    fn seal_staged(&mut self, now: Now, slot: u32, buffer: &mut [u8]) -> Option<Transmit> {
        let peer = self.peers.get_mut(slot)?;
        while peer.endpoint.is_some() && peer.keypairs.can_send(now.mono) {
            let item = peer.staged.pop_fresh(now.mono, &mut self.staged_bytes, &mut self.counters)?;
            let echo;
            let packet: &[u8] = match &item {
                Staged::Packet(packet) => packet,
                Staged::Ping(token) => {
                    echo = inner::write_echo(Echo::Ping(*token));
                    &echo
                }
            };
            let limit = peer.path.limit();
            let padded = padded(packet.len(), limit.unwrap_or(self.mtu)).max(packet.len());
            let whole = padded.saturating_add(HEADROOM.saturating_add(TAG));
            let Some(region) = buffer.get_mut(..whole) else {
                count(&mut self.counters.drop_no_room);
                continue;
            };
            let to = region.iter_mut().skip(HEADROOM);
            to.zip(packet).for_each(|(to, from)| *to = *from);
            announce(region, packet.len(), limit, &mut self.counters);
            let Outcome::Sealed(endpoint) = seal_for(peer, now, region, packet.len()) else { return None };
            peer.timers.data_sent(now.mono);
            if let Staged::Ping(token) = item {
                if self.pings.len() >= limits::PINGS {
                    self.pings.pop_front();
                }
                self.pings.push_back(PingSent { peer: peer.id, token, at: now.mono });
            } else {
                count(&mut self.counters.tx_packets);
            }
            return Some(Transmit { peer: Some(peer.id), endpoint, len: whole });
        }
        None
    }
}

/// Seal what `packet` is made of into `out`; how many went well, and why not more.
fn seal_each(
    peer: &mut Peer,
    now: Now,
    mtu: usize,
    packet: &Superpacket<'_>,
    counters: &mut Counters,
    out: &mut Trains,
) -> (usize, Outcome) {
    let (id, limit) = (peer.id, peer.path.limit());
    let mtu = limit.unwrap_or(mtu);
    let Some(endpoint) = peer.endpoint else { return (0, Outcome::Wait) };
    let Some(session) = peer.keypairs.usable(now.mono) else { return (0, Outcome::Wait) };
    let lead = lead_for(&endpoint);
    for number in 0..packet.count() {
        if !session.can_send(now.mono) {
            return (number, Outcome::Wait);
        }
        let spare = out.spare(lead);
        let room = spare.get_mut(HEADROOM..);
        let Some(len) = room.and_then(|room| packet.write(number, room)) else { return (number, Outcome::NoRoom) };
        let whole = padded(len, mtu).saturating_add(HEADROOM.saturating_add(TAG));
        let Some(region) = spare.get_mut(..whole) else { return (number, Outcome::NoRoom) };
        announce(region, len, limit, counters);
        if !session.seal(region, len) {
            return (number, Outcome::NoRoom);
        }
        out.push(Some(id), endpoint, lead, whole);
    }
    (packet.count(), Outcome::Sealed(endpoint))
}

/// Where the path has a `limit`, TCP is told of it: in `region`, whose packet of `len` bytes is to be sealed.
fn announce(region: &mut [u8], len: usize, limit: Option<usize>, counters: &mut Counters) {
    let Some(limit) = limit else { return };
    let packet = region.get_mut(HEADROOM..).and_then(|rest| rest.get_mut(..len));
    if packet.is_some_and(|packet| mss::clamp(packet, limit)) {
        count(&mut counters.mss_clamped);
    }
}

/// Seal `region` (header, `len` bytes of packet, padding, tag) with the peer's current session.
fn seal_for(peer: &mut Peer, now: Now, region: &mut [u8], len: usize) -> Outcome {
    let Some(endpoint) = peer.endpoint else { return Outcome::Wait };
    let Some(session) = peer.keypairs.usable(now.mono) else { return Outcome::Wait };
    if !session.seal(region, len) {
        return Outcome::NoRoom;
    }
    Outcome::Sealed(endpoint)
}

const _: () = assert!(ECHO_LEN == 16, "a ping needs no padding");
