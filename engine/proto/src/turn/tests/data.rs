//! Data both ways: indications, channels, permissions, and how much of it.

use super::world::{World, at, config, socket, user};
use crate::limits;
use crate::turn::attribute::{kind, read_xored};
use crate::turn::frame::{self, Next};
use crate::turn::message::{Class, Method, parse};
use crate::turn::{Carriage, Client, Outcome, Quotas, ServerConfig};

const PEER: &str = "8.8.8.8:5000";

fn ready() -> (World, super::world::Login) {
    let mut world = World::new();
    let login = world.login("192.0.2.7:1000", &user("alice"));
    world.allocate(&login);
    (world, login)
}

#[test]
fn without_permission_nothing_passes_either_way() {
    let (mut world, login) = ready();
    assert_eq!(world.give(login.client, &World::indication(PEER, b"hi")), Outcome::Nothing);
    let number = world.socket();
    assert_eq!(world.server.handle_peer(world.now.mono, number, socket(PEER), 5), None);
    assert_eq!(world.server.counters().drop_no_permission, 2);
    let stranger = Client::udp(socket("192.0.2.8:1000"));
    assert_eq!(world.give(stranger, &World::indication(PEER, b"hi")), Outcome::Nothing);
    assert_eq!(world.give(stranger, &[0x40, 0, 0, 1, 7]), Outcome::Nothing);
}

#[test]
fn a_permission_is_for_an_address_with_every_port_and_ends() {
    let (mut world, login) = ready();
    assert_eq!(world.permit(&login, PEER), 0);
    let number = world.socket();
    for peer in [PEER, "8.8.8.8:1"] {
        let message = World::indication(peer, b"hi");
        let Outcome::ToPeer { socket: from, peer: to, payload, .. } = world.give(login.client, &message) else {
            panic!("it is permitted")
        };
        assert_eq!((from, to, payload), (number, socket(peer), &b"hi"[..]));
    }
    let data = world.server.handle_peer(world.now.mono, number, socket("8.8.8.8:9"), 5).unwrap();
    let whole = [data.prefix.bytes(), b"hello", &vec![0; data.padding]].concat();
    let message = parse(&whole).unwrap();
    assert_eq!((message.class, message.method, data.client), (Class::Indication, Method::Data, login.client));
    assert_eq!(message.value(kind::DATA), Some(&b"hello"[..]));
    let from = read_xored(message.value(kind::XOR_PEER_ADDRESS).unwrap(), message.transaction);
    assert_eq!(from, Some(socket("8.8.8.8:9")));
    world.now = at(limits::TURN_PERMISSION_LIFETIME.as_secs());
    assert_eq!(world.give(login.client, &World::indication(PEER, b"hi")), Outcome::Nothing);
    assert_eq!(world.server.handle_peer(world.now.mono, number, socket(PEER), 5), None);
}

#[test]
fn a_channel_carries_both_ways_and_ends() {
    let (mut world, login) = ready();
    assert_eq!(world.bind(&login, 0x3fff, PEER), 400);
    assert_eq!(world.bind(&login, 0x8000, PEER), 400);
    assert_eq!(world.bind(&login, 0x4abc, PEER), 0);
    assert_eq!(world.bind(&login, 0x4abc, "8.8.8.8:5001"), 400, "it has a peer");
    assert_eq!(world.bind(&login, 0x4abd, PEER), 400, "it has a channel");
    let Outcome::ToPeer { peer, payload, .. } = world.give(login.client, &[0x4a, 0xbc, 0, 2, 1, 2, 99]) else {
        panic!("it is bound")
    };
    assert_eq!((peer, payload), (socket(PEER), &[1, 2][..]));
    for bad in [&[0x4a, 0xbc, 0, 3, 1, 2][..], &[0x4a, 0xbc], &[0x4f, 0, 0, 1, 1]] {
        assert_eq!(world.give(login.client, bad), Outcome::Nothing);
    }
    let number = world.socket();
    let data = world.server.handle_peer(world.now.mono, number, socket(PEER), 5).unwrap();
    assert_eq!((data.prefix.bytes(), data.padding), (&[0x4a, 0xbc, 0, 5][..], 0));
    world.now = at(limits::TURN_PERMISSION_LIFETIME.as_secs() + 1);
    assert!(world.server.handle_peer(world.now.mono, number, socket(PEER), 5).is_some(), "the channel is permission");
    world.now = at(limits::TURN_CHANNEL_LIFETIME.as_secs());
    assert_eq!(world.give(login.client, &[0x4a, 0xbc, 0, 1, 1]), Outcome::Nothing);
    assert_eq!(world.server.handle_peer(world.now.mono, number, socket(PEER), 5), None);
}

#[test]
fn channel_data_on_a_stream_is_padded() {
    let mut world = World::new();
    let client = Client { remote: socket("192.0.2.7:1000"), carriage: Carriage::Stream(3) };
    let login = world.login_as(client, &user("alice"));
    world.allocate(&login);
    assert_eq!(world.bind(&login, 0x4000, PEER), 0);
    let number = world.socket();
    let data = world.server.handle_peer(world.now.mono, number, socket(PEER), 5).unwrap();
    assert_eq!((data.client, data.padding), (client, 3));
}

#[test]
fn a_user_and_all_have_so_many_bytes_a_second() {
    let mut world = World::with(ServerConfig {
        quotas: Quotas { user_bytes_per_s: 10_000, bytes_per_s: 15_000, ..config().quotas },
        ..config()
    });
    let names = ["alice", "bob"];
    let passed = |world: &mut World| -> Vec<usize> {
        (0..2)
            .map(|at| {
                let login = world.login(&format!("192.0.2.{}:1000", 7 + at), &user(names[at]));
                if !world.server.has_allocation(&login.client) {
                    world.allocate(&login);
                    assert_eq!(world.bind(&login, 0x4000, PEER), 0);
                }
                let data = [&[0x40, 0, 3, 232][..], &[7; 1000]].concat();
                (0..20).filter(|_| world.give(login.client, &data) != Outcome::Nothing).count()
            })
            .collect()
    };
    assert_eq!(passed(&mut world), [10, 5]);
    world.now = at(2);
    assert_eq!(passed(&mut world), [10, 5]);
    assert_eq!(world.server.counters().drop_bandwidth, 50);
}

#[test]
fn a_stream_is_cut_into_messages_and_foreign_ones_are_told_at_once() {
    assert_eq!(frame::next(&[]), Next::Unknown);
    assert_eq!(frame::next(&[0, 1]), Next::Unknown);
    assert_eq!(frame::next(b"\x80"), Next::Foreign);
    assert_eq!(frame::next(&[0x16, 3, 1]), Next::Unknown);
    assert_eq!(frame::next(&[0x16, 3, 1, 0, 0, 0, 0, 0]), Next::Foreign, "TLS where none is spoken");
    assert_eq!(frame::next(&[0x40, 0, 0, 5]), Next::Message(12));
    assert_eq!(frame::next(&[0x40, 0, 0xff, 0xff]), Next::Foreign, "longer than a datagram");
    assert_eq!(frame::next(&[0, 1, 0, 8]), Next::Message(28));
    assert_eq!(frame::next(&[0, 1, 0, 7, 0]), Next::Foreign);
    assert_eq!(frame::next(&[0, 1, 0, 8, 1, 2, 3, 4]), Next::Foreign);
}
