//! What passes, in both directions, and what becomes of flows when rules change.

use super::world::*;
use crate::filter::{End, Reason};

const ALL_OUT: Said = (1, OUT, None, &[]);
const SSH_IN: Said = (2, IN, Some(6), &[(22, 22)]);

#[test]
fn without_rules_nothing_passes_either_way() {
    let mut world = World::new(&[]);
    for direction in [IN, OUT] {
        assert_eq!(world.tcp(direction, 22, 22, SYN), Err(Reason::NoRule));
        assert_eq!(world.udp(direction, 53, 53), Err(Reason::NoRule));
        assert_eq!(world.check(direction, &echo(direction, 8, 1)), Err(Reason::NoRule));
        assert_eq!(world.check(direction, &v4(direction, 47, b"gre.")), Err(Reason::NoRule));
        assert_eq!(world.check(direction, &v6(direction, 17, &udp_header(direction, 5, 5))), Err(Reason::NoRule));
    }
    assert_eq!(world.filter.flows(), 0);
}

#[test]
fn what_comes_back_passes_only_in_a_flow_that_was_opened_here() {
    let mut world = World::new(&[ALL_OUT]);
    assert_eq!(world.tcp(IN, 4000, 80, SYN | ACK), Err(Reason::NotOpened));
    assert_eq!(world.udp(IN, 4000, 53), Err(Reason::NoRule));
    assert_eq!(world.check(IN, &echo(IN, 0, 7)), Err(Reason::NotOpened));
    world.connect(4000, 80);
    assert_eq!(world.udp(OUT, 4000, 53), Ok(()));
    assert_eq!(world.check(OUT, &echo(OUT, 8, 7)), Ok(()));
    assert_eq!(world.udp(IN, 4000, 53), Ok(()));
    assert_eq!(world.udp(IN, 4000, 54), Err(Reason::NoRule), "another port is another flow");
    assert_eq!(world.check(IN, &echo(IN, 0, 7)), Ok(()));
    assert_eq!(world.check(IN, &echo(IN, 0, 8)), Err(Reason::NotOpened));
    assert_eq!(world.check(IN, &echo(IN, 8, 7)), Err(Reason::NoRule), "a request is no answer");
    assert_eq!(world.tcp(IN, 4000, 80, SYN), Err(Reason::NoRule), "nor is a SYN");
    assert_eq!(world.tcp(IN, 4000, 80, ACK), Ok(()));
}

#[test]
fn another_peer_with_the_same_ends_is_not_in_the_flow() {
    let mut world = World::new(&[ALL_OUT]);
    world.connect(4000, 80);
    assert_eq!(world.check_of(5, IN, &tcp(IN, 4000, 80, ACK)), Err(Reason::NotOpened));
    assert_eq!(world.tcp(IN, 4000, 80, ACK), Err(Reason::NotOpened), "the address has moved, the flow is over");
}

#[test]
fn a_rule_with_ports_means_the_destination_and_tcp_or_udp() {
    let mut world = World::new(&[(1, IN, None, &[(22, 23), (80, 80)])]);
    for (port, passes) in [(21, false), (22, true), (23, true), (24, false), (80, true), (81, false)] {
        assert_eq!(world.tcp(IN, port, 22, SYN).is_ok(), passes, "{port}");
        assert_eq!(world.udp(IN, port, 22).is_ok(), passes, "{port}");
    }
    assert_eq!(world.check(IN, &v4(IN, 132, &[0, 22, 0, 22])), Err(Reason::NoRule), "SCTP's ports are not looked at");
    assert_eq!(world.check(IN, &echo(IN, 8, 22)), Err(Reason::NoRule));
}

#[test]
fn an_error_passes_if_it_is_about_a_packet_of_a_flow_and_goes_to_who_sent_that() {
    let mut world = World::new(&[ALL_OUT, SSH_IN]);
    let mine = udp(OUT, 4000, 53);
    assert_eq!(world.check(IN, &error(IN, &mine)), Err(Reason::NotOpened));
    assert_eq!(world.check(OUT, &mine), Ok(()));
    assert_eq!(world.check(IN, &error(IN, &mine)), Ok(()));
    assert_eq!(world.check_of(5, IN, &error(IN, &mine)), Err(Reason::NotOpened), "another peer's word");
    let theirs = udp(IN, 4000, 53);
    assert_eq!(world.check(IN, &error(IN, &theirs)), Err(Reason::NotOpened), "they cannot have got that one");
    let syn = tcp(IN, 22, 999, SYN);
    assert_eq!(world.check(IN, &syn), Ok(()));
    assert_eq!(world.check(OUT, &error(OUT, &syn)), Ok(()), "an answer to what they sent");
    let mut six = v6(IN, 58, &[&[1, 4, 0, 0, 0, 0, 0, 0], &v6(OUT, 17, &udp_header(OUT, 9, 9))[..]].concat());
    assert_eq!(world.check(IN, &six), Err(Reason::NotOpened));
    assert_eq!(world.check(OUT, &v6(OUT, 17, &udp_header(OUT, 9, 9))), Ok(()));
    assert_eq!(world.check(IN, &six), Ok(()));
    six[40] = 3;
    assert_eq!(world.check(IN, &six), Ok(()), "time exceeded too");
}

#[test]
fn a_withdrawn_rule_cuts_its_flows_and_no_others_and_says_so() {
    let mut world = World::new(&[ALL_OUT, SSH_IN]);
    assert_eq!(world.tcp(IN, 22, 999, SYN), Ok(()));
    assert_eq!(world.tcp(OUT, 22, 999, SYN | ACK), Ok(()));
    assert_eq!(world.tcp(IN, 22, 999, ACK), Ok(()));
    world.connect(4000, 80);
    world.set(&[ALL_OUT]);
    assert_eq!(world.tcp(IN, 22, 999, ACK), Err(Reason::Withdrawn));
    // The server would go on sending, and may open flows to that peer, but not by that.
    assert_eq!(world.tcp(OUT, 22, 999, ACK), Err(Reason::Withdrawn));
    assert_eq!(world.tcp(IN, 22, 999, SYN), Err(Reason::NoRule));
    assert_eq!(world.tcp(IN, 4000, 80, ACK), Ok(()));
    let records = world.records();
    let cut = records.iter().find(|record| record.end == End::Withdrawn).unwrap();
    assert_eq!((cut.rule, cut.inward.packets, cut.outward.packets, cut.tuple.local_port), (2, 2, 1, 22));
    for _ in 0..5 {
        world.pass_s(100);
        assert_eq!(world.tcp(OUT, 22, 999, ACK), Err(Reason::Withdrawn), "as long as it goes on");
    }
    world.pass_s(131);
    assert_eq!(world.tcp(OUT, 22, 999, ACK), Err(Reason::NotOpened));
}

#[test]
fn a_flow_whose_rule_comes_back_goes_on() {
    let mut world = World::new(&[SSH_IN]);
    assert_eq!(world.tcp(IN, 22, 999, SYN), Ok(()));
    world.set(&[]);
    assert_eq!(world.tcp(OUT, 22, 999, SYN | ACK), Err(Reason::Withdrawn));
    world.set(&[(9, IN, None, &[])]);
    assert_eq!(world.tcp(OUT, 22, 999, SYN | ACK), Ok(()));
    assert_eq!(world.tcp(IN, 22, 999, RST), Ok(()));
    world.pass_s(61);
    assert_eq!(world.records().last().map(|record| (record.end, record.rule)), Some((End::Closed, 9)));
}

#[test]
fn a_flow_that_sends_nothing_is_cut_by_the_sweep() {
    let mut world = World::new(&[ALL_OUT]);
    world.connect(4000, 80);
    world.set(&[]);
    world.pass_s(6);
    assert_eq!(world.records().iter().map(|record| record.end).collect::<Vec<_>>(), [End::Withdrawn]);
}

#[test]
fn right_after_the_start_tcp_may_go_on_as_opened_from_the_higher_port() {
    let mut world = World::young(&[ALL_OUT]);
    assert_eq!(world.tcp(OUT, 4000, 80, ACK), Ok(()));
    assert_eq!(world.tcp(IN, 4000, 80, ACK), Ok(()));
    assert_eq!(world.tcp(IN, 4001, 80, ACK), Ok(()), "whoever speaks first");
    assert_eq!(world.tcp(OUT, 22, 5000, ACK), Err(Reason::NotOpened), "opened by them, and no rule lets them");
    assert_eq!(world.tcp(OUT, 4002, 80, RST), Err(Reason::NotOpened));
    assert_eq!(world.tcp(OUT, 4002, 80, SYN | ACK), Err(Reason::NotOpened));
    world.pass_s(130);
    assert_eq!(world.tcp(OUT, 4003, 80, ACK), Err(Reason::NotOpened), "later a SYN comes first");
    let mut world = World::young(&[ALL_OUT]);
    world.connect(4000, 80);
    world.set(&[]);
    assert_eq!(world.tcp(OUT, 4000, 80, ACK), Err(Reason::Withdrawn));
    world.set(&[ALL_OUT]);
    assert_eq!(world.tcp(OUT, 4003, 80, ACK), Err(Reason::NotOpened), "nor after a flow was cut");
}

#[test]
fn flows_end_after_their_time() {
    let mut world = World::new(&[ALL_OUT]);
    world.connect(4000, 80);
    assert_eq!(world.udp(OUT, 4000, 53), Ok(()));
    assert_eq!(world.udp(OUT, 4001, 53), Ok(()));
    assert_eq!(world.udp(IN, 4001, 53), Ok(()));
    assert_eq!(world.check(OUT, &echo(OUT, 8, 7)), Ok(()));
    assert_eq!(world.tcp(OUT, 5000, 80, SYN), Ok(()));
    assert_eq!(world.filter.flows(), 5);
    for (after_s, left) in [(60, 4), (60, 3), (11, 2), (170, 1), (4 * 24 * 3600, 1), (24 * 3600, 0)] {
        world.pass_s(after_s);
        assert_eq!(world.filter.flows(), left, "after {after_s} s more");
    }
    assert_eq!(world.filter.poll_timeout(), None);
    let records = world.records();
    assert!(records.iter().all(|record| record.end == End::Idle && record.reason.is_none()));
    assert_eq!(records.len(), 5);
    assert_eq!(records[4].outward.packets, 2);
}

#[test]
fn tcp_that_said_goodbye_is_soon_forgotten_and_its_ports_may_be_used_again() {
    let mut world = World::new(&[ALL_OUT]);
    world.connect(4000, 80);
    assert_eq!(world.tcp(OUT, 4000, 80, FIN | ACK), Ok(()));
    assert_eq!(world.tcp(IN, 4000, 80, ACK), Ok(()));
    assert_eq!(world.tcp(IN, 4000, 80, FIN | ACK), Ok(()));
    assert_eq!(world.tcp(OUT, 4000, 80, ACK), Ok(()));
    world.connect(4000, 80);
    assert_eq!(world.records().iter().map(|record| record.end).collect::<Vec<_>>(), [End::Closed]);
    assert_eq!(world.tcp(IN, 4000, 80, RST), Ok(()));
    world.pass_s(60);
    assert_eq!(world.filter.flows(), 0);
}

#[test]
fn the_last_drops_of_a_peer_are_known_with_their_reasons() {
    let mut world = World::new(&[ALL_OUT]);
    for _ in 0..3 {
        assert_eq!(world.tcp(IN, 22, 999, SYN), Err(Reason::NoRule));
    }
    world.pass_s(1);
    assert_eq!(world.tcp(IN, 4000, 80, ACK), Err(Reason::NotOpened));
    assert_eq!(world.check_of(129, IN, &tcp(IN, 1, 1, SYN)), Err(Reason::NoRule), "of the same set");
    let drops = world.filter.drops(1);
    let seen: Vec<_> = drops.iter().map(|drop| (drop.reason, drop.tuple.local_port, drop.inward.packets)).collect();
    assert_eq!(seen, [(Some(Reason::NotOpened), 4000, 1), (Some(Reason::NoRule), 22, 3)]);
    world.filter.forget(1);
    assert!(world.filter.drops(1).is_empty());
    assert_eq!(world.filter.drops(129).len(), 1);
}
