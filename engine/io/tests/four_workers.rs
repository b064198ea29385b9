//! A tunnel of four workers against peers of all of them: the real threads, engines, inlets and queues over devices in
//! memory, which give nearly nothing to the worker whose it is.
//!
//! The hub is host 1. Its peers are hosts 2 to 9, number 1 to 8 there, two for each worker.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test stops at the first surprise"
)]
#![allow(dead_code, reason = "not all that joins two tunnels is used here")]

mod joined;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use joined::{
    NEVER, SOON, Side, introduce, is_handshake, key, packet, place, side, start, wait_for,
};
use warren_io::proto::filter::Rules;
use warren_io::proto::offload::{Gso, Merging, Sum, VirtioHeader};
use warren_io::proto::{
    ConfigError, DeviceConfig, Endpoint, Event, Mode, PeerConfig, PeerId, Prefix, Trains,
};
use warren_io::tun::{MemoryTunUser, memory_tun};
use warren_io::udp::{MemoryNet, MemoryUdp, Udp};
use warren_io::{Desk, Error, Lane, Tunnel, TunnelEvent};

const WORKERS: usize = 4;
const PEERS: u8 = 8;
const HUB: [u8; 4] = [10, 77, 0, 1];

struct Hub {
    tunnel: Tunnel,
    queues: Vec<MemoryTunUser>,
}

fn hub_with(net: &MemoryNet, change: impl FnOnce(&mut DeviceConfig)) -> Hub {
    let udp = net.sockets(place(1), WORKERS).unwrap();
    let (tuns, queues): (Vec<_>, Vec<_>) = (0..WORKERS)
        .map(|_| memory_tun(b"memory", Merging::default()).unwrap())
        .unzip();
    let lanes = tuns.into_iter().zip(udp);
    let lanes = lanes.map(|(tun, udp)| Lane { tun, udp }).collect();
    let mut config = DeviceConfig::new(key(1));
    change(&mut config);
    let tunnel = Tunnel::start_several::<_, MemoryUdp>(lanes, config).unwrap();
    assert_eq!(tunnel.workers(), WORKERS);
    Hub { tunnel, queues }
}

fn hub(net: &MemoryNet) -> Hub {
    hub_with(net, |_| ())
}

/// The number that the hub has for host `number`.
fn peer(number: u8) -> PeerId {
    PeerId(u64::from(number) - 1)
}

fn inner(number: u8) -> [u8; 4] {
    [10, 77, 0, number]
}

fn prefix(address: [u8; 4], length: u8) -> Prefix {
    Prefix::new(address.into(), length).unwrap()
}

impl Hub {
    fn each(
        &self,
        work: impl FnOnce(&mut Desk<'_>) -> Result<(), ConfigError> + Clone + Send + 'static,
    ) {
        for done in self.tunnel.call_each(work).unwrap() {
            done.unwrap();
        }
    }

    fn of<R: Send + 'static>(
        &self,
        peer: PeerId,
        work: impl FnOnce(&mut Desk<'_>) -> R + Send + 'static,
    ) -> R {
        self.tunnel.call_owner(peer, work).unwrap()
    }

    fn introduce_as(
        &self,
        id: PeerId,
        number: u8,
        allowed: Vec<Prefix>,
        endpoint: Option<SocketAddr>,
    ) {
        let config = PeerConfig {
            public_keys: vec![key(number).public()],
            allowed,
            mode: Mode::Roam,
            ..PeerConfig::default()
        };
        self.each(move |desk| desk.device.set_peer(desk.now, id, config));
        let endpoint = endpoint.map(|remote| Endpoint::Udp { remote });
        let told = self.of(id, move |desk| {
            desk.device.set_gate(id, true)?;
            desk.device.set_endpoint(desk.now, id, endpoint)
        });
        told.unwrap();
    }

    fn introduce(&self, number: u8, endpoint: Option<SocketAddr>) {
        self.introduce_as(
            peer(number),
            number,
            vec![prefix(inner(number), 32)],
            endpoint,
        );
    }

    fn send(&self, queue: usize, to: u8, payload: &[u8]) {
        assert!(self.queues[queue].send(&packet(HUB, inner(to), payload)));
    }

    /// The next packet that any worker wrote.
    fn receive_within(&self, limit: Duration) -> Option<Vec<u8>> {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            let mut written = self.queues.iter();
            if let Some(packet) = written.find_map(|queue| queue.receive(Duration::from_millis(1)))
            {
                return Some(packet);
            }
        }
        None
    }

    fn receive(&self) -> Vec<u8> {
        self.receive_within(SOON).expect("a packet")
    }

    fn sum(&self, name: &str) -> u64 {
        let all = self.tunnel.call_each(|desk| {
            let counters = desk.device.counters().clone();
            (counters, desk.losses)
        });
        let all = all.unwrap();
        let values = all
            .iter()
            .flat_map(|(counters, losses)| counters.named().chain(losses.named()));
        values
            .filter(|(known, _)| *known == name)
            .map(|(_, value)| value)
            .sum()
    }
}

/// The hub with peers that it does not know the places of: they begin.
fn joined_by_peers(net: &MemoryNet) -> (Hub, Vec<Side>) {
    let hub = hub(net);
    let sides: Vec<Side> = (2..2 + PEERS).map(|number| side(number, net)).collect();
    for (number, side) in (2..).zip(&sides) {
        hub.introduce(number, None);
        introduce(&side.tunnel, 1, Some(place(1)));
    }
    (hub, sides)
}

fn greet(hub: &Hub, side: &Side) {
    assert!(side.host.send(&packet(side.inner, HUB, b"hello")));
    assert_eq!(hub.receive(), packet(side.inner, HUB, b"hello"));
}

#[test]
fn whoever_begins_packets_pass_both_ways_by_every_queue_and_none_is_lost() {
    for peers_begin in [true, false] {
        let net = MemoryNet::default();
        let (hub, sides) = joined_by_peers(&net);
        for (number, side) in (2..).zip(&sides) {
            if peers_begin {
                greet(&hub, side);
            } else {
                hub.introduce(number, Some(side.place));
            }
        }
        for round in 0..40_u8 {
            for (number, side) in (2..).zip(&sides) {
                for queue in 0..WORKERS {
                    let payload = [round, number, queue as u8];
                    hub.send(queue, number, &payload);
                    let got = side.host.receive(SOON).expect("what the hub sent");
                    assert_eq!(got, packet(HUB, side.inner, &payload));
                }
                assert!(side.host.send(&packet(side.inner, HUB, &[round])));
                assert_eq!(hub.receive(), packet(side.inner, HUB, &[round]));
            }
        }
        for lost in ["drop_stray", "drop_handed", "drop_auth", "drop_replay"] {
            assert_eq!(hub.sum(lost), 0, "{lost}");
        }
        assert_eq!(hub.sum("tx_packets"), 40 * 8 * 4);
        // On a slow machine an initiation is repeated before its answer is there, which then answers nothing.
        let late = hub.sum("drop_unknown_index");
        assert!(late <= hub.sum("tx_initiations").saturating_sub(PEERS.into()));
        let keepalives = hub.sum("rx_keepalives") + late;
        let handshakes = hub.sum("rx_initiations") + hub.sum("rx_responses");
        assert_eq!(
            hub.sum("rx_datagrams"),
            hub.sum("rx_packets") + keepalives + handshakes
        );
        for (number, _) in (2..).zip(&sides) {
            for worker in 0..WORKERS as u64 {
                let id = peer(number);
                let stats = hub.of(PeerId(worker), move |desk| {
                    desk.device.peer_stats(desk.now, id)
                });
                let alive = stats.expect("all workers know all peers").alive;
                assert_eq!(
                    alive,
                    worker == id.0 % WORKERS as u64,
                    "one has the session"
                );
            }
        }
    }
}

#[test]
fn superpackets_are_handed_over_whole() {
    let net = MemoryNet::default();
    let (hub, sides) = joined_by_peers(&net);
    let (number, side) = (3, &sides[1]);
    greet(&hub, side);
    let payload: Vec<u8> = (0..40_000).map(|at| (at % 251) as u8).collect();
    let length = u16::try_from(8 + payload.len()).unwrap().to_be_bytes();
    let pseudo = Sum::default()
        .plus(&HUB)
        .plus(&side.inner)
        .plus(&[0, 17])
        .plus(&length)
        .partial();
    let ports = [0, 9, 0, 9, length[0], length[1], pseudo[0], pseudo[1]];
    let header = VirtioHeader {
        needs_checksum: true,
        gso: Gso::Udp,
        segment_len: 1000,
        checksum_start: 20,
        checksum_offset: 6,
        ..VirtioHeader::default()
    };
    let superpacket = packet(HUB, inner(number), &[&ports[..], &payload].concat());
    for queue in &hub.queues {
        assert!(queue.send_superpacket(header, &superpacket));
        for part in payload.chunks(1000) {
            let got = side.host.receive(SOON).expect("the next packet");
            assert_eq!(got.get(28..), Some(part));
        }
    }
}

#[test]
fn a_peer_that_moves_is_followed_by_its_worker() {
    let net = MemoryNet::default();
    let (hub, sides) = joined_by_peers(&net);
    for (number, side) in (2..).zip(sides) {
        greet(&hub, &side);
        drop(side);
        let (tun, host) = memory_tun(b"moved", Merging::default()).unwrap();
        let moved = place(number + 100);
        let tunnel = start(number, tun, net.socket(moved).unwrap());
        introduce(&tunnel, 1, Some(place(1)));
        assert!(host.send(&packet(inner(number), HUB, b"moved")));
        assert_eq!(hub.receive(), packet(inner(number), HUB, b"moved"));
        for queue in 0..WORKERS {
            hub.send(queue, number, b"followed");
            assert!(host.receive(SOON).is_some());
        }
        let id = peer(number);
        let stats = hub
            .of(id, move |desk| desk.device.peer_stats(desk.now, id))
            .unwrap();
        assert_eq!(stats.endpoint, Some(Endpoint::Udp { remote: moved }));
    }
}

#[test]
fn sessions_are_renewed_from_either_side_amid_traffic() {
    let net = MemoryNet::default();
    let (hub, sides) = joined_by_peers(&net);
    sides.iter().for_each(|side| greet(&hub, side));
    for side in &sides {
        wait_for(&side.tunnel, is_handshake);
    }
    for round in 0..2_u8 {
        // stamps are 16 ms apart, initiations 100
        std::thread::sleep(Duration::from_millis(150));
        for (number, side) in (2..).zip(&sides) {
            if round == 0 {
                let id = peer(number);
                hub.of(id, move |desk| desk.device.initiate(desk.now, id))
                    .unwrap();
            } else {
                let begun = |desk: &mut Desk<'_>| desk.device.initiate(desk.now, joined::PEER);
                side.tunnel.call(begun).unwrap().unwrap();
            }
            for part in 0..50 {
                hub.send(part % WORKERS, number, &[part as u8]);
                assert!(side.host.send(&packet(side.inner, HUB, &[part as u8])));
            }
            let mut got: Vec<u8> = (0..50)
                .map(|_| side.host.receive(SOON).unwrap()[20])
                .collect();
            let mut back: Vec<u8> = (0..50).map(|_| hub.receive()[20]).collect();
            // What came by two ways may have changed places, and nothing more.
            got.sort_unstable();
            back.sort_unstable();
            assert_eq!(got, (0..50).collect::<Vec<u8>>());
            assert_eq!(back, got);
            let by_us = u8::from(round == 1);
            let renewed = |event: &TunnelEvent| {
                matches!(event, TunnelEvent::Engine(Event::Handshake { initiated, .. })
                    if u8::from(*initiated) == by_us)
            };
            wait_for(&side.tunnel, renewed);
        }
    }
}

#[test]
fn a_peer_that_went_is_nobodys_and_comes_back_under_another_workers_number() {
    let net = MemoryNet::default();
    let (hub, sides) = joined_by_peers(&net);
    let side = &sides[0];
    greet(&hub, side);
    hub.each(|desk| match desk.device.remove_peer(peer(2)) {
        true => Ok(()),
        false => Err(ConfigError::UnknownPeer),
    });
    assert!(side.host.send(&packet(side.inner, HUB, b"too late")));
    assert_eq!(hub.receive_within(NEVER), None);
    assert_eq!(hub.sum("drop_unknown_index"), 1);
    for queue in 0..WORKERS {
        hub.send(queue, 2, b"nobody");
    }
    assert_eq!(side.host.receive(NEVER), None);
    assert_eq!(hub.sum("drop_no_route"), 4);
    for again in [9, 10, 11, 12, 13] {
        hub.introduce_as(
            PeerId(again),
            2,
            vec![prefix(inner(2), 32)],
            Some(side.place),
        );
        for queue in 0..WORKERS {
            hub.send(queue, 2, &[again as u8]);
            assert_eq!(
                side.host.receive(SOON),
                Some(packet(HUB, side.inner, &[again as u8]))
            );
        }
        hub.each(move |desk| match desk.device.remove_peer(PeerId(again)) {
            true => Ok(()),
            false => Err(ConfigError::UnknownPeer),
        });
    }
}

#[test]
fn what_one_worker_refuses_all_refuse() {
    let net = MemoryNet::default();
    let (hub, _sides) = joined_by_peers(&net);
    let taken = PeerConfig {
        public_keys: vec![key(3).public()],
        ..PeerConfig::default()
    };
    let told = hub
        .tunnel
        .call_each(move |desk| desk.device.set_peer(desk.now, PeerId(40), taken));
    assert_eq!(told.unwrap(), [Err(ConfigError::KeyTaken); WORKERS]);
}

#[test]
fn an_address_of_another_workers_peer_is_not_spoken_for_and_a_prefix_moves_between_them() {
    let net = MemoryNet::default();
    let (hub, sides) = joined_by_peers(&net);
    let [a, b] = [&sides[0], &sides[1]];
    // All of 10.78 is a's but for what is b's, which another worker has.
    let rest = [10, 78, 0, 7];
    let few = |third| prefix([10, 78, third, 0], 24);
    hub.introduce_as(
        peer(2),
        2,
        vec![prefix(a.inner, 32), prefix([10, 78, 0, 0], 16)],
        None,
    );
    hub.introduce_as(peer(3), 3, vec![prefix(b.inner, 32), few(1)], None);
    greet(&hub, a);
    greet(&hub, b);
    assert!(a.host.send(&packet(rest, HUB, b"mine")));
    assert_eq!(hub.receive(), packet(rest, HUB, b"mine"));
    for (side, spoken_for) in [(a, [10, 78, 1, 9]), (a, b.inner), (b, rest), (b, a.inner)] {
        assert!(side.host.send(&packet(spoken_for, HUB, b"not mine")));
    }
    assert_eq!(hub.receive_within(NEVER), None);
    assert_eq!(hub.sum("drop_inner_source"), 4);
    // b gets it all; nothing of it was taken from a by its own worker.
    let all = vec![prefix(b.inner, 32), prefix([10, 78, 0, 0], 16)];
    hub.introduce_as(peer(3), 3, all, Some(b.place));
    for queue in &hub.queues {
        assert!(queue.send(&packet(HUB, rest, b"moved")));
        assert_eq!(b.host.receive(SOON), Some(packet(HUB, rest, b"moved")));
    }
    assert!(a.host.send(&packet(rest, HUB, b"no more")));
    assert_eq!(hub.receive_within(NEVER), None);
    assert_eq!(hub.sum("drop_inner_source"), 5);
}

#[test]
fn a_shut_gate_is_shut_by_every_queue() {
    let net = MemoryNet::default();
    let (hub, sides) = joined_by_peers(&net);
    for (number, side) in (2..).zip(&sides) {
        greet(&hub, side);
        let id = peer(number);
        hub.each(move |desk| desk.device.set_gate(id, false));
        for queue in 0..WORKERS {
            hub.send(queue, number, b"not for you");
        }
        assert!(side.host.send(&packet(side.inner, HUB, b"not for you")));
    }
    assert_eq!(hub.receive_within(NEVER), None);
    assert!(
        sides
            .iter()
            .all(|side| side.host.receive(Duration::ZERO).is_none())
    );
    assert_eq!((hub.sum("drop_gate_out"), hub.sum("drop_gate_in")), (32, 8));
    // Said to all, it opens at the owner alone: at another worker nothing passes by it.
    for number in 2..2 + PEERS {
        let id = peer(number);
        hub.each(move |desk| desk.device.set_gate(id, true));
        let open = hub.tunnel.call_each(move |desk| {
            desk.device
                .peer_stats(desk.now, id)
                .is_some_and(|stats| stats.open)
        });
        assert_eq!(open.unwrap().iter().filter(|open| **open).count(), 1);
    }
}

/// Rules by which this machine may begin any flow, and nobody else one.
fn outwards_only() -> Arc<Rules> {
    let everywhere = [0, 0, 0, 1, 4, 0, 0, 0, 0, 0];
    let rule = [0, 0, 0, 7, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let bytes = [&[1, 0, 0, 0, 1][..], &everywhere, &[0, 0, 0, 1], &rule].concat();
    Arc::new(Rules::parse(&bytes).unwrap())
}

fn datagram(from: ([u8; 4], u8), to: ([u8; 4], u8)) -> Vec<u8> {
    packet(from.0, to.0, &[0, from.1, 0, to.1, 0, 8, 0, 0])
}

#[test]
fn answers_pass_the_filter_whatever_queue_the_flow_began_at_and_nothing_else_does() {
    let net = MemoryNet::default();
    let (hub, sides) = joined_by_peers(&net);
    sides.iter().for_each(|side| greet(&hub, side));
    let rules = outwards_only();
    hub.each(move |desk| {
        desk.device.set_filter(desk.now, Some(rules));
        Ok(())
    });
    for (number, side) in (2..).zip(&sides) {
        for queue in 0..WORKERS as u8 {
            let (ours, theirs) = ((HUB, 50 + queue), (side.inner, 80));
            assert!(side.host.send(&datagram((side.inner, 81), ours)), "unasked");
            assert!(hub.queues[usize::from(queue)].send(&datagram(ours, theirs)));
            assert_eq!(side.host.receive(SOON), Some(datagram(ours, theirs)));
            for _ in 0..WORKERS {
                assert!(side.host.send(&datagram(theirs, ours)));
                assert_eq!(hub.receive(), datagram(theirs, ours));
            }
        }
        let id = peer(number);
        let drops = hub.of(id, move |desk| desk.device.filter_drops(id));
        assert_eq!(drops.len(), 4, "its worker remembers what it dropped of it");
    }
    assert_eq!(hub.sum("drop_filter_no_rule_in"), 32);
    let flows = hub.tunnel.call_each(|desk| {
        let mut named = desk.device.named_flows();
        named
            .find(|(name, _)| *name == "flows")
            .map_or(0, |(_, count)| count)
    });
    assert_eq!(
        flows.unwrap(),
        [8; WORKERS],
        "each worker has its own peers' flows"
    );
}

#[test]
fn what_is_no_wireguards_comes_to_the_first_worker_once() {
    let net = MemoryNet::default();
    let hub = hub(&net);
    let transaction = *b"twelve bytes";
    let expect = move |desk: &mut Desk<'_>| desk.device.expect_stun(desk.now, transaction, 60_000);
    hub.tunnel.call(expect).unwrap();
    let answer = [&[1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &transaction].concat();
    // The network gives it to one worker after the other, by its sender's address.
    for number in 20..24 {
        let mut socket = net.socket(place(number)).unwrap();
        let mut trains = Trains::new(100, 1);
        let remote = place(1);
        assert!(trains.push_copy(None, Endpoint::Udp { remote }, &answer));
        socket.send(trains.bytes(), trains.list(), &mut |_, _, _| {
            panic!("not sent")
        });
    }
    let is_stun = |event: &TunnelEvent| matches!(event, TunnelEvent::Engine(Event::Stun { .. }));
    wait_for(&hub.tunnel, is_stun);
    let end = Instant::now() + SOON;
    while hub.sum("drop_stun") < 3 {
        assert!(Instant::now() < end, "each copy is counted");
        std::thread::yield_now();
    }
    assert!(!hub.tunnel.take_events(64).iter().any(is_stun));
    assert_eq!((hub.sum("rx_datagrams"), hub.sum("drop_stray")), (4, 0));
}

#[test]
fn an_initiation_that_needs_a_cookie_is_answered_and_judged_where_it_comes_in() {
    let net = MemoryNet::default();
    let hub = hub_with(&net, |config| config.handshakes_per_s = 4);
    let sides: Vec<Side> = (2..2 + PEERS).map(|number| side(number, &net)).collect();
    for (number, side) in (2..).zip(&sides) {
        hub.introduce(number, None);
        introduce(&side.tunnel, 1, Some(place(1)));
        assert!(side.host.send(&packet(side.inner, HUB, b"hello")));
    }
    for side in &sides {
        wait_for(&side.tunnel, is_handshake);
    }
    assert!(hub.sum("tx_cookie_replies") > 0);
    assert_eq!(hub.sum("drop_stray"), 0);
}

#[test]
fn what_goes_through_a_relay_goes_through_the_first_worker() {
    let net = MemoryNet::default();
    let (hub, _sides) = joined_by_peers(&net);
    let via = Endpoint::Relay {
        relay: 9,
        channel: 1,
    };
    for number in 2..2 + PEERS {
        let id = peer(number);
        hub.of(id, move |desk| {
            desk.device.set_endpoint(desk.now, id, Some(via))
        })
        .unwrap();
        hub.of(id, move |desk| desk.device.initiate(desk.now, id))
            .unwrap();
    }
    // There is no such relay, and only one worker could have it.
    let end = Instant::now() + SOON;
    while hub.sum("drop_no_relay") < u64::from(PEERS) {
        assert!(Instant::now() < end, "all came to the first worker");
        std::thread::yield_now();
    }
    let lost = hub
        .tunnel
        .call_each(|desk| desk.losses.drop_no_relay)
        .unwrap();
    assert_eq!(lost.iter().skip(1).sum::<u64>(), 0);
    assert!(lost[0] >= u64::from(PEERS));
}

#[test]
fn a_bug_in_one_worker_ends_the_tunnel_with_one_event() {
    let net = MemoryNet::default();
    let hub = hub(&net);
    let answer: Result<(), Error> = hub
        .tunnel
        .call_owner(PeerId(2), |_| panic!("a bug, made for this test"));
    assert!(matches!(answer, Err(Error::Closed)));
    let failed = |event: &TunnelEvent| matches!(event, TunnelEvent::WorkerFailed { .. });
    wait_for(&hub.tunnel, failed);
    for worker in 0..WORKERS as u64 {
        let answer = hub.tunnel.call_owner(PeerId(worker), |_| ());
        assert!(matches!(answer, Err(Error::Closed)));
    }
    hub.tunnel.close();
    assert!(!hub.tunnel.take_events(64).iter().any(failed));
    assert!(hub.queues.iter().all(MemoryTunUser::is_alone));
    assert!(net.socket(place(1)).is_ok());
}

#[test]
fn a_number_of_workers_that_is_no_power_of_two_is_refused() {
    for count in [0, 3, 5, 8] {
        let net = MemoryNet::default();
        let lanes: Vec<_> = (0..count)
            .map(|_| Lane {
                tun: memory_tun(b"memory", Merging::default()).unwrap().0,
                udp: net.socket(place(1)).unwrap(),
            })
            .collect();
        let started = Tunnel::start_several(lanes, DeviceConfig::new(key(1)));
        assert!(matches!(started, Err(Error::Argument(_))), "{count}");
    }
}
