//! Many peers that are due at the same moment.

use std::collections::BTreeSet;

use super::pair::{Seeded, udp};
use crate::{Device, DeviceConfig, Instant, Now, PeerConfig, PeerId, PrivateKey, Unix, limits};

const NOW: Now = Now { mono: Instant(1_000_000_000_000), wall: Unix(1_790_000_000_000_000_000) };

fn key(number: usize) -> PrivateKey {
    let mut bytes = [9; 32];
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    PrivateKey::new(bytes)
}

#[test]
fn who_finds_no_room_at_once_is_served_late_and_not_left_out() {
    let peers = limits::TRANSMITS + 50;
    let mut device = Device::new(DeviceConfig::new(key(0)), Box::new(Seeded(1))).unwrap();
    for number in 1..=peers {
        let config = PeerConfig { public_keys: vec![key(number).public()], keepalive_s: 25, ..PeerConfig::default() };
        let id = PeerId(number as u64);
        device.set_peer(NOW, id, config).unwrap();
        device.set_endpoint(NOW, id, Some(udp((number % 200) as u8, 1000 + number as u16))).unwrap();
    }
    let mut told = BTreeSet::new();
    let mut buffer = [0; 2000];
    while device.poll_timeout().is_some_and(|(at, _)| at <= NOW.mono) {
        device.handle_timeout(NOW);
        let before = told.len();
        while let Some(transmit) = device.poll_transmit(NOW, &mut buffer) {
            assert!(told.insert(transmit.peer.unwrap().0));
        }
        let turn = told.len() - before;
        assert!((1..=limits::DUE_AT_ONCE).contains(&turn), "a turn of {turn}");
    }
    assert_eq!((told.len(), device.counters().drop_transmit_full), (peers, 0));
}
