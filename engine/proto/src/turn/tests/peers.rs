//! Rule 35: an address is taken out of its coats first, then judged, at every place where a client names one.

use std::net::IpAddr;

use super::world::{World, at, config, socket, user};
use crate::turn::{Denied, Outcome, Peers, ServerConfig};
use crate::{Prefix, limits};

const DENIED: &[(&str, Denied)] = &[
    ("127.0.0.1", Denied::Loopback),
    ("127.255.0.9", Denied::Loopback),
    ("0.0.0.0", Denied::Loopback),
    ("::1", Denied::Loopback),
    ("::", Denied::Loopback),
    ("169.254.169.254", Denied::LinkLocal),
    ("fe80::1", Denied::LinkLocal),
    ("10.1.2.3", Denied::Private),
    ("172.31.255.255", Denied::Private),
    ("192.168.0.1", Denied::Private),
    ("fd00:ec2::254", Denied::Private),
    ("fc00::1", Denied::Private),
    ("64:ff9b:1::1", Denied::Private),
    ("100.64.0.1", Denied::Shared),
    ("100.100.100.200", Denied::Shared),
    ("224.0.0.1", Denied::Multicast),
    ("ff02::1", Denied::Multicast),
    ("168.63.129.16", Denied::Metadata),
    ("192.0.0.192", Denied::Reserved),
    ("255.255.255.255", Denied::Reserved),
    ("198.18.0.1", Denied::Reserved),
    ("2001:db8::1", Denied::Reserved),
    ("::ffff:127.0.0.1", Denied::Loopback),
    ("::127.0.0.1", Denied::Loopback),
    ("::ffff:0:10.0.0.1", Denied::Private),
    ("2002:7f00:1::", Denied::Loopback),
    ("2002:a9fe:a9fe::1", Denied::LinkLocal),
    ("64:ff9b::10.0.0.1", Denied::Private),
    ("64:ff9b::169.254.169.254", Denied::LinkLocal),
    // Teredo: the last 32 bits are the client's address, inverted; 0x3f57fdf8 is 192.168.2.7.
    ("2001:0:53aa:64c:0:0:3f57:fdf8", Denied::Private),
    ("2001:0:a00:1:0:0:3f57:fdf8", Denied::Private),
    ("2400:cb00::5efe:10.0.0.1", Denied::Private),
    ("2400:cb00::200:5efe:127.0.0.1", Denied::Loopback),
    ("1.0.0.1", Denied::Own),
    ("::ffff:1.0.0.1", Denied::Own),
    ("2002:100:1::", Denied::Own),
    ("2a00:1450::1", Denied::Own),
];

const ALLOWED: &[&str] =
    &["8.8.8.8", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::8.8.8.8", "2002:808:808::1", "1.0.0.2"];

fn judge() -> Peers {
    let mut peers = Peers::default();
    peers.set_own(["1.0.0.1".parse().unwrap(), "2a00:1450::1".parse().unwrap()]);
    peers
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn each_coat_of_a_forbidden_address_is_seen_through() {
    for (text, why) in DENIED {
        let why = if *text == "2001:0:a00:1:0:0:3f57:fdf8" { Denied::Private } else { *why };
        assert_eq!(judge().check(ip(text)), Err(why), "{text}");
    }
    for text in ALLOWED {
        assert_eq!(judge().check(ip(text)), Ok(()), "{text}");
    }
}

#[test]
fn named_prefixes_are_allowed_and_no_more() {
    let mut peers = Peers::new(vec![Prefix::new(ip("10.7.0.0"), 16).unwrap()], false).unwrap();
    peers.set_own([ip("10.7.0.1"), ip("1.0.0.1")]);
    assert_eq!(peers.check(ip("10.7.3.4")), Ok(()));
    assert_eq!(peers.check(ip("64:ff9b::10.7.3.4")), Ok(()));
    assert_eq!(peers.check(ip("10.8.0.1")), Err(Denied::Private));
    assert_eq!(peers.check_port(socket("10.7.0.1:80"), || false), Ok(()), "an operator's word counts for own ones too");
    assert_eq!(peers.check_port(socket("8.8.8.8:0"), || false), Err(Denied::Port));
    let many = vec![Prefix::new(ip("10.0.0.0"), 8).unwrap(); limits::TURN_ALLOWED_PREFIXES + 1];
    assert!(Peers::new(many, false).is_none());
}

#[test]
fn where_allocations_may_meet_only_their_ports_are_reached() {
    let mut peers = Peers::new(Vec::new(), true).unwrap();
    peers.set_own([ip("1.0.0.1")]);
    assert_eq!(peers.check(ip("1.0.0.1")), Ok(()));
    assert_eq!(peers.check_port(socket("1.0.0.1:50000"), || true), Ok(()));
    assert_eq!(peers.check_port(socket("1.0.0.1:22"), || false), Err(Denied::Own));
    assert_eq!(peers.check(ip("2002:100:1::")), Err(Denied::Own), "but not in a coat");
    assert_eq!(peers.check(ip("127.0.0.1")), Err(Denied::Loopback));
}

#[test]
fn permission_channel_and_send_all_ask_the_judge() {
    let mut world = World::new();
    world.server.set_own_addresses([ip("1.0.0.1")]);
    let login = world.login("192.0.2.7:1000", &user("alice"));
    world.allocate(&login);
    for (number, address) in
        (0x4000..).zip(["10.0.0.1", "127.0.0.1", "169.254.169.254", "1.0.0.1", "[::ffff:10.0.0.1]"])
    {
        let peer = format!("{address}:80");
        assert_eq!(world.permit(&login, &peer), 403, "{peer}");
        assert_eq!(world.bind(&login, number, &peer), 403, "{peer}");
        assert_eq!(world.give(login.client, &World::indication(&peer, b"GET /")), Outcome::Nothing);
    }
    assert_eq!(world.permit(&login, "8.8.8.8:0"), 0, "a permission has no port");
    let data = World::indication("8.8.8.8:53", b"?");
    assert!(matches!(world.give(login.client, &data), Outcome::ToPeer { .. }));
    assert_eq!(world.give(login.client, &World::indication("8.8.8.8:0", b"?")), Outcome::Nothing);
}

#[test]
fn an_address_that_becomes_the_servers_own_is_reached_no_longer() {
    let mut world = World::new();
    let login = world.login("192.0.2.7:1000", &user("alice"));
    world.allocate(&login);
    assert_eq!(world.permit(&login, "8.8.8.8:1"), 0);
    assert_eq!(world.bind(&login, 0x4001, "8.8.8.8:53"), 0);
    world.server.set_own_addresses([ip("8.8.8.8")]);
    assert_eq!(world.give(login.client, &World::indication("8.8.8.8:53", b"?")), Outcome::Nothing);
    assert_eq!(world.give(login.client, &[0x40, 1, 0, 1, b'?']), Outcome::Nothing);
    let socket_number = world.socket();
    assert_eq!(world.server.handle_peer(world.now.mono, socket_number, socket("8.8.8.8:53"), 1), None);
}

#[test]
fn without_a_secret_there_is_stun_and_no_turn() {
    let mut world = World::with(ServerConfig { secret: None, ..config() });
    let client = crate::turn::Client::udp(socket("192.0.2.7:1000"));
    let padded = |method| super::world::bare(method).attribute(0x8022, &[b' '; 100]).finish();
    use crate::turn::message::Method;
    for method in [Method::Allocate, Method::Refresh, Method::CreatePermission, Method::ChannelBind] {
        assert!(world.ask(client, &padded(method)).is_none());
    }
    assert!(world.ask(client, &padded(Method::Binding)).is_some());
    world.now = at(1);
    assert_eq!(world.server.poll_timeout(), None);
}
