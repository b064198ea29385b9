//! Rates: a client's, a network's, the relay's; and what the greedy do to the others.

use super::world::{SECOND_NS, Terms, World, relay_address, relay_key, server_config};
use crate::relay::client::Config;
use crate::relay::server::Rate;

fn config() -> Config {
    Config { relay_key: relay_key().public(), remotes: vec![relay_address()], has_stream: false }
}

/// Members 1 and 2 of network 1, members 3 and 4 of network 2, joined by pairs.
fn pairs(seed: u64, change: impl Fn(&mut crate::relay::server::Config), terms: &Terms) -> (World, [usize; 4]) {
    let mut settings = server_config();
    change(&mut settings);
    let mut world = World::with(seed, settings);
    world.delay_ns = 100_000;
    let other = Terms { network: 2, ..Terms::default() };
    let [a, b] = [1, 2].map(|number| world.add_with(number, terms, config()));
    let [c, d] = [3, 4].map(|number| world.add_with(number, &other, config()));
    let now = world.now();
    for (from, to) in [(a, b), (c, d)] {
        let name = world.nodes[to].identity;
        world.nodes[from].client.open_channel(now, name);
    }
    assert!(world.until(1_000, |it| it.channel(a, b).is_some() && it.channel(c, d).is_some()));
    (world, [a, b, c, d])
}

/// The first member floods for a second with 100 Mbit/s, the third sends 1 Mbit/s. What arrived: bytes, and frames.
fn flood(world: &mut World, [a, b, c, d]: [usize; 4]) -> (usize, usize) {
    let (flooded, modest) = (world.channel(a, b).unwrap(), world.channel(c, d).unwrap());
    let end = world.now_ns + SECOND_NS;
    let mut round = 0;
    while world.now_ns < end {
        world.send(a, flooded, &[1; 1_250]);
        if round % 100 == 0 {
            world.send(c, modest, &[2; 1_250]);
        }
        round += 1;
        world.now_ns += 100_000;
        world.until(0, |_| false);
    }
    world.pass_ms(100);
    let bytes = world.nodes[b].payloads.iter().map(|(_, payload)| payload.len()).sum();
    (bytes, world.nodes[d].payloads.len())
}

#[test]
fn a_client_gets_what_it_may_and_costs_nobody_else_a_frame() {
    let rate = Rate { bytes_s: 1_250_000, burst_bytes: 125_000 };
    let (mut world, nodes) = pairs(1, |it| it.client_rate = rate, &Terms::default());
    let (bytes, frames) = flood(&mut world, nodes);
    assert!((1_250_000..1_450_000).contains(&bytes), "{bytes} of 10 Mbit/s and a burst");
    assert_eq!(frames, 100, "every frame of the other one");
    assert!(world.server.counters().drop_client_limit > 8_000);
    let over = world.server.client_meters().map(|(_, _, meter)| meter.over_limit).max();
    assert_eq!(over, Some(world.server.counters().drop_client_limit));
}

#[test]
fn a_network_gets_what_it_may() {
    let rate = Rate { bytes_s: 1_250_000, burst_bytes: 125_000 };
    let (mut world, nodes) = pairs(2, |it| it.network_rate = rate, &Terms::default());
    let (bytes, frames) = flood(&mut world, nodes);
    assert!((1_250_000..1_450_000).contains(&bytes) && frames == 100, "{bytes} {frames}");
    assert!(world.server.counters().drop_network_limit > 8_000);
}

#[test]
fn the_relay_gives_what_it_may() {
    let rate = Rate { bytes_s: 1_250_000, burst_bytes: 125_000 };
    let (mut world, nodes) = pairs(3, |it| it.total_rate = rate, &Terms::default());
    let (bytes, _) = flood(&mut world, nodes);
    assert!(bytes < 1_450_000, "{bytes}");
    assert!(world.server.counters().drop_total_limit > 8_000);
}

#[test]
fn a_grant_may_allow_less_than_the_relay_but_not_more() {
    let rate = Rate { bytes_s: 1_250_000, burst_bytes: 125_000 };
    let less = Terms { rate_kbit_s: 1_000, ..Terms::default() };
    let (mut world, nodes) = pairs(4, |it| it.client_rate = rate, &less);
    let (bytes, _) = flood(&mut world, nodes);
    assert!((125_000..300_000).contains(&bytes), "{bytes} of 1 Mbit/s");
    let more = Terms { rate_kbit_s: 1_000_000, ..Terms::default() };
    let (mut world, nodes) = pairs(5, |it| it.client_rate = rate, &more);
    let (bytes, _) = flood(&mut world, nodes);
    assert!(bytes < 1_450_000, "{bytes}");
}

#[test]
fn networks_are_metered_both_ways() {
    let (mut world, [a, b, ..]) = pairs(6, |_| {}, &Terms::default());
    let channel = world.channel(a, b).unwrap();
    for _ in 0..10 {
        world.send(a, channel, &[0; 80]);
    }
    world.pass_ms(10);
    let meter = world.server.network_meters().find(|(id, _)| **id == [1; 32]).map(|(_, meter)| meter).unwrap();
    assert_eq!((meter.rx_frames, meter.rx_bytes, meter.tx_frames), (10, 1_000, 10));
}
