//! CreatePermission and ChannelBind (RFC 8656, 10 and 12): whom a client lets in, after the judge of addresses did.

use core::net::{IpAddr, SocketAddr};

use super::Server;
use super::authenticate::Asked;
use crate::counters::count;
use crate::limits;
use crate::time::Instant;
use crate::turn::allocation::NotBound;
use crate::turn::attribute::{Family, kind, read_channel, read_xored};
use crate::turn::frame::CHANNELS;

impl Server {
    /// All addresses named, or none.
    pub(super) fn create_permission(&mut self, now: Instant, asked: &Asked<'_>) -> Result<Vec<u8>, u16> {
        let named = asked.message.attributes().filter(|it| it.kind == kind::XOR_PEER_ADDRESS);
        let read = named.map(|it| read_xored(it.value, asked.message.transaction).map(|peer| peer.ip()));
        let peers: Vec<IpAddr> = read.collect::<Option<_>>().ok_or(400_u16)?;
        if peers.is_empty() || peers.len() > limits::TURN_PERMISSIONS {
            return Err(400);
        }
        let Some(known) = self.allocation(&asked.client) else { return Err(437) };
        if peers.iter().any(|peer| known.of_family(Family::of(*peer)).is_none()) {
            return Err(443);
        }
        if peers.iter().any(|peer| self.config.peers.check(*peer).is_err()) {
            count(&mut self.counters.denied_peers);
            return Err(403);
        }
        let Some(known) = self.allocation(&asked.client) else { return Err(437) };
        if !known.has_room(now, &peers) {
            return Err(508);
        }
        peers.iter().for_each(|peer| known.permit(now, *peer));
        Ok(asked.succeed(|answer| answer))
    }

    pub(super) fn channel_bind(&mut self, now: Instant, asked: &Asked<'_>) -> Result<Vec<u8>, u16> {
        let number = asked.message.value(kind::CHANNEL_NUMBER).and_then(read_channel);
        let peer = asked.message.value(kind::XOR_PEER_ADDRESS);
        let peer = peer.and_then(|value| read_xored(value, asked.message.transaction));
        let (Some(number), Some(peer)) = (number.filter(|it| CHANNELS.contains(it)), peer) else { return Err(400) };
        let Some(known) = self.allocation(&asked.client) else { return Err(437) };
        if known.of_family(Family::of(peer.ip())).is_none() {
            return Err(443);
        }
        if !self.may_reach(peer) {
            count(&mut self.counters.denied_peers);
            return Err(403);
        }
        let Some(known) = self.allocation(&asked.client) else { return Err(437) };
        match known.bind(now, number, peer) {
            Ok(()) => Ok(asked.succeed(|answer| answer)),
            Err(NotBound::Conflict) => Err(400),
            Err(NotBound::Full) => Err(508),
        }
    }

    /// Does the judge let a client reach this address and port?
    pub(super) fn may_reach(&self, peer: SocketAddr) -> bool {
        self.config.peers.check_port(peer, || self.relayed.contains(&peer)).is_ok()
    }
}
