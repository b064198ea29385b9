//! What is another worker's: told apart by everybody, handed on once, and bounded.

use core::net::SocketAddr;

use super::pair::{MTU, Seeded, inner_packet, key, prefix};
use crate::offload::VirtioHeader;
use crate::{
    Device, DeviceConfig, Endpoint, Incoming, Instant, Now, Owner, PeerConfig, PeerId, Span, Stray, Trains, Unix,
    limits, message,
};

const NOW: Now = Now { mono: Instant(1_000_000_000), wall: Unix(1_790_000_000_000_000_000) };
/// One of two workers, the one with even numbers.
const EVEN: Owner = Owner { bits: 1, value: 0 };
const ODD: Owner = Owner { bits: 1, value: 1 };
const SOMEBODYS: PeerId = PeerId(7);

fn worker(owner: Owner) -> Device {
    let config = DeviceConfig { mtu: MTU, owner, ..DeviceConfig::new(key(1)) };
    let mut device = Device::new(config, Box::new(Seeded(3))).unwrap();
    let peer = PeerConfig {
        public_keys: vec![key(2).public()],
        allowed: vec![prefix("10.0.0.2/32")],
        ..PeerConfig::default()
    };
    device.set_peer(NOW, SOMEBODYS, peer).unwrap();
    device.set_gate(SOMEBODYS, true).unwrap();
    device
}

fn strays(device: &mut Device) -> Vec<(u8, Stray)> {
    core::iter::from_fn(|| device.poll_stray()).collect()
}

fn source() -> Endpoint {
    Endpoint::Udp { remote: SocketAddr::from(([192, 0, 2, 1], 9)) }
}

fn open(device: &mut Device, datagram: &[u8], is_handed: bool) {
    let (mut arena, mut out) = (datagram.to_vec(), vec![]);
    let incoming = [Incoming { source: source(), span: Span { start: 0, len: datagram.len() } }];
    if is_handed {
        device.open_handed(NOW, &mut arena, &incoming, &mut out);
    } else {
        device.open_batch(NOW, &mut arena, &incoming, &mut out);
    }
    assert_eq!(out, []);
}

#[test]
fn a_packet_for_anothers_peer_is_handed_to_it_once_and_no_more_than_so_many_wait() {
    let mut device = worker(EVEN);
    let (packet, header) = (inner_packet([10, 0, 0, 1], [10, 0, 0, 2], b"text"), VirtioHeader::default());
    let mut out = Trains::new(1 << 16, 9);
    device.seal(NOW, &header, &packet, &mut out);
    let stray = Stray::Packet { header, bytes: packet.clone().into() };
    assert_eq!(strays(&mut device), [(1, stray)]);
    device.seal_handed(NOW, &header, &packet, &mut out);
    assert_eq!((strays(&mut device).len(), device.counters().drop_stray), (0, 1));
    for _ in 0..limits::STRAYS + 3 {
        device.seal(NOW, &header, &packet, &mut out);
    }
    assert_eq!((strays(&mut device).len(), device.counters().drop_stray), (limits::STRAYS, 4));
    assert!(out.is_empty() && device.poll_timeout().is_none(), "no handshake, no packet that waits");
    assert!(!device.peer_stats(NOW, SOMEBODYS).unwrap().open, "its gate is its worker's");
    // Where it is ours it waits for a session.
    let mut ours = worker(ODD);
    ours.seal_handed(NOW, &header, &packet, &mut out);
    assert_eq!((strays(&mut ours).len(), ours.counters().drop_stray), (0, 0));
    assert!(ours.poll_timeout().is_some());
}

#[test]
fn a_datagram_to_anothers_index_is_handed_to_it_once_and_counted_where_it_is_judged() {
    let to = |kind: u8, len: usize, at: usize, index: u32| {
        let mut datagram = vec![0; len];
        datagram[0] = kind;
        datagram[at..at + 4].copy_from_slice(&index.to_le_bytes());
        datagram
    };
    for (kind, len, at) in [
        (message::TRANSPORT, 64, 4),
        (message::RESPONSE, message::RESPONSE_LEN, 8),
        (message::COOKIE_REPLY, message::COOKIE_REPLY_LEN, 4),
    ] {
        let (theirs, ours) = (to(kind, len, at, 0x1235), to(kind, len, at, 0x1234));
        let mut device = worker(EVEN);
        open(&mut device, &theirs, false);
        let stray = Stray::Datagram { source: source(), bytes: theirs.clone().into() };
        assert_eq!(strays(&mut device), [(1, stray)]);
        assert_eq!((device.counters().rx_datagrams, device.counters().rx_bytes), (0, 0));
        open(&mut device, &theirs, true);
        open(&mut device, &ours, false);
        open(&mut device, &ours, true);
        assert_eq!((strays(&mut device).len(), device.counters().drop_stray), (0, 1));
        assert_eq!(device.counters().rx_datagrams, 3);
        let dropped = device.counters().drop_unknown_index + device.counters().drop_mac1;
        assert_eq!(dropped, 2);
    }
}

#[test]
fn what_is_no_wireguards_is_the_first_workers() {
    for datagram in [b"x".to_vec(), vec![0xd7; 90], vec![0xd8; 40], vec![]] {
        let (mut first, mut second) = (worker(EVEN), worker(ODD));
        open(&mut second, &datagram, false);
        assert_eq!(strays(&mut second), [(0, Stray::Datagram { source: source(), bytes: datagram.clone().into() })]);
        open(&mut first, &datagram, false);
        open(&mut first, &datagram, true);
        assert_eq!((strays(&mut first).len(), first.counters().drop_not_ours), (0, 2));
    }
}
