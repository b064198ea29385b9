//! Rule 27 of SECURITY: unknown protocols have no ports, fragments without their first drop, at most 8 extension
//! headers; and everything else by which headers could hide something.

use super::world::*;
use crate::filter::Reason;

const DNS_IN: Said = (1, IN, Some(17), &[(53, 53)]);

/// The same packet as a fragment.
fn fragment(mut packet: Vec<u8>, id: u8, offset: u16, more: bool) -> Vec<u8> {
    packet[5] = id;
    let field = offset | if more { 0x2000 } else { 0 };
    packet[6..8].copy_from_slice(&field.to_be_bytes());
    packet
}

fn fragment_v6(direction: crate::filter::Direction, place: u16, id: u8, rest: &[u8]) -> Vec<u8> {
    let [high, low] = place.to_be_bytes();
    v6(direction, 44, &[&[17, 0, high, low, 0, 0, 0, id], rest].concat())
}

#[test]
fn a_later_fragment_passes_only_after_its_first_did() {
    let mut world = World::new(&[DNS_IN]);
    let later = |id| fragment(v4(IN, 17, &[0; 16]), id, 3, true);
    assert_eq!(world.check(IN, &later(1)), Err(Reason::Fragment));
    assert_eq!(world.check(IN, &fragment(udp(IN, 53, 999), 1, 0, true)), Ok(()));
    assert_eq!(world.check(IN, &later(1)), Ok(()));
    assert_eq!(world.check(IN, &fragment(v4(IN, 17, &[0; 16]), 1, 6, false)), Ok(()));
    assert_eq!(world.check(IN, &later(2)), Err(Reason::Fragment));
    assert_eq!(world.check_of(65, IN, &later(1)), Err(Reason::Fragment), "of another peer");
    assert_eq!(world.check(IN, &fragment(udp(IN, 54, 999), 3, 0, true)), Err(Reason::NoRule));
    assert_eq!(world.check(IN, &later(3)), Err(Reason::Fragment), "its first was dropped");
    world.pass_s(30);
    assert_eq!(world.check(IN, &later(1)), Err(Reason::Fragment), "too late");
}

#[test]
fn fragments_of_packets_that_new_rules_forbid_are_dropped() {
    let mut world = World::new(&[DNS_IN]);
    assert_eq!(world.check(IN, &fragment(udp(IN, 53, 999), 1, 0, true)), Ok(()));
    world.set(&[]);
    assert_eq!(world.check(IN, &fragment(v4(IN, 17, &[0; 16]), 1, 3, true)), Err(Reason::Fragment));
}

#[test]
fn fragments_without_end_of_one_peer_leave_those_of_another() {
    let mut world = World::new(&[DNS_IN]);
    assert_eq!(world.check_of(2, IN, &fragment(udp(IN, 53, 999), 1, 0, true)), Ok(()));
    for id in 0..=255 {
        assert_eq!(world.check(IN, &fragment(udp(IN, 53, 999), id, 0, true)), Ok(()));
    }
    assert_eq!(world.check_of(2, IN, &fragment(v4(IN, 17, &[0; 16]), 1, 3, true)), Ok(()));
}

#[test]
fn a_first_fragment_that_hides_its_ports_is_dropped() {
    let mut world = World::new(&[(1, IN, None, &[])]);
    let short = v4(IN, 6, &tcp_header(IN, 22, 999, SYN)[..16]);
    assert_eq!(world.check(IN, &short), Err(Reason::Malformed));
    assert_eq!(world.check(IN, &fragment(short, 1, 0, true)), Err(Reason::Fragment));
    let second = fragment(v4(IN, 6, &[0; 16]), 1, 1, false);
    assert_eq!(world.check(IN, &fragment(tcp(IN, 22, 999, SYN), 1, 0, true)), Ok(()));
    assert_eq!(world.check(IN, &second), Err(Reason::Fragment), "RFC 3128: it would lie over the flags");
    assert_eq!(world.check(IN, &fragment_v6(IN, 1, 7, &[0, 53])), Err(Reason::Fragment), "RFC 7112");
}

#[test]
fn ipv6_fragments_pass_as_those_of_ipv4_do() {
    let mut world = World::new(&[DNS_IN]);
    let dns = udp_header(IN, 53, 999);
    assert_eq!(world.check(IN, &fragment_v6(IN, 8, 7, &[0; 8])), Err(Reason::Fragment));
    assert_eq!(world.check(IN, &fragment_v6(IN, 1, 7, &dns)), Ok(()));
    assert_eq!(world.check(IN, &fragment_v6(IN, 8, 7, &[0; 8])), Ok(()));
    assert_eq!(world.check(IN, &fragment_v6(IN, 0, 8, &dns)), Ok(()), "RFC 6946: whole all the same");
    assert_eq!(world.check(IN, &fragment_v6(IN, 8, 8, &[0; 8])), Err(Reason::Fragment));
    let twice = [&[44, 0, 0, 1, 0, 0, 0, 9, 17, 0, 0, 1, 0, 0, 0, 9], &dns[..]].concat();
    assert_eq!(world.check(IN, &v6(IN, 44, &twice)), Err(Reason::Headers));
}

#[test]
fn ports_are_found_behind_eight_extension_headers_and_not_behind_nine() {
    let mut world = World::new(&[DNS_IN]);
    let chain = |count: usize, port: u16| {
        let mut rest = vec![];
        for number in 1..=count {
            rest.extend([if number == count { 17 } else { 60 }, 0, 1, 4, 0, 0, 0, 0]);
        }
        v6(IN, if count == 0 { 17 } else { 60 }, &[&rest[..], &udp_header(IN, port, 999)].concat())
    };
    for count in 0..=8 {
        assert_eq!(world.check(IN, &chain(count, 53)), Ok(()), "{count}");
        assert_eq!(world.check(IN, &chain(count, 54)), Err(Reason::NoRule), "{count}");
    }
    assert_eq!(world.check(IN, &chain(9, 53)), Err(Reason::Headers));
    let mut cut = chain(8, 53);
    cut.truncate(60);
    assert_eq!(world.check(IN, &cut), Err(Reason::Malformed));
}

#[test]
fn hop_by_hop_options_stand_first_and_authentication_counts_in_words() {
    let mut world = World::new(&[DNS_IN]);
    let dns = udp_header(IN, 53, 999);
    let options = |next| [next, 0, 1, 4, 0, 0, 0, 0];
    assert_eq!(world.check(IN, &v6(IN, 0, &[&options(17)[..], &dns].concat())), Ok(()));
    let late = [&options(0)[..], &options(17), &dns].concat();
    assert_eq!(world.check(IN, &v6(IN, 60, &late)), Err(Reason::Headers));
    let signed = [&[17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &dns].concat();
    assert_eq!(world.check(IN, &v6(IN, 51, &signed)), Ok(()));
}

#[test]
fn source_routes_are_dropped() {
    let mut world = World::new(&[(1, IN, None, &[]), (2, OUT, None, &[])]);
    for (left, verdict) in [(0, Ok(())), (1, Err(Reason::Headers))] {
        let routed = [&[17, 0, 4, left, 0, 0, 0, 0], &udp_header(IN, 53, 999)[..]].concat();
        assert_eq!(world.check(IN, &v6(IN, 43, &routed)), verdict);
    }
    let with_option = |option: &[u8]| {
        let mut packet = v4(IN, 17, &[option, &udp_header(IN, 53, 999)].concat());
        packet[0] = 0x45 + u8::try_from(option.len() / 4).unwrap();
        packet
    };
    assert_eq!(world.check(IN, &with_option(&[1, 7, 3, 4])), Ok(()), "no-operation, record route");
    assert_eq!(world.check(IN, &with_option(&[131, 3, 4, 0])), Err(Reason::Headers), "loose");
    assert_eq!(world.check(IN, &with_option(&[1, 137, 3, 4])), Err(Reason::Headers), "strict");
    assert_eq!(world.check(IN, &with_option(&[0, 137, 3, 4])), Ok(()), "behind the end of the list is nothing");
    assert_eq!(
        world.check(IN, &with_option(&[7, 0, 137, 4])),
        Err(Reason::Headers),
        "a length of nothing skips nothing"
    );
}

#[test]
fn flags_that_nobody_means_and_headers_that_are_cut_are_malformed() {
    let mut world = World::new(&[(1, IN, None, &[])]);
    for flags in [SYN | FIN, SYN | RST, SYN | FIN | ACK] {
        assert_eq!(world.tcp(IN, 22, 999, flags), Err(Reason::Malformed));
    }
    assert_eq!(world.tcp(IN, 22, 999, 0), Err(Reason::NotOpened), "no flags open nothing");
    let mut short = tcp(IN, 22, 999, SYN);
    short[32] = 0x40;
    assert_eq!(world.check(IN, &short), Err(Reason::Malformed), "a header of 16 bytes");
    short[32] = 0x60;
    assert_eq!(world.check(IN, &short), Err(Reason::Malformed), "longer than the packet");
    assert_eq!(world.check(IN, &v4(IN, 17, &[0, 53, 0, 53])), Err(Reason::Malformed));
    assert_eq!(world.check(IN, &v4(IN, 1, &[8, 0, 0, 0])), Err(Reason::Malformed));
    for bad in [&[][..], &[0x45; 10], &[0x44; 40], &[0x60; 39], &[0x4f; 40], &[0x55; 60]] {
        assert_eq!(world.check(IN, bad), Err(Reason::Malformed));
    }
    assert_eq!(world.filter.drops(1)[0].tuple.protocol, 0, "nobody's");
}

#[test]
fn icmp_of_the_other_family_is_an_unknown_protocol() {
    let mut world = World::new(&[(1, IN, Some(58), &[])]);
    assert_eq!(world.check(IN, &v6(IN, 58, &[128, 0, 0, 0, 0, 1, 0, 1])), Ok(()));
    assert_eq!(world.check(IN, &v4(IN, 58, &[129, 0, 0, 0, 0, 1, 0, 1])), Ok(()), "by its number, not as a reply");
    assert_eq!(world.check(IN, &echo(IN, 8, 1)), Err(Reason::NoRule));
}
