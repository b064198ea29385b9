//! Whatever the line does: what was asked for opens, what arrives was sent, and both sides agree.

use proptest::prelude::*;

use super::world::World;
use crate::relay::client::Event;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// A third lost and everything reordered: sessions and channels come about all the same, and every payload that
    /// arrives was sent, once, through the right channel.
    #[test]
    fn a_bad_line_delays_and_never_confuses(seed in any::<u64>(), loss in 0_u64..35, jitter_ms in 0_u64..80) {
        let mut world = World::new(seed);
        (world.loss_percent, world.jitter_ns) = (loss, jitter_ms * 1_000_000);
        let nodes: Vec<usize> = (1..=4).map(|number| world.add(number)).collect();
        let now = world.now();
        for from in &nodes {
            for to in nodes.iter().filter(|to| *to > from) {
                let name = world.nodes[*to].identity;
                world.nodes[*from].client.open_channel(now, name);
            }
        }
        let all = |it: &World| {
            nodes.iter().all(|from| nodes.iter().all(|to| from == to || it.channel(*from, *to).is_some()))
        };
        prop_assert!(world.until(120_000, all), "channels: {:?}", world.server.gauges());
        for count in 0..40_u8 {
            for (from, to) in [(0, 1), (1, 2), (2, 0), (3, 0)] {
                if let Some(channel) = world.channel(from, to) {
                    world.send(from, channel, &[from as u8, to as u8, count]);
                }
            }
            world.pass_ms(20);
        }
        world.pass_ms(500);
        for at in &nodes {
            let mut seen = std::collections::BTreeSet::new();
            for (channel, payload) in &world.nodes[*at].payloads {
                prop_assert_eq!(usize::from(payload[1]), *at, "it is for this node");
                prop_assert!(seen.insert(payload.clone()), "once");
                let sender = usize::from(payload[0]);
                let told = Event::Opened { identity: world.nodes[sender].identity, channel: *channel };
                prop_assert!(world.nodes[*at].events.contains(&told), "through the channel of its sender");
            }
        }
    }

    /// Members come, go, ask and close in any order; the relay's two ends of each channel always agree, and once all
    /// is quiet so do the clients.
    #[test]
    fn churn_leaves_both_ends_of_every_channel_in_agreement(
        seed in any::<u64>(), steps in prop::collection::vec((0_usize..5, 0_usize..5, 0_u8..6), 1..60)
    ) {
        let mut world = World::new(seed);
        world.loss_percent = 10;
        let nodes: Vec<usize> = (1..=5).map(|number| world.add(number)).collect();
        for (from, to, what) in steps {
            let (now, name) = (world.now(), world.nodes[to].identity);
            match what {
                0..=2 => {
                    world.nodes[from].client.open_channel(now, name);
                }
                3 => world.nodes[from].client.close_channel(now, &name),
                4 => world.nodes[from].client.reconnect(now),
                _ => world.nodes[from].udp_blocked = !world.nodes[from].udp_blocked,
            }
            world.pass_ms(200);
            world.server.check();
        }
        world.loss_percent = 0;
        world.nodes.iter_mut().for_each(|node| node.udp_blocked = false);
        prop_assert!(world.until(120_000, |it| nodes.iter().all(|at| it.is_connected(*at))));
        world.pass_ms(80_000);
        world.server.check();
        for (from, to) in nodes.iter().flat_map(|from| nodes.iter().map(move |to| (*from, *to))) {
            let stands = world.server.channel_between(&world.nodes[from].identity, &world.nodes[to].identity);
            prop_assert_eq!(world.channel(from, to), stands, "{} to {}", from, to);
        }
    }
}
