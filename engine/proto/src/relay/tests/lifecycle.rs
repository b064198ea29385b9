//! Connecting, channels, both carriages, renewal, moves.

use super::world::{BEGAN_S, Terms, World, credentials_at, relay_address, relay_key};
use crate::relay::client::{Config, Event, Loss};
use crate::relay::item::{Ended, Farewell};
use crate::relay::server;
use crate::relay::{Link, limits};

fn both() -> (World, usize, usize) {
    let mut world = World::new(1);
    let (a, b) = (world.add(1), world.add(2));
    (world, a, b)
}

/// Two connected members with a channel that the first asked for.
pub(super) fn joined() -> (World, usize, usize) {
    let (mut world, a, b) = both();
    let (now, name) = (world.now(), world.nodes[b].identity);
    assert!(world.nodes[a].client.open_channel(now, name));
    assert!(world.until(1_000, |it| it.channel(a, b).is_some() && it.channel(b, a).is_some()));
    (world, a, b)
}

#[test]
fn two_round_trips_to_a_session_and_the_first_payload_rides_behind() {
    let (mut world, a, b) = both();
    let (now, name) = (world.now(), world.nodes[b].identity);
    world.nodes[a].client.open_channel(now, name);
    let began = world.now_ns;
    assert!(world.until(1_000, |it| it.channel(a, b).is_some()));
    assert!(world.now_ns - began <= 7 * world.delay_ns, "hello, cookie, proof, welcome, ask, answer");
    let channel = world.channel(a, b).unwrap();
    assert!(world.send(a, channel, b"first"));
    assert!(world.until(1_000, |it| !it.nodes[b].payloads.is_empty()));
    let back = world.channel(b, a).expect("told without asking");
    assert_eq!(world.nodes[b].payloads, [(back, b"first".to_vec())]);
    assert!(world.send(b, back, b"answer"));
    assert!(world.until(1_000, |it| it.nodes[a].payloads == [(channel, b"answer".to_vec())]));
}

#[test]
fn a_channel_asked_for_again_is_the_same() {
    let (mut world, a, b) = joined();
    let before = world.channel(a, b);
    let (now, name, other) = (world.now(), world.nodes[b].identity, world.nodes[a].identity);
    world.nodes[a].client.open_channel(now, name);
    world.nodes[b].client.open_channel(now, other);
    world.pass_ms(500);
    assert_eq!(world.channel(a, b), before);
    assert_eq!(world.server.gauges().channels, 1);
}

#[test]
fn who_comes_later_is_joined_to_whoever_asked_for_it() {
    let mut world = World::new(2);
    let (a, b) = (world.add(1), world.add(2));
    world.nodes[b].udp_blocked = true;
    let (now, name) = (world.now(), world.nodes[b].identity);
    world.nodes[a].client.open_channel(now, name);
    assert!(world.until(1_000, |it| it.nodes[a].events.contains(&Event::Absent { identity: name })));
    world.nodes[b].udp_blocked = false;
    assert!(world.until(5_000, |it| it.channel(a, b).is_some() && it.channel(b, a).is_some()));
}

#[test]
fn a_member_that_leaves_is_told_to_its_peers_and_back_when_it_returns() {
    let (mut world, a, b) = joined();
    let (now, channel) = (world.now(), world.channel(a, b).unwrap());
    world.nodes[b].client.stop(now);
    let (identity, reason) = (world.nodes[b].identity, Ended::Gone);
    assert!(world.until(1_000, |it| it.nodes[a].events.contains(&Event::Closed { identity, channel, reason })));
    assert_eq!((world.server.gauges().members, world.server.gauges().channels), (1, 0));
    let (now, again) = (world.now(), credentials_at(BEGAN_S, 2, 1, &Terms::default()));
    assert!(world.nodes[b].client.set_credentials(now, again));
    assert!(world.until(1_000, |it| it.channel(a, b).is_some()), "what was asked for opens again");
    assert_ne!(world.channel(a, b), Some(channel), "a number is not used again at once");
}

#[test]
fn a_channel_stands_while_one_of_the_two_wants_it() {
    let (mut world, a, b) = joined();
    let (now, names) = (world.now(), [world.nodes[a].identity, world.nodes[b].identity]);
    world.nodes[b].client.open_channel(now, names[0]);
    world.pass_ms(100);
    let now = world.now();
    world.nodes[a].client.close_channel(now, &names[1]);
    world.pass_ms(300);
    assert_eq!(world.server.gauges().channels, 1);
    let now = world.now();
    world.nodes[b].client.close_channel(now, &names[0]);
    assert!(world.until(1_000, |it| it.channel(a, b).is_none() && it.channel(b, a).is_none()));
    assert_eq!(world.server.gauges().channels, 0);
}

#[test]
fn new_credentials_renew_the_session_and_no_channel_notices() {
    let (mut world, a, b) = joined();
    let channels = (world.channel(a, b), world.channel(b, a));
    let (now, again) = (world.now(), credentials_at(BEGAN_S, 1, 9, &Terms::default()));
    let events = (world.nodes[a].events.len(), world.nodes[b].events.len());
    assert!(world.nodes[a].client.set_credentials(now, again));
    for count in 0..50_u8 {
        assert!(world.send(a, channels.0.unwrap(), &[count]), "the old session serves until the new one stands");
        world.pass_ms(5);
    }
    assert!(world.until(1_000, |it| it.nodes[b].payloads.len() == 50), "{}", world.nodes[b].payloads.len());
    let news: Vec<_> =
        world.nodes[a].events[events.0..].iter().filter(|it| !matches!(it, Event::RoundTrip { .. })).collect();
    assert!(matches!(news[..], [Event::Connected { .. }]), "{news:?}");
    assert_eq!(world.nodes[b].events.len(), events.1);
    assert_eq!(world.server.counters().takeovers, 1);
    assert_eq!((world.channel(a, b), world.channel(b, a)), channels);
}

#[test]
fn where_udp_is_blocked_a_stream_carries_it_and_reaches_who_is_on_udp() {
    let mut world = World::new(3);
    let config = Config { relay_key: relay_key().public(), remotes: vec![relay_address()], has_stream: true };
    let a = world.add_with(1, &Terms::default(), config);
    world.nodes[a].udp_blocked = true;
    let b = world.add(2);
    let (now, name) = (world.now(), world.nodes[b].identity);
    world.nodes[a].client.open_channel(now, name);
    assert!(world.until(2_000, |it| it.channel(a, b).is_some()));
    assert!(matches!(world.nodes[a].client.link(), Some(Link::Stream(_))));
    assert!(matches!(world.server_events[..], [server::Event::Proven { .. }]));
    let (there, back) = (world.channel(a, b).unwrap(), world.channel(b, a).unwrap());
    assert!(world.send(a, there, b"over tls") && world.send(b, back, b"over udp"));
    assert!(world.until(500, |it| !it.nodes[b].payloads.is_empty() && !it.nodes[a].payloads.is_empty()));
    // UDP works again: the session moves there within its own time, and the channel stays.
    world.nodes[a].udp_blocked = false;
    let retry_ms = u64::try_from(limits::UDP_RETRY.as_millis()).unwrap();
    assert!(world.until(retry_ms + 2_000, |it| matches!(it.nodes[a].client.link(), Some(Link::Udp(_)))));
    world.pass_ms(500);
    assert_eq!((world.nodes[a].stream, world.channel(a, b)), (None, Some(there)));
    assert!(world.send(b, back, b"still"));
    assert!(world.until(500, |it| it.nodes[a].payloads.last().is_some_and(|(_, it)| it == b"still")));
}

#[test]
fn a_stream_that_breaks_is_opened_anew() {
    let mut world = World::new(4);
    let config = Config { relay_key: relay_key().public(), remotes: vec![], has_stream: true };
    let a = world.add_with(1, &Terms::default(), config);
    assert!(world.until(1_000, |it| it.is_connected(a)));
    let (now, stream) = (world.now(), world.nodes[a].stream.unwrap());
    world.nodes[a].client.handle_stream_lost(now, stream);
    assert!(world.until(100, |it| it.nodes[a].events.contains(&Event::Lost { reason: Loss::StreamEnded })));
    assert!(world.until(2_000, |it| it.is_connected(a) && it.nodes[a].stream != Some(stream)));
}

#[test]
fn a_client_that_moves_is_followed_once_it_answers_there() {
    let (mut world, a, b) = joined();
    let (there, back) = (world.channel(a, b).unwrap(), world.channel(b, a).unwrap());
    world.nodes[a].address = "203.0.113.9:999".parse().unwrap();
    assert!(world.send(a, there, b"from elsewhere, and as long as WireGuard's shortest"));
    assert!(world.until(200, |it| it.server.counters().moves == 1));
    assert!(world.send(b, back, b"found"));
    assert!(world.until(200, |it| it.nodes[a].payloads.last().is_some_and(|(_, it)| it == b"found")));
}

#[test]
fn credentials_that_end_end_the_session() {
    let mut world = World::new(5);
    let terms = Terms { not_after_s: BEGAN_S + 60, ..Terms::default() };
    let config = Config { relay_key: relay_key().public(), remotes: vec![relay_address()], has_stream: false };
    let a = world.add_with(1, &terms, config);
    assert!(world.until(1_000, |it| it.is_connected(a)));
    let reason = Loss::Farewell(Farewell::Expired);
    assert!(world.until(63_000, |it| it.nodes[a].events.contains(&Event::Lost { reason })));
    world.pass_ms(120_000);
    assert!(!world.is_connected(a));
    assert!(world.server.counters().refused_expired < 20, "it tries at long intervals");
}

#[test]
fn a_revoked_identity_is_out_at_once_and_comes_back_only_with_a_newer_grant() {
    let (mut world, a, b) = joined();
    let (now, channel) = (world.now(), world.channel(a, b).unwrap());
    let (identity, reason) = (world.nodes[b].identity, Ended::Revoked);
    world.server.revoke(now, [1; 32], identity, BEGAN_S + 5);
    assert!(world.until(100, |it| it.nodes[a].events.contains(&Event::Closed { identity, channel, reason })));
    world.pass_ms(60_000);
    assert!(!world.is_connected(b) && world.server.counters().refused_revoked > 0);
    let newer = Terms { issued_s: BEGAN_S + 6, ..Terms::default() };
    let (now, again) = (world.now(), credentials_at(BEGAN_S + 60, 2, 3, &newer));
    assert!(world.nodes[b].client.set_credentials(now, again));
    assert!(world.until(1_000, |it| it.is_connected(b)));
}
