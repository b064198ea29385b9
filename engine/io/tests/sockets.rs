//! The real UDP sockets over loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test stops at the first surprise"
)]

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use warren_io::Arena;
use warren_io::offloads::{Offload, Wanted};
use warren_io::proto::{Endpoint, Incoming, Span, Trains};
use warren_io::udp::{Family, LinuxUdp, Sent, Udp};

const SLOT: usize = 65_536;

fn loopback(family: Family, port: u16) -> SocketAddr {
    match family {
        Family::V4 => (Ipv4Addr::LOCALHOST, port).into(),
        Family::V6 => (Ipv6Addr::LOCALHOST, port).into(),
    }
}

/// Trains of these datagrams.
fn trains(datagrams: &[(&[u8], SocketAddr)]) -> Trains {
    let mut trains = Trains::new(1 << 20, datagrams.len());
    for (bytes, remote) in datagrams {
        assert!(trains.push_copy(None, Endpoint::Udp { remote: *remote }, bytes));
    }
    trains
}

fn send(udp: &mut LinuxUdp, trains: &Trains) -> Vec<(usize, i32)> {
    let mut failed = Vec::new();
    let sent = udp.send(trains.bytes(), trains.list(), &mut |train, count, errno| {
        failed.push((train.span.len.min(train.stride) * count, errno));
    });
    assert_eq!(sent, Sent::All);
    failed
}

fn bind() -> LinuxUdp {
    LinuxUdp::bind(0, Wanted::ALL).unwrap()
}

/// Receives until `count` datagrams came.
fn receive(udp: &mut LinuxUdp, family: Family, count: usize) -> Vec<(Endpoint, Vec<u8>)> {
    let (mut arena, mut all) = (Arena::new(8, SLOT), Vec::new());
    let end = Instant::now() + Duration::from_secs(5);
    while all.len() < count && Instant::now() < end {
        let mut batch: Vec<Incoming> = Vec::new();
        assert_eq!(udp.receive(family, &mut arena, &mut batch).unwrap(), 0);
        all.extend(
            batch
                .iter()
                .map(|one| (one.source, arena.get(one.span).to_vec())),
        );
    }
    all
}

#[test]
fn one_port_serves_both_families_and_answers_go_back() {
    let (mut a, mut b) = (bind(), bind());
    for family in [Family::V4, Family::V6] {
        let to_b = trains(&[(b"there", loopback(family, b.port()))]);
        assert_eq!(send(&mut a, &to_b), []);
        let remote = loopback(family, a.port());
        assert_eq!(
            receive(&mut b, family, 1),
            [(Endpoint::Udp { remote }, b"there".to_vec())]
        );
    }
}

#[test]
fn another_port_is_taken_for_both_families_and_a_taken_one_is_refused() {
    let (mut a, mut b) = (bind(), bind());
    let before = b.port();
    assert_eq!(
        b.rebind(a.port()).unwrap_err().kind(),
        std::io::ErrorKind::AddrInUse
    );
    b.rebind(before).unwrap();
    assert_eq!(b.port(), before);
    b.rebind(0).unwrap();
    assert_ne!(b.port(), before);
    for family in [Family::V4, Family::V6] {
        let to_b = trains(&[(b"there", loopback(family, b.port()))]);
        assert_eq!(send(&mut a, &to_b), []);
        assert_eq!(receive(&mut b, family, 1).len(), 1);
    }
}

#[test]
fn four_workers_share_a_port_that_is_nobody_elses_and_each_gets_its_sessions() {
    let mut four = LinuxUdp::bind_several(0, Wanted::ALL, 4).unwrap();
    let port = four[0].port();
    for taken in [
        LinuxUdp::bind(port, Wanted(0)).map(drop),
        LinuxUdp::bind_several(port, Wanted(0), 4).map(drop),
    ] {
        assert_eq!(taken.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    }
    let mut a = bind();
    for family in [Family::V4, Family::V6] {
        let there = loopback(family, port);
        for (owner, udp) in four.iter_mut().enumerate() {
            // Data, a response and a cookie reply to an index that ends in the owner's bits.
            let index = [0xa4 | owner as u8, 7, 7, 7];
            let data = [&[4, 0, 0, 0][..], &index, &[0; 24]].concat();
            let response = [&[2, 0, 0, 0, 9, 9, 9, 9][..], &index, &[0; 80]].concat();
            let reply = [&[3, 0, 0, 0][..], &index, &[0; 56]].concat();
            for datagram in [data, response, reply] {
                assert_eq!(send(&mut a, &trains(&[(&datagram, there)])), []);
                let got = receive(udp, family, 1);
                assert_eq!(got.first().map(|one| &one.1), Some(&datagram), "{owner}");
            }
        }
        for talk in [&b"anything else"[..], b"", &[4, 0, 0, 0], &[0; 20]] {
            let mut plain = trains(&[(talk, there)]);
            if talk.is_empty() {
                plain = trains(&[(b"x", there)]);
            }
            assert_eq!(send(&mut a, &plain), []);
            assert_eq!(receive(&mut four[0], family, 1).len(), 1);
        }
        let mut initiation = [0; 148];
        initiation[0] = 1;
        let mut heard = [0; 4];
        // Its sender's hash decides, so one sender's all come to one.
        for _ in 0..8 {
            assert_eq!(send(&mut a, &trains(&[(&initiation, there)])), []);
        }
        let end = Instant::now() + Duration::from_secs(5);
        while heard.iter().sum::<usize>() < 8 && Instant::now() < end {
            for (count, udp) in heard.iter_mut().zip(&mut four) {
                let (mut arena, mut batch) = (Arena::new(8, SLOT), Vec::new());
                udp.receive(family, &mut arena, &mut batch).unwrap();
                *count += batch.len();
            }
        }
        assert!(heard.contains(&8), "{heard:?}");
    }
}

#[test]
fn a_datagram_that_the_kernel_refuses_does_not_hold_up_the_batch() {
    let (mut a, mut b) = (bind(), bind());
    let (v4, v6) = (
        loopback(Family::V4, b.port()),
        loopback(Family::V6, b.port()),
    );
    let unreachable = SocketAddr::from(([255, 255, 255, 255], 9));
    let batch = trains(&[
        (b"one", v4),
        (&[0; SLOT], v4),
        (b"two", v6),
        (b"three", unreachable),
        (b"four", v4),
    ]);
    let failed = send(&mut a, &batch);
    assert_eq!(failed, [(SLOT, libc::EMSGSIZE), (5, libc::EACCES)]);
    let texts =
        |got: Vec<(Endpoint, Vec<u8>)>| got.into_iter().map(|one| one.1).collect::<Vec<_>>();
    assert_eq!(
        texts(receive(&mut b, Family::V4, 2)),
        [b"one".to_vec(), b"four".to_vec()]
    );
    assert_eq!(texts(receive(&mut b, Family::V6, 1)), [b"two".to_vec()]);
}

/// All that sending and receiving may do for us, and nothing of it.
const BOTH: [Wanted; 2] = [Wanted::ALL, Wanted(0)];

#[test]
fn trains_arrive_as_their_datagrams_in_order_with_offloads_or_without() {
    for (of_a, of_b) in BOTH.into_iter().flat_map(|a| BOTH.map(|b| (a, b))) {
        let mut a = LinuxUdp::bind(0, of_a).unwrap();
        let mut b = LinuxUdp::bind(0, of_b).unwrap();
        for family in [Family::V4, Family::V6] {
            let remote = loopback(family, b.port());
            let expected: Vec<Vec<u8>> = (0..200_u8)
                .map(|n| vec![n; if n % 50 == 49 { 333 } else { 1000 }])
                .collect();
            let all: Vec<(&[u8], SocketAddr)> =
                expected.iter().map(|one| (&one[..], remote)).collect();
            let batch = trains(&all);
            assert!(batch.list().len() < 10);
            assert_eq!(send(&mut a, &batch), []);
            let got = receive(&mut b, family, 200);
            assert!(got.into_iter().map(|one| one.1).eq(expected));
        }
    }
}

#[test]
fn a_train_longer_than_the_path_takes_goes_in_single_datagrams() {
    let (mut a, mut b) = (bind(), bind());
    let remote = loopback(Family::V4, b.port());
    // Longer than loopback's MTU with its headers, so only fragments carry it.
    let long = vec![7; 65_500];
    let mut batch = Trains::new(1 << 20, 9);
    for _ in 0..3 {
        assert!(batch.push_copy(None, Endpoint::Udp { remote }, &long));
    }
    let [first, ..] = batch.list() else { panic!() };
    let mut train = *first;
    train.span.len *= 3;
    let sent = a.send(batch.bytes(), &[train], &mut |_, _, errno| {
        panic!("{errno}")
    });
    assert_eq!(sent, Sent::All);
    let got = receive(&mut b, Family::V4, 3);
    assert!(got.iter().all(|one| one.1 == long));
    assert_eq!(got.len(), 3);
    assert!(a.ladder().is_on(Offload::UdpSend));
}

#[test]
fn a_destination_that_is_refused_as_such_costs_the_others_no_trains() {
    let (mut a, mut b) = (bind(), bind());
    // The kernel sends nothing to port 0, whatever its length.
    let refused = loopback(Family::V4, 0);
    let failed = send(&mut a, &trains(&[(&[1; 64], refused), (&[2; 64], refused)]));
    assert_eq!(failed, [(64, libc::EINVAL); 2]);
    assert!(a.ladder().is_on(Offload::UdpSend));
    let remote = loopback(Family::V4, b.port());
    assert_eq!(send(&mut a, &trains(&[(&[3; 64][..], remote); 9])), []);
    assert_eq!(receive(&mut b, Family::V4, 9).len(), 9);
    assert!(a.ladder().is_on(Offload::UdpSend));
}

#[test]
fn a_datagram_larger_than_its_slot_is_counted_and_the_others_come() {
    let mut udp = bind();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = loopback(Family::V4, udp.port());
    for bytes in [&[1; 10][..], &[2; 100], &[3; 20]] {
        sender.send_to(bytes, to).unwrap();
    }
    let (mut arena, mut batch) = (Arena::new(4, 64), Vec::new());
    assert_eq!(udp.receive(Family::V4, &mut arena, &mut batch).unwrap(), 1);
    let lengths: Vec<usize> = batch.iter().map(|one| one.span.len).collect();
    assert_eq!(lengths, [10, 20]);
    assert_eq!(
        arena.get(Span {
            start: batch[1].span.start,
            len: 1
        }),
        [3]
    );
}

#[test]
fn a_taken_port_is_refused_on_either_family() {
    let taken = bind();
    let again = LinuxUdp::bind(taken.port(), Wanted::ALL);
    assert_eq!(
        again.err().and_then(|error| error.raw_os_error()),
        Some(libc::EADDRINUSE)
    );
    let only_v6 = UdpSocket::bind("[::1]:0").unwrap();
    let refused = LinuxUdp::bind(only_v6.local_addr().unwrap().port(), Wanted::ALL);
    assert_eq!(
        refused.err().and_then(|error| error.raw_os_error()),
        Some(libc::EADDRINUSE)
    );
}

#[test]
fn an_answer_of_a_closed_port_is_no_end_of_receiving() {
    let mut udp = bind();
    let closed = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let lost = trains(&[(b"nobody", closed)]);
    send(&mut udp, &lost);
    let me = loopback(Family::V4, udp.port());
    assert_eq!(send(&mut udp, &trains(&[(b"me", me)])), []);
    assert_eq!(receive(&mut udp, Family::V4, 1).len(), 1);
}
