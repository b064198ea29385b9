//! Whoever holds no key changes no session, makes nothing longer come back, and fills no table beyond its limit.
//!
//! The device under attack has a session with one peer and a handshake on its way to another. It is made once and
//! used for many inputs, since that nothing changed is what each of them proves; a virtual minute renews it.

use std::cell::RefCell;

use super::input::Input;
use super::world::{START, device, key, later, open, packet, peer_config, seal, transmits, udp};
use crate::{Device, Event, Now, PeerId, demux, message, noise};

const CONNECTED: PeerId = PeerId(1);
const AWAITED: PeerId = PeerId(2);
const ATTACKED: u8 = 0;
/// Younger than anything that time alone changes: keepalives, renewals, repeated initiations.
const LIFE_MS: u64 = 200;

struct Attacked {
    device: Device,
    now: Now,
    born: Now,
}

thread_local! {
    static ATTACKED_DEVICE: RefCell<Option<Attacked>> = const { RefCell::new(None) };
}

impl Attacked {
    fn new() -> Self {
        let now = START;
        let (mut own, mut peer) = (device(ATTACKED, 1), device(1, 2));
        own.set_peer(now, CONNECTED, peer_config(1)).unwrap();
        own.set_peer(now, AWAITED, peer_config(2)).unwrap();
        peer.set_peer(now, CONNECTED, peer_config(ATTACKED)).unwrap();
        peer.set_gate(CONNECTED, true).unwrap();
        own.set_gate(CONNECTED, true).unwrap();
        own.set_probe_key([7; 8], [8; 32], CONNECTED).unwrap();
        peer.set_endpoint(now, CONNECTED, Some(udp(1))).unwrap();
        own.set_endpoint(now, AWAITED, Some(udp(3))).unwrap();
        peer.initiate(now, CONNECTED).unwrap();
        for (_, _, bytes) in transmits(&mut peer, now) {
            assert!(open(&mut own, now, udp(2), &bytes).is_none());
        }
        for (_, _, bytes) in transmits(&mut own, now) {
            open(&mut peer, now, udp(1), &bytes);
        }
        let (_, bytes) = seal(&mut peer, now, &packet(1, ATTACKED, b"hello")).expect("a session");
        assert!(open(&mut own, now, udp(2), &bytes).is_some());
        assert!(own.stats_of(now, CONNECTED).alive && own.stats_of(now, CONNECTED).open);
        own.initiate(now, AWAITED).unwrap();
        transmits(&mut own, now);
        while own.poll_event().is_some() {}
        own.check_tables();
        let now = later(now, 1);
        Self { device: own, now, born: now }
    }
}

/// See the module.
pub(super) fn strangers(data: &[u8]) {
    ATTACKED_DEVICE.with_borrow_mut(|place| {
        let aged = |it: &Attacked| it.now.mono.since(it.born.mono).as_millis() >= u128::from(LIFE_MS);
        if place.as_ref().is_none_or(aged) {
            *place = Some(Attacked::new());
        }
        let attacked = place.as_mut().expect("just made");
        attacked.now = later(attacked.now, 1);
        attack(attacked, data);
    });
}

fn attack(attacked: &mut Attacked, data: &[u8]) {
    let (device, now) = (&mut attacked.device, attacked.now);
    let before = (device.marks(), device.poll_timeout());
    let mut input = Input::new(data);
    while !input.is_empty() {
        let bytes = datagram(&mut input, device);
        let source = udp(100 + (input.byte() & 3));
        assert_eq!(open(device, now, source, &bytes), None, "a stranger's packet passed");
        for (peer, endpoint, answer) in transmits(device, now) {
            assert_eq!((peer, endpoint), (None, source));
            assert!(answer.len() <= bytes.len(), "an answer longer than the question");
        }
        while let Some(event) = device.poll_event() {
            assert!(matches!(event, Event::UnknownInitiator { .. }), "{event:?}");
        }
    }
    assert_eq!((device.marks(), device.poll_timeout()), before);
    device.check_tables();
}

/// What a stranger can make: anything, with what the device shows to all (its public key, so MAC1) and what crosses
/// the wire in clear (indices, hints) put in its place.
fn datagram(input: &mut Input<'_>, device: &Device) -> Vec<u8> {
    let what = input.byte();
    let mut bytes = match what & 7 {
        0 | 1 => return input.some().to_vec(),
        2 => stretched(input.some(), 148, 1),
        3 => stretched(input.some(), 92, 2),
        4 => stretched(input.some(), 64, 3),
        5 => {
            let length = 32 + usize::from(input.byte());
            stretched(input.some(), length, 4)
        }
        6 => [&[0xd7, b'W', b'R', b'N', 7, 7, 7, 7, 7, 7, 7, 7][..], &stretched(input.some(), 60, 0)].concat(),
        _ => [&[1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], input.some()].concat(),
    };
    let indices = device.live_indices();
    let index = indices[usize::from(what >> 4) % indices.len()].to_le_bytes();
    match bytes[0] {
        2 => bytes[8..12].copy_from_slice(&index),
        3 | 4 => bytes[4..8].copy_from_slice(&index),
        _ => {}
    }
    if what & 8 == 0 && matches!(bytes[0], 1 | 2) && demux::kind(&bytes) == demux::Kind::WireGuard {
        let at = bytes.len() - 32;
        let mac1 = noise::mac(&noise::mac1_key(&key(ATTACKED).public()), &[&bytes[..at]]);
        bytes[at..at + 16].copy_from_slice(&mac1);
        assert!(message::parse(&bytes).is_some());
    }
    bytes
}

/// `some` made `length` long with zeros behind it, under the head of a message of this type.
fn stretched(some: &[u8], length: usize, kind: u8) -> Vec<u8> {
    let mut bytes = vec![0; length];
    bytes[0] = kind;
    bytes[4..].iter_mut().zip(some).for_each(|(to, from)| *to = *from);
    bytes
}
