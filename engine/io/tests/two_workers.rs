//! Whole workers against each other: the real threads, engine and queues over devices in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test stops at the first surprise"
)]

mod joined;

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use joined::{
    NEVER, PEER, SOON, Side, introduce, is_handshake, packet, pair, place, side, side_with, start,
    wait_for,
};
use warren_io::offloads::Ladder;
use warren_io::proto::offload::{Coalescer, Gso, Merging, Sum, VirtioHeader};
use warren_io::proto::{Incoming, Train};
use warren_io::tun::{Read, Tun, memory_tun};
use warren_io::udp::{Failed, Family, MemoryNet, MemoryUdp, Sent, Udp};
use warren_io::{Arena, Error, TunnelEvent};

fn send(from: &Side, to: &Side, payload: &[u8]) {
    assert!(from.host.send(&packet(from.inner, to.inner, payload)));
}

#[test]
fn packets_pass_both_ways_and_nothing_of_them_is_readable_on_the_wire() {
    let wire = Arc::new(Mutex::new(Vec::new()));
    let tap = Arc::clone(&wire);
    let net = MemoryNet::watched(move |_, _, bytes: &[u8]| {
        tap.lock().unwrap().extend_from_slice(bytes);
        true
    });
    let (a, b) = pair(&net);
    send(&a, &b, b"a secret for b");
    let got = b.host.receive(SOON).expect("the packet");
    assert_eq!(got, packet(a.inner, b.inner, b"a secret for b"));
    send(&b, &a, b"a secret for a");
    let got = a.host.receive(SOON).expect("the answer");
    assert_eq!(got, packet(b.inner, a.inner, b"a secret for a"));
    wait_for(&a.tunnel, is_handshake);
    let wire = wire.lock().unwrap();
    assert!(!wire.is_empty());
    assert!(!wire.windows(8).any(|window| window == b"a secret"));
}

#[test]
fn a_shut_gate_passes_nothing_though_the_session_stands() {
    let net = MemoryNet::default();
    let (a, b) = pair(&net);
    let shut = b.tunnel.call(|desk| desk.device.set_gate(PEER, false));
    shut.unwrap().unwrap();
    a.tunnel
        .call(|desk| desk.device.initiate(desk.now, PEER))
        .unwrap()
        .unwrap();
    wait_for(&a.tunnel, is_handshake);
    send(&a, &b, b"not for you");
    assert_eq!(b.host.receive(NEVER), None);
    let dropped = b.tunnel.call(|desk| desk.device.counters().drop_gate_in);
    assert_eq!(dropped.unwrap(), 1);
}

#[test]
fn a_thousand_packets_at_once_arrive_in_order_or_are_counted() {
    let net = MemoryNet::default();
    let (a, b) = pair(&net);
    send(&a, &b, b"first");
    b.host.receive(SOON).expect("the session");
    for number in 0..1000_u32 {
        send(&a, &b, &number.to_be_bytes());
    }
    for number in 0..1000_u32 {
        let got = b.host.receive(SOON).expect("the next packet");
        assert_eq!(got.get(20..), Some(&number.to_be_bytes()[..]));
    }
}

#[test]
fn after_close_the_devices_are_gone_and_calls_say_so() {
    let net = MemoryNet::default();
    let (a, _b) = pair(&net);
    a.tunnel.close();
    a.tunnel.close();
    assert!(matches!(a.tunnel.call(|_| ()), Err(Error::Closed)));
    assert!(a.tunnel.take_events(9).is_empty());
    // The address is free again only if the worker dropped its socket.
    let _again = net.socket(a.place).unwrap();
}

#[test]
fn dropping_a_tunnel_ends_its_worker_and_frees_its_devices() {
    let net = MemoryNet::default();
    let side = side(1, &net);
    let Side { tunnel, host, .. } = side;
    drop(tunnel);
    // The worker's side of the TUN is gone, so ours is the only one left.
    assert!(host.is_alone());
}

#[test]
fn a_flood_into_the_tunnel_starves_neither_what_comes_back_nor_the_caller() {
    let net = MemoryNet::default();
    let (a, b) = pair(&net);
    send(&a, &b, b"first");
    b.host.receive(SOON).expect("the session");
    let is_done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let bulk = packet(a.inner, b.inner, &[7; 1200]);
            while is_done.load(Ordering::Relaxed) == 0 {
                a.host.send(&bulk);
            }
        });
        let begun = Instant::now();
        for number in 0..100_u32 {
            send(&b, &a, &number.to_be_bytes());
            let got = a.host.receive(SOON);
            a.tunnel.call(|_| ()).unwrap();
            assert_eq!(
                got.as_deref().and_then(|got| got.get(20..)),
                Some(&number.to_be_bytes()[..])
            );
        }
        let taken = begun.elapsed();
        is_done.store(1, Ordering::Relaxed);
        assert!(
            taken < SOON,
            "100 round trips beside a flood took {taken:?}"
        );
    });
}

#[test]
fn a_bug_in_the_worker_ends_this_tunnel_with_an_event_and_no_other() {
    let net = MemoryNet::default();
    let (a, b) = pair(&net);
    let answer = a.tunnel.call(|_| panic!("a bug, made for this test"));
    let answer: Result<(), Error> = answer;
    assert!(matches!(answer, Err(Error::Closed)));
    let failed = |event: &TunnelEvent| matches!(event, TunnelEvent::WorkerFailed { .. });
    assert_eq!(
        wait_for(&a.tunnel, failed),
        TunnelEvent::WorkerFailed { errno: libc::EIO }
    );
    assert!(b.tunnel.call(|_| ()).is_ok());
}

/// A TUN whose link somebody deleted.
struct GoneTun(warren_io::tun::MemoryTun);

impl Tun for GoneTun {
    fn name(&self) -> &[u8] {
        self.0.name()
    }
    fn fd(&self) -> RawFd {
        self.0.fd()
    }
    fn read(&mut self, _: &mut [u8]) -> io::Result<Option<Read>> {
        Err(io::Error::from_raw_os_error(libc::EBADFD))
    }
    fn merging(&self) -> Merging {
        self.0.merging()
    }
    fn write(&mut self, arena: &Arena, coalescer: &Coalescer) -> io::Result<u64> {
        self.0.write(arena, coalescer)
    }
    fn ladder(&self) -> Ladder {
        self.0.ladder()
    }
}

#[test]
fn a_device_that_is_gone_ends_the_worker_with_its_errno() {
    let net = MemoryNet::default();
    let (tun, host) = memory_tun(b"gone", Merging::default()).unwrap();
    let tunnel = start(1, GoneTun(tun), net.socket(place(1)).unwrap());
    assert!(host.send(b"wakes the worker"));
    let failed = |event: &TunnelEvent| matches!(event, TunnelEvent::WorkerFailed { .. });
    let event = wait_for(&tunnel, failed);
    assert_eq!(
        event,
        TunnelEvent::WorkerFailed {
            errno: libc::EBADFD
        }
    );
    assert!(matches!(tunnel.call(|_| ()), Err(Error::Closed)));
}

#[test]
fn a_destination_that_cannot_be_reached_is_told_and_holds_up_nobody() {
    let net = MemoryNet::default();
    let (a, b) = pair(&net);
    let nowhere: SocketAddr = place(99);
    let sent = a
        .tunnel
        .call(move |desk| desk.answers.push_copy(b"into the void", nowhere));
    assert!(sent.unwrap());
    send(&a, &b, b"goes on");
    assert!(b.host.receive(SOON).is_some());
    let event = wait_for(&a.tunnel, |event| {
        matches!(event, TunnelEvent::SendFailed { .. })
    });
    let expected = TunnelEvent::SendFailed {
        peer: None,
        errno: libc::ENETUNREACH,
        remote: nowhere,
    };
    assert_eq!(event, expected);
    assert_eq!(
        a.tunnel.call(|desk| desk.losses.drop_send_failed).unwrap(),
        1
    );
}

/// A socket that takes three datagrams, then none, then three again.
struct NarrowUdp {
    inner: MemoryUdp,
    blocks: Arc<AtomicUsize>,
    is_full: bool,
}

impl Udp for NarrowUdp {
    fn port(&self) -> u16 {
        self.inner.port()
    }
    fn rebind(&mut self, port: u16) -> io::Result<()> {
        self.inner.rebind(port)
    }
    fn set_mark(&mut self, mark: u32) -> io::Result<()> {
        self.inner.set_mark(mark)
    }
    fn fd(&self, family: Family) -> RawFd {
        self.inner.fd(family)
    }
    fn receive(
        &mut self,
        family: Family,
        arena: &mut Arena,
        datagrams: &mut Vec<Incoming>,
    ) -> io::Result<u64> {
        self.inner.receive(family, arena, datagrams)
    }
    fn send(&mut self, bytes: &[u8], trains: &[Train], failed: Failed<'_>) -> Sent {
        self.is_full = !self.is_full;
        let mut room = if self.is_full { 3 } else { 0 };
        for (number, train) in trains.iter().enumerate() {
            let taken = train.count().min(room);
            let mut part = *train;
            part.span.len = part.span.len.min(taken * train.stride);
            self.inner.send(bytes, &[part], failed);
            room -= taken;
            if taken < train.count() {
                self.blocks.fetch_add(1, Ordering::Relaxed);
                return Sent::Blocked {
                    trains: number,
                    datagrams: taken,
                    family: Family::V4,
                };
            }
        }
        Sent::All
    }
    fn ladder(&self) -> Ladder {
        self.inner.ladder()
    }
}

#[test]
fn a_full_socket_loses_nothing_and_does_not_stop_receiving() {
    let net = MemoryNet::default();
    let blocks = Arc::new(AtomicUsize::new(0));
    let (tun, host) = memory_tun(b"narrow", Merging::default()).unwrap();
    let udp = NarrowUdp {
        inner: net.socket(place(1)).unwrap(),
        blocks: Arc::clone(&blocks),
        is_full: false,
    };
    let a = Side {
        tunnel: start(1, tun, udp),
        host,
        place: place(1),
        inner: [10, 77, 0, 1],
    };
    let b = side(2, &net);
    introduce(&a.tunnel, 2, Some(b.place));
    introduce(&b.tunnel, 1, Some(a.place));
    send(&a, &b, b"first");
    b.host.receive(SOON).expect("the session");
    for number in 0..500_u32 {
        send(&a, &b, &number.to_be_bytes());
        send(&b, &a, &number.to_be_bytes());
    }
    for number in 0..500_u32 {
        for side in [&a, &b] {
            let got = side.host.receive(SOON).expect("the next packet");
            assert_eq!(got.get(20..), Some(&number.to_be_bytes()[..]));
        }
    }
    assert!(blocks.load(Ordering::Relaxed) > 0);
}

#[test]
fn what_is_too_long_for_the_mtu_is_counted_and_dropped() {
    let net = MemoryNet::default();
    let (a, b) = pair(&net);
    send(&a, &b, &[7; 1400]);
    send(&a, &b, &[8; 1380]);
    assert_eq!(b.host.receive(SOON).map(|got| got.len()), Some(1400));
    assert_eq!(
        a.tunnel
            .call(|desk| desk.device.counters().drop_packet_too_long)
            .unwrap(),
        1
    );
}

/// A UDP superpacket from one side to the other, and the packets it stands for.
fn superpacket(from: &Side, to: &Side, size: usize, count: usize) -> (VirtioHeader, Vec<u8>) {
    let payload: Vec<u8> = (0..size * count).map(|at| (at % 251) as u8).collect();
    let length = u16::try_from(8 + payload.len()).unwrap().to_be_bytes();
    let pseudo = Sum::default()
        .plus(&from.inner)
        .plus(&to.inner)
        .plus(&[0, 17])
        .plus(&length)
        .partial();
    let ports = [0, 9, 0, 9, length[0], length[1], pseudo[0], pseudo[1]];
    let packet = packet(from.inner, to.inner, &[&ports[..], &payload].concat());
    let header = VirtioHeader {
        needs_checksum: true,
        gso: Gso::Udp,
        segment_len: u16::try_from(size).unwrap(),
        checksum_start: 20,
        checksum_offset: 6,
        ..VirtioHeader::default()
    };
    (header, packet)
}

#[test]
fn superpackets_arrive_as_the_packets_they_stand_for_in_fewer_writes() {
    let net = MemoryNet::default();
    let all = Merging {
        headers: true,
        tcp: true,
        udp: true,
    };
    let (a, b) = (side_with(1, &net, all), side_with(2, &net, all));
    introduce(&a.tunnel, 2, Some(b.place));
    introduce(&b.tunnel, 1, Some(a.place));
    send(&a, &b, b"first");
    b.host.receive(SOON).expect("the session");
    for count in [1, 2, 40, 63, 64] {
        let (header, packet) = superpacket(&a, &b, 1000, count);
        assert!(a.host.send_superpacket(header, &packet));
        for number in 0..count {
            let got = b.host.receive(SOON).expect("the next packet");
            let from = 28 + number * 1000;
            assert_eq!(got.get(28..), packet.get(from..from + 1000));
        }
    }
    assert!(b.host.writes() < 170, "{}", b.host.writes());
}

#[test]
fn a_superpacket_without_a_session_waits_in_its_parts() {
    let net = MemoryNet::default();
    let (a, b) = pair(&net);
    let (header, packet) = superpacket(&a, &b, 1000, 40);
    assert!(a.host.send_superpacket(header, &packet));
    for number in 0..40 {
        let got = b.host.receive(SOON).expect("the next packet");
        let from = 28 + number * 1000;
        assert_eq!(got.get(28..), packet.get(from..from + 1000));
    }
}

#[test]
fn a_packet_that_the_tun_describes_wrongly_is_counted_and_goes_nowhere() {
    let net = MemoryNet::default();
    let (a, b) = pair(&net);
    let (mut header, packet) = superpacket(&a, &b, 1000, 3);
    header.checksum_start = 999;
    assert!(a.host.send_superpacket(header, &packet));
    send(&a, &b, b"goes on");
    assert!(b.host.receive(SOON).is_some_and(|got| got.len() == 27));
    let dropped = a
        .tunnel
        .call(|desk| desk.device.counters().drop_superpacket);
    assert_eq!(dropped.unwrap(), 1);
}
