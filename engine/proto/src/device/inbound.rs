//! Datagrams in: told apart, opened in place, checked, and handed on.

use super::Device;
use crate::counters::{add, count};
use crate::demux::{self, Kind};
use crate::inner::{self, Echo};
use crate::keypairs::Place;
use crate::message::{self, CookieReply, Message, Response, Transport};
use crate::narrow::mss;
use crate::outgoing::Outgoing;
use crate::time::span_ns;
use crate::transport::Refusal;
use crate::{Endpoint, Event, HEADROOM, Incoming, Now, Opened, Span, probe, stun};

impl Device {
    /// Open datagrams in place. Inner packets are pushed to `out` in the same order, at most one a datagram;
    /// everything else (handshakes, STUN, probes, keepalives) becomes transmits, events and counters.
    pub fn open_batch(&mut self, now: Now, arena: &mut [u8], datagrams: &[Incoming], out: &mut Vec<Opened>) {
        self.open_each(now, arena, datagrams, out, false);
    }

    /// The same with datagrams that another worker received and left to us.
    pub fn open_handed(&mut self, now: Now, arena: &mut [u8], datagrams: &[Incoming], out: &mut Vec<Opened>) {
        self.open_each(now, arena, datagrams, out, true);
    }

    #[inline]
    fn open_each(
        &mut self,
        now: Now,
        arena: &mut [u8],
        datagrams: &[Incoming],
        out: &mut Vec<Opened>,
        is_handed: bool,
    ) {
        let mut touched: Option<u32> = None;
        for datagram in datagrams {
            let Span { start, len } = datagram.span;
            let Some(bytes) = start.checked_add(len).and_then(|end| arena.get_mut(start..end)) else {
                count(&mut self.counters.drop_malformed);
                continue;
            };
            count(&mut self.counters.rx_datagrams);
            add(&mut self.counters.rx_bytes, len);
            let source = &datagram.source;
            let Some(header) = self.control(now, bytes, source, is_handed) else { continue };
            let Some(slot) = self.indices.find(header.receiver) else {
                if !self.leave(self.owner.of_index(header.receiver), is_handed, source, bytes) {
                    count(&mut self.counters.drop_unknown_index);
                }
                continue;
            };
            if let Some(last) = touched.replace(slot).filter(|last| *last != slot) {
                self.arm(last);
            }
            if let Some(opened) = self.open(now, slot, &header, bytes, datagram) {
                out.push(opened);
            }
        }
        if let Some(last) = touched {
            self.arm(last);
        }
    }

    /// Everything but data is dealt with here; the header of data is given back.
    fn control(&mut self, now: Now, bytes: &[u8], source: &Endpoint, is_handed: bool) -> Option<Transport> {
        match demux::kind(bytes) {
            Kind::WireGuard => match message::parse(bytes) {
                Some(Message::Transport(header)) => return Some(header),
                Some(Message::Initiation(message)) => self.on_initiation(now, &message, source, bytes, is_handed),
                Some(
                    Message::Response(Response { receiver, .. }) | Message::CookieReply(CookieReply { receiver, .. }),
                ) if self.leave(self.owner.of_index(receiver), is_handed, source, bytes) => {}
                Some(Message::Response(message)) => self.on_response(now, &message, source, bytes.len()),
                Some(Message::CookieReply(message)) => self.on_cookie_reply(now, &message),
                None => count(&mut self.counters.drop_malformed),
            },
            // One worker has the relays, and what the caller says and hears beside the tunnel.
            _ if self.leave(0, is_handed, source, bytes) => {}
            Kind::Stun => self.on_stun(now, bytes, source),
            Kind::Probe => self.on_probe(now, bytes, source),
            // The caller takes a relay's frames off before; one that is of no relay of ours is nothing.
            Kind::Relay | Kind::Other => count(&mut self.counters.drop_not_ours),
        }
        None
    }

    fn on_stun(&mut self, now: Now, bytes: &[u8], source: &Endpoint) {
        let live = stun::transaction(bytes).is_some_and(|transaction| self.stun.settle(now.mono, &transaction));
        if live {
            self.events.push(Event::Stun { data: bytes.to_vec(), endpoint: *source });
        } else {
            count(&mut self.counters.drop_stun);
        }
    }

    fn on_probe(&mut self, now: Now, bytes: &[u8], source: &Endpoint) {
        match self.probes.verify(now.mono, bytes, source) {
            Ok(peer) => self.events.push(Event::Probe { peer, data: bytes.to_vec(), endpoint: *source }),
            Err(probe::Refusal::Unknown) => count(&mut self.counters.drop_probe_unknown),
            Err(probe::Refusal::Invalid) => count(&mut self.counters.drop_probe_invalid),
            Err(probe::Refusal::TooMany) => count(&mut self.counters.drop_probe_rate),
        }
    }

    /// Open one datagram of the peer in `slot`; the inner packet, if there is one to hand on.
    fn open(
        &mut self,
        now: Now,
        slot: u32,
        header: &Transport,
        bytes: &mut [u8],
        datagram: &Incoming,
    ) -> Option<Opened> {
        let peer = self.peers.get_mut(slot)?;
        let Some((session, place)) = peer.keypairs.with_index(header.receiver) else {
            // The index of a handshake that is not complete.
            count(&mut self.counters.drop_unknown_index);
            return None;
        };
        let plain = match session.open(now.mono, header.counter, bytes) {
            Ok(plain) => plain,
            Err(refusal) => {
                count(match refusal {
                    Refusal::Expired => &mut self.counters.drop_session_expired,
                    Refusal::Replay => &mut self.counters.drop_replay,
                    Refusal::Forged => &mut self.counters.drop_auth,
                });
                return None;
            }
        };
        let renew = place == Place::Current && session.wants_late_renewal(now.mono);
        let (remote, cipher) = (session.remote, session.cipher());
        peer.heard_from(now, &datagram.source, datagram.span.len, &mut self.events);
        if place == Place::Next {
            peer.proved(cipher);
            let ended = peer.keypairs.promote();
            ended.iter().flatten().for_each(|session| self.indices.release(session.local_index));
            self.completed(now, slot, remote, false, &datagram.source);
        }
        if renew {
            self.request_handshake(now, slot);
        }
        if plain.is_empty() {
            count(&mut self.counters.rx_keepalives);
            return None;
        }
        let len = self.accept(now, slot, plain, &datagram.source)?;
        count(&mut self.counters.rx_packets);
        let span = Span { start: datagram.span.start.checked_add(HEADROOM)?, len };
        Some(Opened { peer: self.peers.get(slot)?.id, session: header.receiver, counter: header.counter, span })
    }

    /// Gate, then what it is, then whose it is; the length of an inner packet that may pass.
    fn accept(&mut self, now: Now, slot: u32, plain: &mut [u8], source: &Endpoint) -> Option<usize> {
        let peer = self.peers.get_mut(slot)?;
        peer.timers.data_received(now.mono);
        if !peer.open {
            count(&mut self.counters.drop_gate_in);
            return None;
        }
        let Some(packet) = inner::parse(plain) else {
            match inner::parse_echo(plain) {
                Some(echo) => self.on_echo(now, slot, echo, source),
                None => count(&mut self.counters.drop_inner_malformed),
            }
            return None;
        };
        if self.routes.owner(&packet.source) != Some(slot) {
            count(&mut self.counters.drop_inner_source);
            return None;
        }
        if let Some(limit) = self.peers.get(slot).and_then(|peer| peer.path.limit()) {
            let whole = plain.get_mut(..packet.len);
            if whole.is_some_and(|packet| mss::clamp(packet, limit)) {
                count(&mut self.counters.mss_clamped);
            }
        }
        Some(packet.len)
    }

    fn on_echo(&mut self, now: Now, slot: u32, echo: Echo, source: &Endpoint) {
        let Some(peer) = self.peers.get(slot).map(|peer| peer.id) else { return };
        match echo {
            Echo::Ping(token) => self.push(Outgoing::Pong(peer, token)),
            Echo::Pong(token) => {
                let at = self.pings.iter().position(|ping| ping.peer == peer && ping.token == token);
                let Some(sent) = at.and_then(|at| self.pings.remove(at)) else {
                    count(&mut self.counters.drop_pong_unknown);
                    return;
                };
                let round_trip_ns = span_ns(now.mono.since(sent.at));
                self.events.push(Event::Pong { peer, token, round_trip_ns, endpoint: *source });
            }
        }
    }
}
