//! How many handshakes a second one core answers: `cargo run --release -p warren-io --example handshakes`.
//!
//! Peers that have keys of their own begin one after the other, and again when each had its turn; only the responder's
//! part is timed, by the core time of its thread: the initiation opened, its session made, the response written.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement stops at the first surprise and says what it saw"
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant as Clock};

use warren_io::proto::{
    Device, DeviceConfig, Endpoint, Incoming, Instant, Now, Opened, PeerConfig, PeerId, PrivateKey,
    PublicKey, Random, Span, TRANSMIT_MIN, Unix,
};

const PEERS: u64 = 200;
const ROUNDS: u64 = 20;
/// Between two handshakes of a peer, beyond what a responder takes for a flood.
const ROUND: Duration = Duration::from_secs(1);
const ALL: PeerId = PeerId(1);

/// splitmix64: good enough to be different each time.
struct Seeded(u64);

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk
                .iter_mut()
                .zip((z ^ (z >> 31)).to_le_bytes())
                .for_each(|(to, from)| *to = from);
        }
    }
}

fn device(key: PrivateKey, seed: u64) -> Device {
    let config = DeviceConfig {
        handshakes_per_s: u32::MAX,
        ..DeviceConfig::new(key)
    };
    Device::new(config, Box::new(Seeded(seed))).unwrap()
}

fn knows(device: &mut Device, now: Now, peer: PeerId, public: PublicKey) {
    device
        .set_peer(
            now,
            peer,
            PeerConfig {
                public_keys: vec![public],
                ..PeerConfig::default()
            },
        )
        .unwrap();
}

/// What a device wants to send, if it wants to.
fn written(device: &mut Device, now: Now) -> Option<Vec<u8>> {
    let mut bytes = vec![0; TRANSMIT_MIN];
    let transmit = device.poll_transmit(now, &mut bytes)?;
    bytes.truncate(transmit.len);
    Some(bytes)
}

fn main() {
    let key = |number: u64| {
        PrivateKey::new([number as u8 ^ 0x55; 32].map(|byte| byte ^ (number >> 8) as u8))
    };
    let responder_key = PrivateKey::new([0xaa; 32]);
    let responder_public = responder_key.public();
    let place = |number: u64| Endpoint::Udp {
        remote: SocketAddr::from((Ipv4Addr::from(0x0a00_0000 + number as u32), 7)),
    };
    let mut now = Now {
        mono: Instant(1_000_000_000_000),
        wall: Unix(1_790_000_000_000_000_000),
    };
    let mut responder = device(responder_key, 0);
    let mut peers: Vec<Device> = (1..=PEERS)
        .map(|number| {
            knows(&mut responder, now, PeerId(number), key(number).public());
            let mut peer = device(key(number), number);
            knows(&mut peer, now, ALL, responder_public);
            peer.set_endpoint(now, ALL, Some(place(0))).unwrap();
            peer
        })
        .collect();
    let mut answered = 0_u32;
    let (mut on_core, mut by_clock) = (Duration::ZERO, Duration::ZERO);
    let mut opened: Vec<Opened> = Vec::new();
    for round in 0..=ROUNDS {
        now = Now {
            mono: now.mono.after(ROUND),
            wall: Unix(now.wall.0 + ROUND.as_nanos() as u64),
        };
        let mut begun: Vec<_> = (1..)
            .zip(&mut peers)
            .map(|(number, peer)| {
                peer.initiate(now, ALL).unwrap();
                let initiation = written(peer, now).unwrap();
                let span = Span {
                    start: 0,
                    len: initiation.len(),
                };
                let source = place(number);
                (initiation, [Incoming { source, span }])
            })
            .collect();
        let (core, clock) = (core_time(), Clock::now());
        for (initiation, incoming) in &mut begun {
            responder.open_batch(now, initiation, incoming, &mut opened);
            let response = written(&mut responder, now);
            answered += u32::from(response.is_some() && round > 0);
        }
        // In the first round each pair of static keys meets for the first time, which happens once in a key's life.
        if round > 0 {
            on_core += core_time() - core;
            by_clock += clock.elapsed();
        }
    }
    assert_eq!(u64::from(answered), PEERS * ROUNDS, "some were refused");
    let each = on_core / answered;
    println!(
        "{:.0} handshakes a second and core as responder, {} us each (must 4,000 on a Xeon of 2.5 GHz); {:.0} a second by the clock",
        1.0 / each.as_secs_f64(),
        each.as_micros(),
        f64::from(answered) / by_clock.as_secs_f64()
    );
}

/// How long this thread has had a core, whatever else the machine does.
fn core_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes to the room that it is given, which lives through it.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(done, 0, "every Linux has this clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
