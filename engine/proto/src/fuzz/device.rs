//! One device under any sequence of calls, datagrams, packets and jumps of time: it never panics, no table passes its
//! limit, no two tables disagree, and a call that is refused changes nothing.

use super::input::Input;
use super::world::{MTU, START, device as new_device, host, host_prefix, key, later, open, seal, transmits, udp};
use crate::offload::VirtioHeader;
use crate::{
    ConfigError, Device, Endpoint, HEADROOM, Incoming, Mode, Now, Owner, PeerConfig, PeerId, Prefix, PresharedKey,
    PublicKey, Span, StampWindow, Trains, Transport, Unix, noise,
};

/// More than any sequence needs to find something; a longer one only costs time.
const STEPS: usize = 64;

/// See the module.
pub(super) fn device(data: &[u8]) {
    let mut input = Input::new(data);
    let mut device = new_device(0, 1);
    let mut now = START;
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        match input.below(20) {
            0..=2 => configure(&mut input, &mut device, now),
            3 => now = later(now, u64::from(input.byte()) << (input.byte() & 15)),
            4 => now.wall = Unix(input.number()),
            5 => batch_in(&mut input, &mut device, now),
            6 => batch_out(&mut input, &mut device, now),
            7 => {
                let bytes = input.some();
                open(&mut device, now, endpoint(&mut input), bytes);
            }
            8 | 9 => addressed(&mut input, &mut device, now),
            10 => drop(seal(&mut device, now, input.some())),
            11 | 12 => {
                let mut packet = vec![0x45, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0];
                packet.extend(host(input.byte() & 3).octets());
                packet.extend(input.some());
                seal(&mut device, now, &packet);
            }
            13 => drop(device.set_gate(peer(&mut input), input.flag())),
            14 => {
                let to = input.flag().then(|| endpoint(&mut input));
                let _known = device.set_endpoint(now, peer(&mut input), to);
            }
            15 => drop(device.initiate(now, peer(&mut input))),
            16 => drop(device.ping(now, peer(&mut input), u64::from(input.byte()))),
            17 => drop(device.remove_peer(peer(&mut input))),
            18 => device.expect_stun(now, [input.byte(); 12], u64::from(input.byte())),
            _ => rest(&mut input, &mut device, now),
        }
        if device.poll_timeout().is_some_and(|(at, _)| at <= now.mono) {
            device.handle_timeout(now);
        }
        device.check_tables();
        if input.flag() {
            for (_, _, bytes) in transmits(&mut device, now) {
                assert!(bytes.len() <= MTU + HEADROOM + 16);
            }
            while device.poll_event().is_some() {}
        }
    }
    device.check_tables();
}

fn peer(input: &mut Input<'_>) -> PeerId {
    PeerId(u64::from(input.byte() & 3))
}

fn endpoint(input: &mut Input<'_>) -> Endpoint {
    match input.byte() {
        number @ 0..=127 => udp(number & 7),
        number => Endpoint::Relay { relay: 1, channel: u32::from(number) },
    }
}

/// Peers and keys, right and wrong.
fn configure(input: &mut Input<'_>, device: &mut Device, now: Now) {
    let id = peer(input);
    let what = input.byte();
    let public = |number: u8| match number {
        0..=200 => key(number).public(),
        _ => PublicKey([number & 1; 32]),
    };
    let config = PeerConfig {
        public_keys: (0..usize::from(what & 3)).map(|_| public(input.byte())).collect(),
        preshared_keys: (0..usize::from(what >> 5)).map(|number| PresharedKey::new([number as u8; 32])).collect(),
        allowed: (0..input.below(4))
            .filter_map(|_| Prefix::new(host_prefix(input.byte() & 3).address(), 32 - (input.byte() & 15)))
            .collect(),
        mode: if what & 4 == 0 { Mode::Roam } else { Mode::Managed },
        keepalive_s: u16::from(what & 24) << (what & 7),
        transport: [Transport::WireGuard, Transport::TakesAes, Transport::ChoosesAes][usize::from(what % 3)],
    };
    let before = device.marks();
    if let Err(refusal) = device.set_peer(now, id, config) {
        assert_ne!(refusal, ConfigError::UnknownPeer);
        assert_eq!(device.marks(), before, "{refusal:?} changed something");
    }
}

/// Datagrams at any place of an arena, inside it or not.
fn batch_in(input: &mut Input<'_>, device: &mut Device, now: Now) {
    let spans: Vec<Incoming> =
        (0..input.below(4)).map(|_| Incoming { source: endpoint(input), span: span(input) }).collect();
    let mut arena = input.some().to_vec();
    let mut out = vec![];
    device.open_batch(now, &mut arena, &spans, &mut out);
    assert!(out.is_empty(), "nobody has a session to send packets in");
}

/// A packet that the TUN describes in any way, also where header or tag have no room.
fn batch_out(input: &mut Input<'_>, device: &mut Device, now: Now) {
    let header = input.take(10).first_chunk().and_then(VirtioHeader::parse).unwrap_or_default();
    let mut out = Trains::new(input.below(256), 4);
    device.seal(now, &header, input.some(), &mut out);
    device.seal_held(now, &mut out);
    assert!(out.is_empty(), "there is no session to seal with");
}

fn span(input: &mut Input<'_>) -> Span {
    let far = |number: u8| if number == 255 { usize::MAX } else { usize::from(number) };
    Span { start: far(input.byte()), len: far(input.byte()) }
}

/// A handshake message with a right MAC1, an index that lives, and otherwise anything.
fn addressed(input: &mut Input<'_>, device: &mut Device, now: Now) {
    let mut bytes = vec![0; [148, 92, 64, 48][input.below(4)]];
    bytes[0] = match bytes.len() {
        148 => 1,
        92 => 2,
        64 => 3,
        _ => 4,
    };
    let some = input.some();
    bytes[4..].iter_mut().zip(some).for_each(|(to, from)| *to = *from);
    let indices = device.live_indices();
    if let Some(index) = indices.get(input.below(indices.len().max(1))) {
        let at = if bytes[0] == 2 { 8 } else { 4 };
        bytes[at..at + 4].copy_from_slice(&index.to_le_bytes());
    }
    if bytes.len() > 64 {
        let at = bytes.len() - 32;
        let mac1 = noise::mac(&noise::mac1_key(&key(0).public()), &[&bytes[..at]]);
        bytes[at..at + 16].copy_from_slice(&mac1);
    }
    assert_eq!(open(device, now, endpoint(input), &bytes), None);
}

/// What is called seldom.
fn rest(input: &mut Input<'_>, device: &mut Device, now: Now) {
    match input.below(6) {
        0 => {
            let keys = (0..input.below(4)).map(|_| key(input.byte())).collect();
            let before = device.marks();
            if device.set_private_keys(now, keys).is_err() {
                assert_eq!(device.marks(), before);
            }
        }
        1 => {
            let _known = device.set_probe_key([input.byte() & 3; 8], [1; 32], peer(input));
        }
        2 => drop(device.remove_probe_key([input.byte() & 3; 8])),
        3 => device.set_mtu(usize::from(input.byte()) << 4),
        4 => device.set_stamp_window(StampWindow { floor: Unix(input.number()), ceiling: Unix(input.number()) }),
        _ => {
            let config = crate::DeviceConfig {
                owner: Owner { bits: input.byte(), value: input.byte() },
                ..crate::DeviceConfig::new(key(input.byte()))
            };
            let fits = config.owner.bits <= 8 && u32::from(config.owner.value) < 1 << config.owner.bits;
            assert_eq!(Device::new(config, Box::new(super::world::Splitmix(1))).is_ok(), fits);
        }
    }
}
