//! Peers whose path carries less than the tunnel's MTU: what is said of their paths, and packets that do not fit.
//!
//! A packet that fits costs one look at the peer, and nothing where no path is narrow. One that does not is cut, or
//! dropped and its sender told, at most [`limits::TOO_BIG_ANSWERS`]; what is told waits for [`Device::poll_host`].

use core::net::SocketAddr;
use std::collections::VecDeque;

use super::Device;
use crate::bucket::Bucket;
use crate::cipher::TAG;
use crate::counters::{add, count};
use crate::narrow::{fragment, too_big};
use crate::offload::{Superpacket, VirtioHeader};
use crate::{ConfigError, Endpoint, HEADROOM, Now, PeerId, Trains, limits, random};

/// Bytes of UDP's header, and of the internet header of each family.
const UDP_HEADER: u16 = 8;
const IPV4_HEADER: u16 = 20;
const IPV6_HEADER: u16 = 40;

/// Packets for this host's own TUN.
#[derive(Debug, Default)]
pub(super) struct Answers {
    queue: VecDeque<Vec<u8>>,
    bucket: Bucket,
}

impl Device {
    /// The longest inner packet that the path to this peer carries, in bytes; `None`: any that fits the tunnel. No less
    /// than [`limits::PATH_MTU_LEAST`] is believed.
    ///
    /// # Errors
    /// `UnknownPeer`.
    pub fn set_path_mtu(&mut self, peer: PeerId, mtu: Option<u16>) -> Result<(), ConfigError> {
        let slot = self.slot(peer)?;
        if let Some(peer) = self.peers.get_mut(slot) {
            peer.path.tell(mtu);
        }
        Ok(())
    }

    /// The kernel refused datagrams to `remote`, to which it knows a path of so many bytes, its headers included. No less
    /// than [`limits::PATH_LEAST`] is believed: the kernel cuts what is longer than it knows. Holds for as long as the
    /// kernel would remember it, and where the peer still is reached there.
    pub fn learn_path_mtu(&mut self, now: Now, peer: PeerId, remote: SocketAddr, outer: u16) {
        let slot = self.peers.slot(peer);
        let Some(peer) = slot.and_then(|slot| self.peers.get_mut(slot)) else { return };
        let lead = match peer.endpoint {
            Some(Endpoint::Udp { remote: current }) if current == remote => 0,
            Some(Endpoint::Relay { .. }) => limits::RELAY_LEAD,
            Some(Endpoint::Udp { .. }) | None => return,
        };
        let internet = if remote.is_ipv4() { IPV4_HEADER } else { IPV6_HEADER };
        let ours = u16::try_from(HEADROOM.saturating_add(TAG).saturating_add(lead)).unwrap_or(u16::MAX);
        let outer = outer.max(limits::PATH_LEAST);
        let inner = outer.saturating_sub(internet).saturating_sub(UDP_HEADER).saturating_sub(ours);
        if usize::from(inner) < self.mtu {
            peer.path.learn(now.mono, inner);
        }
    }

    /// The next packet for this host, to be written to the TUN as it is. Call until `None`.
    pub fn poll_host(&mut self) -> Option<Vec<u8>> {
        self.host.queue.pop_front()
    }

    /// Packets of the TUN, some of them longer than what the path carries: cut, or refused as a whole.
    pub(super) fn refit(&mut self, now: Now, slot: u32, packet: &Superpacket<'_>, limit: usize, out: &mut Trains) {
        let mut room = vec![0; packet.longest()];
        for number in 0..packet.count() {
            let Some(len) = packet.write(number, &mut room) else { return };
            let whole = room.get(..len).unwrap_or_default();
            if len <= limit {
                self.emit_one(now, slot, whole, out);
                continue;
            }
            let id = u32::from_ne_bytes(random::bytes(&mut *self.random));
            let Some(pieces) = fragment::pieces(whole, limit, id) else {
                // The others are of the same flow and sent anew with it.
                add(&mut self.counters.drop_path_mtu, packet.count().saturating_sub(number));
                self.tell_sender(now, whole, limit);
                return;
            };
            count(&mut self.counters.tx_fragmented);
            pieces.iter().for_each(|piece| self.emit_one(now, slot, piece, out));
        }
    }

    /// A packet of a link whose MTU is more than the tunnel's: its sender is told what fits.
    pub(super) fn refuse(&mut self, now: Now, packet: &Superpacket<'_>) {
        let mut room = vec![0; packet.longest()];
        if let Some(whole) = packet.write(0, &mut room).and_then(|len| room.get(..len)) {
            self.tell_sender(now, whole, self.mtu);
        }
    }

    fn emit_one(&mut self, now: Now, slot: u32, packet: &[u8], out: &mut Trains) {
        if let Ok(packet) = Superpacket::parse(&VirtioHeader::default(), packet) {
            self.emit(now, slot, &packet, out);
        }
    }

    fn tell_sender(&mut self, now: Now, packet: &[u8], limit: usize) {
        let Answers { queue, bucket } = &mut self.host;
        if queue.len() >= limits::HOST_ANSWERS || !bucket.take(now.mono, limits::TOO_BIG_ANSWERS) {
            return;
        }
        if let Some(answer) = too_big::answer(packet, limit) {
            queue.push_back(answer);
            count(&mut self.counters.tx_too_big);
        }
    }
}

#[cfg(any(test, feature = "fuzz"))]
impl Device {
    /// Answers that wait for the host.
    pub(crate) fn host_answers(&self) -> usize {
        self.host.queue.len()
    }
}
