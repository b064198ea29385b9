//! The packet path in steady state: it allocates nothing, and what a packet costs.
//!
//! A test program of its own, because it brings an allocator that counts. `cargo test --release -p
//! warren-proto --test hot_path -- --ignored --nocapture` prints the cost.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::disallowed_types, reason = "the one place that asks how long something took")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant as Clock;

use warren_proto::filter::{Direction, Rule, Rules};
use warren_proto::offload::{Coalescer, Merging, Sum, VirtioHeader};
use warren_proto::{
    Device, DeviceConfig, Endpoint, Incoming, Instant, Now, Opened, PeerConfig, PeerId, Prefix, PrivateKey, Random,
    Train, Trains, Unix,
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
    /// Bytes of a packet.
    len: usize,
    trains: Trains,
    incoming: Vec<Incoming>,
    coalescer: Coalescer,
    packets: Vec<(VirtioHeader, Vec<u8>)>,
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
        let (trains, incoming) = (Trains::new((len + 48) * BATCH, BATCH), Vec::with_capacity(BATCH));
        let (opened, coalescer) = (Vec::with_capacity(BATCH), Coalescer::new(BATCH));
        let mut bench = Self { now, devices, len, trains, incoming, coalescer, packets: vec![], opened };
        bench.packets = vec![bench.superpacket(0), bench.superpacket(1)];
        bench.devices.first_mut().unwrap().initiate(now, PEER).unwrap();
        for _ in 0..3 {
            bench.exchange(0);
            bench.exchange(1);
        }
        bench
    }

    /// Both filter, and of so many rules only the last one lets the flow through.
    fn filter(&mut self, count: u16) {
        let rule = |number: u16, direction, port| Rule {
            number: number.into(),
            direction,
            protocol: Some(17),
            remotes: 0,
            locals: 0,
            ports: vec![(port, port)],
        };
        let both = |number: u16, port| [Direction::In, Direction::Out].map(|way| rule(number, way, port));
        let others = (1..count).flat_map(|number| both(number, 1000 + number));
        let rules: Vec<_> = others.chain(both(count, 9)).collect();
        let everywhere = vec![Prefix::new([0, 0, 0, 0].into(), 0).unwrap()];
        let rules = Arc::new(Rules::compile(&[everywhere], &rules).unwrap());
        for device in &mut self.devices {
            device.set_filter(self.now, Some(Arc::clone(&rules)));
        }
        self.batch(0);
    }

    /// Carry what one side has to say to the other.
    fn exchange(&mut self, from: usize) {
        let mut buffer = [0; 2048];
        let [a, b] = &mut self.devices;
        let (sender, receiver) = if from == 0 { (a, b) } else { (b, a) };
        while let Some(transmit) = sender.poll_transmit(self.now, &mut buffer) {
            let span = warren_proto::Span { start: 0, len: transmit.len };
            let incoming = Incoming { source: endpoint(from), span };
            receiver.open_batch(self.now, &mut buffer, &[incoming], &mut self.opened);
        }
        while receiver.poll_event().is_some() {}
    }

    /// A flow of UDP datagrams as the TUN gives it: whole, or one superpacket.
    fn superpacket(&self, from: u8) -> (VirtioHeader, Vec<u8>) {
        let payload = self.len - 28;
        let total = u16::try_from(self.len).unwrap().to_be_bytes();
        let payload_bytes = payload * (60_000 / payload).min(BATCH);
        let length = u16::try_from(8 + payload_bytes).unwrap().to_be_bytes();
        let mut packet =
            vec![0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, from, 10, 0, 0, 1 - from];
        let pseudo = Sum::default().plus(&packet[12..20]).plus(&[0, 17]).plus(&length).partial();
        packet.extend([0, 9, 0, 9, length[0], length[1], pseudo[0], pseudo[1]]);
        packet.extend((0..payload_bytes).map(|at| u8::try_from(at % 251).unwrap()));
        let segment_len = u16::try_from(payload).unwrap();
        let header = VirtioHeader {
            needs_checksum: true,
            gso: warren_proto::offload::Gso::Udp,
            segment_len,
            checksum_start: 20,
            checksum_offset: 6,
            ..VirtioHeader::default()
        };
        (header, packet)
    }

    /// Superpackets from one side to the other until a batch is full; how long sealing, opening and merging took, in
    /// nanoseconds, and how many packets it were.
    fn batch(&mut self, from: usize) -> (u128, u128, u128, usize) {
        let (header, packet) = self.packets.get(from).unwrap();
        self.trains.clear();
        self.incoming.clear();
        self.opened.clear();
        let [a, b] = &mut self.devices;
        let (sender, receiver) = if from == 0 { (a, b) } else { (b, a) };
        let began = Clock::now();
        sender.seal(self.now, header, packet, &mut self.trains);
        let seal = began.elapsed().as_nanos();
        let source = endpoint(from);
        let (bytes, trains) = self.trains.parts_mut();
        self.incoming.extend(trains.iter().flat_map(Train::datagrams).map(|span| Incoming { source, span }));
        let began = Clock::now();
        receiver.open_batch(self.now, bytes, &self.incoming, &mut self.opened);
        let open = began.elapsed().as_nanos();
        assert_eq!(self.opened.len(), self.incoming.len());
        let began = Clock::now();
        let merging = Merging { headers: true, tcp: true, udp: true };
        receiver.deliver(self.now, merging, bytes, &mut self.opened, &mut self.coalescer);
        let merge = began.elapsed().as_nanos();
        assert!(self.coalescer.runs().len() <= self.opened.len().div_ceil(40));
        (seal, open, merge, self.opened.len())
    }
}

#[test]
fn sealing_and_opening_batches_allocates_nothing() {
    carries_without_allocation(Bench::new(1400));
}

#[test]
fn a_flow_that_the_filter_knows_allocates_nothing_either() {
    let mut bench = Bench::new(1400);
    bench.filter(1000);
    carries_without_allocation(bench);
}

fn carries_without_allocation(mut bench: Bench) {
    let before = ALLOCATIONS.get();
    for number in 0..100 {
        bench.now.mono.0 += 300_000_000;
        bench.batch(number % 2);
        bench.devices.iter_mut().for_each(|device| device.handle_timeout(bench.now));
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

/// Nothing of it is ours, or whole, or of a session: noise, each type in a wrong length, data for a session that is not
/// there and forged data for one that is, an initiation with a wrong MAC1, STUN and probes that nobody waits for.
fn malformed(of_a_session: [u8; 4]) -> Vec<Vec<u8>> {
    let mut noise = Numbers(7);
    let mut long = |head: &[u8], len: usize| {
        let mut bytes = vec![0; len];
        noise.fill(&mut bytes);
        bytes.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
        bytes
    };
    let mut all = vec![vec![], long(&[4], 1), long(&[], 148), long(&[0xff; 4], 1400)];
    for kind in 1..=4 {
        all.extend([long(&[kind, 0, 0, 0], 31), long(&[kind, 0, 0, 0], 149), long(&[kind, 0, 1, 0], 148)]);
    }
    let forged = [&[4, 0, 0, 0], of_a_session.as_slice(), &[0xff, 0xff, 0, 0, 0, 0, 0, 0]].concat();
    let stun = [&[1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], [5; 12].as_slice()].concat();
    all.extend([long(&[4, 0, 0, 0, 1, 2, 3, 4], 1452), long(&forged, 1452), long(&[1, 0, 0, 0], 148), stun]);
    all
}

#[test]
fn malformed_datagrams_allocate_nothing_say_nothing_and_are_answered_by_nothing() {
    let mut bench = Bench::new(1400);
    let last = bench.batch(0);
    assert!(last.3 > 0);
    let of_a_session = bench.trains.bytes()[4..8].try_into().unwrap();
    let datagrams = malformed(of_a_session);
    let mut arena = Vec::new();
    bench.incoming.clear();
    for bytes in &datagrams {
        let source = Endpoint::Udp { remote: ([203, 0, 113, 9], 9).into() };
        bench.incoming.push(Incoming { source, span: warren_proto::Span { start: arena.len(), len: bytes.len() } });
        arena.extend_from_slice(bytes);
    }
    let receiver = &mut bench.devices[1];
    let dropped = |device: &Device| device.counters().rx_datagrams;
    let before = dropped(receiver);
    while receiver.poll_event().is_some() {}
    let fresh = arena.clone();
    let allocations = ALLOCATIONS.get();
    for _ in 0..1000 {
        bench.now.mono.0 += 10_000;
        bench.opened.clear();
        arena.copy_from_slice(&fresh);
        receiver.open_batch(bench.now, &mut arena, &bench.incoming, &mut bench.opened);
        assert!(bench.opened.is_empty());
    }
    assert_eq!(ALLOCATIONS.get() - allocations, 0);
    assert_eq!(dropped(receiver) - before, 1000 * datagrams.len() as u64);
    assert!(receiver.poll_event().is_none(), "nothing goes up, so nothing is logged");
    assert!(receiver.poll_transmit(bench.now, &mut [0; 2048]).is_none());
}

/// What a product of X25519 costs, and one with the base point, in nanoseconds: the least of many, on a core that others
/// use too.
fn products() -> (u128, u128) {
    use x25519_dalek::{PublicKey, StaticSecret};
    let secret = StaticSecret::from([7; 32]);
    let with = PublicKey::from(&StaticSecret::from([9; 32]));
    let least = |work: &dyn Fn()| {
        let times = (0..2000).map(|_| {
            let began = Clock::now();
            work();
            began.elapsed().as_nanos()
        });
        times.min().unwrap()
    };
    let product = least(&|| assert!(secret.diffie_hellman(&with).was_contributory()));
    (product, least(&|| assert_ne!(PublicKey::from(&secret).to_bytes(), [0; 32])))
}

#[test]
#[ignore = "prints figures, checks nothing"]
fn what_a_packet_costs() {
    for (len, rules) in [(1400, 0), (1400, 1), (1400, 1000), (64, 0), (64, 1000)] {
        let mut bench = Bench::new(len);
        if rules > 0 {
            bench.filter(rules);
        }
        let times: Vec<_> = (0..2000).map(|_| bench.batch(0)).collect();
        let median = |of: fn(&(u128, u128, u128, usize)) -> u128| {
            let mut each: Vec<u128> = times.iter().map(|time| of(time) / time.3 as u128).collect();
            each.sort_unstable();
            each[each.len() / 2]
        };
        let (seal, open, merge) = (median(|time| time.0), median(|time| time.1), median(|time| time.2));
        println!("{len} B, {rules} rules: split and seal {seal} ns, open {open} ns, merge {merge} ns");
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
    let (product, public) = products();
    println!("of it, X25519: {product} ns a product (3 at each end), {public} ns a public key (1)");
}
