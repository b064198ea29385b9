//! What time brings: initiations to repeat or give up, keepalives, and the end of keys (paper, 6).

use super::Device;
use crate::outgoing::Outgoing;
use crate::{Event, Instant, Now, limits};

impl Device {
    /// Do what is due, for [`limits::DUE_AT_ONCE`] peers at most, so that what they send has room; the others stay due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.filter.iter_mut().for_each(|filter| filter.sweep(now));
        // At most one turn a peer: what is armed meanwhile lies ahead, or is due at the next call.
        for _ in 0..self.peers.slots().min(limits::DUE_AT_ONCE) {
            let Some(slot) = self.wakeups.pop(now.mono) else { break };
            self.due(now, slot);
            self.arm(slot);
        }
    }

    fn due(&mut self, now: Now, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let is_due = |at: &mut Instant| *at <= now.mono;
        if peer.timers.handshake.take_if(is_due).is_some() {
            self.handshake_due(now, slot);
        }
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.timers.keepalive.take_if(is_due).is_some() && peer.keypairs.can_send(now.mono) {
            self.outgoing_keepalive(slot);
        }
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.timers.persistent.take_if(is_due).is_some() && peer.endpoint.is_some() {
            peer.timers.persistent_due(now.mono);
            if peer.keypairs.can_send(now.mono) {
                self.outgoing_keepalive(slot);
            } else {
                self.request_handshake(now, slot);
            }
        }
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.timers.no_answer.take_if(is_due).is_some() {
            self.request_handshake(now, slot);
        }
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.timers.zero.take_if(is_due).is_some() {
            self.erase(slot);
        }
    }

    fn outgoing_keepalive(&mut self, slot: u32) {
        if let Some(id) = self.peers.get(slot).map(|peer| peer.id) {
            self.push(Outgoing::Keepalive(id));
        }
    }

    fn handshake_due(&mut self, now: Now, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let Some(campaign) = peer.campaign else { return };
        if now.mono.since(campaign.since) < limits::REKEY_ATTEMPT_TIME {
            self.send_initiation(now, slot);
            return;
        }
        peer.campaign = None;
        peer.timers.keepalive = None;
        peer.staged.clear(&mut self.staged_bytes, &mut self.counters);
        if let Some(initiator) = peer.initiator.take() {
            self.indices.release(initiator.index);
        }
        self.events.push(Event::HandshakeGaveUp { peer: peer.id });
    }

    /// Erase all keys of a peer; a handshake on its way goes on.
    fn erase(&mut self, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let ended = peer.keypairs.retain(|_| false);
        ended.iter().flatten().for_each(|session| self.indices.release(session.local_index));
    }
}
