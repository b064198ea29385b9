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
use warren_io::proto::{Endpoint, Incoming, Span};
use warren_io::udp::{Family, LinuxUdp, Outgoing, Sent, Udp};

const SLOT: usize = 65_536;

fn loopback(family: Family, port: u16) -> SocketAddr {
    match family {
        Family::V4 => (Ipv4Addr::LOCALHOST, port).into(),
        Family::V6 => (Ipv6Addr::LOCALHOST, port).into(),
    }
}

fn outgoing(arena: &mut Arena, slot: usize, bytes: &[u8], remote: SocketAddr) -> Outgoing {
    let span = arena.copy_in(slot, 0, bytes).unwrap();
    Outgoing {
        remote,
        span,
        peer: None,
    }
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
    let (mut a, mut b) = (LinuxUdp::bind(0).unwrap(), LinuxUdp::bind(0).unwrap());
    let mut arena = Arena::new(8, SLOT);
    for family in [Family::V4, Family::V6] {
        let to_b = outgoing(&mut arena, 0, b"there", loopback(family, b.port()));
        assert_eq!(
            a.send(&arena, &[to_b], &mut |_, errno| panic!("{errno}")),
            Sent::All
        );
        let remote = loopback(family, a.port());
        assert_eq!(
            receive(&mut b, family, 1),
            [(Endpoint::Udp { remote }, b"there".to_vec())]
        );
    }
}

#[test]
fn a_datagram_that_the_kernel_refuses_does_not_hold_up_the_batch() {
    let (mut a, mut b) = (LinuxUdp::bind(0).unwrap(), LinuxUdp::bind(0).unwrap());
    let mut arena = Arena::new(8, SLOT);
    let (v4, v6) = (
        loopback(Family::V4, b.port()),
        loopback(Family::V6, b.port()),
    );
    let unreachable = SocketAddr::from(([255, 255, 255, 255], 9));
    let batch = [
        outgoing(&mut arena, 0, b"one", v4),
        outgoing(&mut arena, 1, &[0; SLOT], v4),
        outgoing(&mut arena, 2, b"two", v6),
        outgoing(&mut arena, 3, b"three", unreachable),
        outgoing(&mut arena, 4, b"four", v4),
    ];
    let mut failed = Vec::new();
    let sent = a.send(&arena, &batch, &mut |datagram, errno| {
        failed.push((datagram.span.len, errno))
    });
    assert_eq!(sent, Sent::All);
    assert_eq!(failed, [(SLOT, libc::EMSGSIZE), (5, libc::EACCES)]);
    let texts =
        |got: Vec<(Endpoint, Vec<u8>)>| got.into_iter().map(|one| one.1).collect::<Vec<_>>();
    assert_eq!(
        texts(receive(&mut b, Family::V4, 2)),
        [b"one".to_vec(), b"four".to_vec()]
    );
    assert_eq!(texts(receive(&mut b, Family::V6, 1)), [b"two".to_vec()]);
}

#[test]
fn more_than_a_batch_goes_out_in_order() {
    let (mut a, mut b) = (LinuxUdp::bind(0).unwrap(), LinuxUdp::bind(0).unwrap());
    let mut arena = Arena::new(200, 64);
    let remote = loopback(Family::V4, b.port());
    let batch: Vec<Outgoing> = (0..200_u8)
        .map(|n| outgoing(&mut arena, n.into(), &[n], remote))
        .collect();
    assert_eq!(
        a.send(&arena, &batch, &mut |_, errno| panic!("{errno}")),
        Sent::All
    );
    let got: Vec<u8> = receive(&mut b, Family::V4, 200)
        .iter()
        .flat_map(|one| one.1.clone())
        .collect();
    assert_eq!(got, (0..200).collect::<Vec<u8>>());
}

#[test]
fn a_datagram_larger_than_its_slot_is_counted_and_the_others_come() {
    let mut udp = LinuxUdp::bind(0).unwrap();
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
    let taken = LinuxUdp::bind(0).unwrap();
    let again = LinuxUdp::bind(taken.port());
    assert_eq!(
        again.err().and_then(|error| error.raw_os_error()),
        Some(libc::EADDRINUSE)
    );
    let only_v6 = UdpSocket::bind("[::1]:0").unwrap();
    let refused = LinuxUdp::bind(only_v6.local_addr().unwrap().port());
    assert_eq!(
        refused.err().and_then(|error| error.raw_os_error()),
        Some(libc::EADDRINUSE)
    );
}

#[test]
fn an_answer_of_a_closed_port_is_no_end_of_receiving() {
    let mut udp = LinuxUdp::bind(0).unwrap();
    let closed = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut arena = Arena::new(4, SLOT);
    let lost = outgoing(&mut arena, 0, b"nobody", closed);
    assert_eq!(udp.send(&arena, &[lost], &mut |_, _| ()), Sent::All);
    let me = loopback(Family::V4, udp.port());
    let own = outgoing(&mut arena, 0, b"me", me);
    assert_eq!(
        udp.send(&arena, &[own], &mut |_, errno| panic!("{errno}")),
        Sent::All
    );
    assert_eq!(receive(&mut udp, Family::V4, 1).len(), 1);
}
