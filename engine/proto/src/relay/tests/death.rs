//! A relay that dies, hangs or begins anew; a client that does.

use super::lifecycle::joined;
use super::world::World;
use crate::relay::client::{Event, Loss};
use crate::relay::limits;

#[test]
fn a_relay_that_dies_under_traffic_is_noticed_within_three_seconds() {
    let (mut world, a, b) = joined();
    let (there, back) = (world.channel(a, b).unwrap(), world.channel(b, a).unwrap());
    for _ in 0..100 {
        world.send(a, there, b"x");
        world.send(b, back, b"y");
        world.pass_ms(10);
    }
    world.is_dead = true;
    let died = world.now_ns;
    let lost = |it: &World, at: usize| it.nodes[at].events.contains(&Event::Lost { reason: Loss::Silent });
    while !(lost(&world, a) && lost(&world, b)) {
        world.send(a, there, b"x");
        world.send(b, back, b"y");
        world.pass_ms(10);
        assert!(world.now_ns - died < 3_000_000_000, "3 s");
    }
}

#[test]
fn a_way_out_that_is_shut_is_noticed_though_the_relay_goes_on_speaking() {
    let (mut world, a, b) = joined();
    let (there, back) = (world.channel(a, b).unwrap(), world.channel(b, a).unwrap());
    for _ in 0..100 {
        world.send(a, there, b"x");
        world.send(b, back, b"y");
        world.pass_ms(10);
    }
    world.nodes[a].udp_out_blocked = true;
    let shut = world.now_ns;
    while !world.nodes[a].events.contains(&Event::Lost { reason: Loss::Silent }) {
        world.send(a, there, b"x");
        world.send(b, back, b"y");
        world.pass_ms(10);
        assert!(world.now_ns - shut < 5_000_000_000, "5 s");
    }
}

#[test]
fn one_way_traffic_does_not_look_like_a_death() {
    let (mut world, a, b) = joined();
    let there = world.channel(a, b).unwrap();
    for _ in 0..600 {
        assert!(world.send(a, there, b"x"));
        world.pass_ms(100);
    }
    assert!(!world.nodes[a].events.iter().any(|event| matches!(event, Event::Lost { .. })));
    assert_eq!(world.nodes[b].payloads.len(), 600);
}

#[test]
fn an_idle_session_lives_by_a_frame_every_25_seconds() {
    let (mut world, a, _) = joined();
    let before = world.server.counters().rx_frames;
    world.pass_ms(600_000);
    assert!(world.is_connected(a) && world.server.gauges().members == 2);
    let frames = world.server.counters().rx_frames - before;
    assert!((40..=60).contains(&frames), "{frames} frames of two idle clients in ten minutes");
}

#[test]
fn an_idle_client_notices_a_death_by_its_keepalive_and_comes_back() {
    let (mut world, a, b) = joined();
    world.is_dead = true;
    assert!(world.until(30_000, |it| !it.is_connected(a) && !it.is_connected(b)));
    world.pass_ms(60_000);
    world.is_dead = false;
    world.restart();
    assert!(world.until(45_000, |it| it.channel(a, b).is_some()), "and asks for its channels again");
}

#[test]
fn a_relay_that_begins_anew_has_its_clients_back_in_a_second() {
    let (mut world, a, b) = joined();
    world.restart();
    let began = world.now_ns;
    while world.nodes[b].payloads.is_empty() {
        assert!(world.now_ns - began < 1_000_000_000, "{:?} {:?}", world.server.counters(), world.nodes[a].events);
        // Whoever sends is told that its session is not; here both do.
        for (from, to) in [(a, b), (b, a)] {
            if let Some(channel) = world.channel(from, to) {
                world.send(from, channel, b"again");
            }
        }
        world.pass_ms(20);
    }
}

#[test]
fn a_client_that_vanishes_is_forgotten_and_its_peers_are_told() {
    let (mut world, a, b) = joined();
    world.nodes[b].udp_blocked = true;
    let idle_ms = u64::try_from(limits::SESSION_IDLE.as_millis()).unwrap();
    assert!(world.until(idle_ms + 2_000, |it| it.channel(a, b).is_none()));
    assert_eq!(world.server.gauges().members, 1);
}

#[test]
fn attempts_back_off() {
    let mut world = World::new(9);
    world.is_dead = true;
    let a = world.add(1);
    world.pass_ms(600_000);
    let failed = world.nodes[a].events.iter().filter(|event| matches!(event, Event::Failed { .. })).count();
    assert!((18..=40).contains(&failed), "{failed} in ten minutes");
    assert!(world.seen.len() <= failed * 4 + 8, "{} frames", world.seen.len());
}
