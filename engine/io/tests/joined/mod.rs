//! Two tunnels joined by a network in memory, and the packets that go through them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use warren_io::proto::offload::Merging;
use warren_io::proto::{
    DeviceConfig, Endpoint, Event, Mode, PeerConfig, PeerId, Prefix, PrivateKey,
};
use warren_io::tun::{MemoryTunUser, Tun, memory_tun};
use warren_io::udp::{MemoryNet, Udp};
use warren_io::{Tunnel, TunnelEvent};

/// Nothing here takes longer unless it is broken.
pub const SOON: Duration = Duration::from_secs(10);
/// Long enough for what must not come to have come.
pub const NEVER: Duration = Duration::from_millis(300);
pub const PEER: PeerId = PeerId(1);

/// One tunnel, the host's side of its TUN, and where it is.
pub struct Side {
    pub tunnel: Tunnel,
    pub host: MemoryTunUser,
    pub place: SocketAddr,
    pub inner: [u8; 4],
}

/// A tunnel for the host number 1 or 2, without a peer, whose TUN takes nothing merged.
pub fn side(number: u8, net: &MemoryNet) -> Side {
    side_with(number, net, Merging::default())
}

/// The same with a TUN that takes so much merged.
pub fn side_with(number: u8, net: &MemoryNet, merging: Merging) -> Side {
    let place = place(number);
    let (tun, host) = memory_tun(b"memory", merging).unwrap();
    let tunnel = start(number, tun, net.socket(place).unwrap());
    let inner = [10, 77, 0, number];
    Side {
        tunnel,
        host,
        place,
        inner,
    }
}

pub fn place(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, number], 51820))
}

/// A tunnel over devices of the caller's.
pub fn start<T: Tun + 'static, U: Udp + 'static>(number: u8, tun: T, udp: U) -> Tunnel {
    Tunnel::start(tun, udp, DeviceConfig::new(key(number))).unwrap()
}

pub fn key(number: u8) -> PrivateKey {
    PrivateKey::new([number; 32])
}

/// Makes `other` the peer of `side`, and opens the gate.
pub fn introduce(tunnel: &Tunnel, other: u8, endpoint: Option<SocketAddr>) {
    let config = PeerConfig {
        public_keys: vec![key(other).public()],
        allowed: vec![Prefix::new([10, 77, 0, other].into(), 32).unwrap()],
        mode: Mode::Managed,
        ..PeerConfig::default()
    };
    let told = tunnel.call(move |desk| {
        desk.device.set_peer(desk.now, PEER, config)?;
        desk.device.set_gate(PEER, true)?;
        let endpoint = endpoint.map(|remote| Endpoint::Udp { remote });
        desk.device.set_endpoint(desk.now, PEER, endpoint)
    });
    told.unwrap().unwrap();
}

/// Both sides of a tunnel, which know each other.
pub fn pair(net: &MemoryNet) -> (Side, Side) {
    let (a, b) = (side(1, net), side(2, net));
    introduce(&a.tunnel, 2, Some(b.place));
    introduce(&b.tunnel, 1, Some(a.place));
    (a, b)
}

/// An IPv4 packet of UDP's protocol number (RFC 791) with a payload.
pub fn packet(from: [u8; 4], to: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend(from);
    packet.extend(to);
    packet.extend(payload);
    packet
}

/// Waits for an event that `is_it` accepts.
pub fn wait_for(tunnel: &Tunnel, is_it: impl Fn(&TunnelEvent) -> bool) -> TunnelEvent {
    let end = Instant::now() + SOON;
    while Instant::now() < end {
        if let Some(event) = tunnel.take_events(64).into_iter().find(&is_it) {
            return event;
        }
        std::thread::yield_now();
    }
    panic!("the event did not come");
}

pub fn is_handshake(event: &TunnelEvent) -> bool {
    matches!(event, TunnelEvent::Engine(Event::Handshake { .. }))
}
