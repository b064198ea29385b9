//! A peer whose path carries less than the tunnel's MTU: who is told, what is cut, and what costs nothing.

use core::time::Duration;

use super::pair::{A, B, MTU, PEER, Pair, inner_packet, udp};
use crate::message::TRANSPORT;
use crate::offload::{Gso, Sum, VirtioHeader};
use crate::{Endpoint, Trains, limits};

const NARROW: u16 = 1200;
const DF: u16 = 0x4000;

/// UDP of so many bytes in all, from one host of the pair to the other.
fn datagram(from: usize, len: usize, place: u16) -> Vec<u8> {
    let payload: Vec<u8> = (0..len - 20).map(|at| at as u8).collect();
    let mut packet = inner_packet([10, 0, 0, from as u8], [10, 0, 0, 1 - from as u8], &payload);
    packet[6..8].copy_from_slice(&place.to_be_bytes());
    packet
}

/// A SYN whose MSS is 1460.
fn syn(from: usize) -> Vec<u8> {
    let mut tcp = vec![0, 80, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x60, 2, 0xff, 0xff, 0, 0, 0, 0, 2, 4, 0x05, 0xb4];
    let (source, destination) = ([10, 0, 0, from as u8], [10, 0, 0, 1 - from as u8]);
    let pseudo = Sum::default().plus(&source).plus(&destination).add_word(6).add_word(24);
    let sum = pseudo.plus(&tcp).finish();
    tcp[16..18].copy_from_slice(&sum);
    let mut packet = inner_packet(source, destination, &tcp);
    packet[9] = 6;
    packet
}

fn seal(pair: &mut Pair, side: usize, header: &VirtioHeader, packet: &[u8]) -> usize {
    let mut out = Trains::new(1 << 18, 64);
    pair.hosts[side].device.seal(pair.now, header, packet, &mut out);
    let mut count = 0;
    for train in out.list() {
        for span in train.datagrams() {
            pair.launch(side, train.endpoint, out.get(span)[train.lead..].to_vec());
            count += 1;
        }
    }
    pair.drain(side);
    count
}

fn narrow_pair() -> Pair {
    let mut pair = Pair::new();
    pair.connect();
    pair.hosts[A].device.set_path_mtu(PEER, Some(NARROW)).unwrap();
    pair
}

#[test]
fn what_does_not_fit_is_refused_with_what_would_and_what_fits_goes() {
    let mut pair = narrow_pair();
    let plain = VirtioHeader::default();
    assert_eq!(seal(&mut pair, A, &plain, &datagram(A, NARROW.into(), DF)), 1);
    assert_eq!(seal(&mut pair, A, &plain, &datagram(A, 1201, DF)), 0);
    let answer = pair.hosts[A].device.poll_host().unwrap();
    assert_eq!((answer[20], answer[21], &answer[26..28]), (3, 4, &NARROW.to_be_bytes()[..]));
    assert_eq!((&answer[12..16], &answer[16..20]), (&[10, 0, 0, B as u8][..], &[10, 0, 0, A as u8][..]));
    assert_eq!(pair.hosts[A].device.poll_host(), None);
    assert_eq!((pair.counters(A).drop_path_mtu, pair.counters(A).tx_too_big), (1, 1));
    let longest = pair.messages(A, TRANSPORT).iter().map(|sent| sent.bytes.len()).max();
    assert_eq!(longest, Some(usize::from(NARROW) + 32), "padding goes no further than the path");
    pair.hosts[A].device.set_path_mtu(PEER, None).unwrap();
    assert_eq!(seal(&mut pair, A, &plain, &datagram(A, MTU, DF)), 1, "it was mended");
}

#[test]
fn what_may_be_cut_arrives_in_pieces() {
    let mut pair = narrow_pair();
    let packet = datagram(A, 1400, 0);
    assert_eq!(seal(&mut pair, A, &VirtioHeader::default(), &packet), 2);
    pair.run_ms(100);
    let pieces = core::mem::take(&mut pair.hosts[B].delivered);
    assert!(pieces.iter().all(|piece| piece.len() <= NARROW.into()));
    assert_eq!(pieces.iter().flat_map(|piece| piece[20..].to_vec()).collect::<Vec<_>>(), packet[20..]);
    assert_eq!((pair.counters(A).tx_fragmented, pair.counters(A).drop_path_mtu), (1, 0));
}

#[test]
fn of_a_superpacket_its_sender_is_told_once() {
    let mut pair = narrow_pair();
    let payload = 5 * 1300;
    let mut packet = inner_packet([10, 0, 0, A as u8], [10, 0, 0, B as u8], &vec![1; 8 + payload]);
    packet[6..8].copy_from_slice(&DF.to_be_bytes());
    packet[24..26].copy_from_slice(&(8 + payload as u16).to_be_bytes());
    let header = VirtioHeader {
        needs_checksum: true,
        gso: Gso::Udp,
        segment_len: 1300,
        checksum_start: 20,
        checksum_offset: 6,
        ..VirtioHeader::default()
    };
    assert_eq!(seal(&mut pair, A, &header, &packet), 0);
    let answer = pair.hosts[A].device.poll_host().unwrap();
    assert_eq!(
        answer[28 + 2..28 + 4],
        1328_u16.to_be_bytes(),
        "the first packet is quoted, as it would have been sent"
    );
    assert_eq!((pair.hosts[A].device.poll_host(), pair.counters(A).drop_path_mtu), (None, 5));
    packet[6] = 0;
    assert_eq!(seal(&mut pair, A, &header, &packet), 10, "each of five in two");
}

#[test]
fn a_packet_longer_than_the_tunnel_is_refused_with_what_fits() {
    let mut pair = Pair::new();
    pair.connect();
    assert_eq!(seal(&mut pair, A, &VirtioHeader::default(), &datagram(A, MTU + 1, DF)), 0);
    let answer = pair.hosts[A].device.poll_host().unwrap();
    assert_eq!((answer[20], answer[21], &answer[26..28]), (3, 4, &(MTU as u16).to_be_bytes()[..]));
    assert_eq!((pair.counters(A).drop_packet_too_long, pair.counters(A).drop_path_mtu), (1, 0));
}

#[test]
fn a_flood_of_too_long_packets_is_answered_up_to_the_limit() {
    let mut pair = narrow_pair();
    for _ in 0..1000 {
        seal(&mut pair, A, &VirtioHeader::default(), &datagram(A, 1400, DF));
    }
    let mut answers = 0;
    while pair.hosts[A].device.poll_host().is_some() {
        answers += 1;
    }
    assert_eq!(answers, limits::HOST_ANSWERS);
    assert_eq!(pair.counters(A).drop_path_mtu, 1000);
}

#[test]
fn a_narrow_path_is_told_to_both_ends_of_a_tcp_connection() {
    let mut pair = narrow_pair();
    seal(&mut pair, A, &VirtioHeader::default(), &syn(A));
    seal(&mut pair, B, &VirtioHeader::default(), &syn(B));
    pair.run_ms(100);
    for side in [A, B] {
        let packet = pair.hosts[side].delivered.pop().unwrap();
        assert_eq!(packet[42..44], 1160_u16.to_be_bytes());
        let pseudo = Sum::default().plus(&packet[12..20]).add_word(6).add_word(24);
        assert!(pseudo.plus(&packet[20..44]).is_valid());
    }
    assert_eq!((pair.counters(A).mss_clamped, pair.counters(B).mss_clamped), (2, 0));
}

#[test]
fn a_syn_that_waits_for_a_session_is_lowered_when_it_goes() {
    let mut pair = Pair::new();
    pair.send_packet(A, &syn(A));
    pair.hosts[A].device.set_path_mtu(PEER, Some(NARROW)).unwrap();
    pair.run_ms(100);
    assert_eq!(pair.hosts[B].delivered.pop().unwrap()[42..44], 1160_u16.to_be_bytes());
}

#[test]
fn a_whole_path_touches_nothing() {
    let mut pair = Pair::new();
    pair.connect();
    seal(&mut pair, A, &VirtioHeader::default(), &syn(A));
    pair.run_ms(100);
    assert_eq!(pair.hosts[B].delivered.pop(), Some(syn(A)));
    assert_eq!((pair.counters(A).mss_clamped, pair.counters(B).mss_clamped), (0, 0));
}

#[test]
fn no_router_makes_a_path_narrower_than_the_internets_least() {
    for (place, fits) in [("192.0.2.1:9", 1220), ("[2001:db8::1]:9", 1200)] {
        let mut pair = Pair::new();
        pair.connect();
        let remote = place.parse().unwrap();
        pair.call(A, |device, now| device.set_endpoint(now, PEER, Some(Endpoint::Udp { remote }))).unwrap();
        pair.call(A, |device, now| device.learn_path_mtu(now, PEER, remote, 552));
        for (len, count) in [(fits, 1), (fits + 1, 0)] {
            assert_eq!(seal(&mut pair, A, &VirtioHeader::default(), &datagram(A, len, DF)), count, "{place} {len}");
        }
    }
}

#[test]
fn what_the_kernel_said_of_a_path_holds_there_and_for_a_while() {
    let mut pair = Pair::new();
    pair.connect();
    let Endpoint::Udp { remote } = pair.hosts[B].address else { panic!("a pair is reached over UDP") };
    let elsewhere = udp(77, 4242);
    let Endpoint::Udp { remote: other } = elsewhere else { panic!("so is anybody") };
    let sends = |pair: &mut Pair| seal(pair, A, &VirtioHeader::default(), &datagram(A, 1400, DF));
    pair.call(A, |device, now| device.learn_path_mtu(now, PEER, other, 1280));
    assert_eq!(sends(&mut pair), 1, "about somebody else's path");
    pair.call(A, |device, now| device.learn_path_mtu(now, PEER, remote, 9000));
    assert_eq!(sends(&mut pair), 1, "wider than the tunnel");
    pair.call(A, |device, now| device.learn_path_mtu(now, PEER, remote, 1280));
    assert_eq!(sends(&mut pair), 0);
    let answer = pair.hosts[A].device.poll_host().unwrap();
    assert_eq!(answer[26..28], 1220_u16.to_be_bytes(), "1280 without 20, 8 and 32");
    pair.call(A, |device, now| device.set_endpoint(now, PEER, Some(elsewhere))).unwrap();
    assert_eq!(sends(&mut pair), 1, "another path");
    pair.call(A, |device, now| device.set_endpoint(now, PEER, Some(Endpoint::Udp { remote }))).unwrap();
    pair.call(A, |device, now| device.learn_path_mtu(now, PEER, remote, 1280));
    assert_eq!(sends(&mut pair), 0);
    pair.run_s(limits::PATH_MTU_LIFETIME.as_secs() - 60);
    pair.call(A, |device, now| device.initiate(now, PEER)).unwrap();
    pair.run_ms(100);
    assert_eq!(sends(&mut pair), 0, "not yet");
    pair.run_s(Duration::from_secs(61).as_secs());
    pair.call(A, |device, now| device.initiate(now, PEER)).unwrap();
    pair.run_ms(100);
    assert_eq!(sends(&mut pair), 1, "who knows what it carries by now");
}
