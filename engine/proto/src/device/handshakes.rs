//! Handshakes of a device: what is sent, and what is done with the three kinds of message that come in.
//!
//! Order of an initiation: MAC1, replay cache, bucket, cookie (all in [`crate::admission`]), then one exchange to
//! learn who it claims to be, one more (cached) to prove it, the stamp, and only then anything changes.

use super::{Device, Local};
use crate::admission::Verdict;
use crate::counters::count;
use crate::handshake::{Begin, Claimed, Initiator, Proven, SessionKeys};
use crate::message::{CookieReply, Initiation, Macs, Response};
use crate::outgoing::Outgoing;
use crate::peer::Campaign;
use crate::time::span_ns;
use crate::timers::retry;
use crate::transport::Session;
use crate::{Endpoint, Event, Now, PrivateKey, PublicKey, limits, noise, random};

impl Device {
    /// Begin anew, now or as soon as the last initiation is old enough.
    pub(super) fn begin_campaign(&mut self, now: Now, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        peer.campaign = Some(Campaign { since: now.mono, attempts: 0 });
        let earliest = peer.last_initiation.map(|last| last.after(limits::INITIATION_SPACING));
        match earliest.filter(|earliest| *earliest > now.mono) {
            Some(earliest) => {
                peer.timers.handshake = Some(earliest);
                self.arm(slot);
            }
            None => self.send_initiation(now, slot),
        }
    }

    /// A session is needed, or has to be renewed: begin unless that is under way.
    pub(super) fn request_handshake(&mut self, now: Now, slot: u32) {
        let Some(peer) = self.peers.get(slot) else { return };
        let recent = |last| now.mono.since(last) < limits::REKEY_TIMEOUT;
        let renews_too_soon = peer.keypairs.can_send(now.mono) && peer.last_initiation.is_some_and(recent);
        if peer.campaign.is_none() && !renews_too_soon {
            self.begin_campaign(now, slot);
        }
    }

    /// The next initiation of the campaign; without an endpoint only the end of the campaign is armed.
    pub(super) fn send_initiation(&mut self, now: Now, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let Some(campaign) = peer.campaign else { return };
        let give_up = campaign.since.after(limits::REKEY_ATTEMPT_TIME);
        let Some(endpoint) = peer.endpoint else {
            peer.timers.handshake = Some(give_up);
            self.arm(slot);
            return;
        };
        let (pause, jitter) = retry(campaign.attempts, !peer.keypairs.alive(now.mono));
        peer.timers.jitter = core::time::Duration::from_nanos(random::below(&mut *self.random, span_ns(jitter)));
        peer.timers.handshake = Some(now.mono.after(pause.saturating_add(peer.timers.jitter)).min(give_up));
        peer.campaign = Some(Campaign { attempts: campaign.attempts.saturating_add(1), ..campaign });
        peer.last_initiation = Some(now.mono);
        if let Some(wire) = self.make_initiation(now, slot, campaign.attempts) {
            count(&mut self.counters.tx_initiations);
            self.push_wire(now, slot, endpoint, &wire);
        }
        self.arm(slot);
    }

    /// A fresh initiation, which replaces the one before. A peer with two keys is tried with both in turn: it may
    /// have changed to its next one, or not yet.
    fn make_initiation(&mut self, now: Now, slot: u32, attempt: u32) -> Option<[u8; 148]> {
        let local = &self.locals.first()?.key;
        let peer = self.peers.get_mut(slot)?;
        let turn = usize::try_from(attempt).ok()?.checked_rem(peer.remotes.len())?;
        let remote = peer.remotes.get(turn)?.clone();
        let static_static = peer.static_static(local, &remote.public)?;
        if let Some(last) = peer.initiator.take() {
            self.indices.release(last.index);
        }
        let Some(index) = self.indices.draw(&mut *self.random, slot) else {
            count(&mut self.counters.drop_no_index);
            return None;
        };
        let begun = Initiator::begin(Begin {
            local,
            remote: remote.public,
            static_static: &static_static,
            ephemeral: PrivateKey::new(random::bytes(&mut *self.random)),
            index,
            stamp: self.stamper.next(now.wall),
        });
        let Some((initiator, mut wire)) = begun else {
            self.indices.release(index);
            return None;
        };
        peer.initiator = Some(Box::new(initiator));
        peer.holder.stamp(now.mono, &mut wire, &remote.mac1_key);
        Some(wire)
    }

    /// Somebody wants to begin a handshake with us. What another worker left to us was admitted there: the cookie that it
    /// may bear is that worker's.
    pub(super) fn on_initiation(
        &mut self,
        now: Now,
        initiation: &Initiation<'_>,
        source: &Endpoint,
        bytes: &[u8],
        is_handed: bool,
    ) {
        let Some(at) = self.addressed_key(&initiation.macs) else { return };
        if !is_handed && !self.admitted(now, &initiation.macs, (initiation.sender, source), at) {
            return;
        }
        let Some(Local { key: local, .. }) = self.locals.get(at) else { return };
        let Some(claimed) = Claimed::read(initiation, local) else {
            count(&mut self.counters.drop_handshake_invalid);
            return;
        };
        let Some(slot) = self.peers.slot_of_key(&claimed.initiator) else {
            self.on_unknown_initiator(now, initiation, claimed, at, source);
            return;
        };
        let owner = self.peers.get(slot).map_or(self.owner.value, |peer| self.owner.of_peer(peer.id));
        if self.leave(owner, is_handed, source, bytes) {
            return;
        }
        let Some(Local { key: local, .. }) = self.locals.get(at) else { return };
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let static_static = peer.static_static(local, &claimed.initiator);
        let local_public = local.public();
        let Some(proven) = static_static.and_then(|secret| claimed.prove(initiation, &secret)) else {
            count(&mut self.counters.drop_handshake_invalid);
            return;
        };
        if peer.newest_stamp.is_some_and(|newest| proven.stamp <= newest) {
            count(&mut self.counters.drop_stamp_old);
            return;
        }
        peer.newest_stamp = Some(proven.stamp);
        count(&mut self.counters.rx_initiations);
        self.heard_from(now, slot, source, bytes.len());
        self.respond(now, slot, proven, local_public, source);
        self.arm(slot);
    }

    /// The initiator's key is nobody's here: tell the caller, if it is really its own.
    fn on_unknown_initiator(
        &mut self,
        now: Now,
        initiation: &Initiation<'_>,
        claimed: Claimed,
        at: usize,
        source: &Endpoint,
    ) {
        count(&mut self.counters.drop_unknown_initiator);
        let Some(Local { key: local, .. }) = self.locals.get(at) else { return };
        // The bucket first, so that strangers' exchanges are as few as their events.
        if !self.unknown_initiators.take(now.mono, limits::UNKNOWN_INITIATORS) {
            return;
        }
        let proven = local.exchange(&claimed.initiator).and_then(|secret| claimed.prove(initiation, &secret));
        if let Some(Proven { initiator: public_key, .. }) = proven {
            self.events.push(Event::UnknownInitiator { public_key, endpoint: *source });
        }
    }

    /// Answer a proven initiation, to where it came from.
    fn respond(&mut self, now: Now, slot: u32, proven: Proven, local: PublicKey, source: &Endpoint) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let Some(index) = self.indices.draw(&mut *self.random, slot) else {
            count(&mut self.counters.drop_no_index);
            return;
        };
        let ephemeral = PrivateKey::new(random::bytes(&mut *self.random));
        let preshared = peer.preshared.first().cloned().unwrap_or_else(crate::PresharedKey::none);
        let remote = proven.initiator;
        let Some((keys, mut wire)) = proven.respond(&ephemeral, &preshared, peer.choose_cipher(), index) else {
            self.indices.release(index);
            count(&mut self.counters.drop_handshake_invalid);
            return;
        };
        if let Some(mac1_key) = peer.remote(&remote).map(|remote| remote.mac1_key) {
            peer.holder.stamp(now.mono, &mut wire, &mac1_key);
        }
        let session = Session::new(now.mono, &keys, index, false, (local, remote));
        let ended = peer.keypairs.install_answered(session);
        ended.iter().flatten().for_each(|session| self.indices.release(session.local_index));
        peer.timers.session_made(now.mono);
        count(&mut self.counters.tx_responses);
        self.push_wire(now, slot, *source, &wire);
    }

    /// Somebody answers an initiation of ours.
    pub(super) fn on_response(&mut self, now: Now, response: &Response<'_>, source: &Endpoint, len: usize) {
        let Some(at) = self.addressed_key(&response.macs) else { return };
        let slot = self.indices.find(response.receiver);
        let waits = |slot: &u32| self.peers.get(*slot).is_some_and(|peer| peer.awaits(response.receiver));
        let Some(slot) = slot.filter(waits) else {
            count(&mut self.counters.drop_unknown_index);
            return;
        };
        if !self.admitted(now, &response.macs, (response.sender, source), at) {
            return;
        }
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let finished = peer.initiator.as_ref().and_then(|initiator| {
            let Local { key, .. } = self.locals.iter().find(|local| local.key.public() == initiator.local)?;
            let keys = initiator.finish(response, key, &peer.preshared, peer.transport.accepted())?;
            Some((keys, initiator.index, initiator.local, initiator.remote))
        });
        let Some((keys, index, local, remote)) = finished else {
            count(&mut self.counters.drop_handshake_invalid);
            return;
        };
        peer.initiator = None;
        count(&mut self.counters.rx_responses);
        self.heard_from(now, slot, source, len);
        self.install(now, slot, &keys, index, (local, remote));
        self.completed(now, slot, remote, true, source);
        // The responder may send only after it heard from us in the new session.
        if let Some(peer) = self.peers.get_mut(slot) {
            peer.staged.drop_old(now.mono, &mut self.staged_bytes, &mut self.counters);
        }
        if let Some(peer) = self.peers.get(slot).filter(|peer| peer.staged.is_empty()) {
            self.push(Outgoing::Keepalive(peer.id));
        }
        self.arm(slot);
    }

    fn install(&mut self, now: Now, slot: u32, keys: &SessionKeys, index: u32, pair: (PublicKey, PublicKey)) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let ended = peer.keypairs.install_initiated(Session::new(now.mono, keys, index, true, pair));
        ended.iter().flatten().for_each(|session| self.indices.release(session.local_index));
        peer.timers.session_made(now.mono);
    }

    /// A session can be used: by the response as initiator, by its first packet as responder.
    pub(super) fn completed(&mut self, now: Now, slot: u32, remote: PublicKey, initiated: bool, source: &Endpoint) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        peer.campaign = None;
        peer.timers.handshake = None;
        peer.tally.last_handshake = Some(now.wall);
        peer.path.age(now.mono);
        let expired = peer.keypairs.retain(|session| !session.is_dead(now.mono));
        expired.iter().flatten().for_each(|session| self.indices.release(session.local_index));
        let peer = peer.id;
        self.events.push(Event::Handshake { peer, initiated, public_key: remote, endpoint: *source });
        self.flush(now, slot);
    }

    /// A responder under load asks us to prove our address with the next message. Moves no endpoint.
    pub(super) fn on_cookie_reply(&mut self, now: Now, reply: &CookieReply<'_>) {
        let peer = self.indices.find(reply.receiver).and_then(|slot| self.peers.get_mut(slot));
        let Some(peer) = peer else {
            count(&mut self.counters.drop_unknown_index);
            return;
        };
        let holder = &mut peer.holder;
        let accepted = peer.remotes.iter().any(|remote| holder.accept(now.mono, reply, &remote.cookie_key));
        count(if accepted { &mut self.counters.rx_cookie_replies } else { &mut self.counters.drop_cookie_invalid });
    }

    /// Which of our keys a message is for, by its MAC1.
    fn addressed_key(&mut self, macs: &Macs<'_>) -> Option<usize> {
        let matches = |local: &Local| noise::same(&noise::mac(&local.mac1_key, &[macs.before_mac1]), macs.mac1);
        let at = self.locals.iter().position(matches);
        if at.is_none() {
            count(&mut self.counters.drop_mac1);
        }
        at
    }

    /// May this message cost an exchange? Else it is counted, and answered with a cookie if that is the verdict.
    fn admitted(&mut self, now: Now, macs: &Macs<'_>, (sender, source): (u32, &Endpoint), at: usize) -> bool {
        let verdict = self.admission.judge(now.mono, macs, source);
        match verdict {
            Verdict::Admit => {}
            Verdict::Seen => count(&mut self.counters.drop_initiation_seen),
            Verdict::TooMany => count(&mut self.counters.drop_handshake_rate),
            Verdict::AskCookie => {
                count(&mut self.counters.drop_under_load);
                let Some(Local { cookie_key, .. }) = self.locals.get(at) else { return false };
                let asked = (sender, macs.mac1, source);
                if let Some(wire) = self.admission.issuer.reply(now.mono, &mut *self.random, asked, cookie_key) {
                    count(&mut self.counters.tx_cookie_replies);
                    self.push(Outgoing::wire(None, *source, &wire));
                }
            }
        }
        verdict == Verdict::Admit
    }

    /// Queue a handshake message of a peer.
    fn push_wire(&mut self, now: Now, slot: u32, endpoint: Endpoint, wire: &[u8]) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        peer.timers.authentic_sent(now.mono);
        let item = Outgoing::wire(Some(peer.id), endpoint, wire);
        self.push(item);
    }

    pub(super) fn push(&mut self, item: Outgoing) {
        if !self.outgoing.push(item) {
            count(&mut self.counters.drop_transmit_full);
        }
    }
}
