//! The packet path in steady state: it allocates nothing, and what a packet costs.
//!
//! A test program of its own, because it brings an allocator that counts. `cargo test --release -p
//! warren-proto --test hot_path -- --ignored --nocapture` prints the cost.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::disallowed_types, reason = "the one place that asks how long something took")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Instant as Clock;

use warren_proto::{
    Device, DeviceConfig, Endpoint, HEADROOM, Incoming, Instant, Now, Opened, PeerConfig, PeerId, Prefix, PrivateKey,
    Random, Sealed, Span, TAILROOM, Unix,
};

struct Counting;

thread_local! {
    /// Of this thread, so that the test harness and other tests don't count.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Numbers(u8);

impl Random for Numbers {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            self.0 = self.0.wrapping_mul(5).wrapping_add(113);
            *byte = self.0;
        }
    }
}

const BATCH: usize = 128;
const PEER: PeerId = PeerId(1);

struct Bench {
    now: Now,
    devices: [Device; 2],
    arena: Vec<u8>,
    packets: Vec<Span>,
    sealed: Vec<Sealed>,
    incoming: Vec<Incoming>,
    opened: Vec<Opened>,
}

fn endpoint(side: usize) -> Endpoint {
    Endpoint::Udp { remote: ([192, 0, 2, u8::try_from(side).unwrap()], 51820).into() }
}

impl Bench {
    fn new(len: usize) -> Self {
        let now = Now { mono: Instant(1 << 40), wall: Unix(1_790_000_000_000_000_000) };
        let key = |side: usize| PrivateKey::new([u8::try_from(side).unwrap() * 8 + 8; 32]);
        let devices = [0, 1].map(|side| {
            let random = Numbers(u8::try_from(side).unwrap());
            let mut device = Device::new(DeviceConfig::new(key(side)), Box::new(random)).unwrap();
            let address = format!("10.0.0.{}", 1 - side).parse().unwrap();
            let config = PeerConfig {
                public_keys: vec![key(1 - side).public()],
                allowed: vec![Prefix::new(address, 32).unwrap()],
                ..PeerConfig::default()
            };
            device.set_peer(now, PEER, config).unwrap();
            device.set_gate(PEER, true).unwrap();
            device.set_endpoint(now, PEER, Some(endpoint(1 - side))).unwrap();
            device
        });
        let slot = HEADROOM + len + TAILROOM;
        let packets = (0..BATCH).map(|number| Span { start: number * slot + HEADROOM, len }).collect();
        let (sealed, incoming) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let arena = vec![0; slot * BATCH];
        let mut bench = Self { now, devices, arena, packets, sealed, incoming, opened: Vec::with_capacity(BATCH) };
        bench.devices.first_mut().unwrap().initiate(now, PEER).unwrap();
        for _ in 0..3 {
            bench.exchange(0);
            bench.exchange(1);
        }
        bench
    }

    /// Carry what one side has to say to the other.
    fn exchange(&mut self, from: usize) {
        let mut buffer = [0; 2048];
        let [a, b] = &mut self.devices;
        let (sender, receiver) = if from == 0 { (a, b) } else { (b, a) };
        while let Some(transmit) = sender.poll_transmit(self.now, &mut buffer) {
            let incoming = Incoming { source: endpoint(from), span: Span { start: 0, len: transmit.len } };
            receiver.open_batch(self.now, &mut buffer, &[incoming], &mut self.opened);
        }
        while receiver.poll_event().is_some() {}
    }

    /// One batch from one side to the other, sealed and opened in place; how long each took, in nanoseconds.
    fn batch(&mut self, from: usize) -> (u128, u128) {
        let from_byte = u8::try_from(from).unwrap();
        for span in &self.packets {
            let total = u16::try_from(span.len).unwrap().to_be_bytes();
            let header = [0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, from_byte, 10, 0, 0];
            self.arena[span.start..span.start + 19].copy_from_slice(&header);
            self.arena[span.start + 19] = 1 - from_byte;
        }
        self.sealed.clear();
        self.incoming.clear();
        self.opened.clear();
        let [a, b] = &mut self.devices;
        let (sender, receiver) = if from == 0 { (a, b) } else { (b, a) };
        let began = Clock::now();
        sender.seal_batch(self.now, &mut self.arena, &self.packets, &mut self.sealed);
        let seal = began.elapsed().as_nanos();
        let source = endpoint(from);
        self.incoming.extend(self.sealed.iter().map(|sealed| Incoming { source, span: sealed.span }));
        let began = Clock::now();
        receiver.open_batch(self.now, &mut self.arena, &self.incoming, &mut self.opened);
        let open = began.elapsed().as_nanos();
        assert_eq!(self.opened.len(), BATCH);
        (seal, open)
    }
}

#[test]
fn sealing_and_opening_batches_allocates_nothing() {
    let mut bench = Bench::new(1400);
    let before = ALLOCATIONS.get();
    for number in 0..100 {
        bench.now.mono.0 += 300_000_000;
        bench.batch(number % 2);
        bench.devices.iter_mut().for_each(|device| device.handle_timeout(bench.now));
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
#[ignore = "prints figures, checks nothing"]
fn what_a_packet_costs() {
    for len in [1400, 64] {
        let mut bench = Bench::new(len);
        let mut times: Vec<(u128, u128)> = (0..2000).map(|_| bench.batch(0)).collect();
        let middle = times.len() / 2;
        times.sort_unstable();
        let seal = times[middle].0 / BATCH as u128;
        times.sort_unstable_by_key(|(_, open)| *open);
        println!("{len} B: seal {seal} ns, open {} ns", times[middle].1 / BATCH as u128);
    }
    let mut bench = Bench::new(64);
    let mut times: Vec<u128> = (0..1000)
        .map(|_| {
            bench.now.mono.0 += 200_000_000;
            let began = Clock::now();
            bench.devices[0].initiate(bench.now, PEER).unwrap();
            (0..2).for_each(|side| bench.exchange(side));
            began.elapsed().as_micros()
        })
        .collect();
    times.sort_unstable();
    println!("handshake, both ends: {} us", times[times.len() / 2]);
}
