//! Allocate, Refresh, CreatePermission and ChannelBind as RFC 8656 wants them, refusals included.

use super::world::{TXID, WALL_S, World, at, bare, config, socket, user, wanting_udp};
use crate::limits;
use crate::turn::attribute::{kind, read_xored};
use crate::turn::message::Method;
use crate::turn::{Algorithm, Builder, Carriage, Client, PasswordAlgorithm, Quotas, ServerConfig, TurnSecret};

const ALICE: &str = "192.0.2.7:1000";

fn lifetime(seconds: u32) -> Builder {
    bare(Method::Refresh).attribute(kind::LIFETIME, &seconds.to_be_bytes())
}

#[test]
fn an_allocation_has_an_address_lives_and_ends() {
    let mut world = World::new();
    let login = world.login(ALICE, &user("alice"));
    let relayed = world.allocate(&login);
    assert!((50_000..=50_099).contains(&relayed.port()));
    assert_eq!(world.server.live(), (1, 1));
    let again = world.ask_as(&login, wanting_udp(bare(Method::Allocate)));
    assert_eq!(again.error(), 0, "a repetition gets the same answer");
    assert_eq!(read_xored(&again.value(kind::XOR_RELAYED_ADDRESS).unwrap(), &TXID), Some(relayed));
    assert_eq!(read_xored(&again.value(kind::XOR_MAPPED_ADDRESS).unwrap(), &TXID), Some(socket(ALICE)));
    let other = wanting_udp(Builder::new(crate::turn::message::Class::Request, Method::Allocate, b"another one!"));
    assert_eq!(world.ask_as(&login, other).error(), 437);
    world.now = at(500);
    assert_eq!(world.ask_as(&login, lifetime(1200)).value(kind::LIFETIME), Some(1200_u32.to_be_bytes().to_vec()));
    let (due, _) = world.server.poll_timeout().unwrap();
    assert_eq!(due, at(1700).mono);
    world.server.handle_timeout(at(1699).mono, &mut world.sockets);
    assert_eq!(world.server.live(), (1, 1));
    world.server.handle_timeout(at(1700).mono, &mut world.sockets);
    assert_eq!((world.server.live(), world.sockets.open.len()), ((0, 0), 0));
    world.server.check_tables();
}

#[test]
fn a_client_ends_its_allocation_and_may_make_another() {
    let mut world = World::new();
    let login = world.login(ALICE, &user("alice"));
    world.allocate(&login);
    assert_eq!(world.ask_as(&login, lifetime(0)).error(), 0);
    assert_eq!(world.server.live(), (0, 0));
    assert_eq!(world.ask_as(&login, lifetime(0)).error(), 0, "a repetition");
    assert_eq!(world.ask_as(&login, lifetime(60)).error(), 437);
    world.allocate(&login);
}

#[test]
fn lifetimes_are_within_bounds() {
    let mut world = World::new();
    let login = world.login(ALICE, &user("alice"));
    world.allocate(&login);
    for (asked, granted) in [(1, 600), (600, 600), (1000, 1000), (u32::MAX, 3600)] {
        let answer = world.ask_as(&login, lifetime(asked));
        assert_eq!(answer.value(kind::LIFETIME), Some(u32::to_be_bytes(granted).to_vec()));
    }
}

#[test]
fn who_knows_no_password_gets_a_challenge_and_nothing_else() {
    let mut world = World::new();
    let mut login = world.login(ALICE, &user("alice"));
    login.key = crate::turn::Key::of(b"guessed");
    assert_eq!(world.ask_as(&login, wanting_udp(bare(Method::Allocate))).error(), 401);
    let mut late = world.login(ALICE, &format!("{WALL_S}:alice"));
    assert_eq!(world.ask_as(&late, wanting_udp(bare(Method::Allocate))).error(), 401, "it ran out");
    late.username = b"alice".to_vec();
    late.key =
        TurnSecret::new(super::world::SECRET).unwrap().key(PasswordAlgorithm::Md5, b"alice", super::world::REALM);
    assert_eq!(world.ask_as(&late, wanting_udp(bare(Method::Allocate))).error(), 401, "it has no end");
    assert_eq!(world.server.live(), (0, 0));
}

#[test]
fn a_nonce_is_good_for_one_client_and_for_its_time() {
    let mut world = World::new();
    let login = world.login(ALICE, &user("alice"));
    let mut elsewhere = login.clone();
    elsewhere.client = Client::udp(socket("192.0.2.7:1001"));
    assert_eq!(world.ask_as(&elsewhere, wanting_udp(bare(Method::Allocate))).error(), 438);
    world.allocate(&login);
    world.now = at(limits::TURN_NONCE_LIFETIME.as_secs() + 1);
    let stale = world.ask_as(&login, lifetime(600));
    assert_eq!(stale.error(), 438);
    let fresh = super::world::Login { nonce: stale.value(kind::NONCE).unwrap(), ..login };
    assert_eq!(world.ask_as(&fresh, lifetime(600)).error(), 0);
}

#[test]
fn sha256_is_there_for_who_asks_and_cannot_be_bargained_away() {
    let mut world = World::new();
    let mut login = world.login(ALICE, &user("alice"));
    let secret = TurnSecret::new(super::world::SECRET).unwrap();
    login.key = secret.key(PasswordAlgorithm::Sha256, &login.username, super::world::REALM);
    login.algorithm = Algorithm::Sha256;
    let offered = [0, 2, 0, 0, 0, 1, 0, 0];
    let with = |offered: &[u8]| {
        wanting_udp(bare(Method::Allocate))
            .attribute(kind::PASSWORD_ALGORITHMS, offered)
            .attribute(kind::PASSWORD_ALGORITHM, &[0, 2, 0, 0])
    };
    assert_eq!(world.ask_as(&login, with(&offered[..4])).error(), 400, "not what was offered");
    assert_eq!(world.ask_as(&login, with(&offered)).error(), 0);
}

#[test]
fn what_must_be_understood_and_is_not_is_named() {
    let mut world = World::new();
    let login = world.login(ALICE, &user("alice"));
    let answer = world.ask_as(&login, wanting_udp(bare(Method::Allocate)).attribute(0x7abc, b"?"));
    assert_eq!(answer.error(), 420);
    assert_eq!(answer.value(kind::UNKNOWN_ATTRIBUTES), Some(vec![0x7a, 0xbc]));
    let change = bare(Method::Binding).attribute(3, &[0, 0, 0, 6]).attribute(kind::SOFTWARE, &[b' '; 40]).finish();
    let answer = world.ask(Client::udp(socket("192.0.2.9:1")), &change).unwrap();
    assert_eq!((answer.error(), answer.value(kind::UNKNOWN_ATTRIBUTES)), (420, Some(vec![0, 3])));
}

#[test]
fn requests_that_contradict_themselves_are_refused() {
    let family = |number: u8| [number, 0, 0, 0];
    let ask = |build: &dyn Fn(Builder) -> Builder| {
        let mut world = World::new();
        let login = world.login(ALICE, &user("alice"));
        world.ask_as(&login, build(bare(Method::Allocate))).error()
    };
    assert_eq!(ask(&|it| it), 400, "no transport");
    assert_eq!(ask(&|it| it.attribute(kind::REQUESTED_TRANSPORT, &[6, 0, 0, 0])), 442);
    let udp = wanting_udp;
    assert_eq!(ask(&|it| udp(it).attribute(kind::REQUESTED_ADDRESS_FAMILY, &family(3))), 440);
    let both = |it| {
        let it = udp(it).attribute(kind::REQUESTED_ADDRESS_FAMILY, &family(1));
        it.attribute(kind::ADDITIONAL_ADDRESS_FAMILY, &family(2))
    };
    assert_eq!(ask(&both), 400);
    assert_eq!(ask(&|it| udp(it).attribute(kind::ADDITIONAL_ADDRESS_FAMILY, &family(1))), 400);
    assert_eq!(ask(&|it| udp(it).attribute(kind::RESERVATION_TOKEN, &[1; 8])), 508, "no such token");
    let token = |it| udp(it).attribute(kind::RESERVATION_TOKEN, &[1; 8]).attribute(kind::EVEN_PORT, &[0]);
    assert_eq!(ask(&token), 400);
    assert_eq!(ask(&|it| udp(it).attribute(kind::EVEN_PORT, &[])), 400);
    assert_eq!(ask(&|it| udp(it).attribute(kind::DONT_FRAGMENT, &[])), 0, "it is served");
}

#[test]
fn an_even_port_keeps_its_neighbour_for_who_has_the_token() {
    let mut world = World::new();
    let login = world.login(ALICE, &user("alice"));
    let answer = world.ask_as(&login, wanting_udp(bare(Method::Allocate)).attribute(kind::EVEN_PORT, &[0x80]));
    let first = read_xored(&answer.value(kind::XOR_RELAYED_ADDRESS).unwrap(), &TXID).unwrap();
    assert_eq!(first.port() % 2, 0);
    let token = answer.value(kind::RESERVATION_TOKEN).unwrap();
    let mallory = world.login("192.0.2.66:1", &user("mallory"));
    let claim = || wanting_udp(bare(Method::Allocate)).attribute(kind::RESERVATION_TOKEN, &token);
    assert_eq!(world.ask_as(&mallory, claim()).error(), 508);
    let second = world.login("192.0.2.7:1002", &user("alice"));
    let answer = world.ask_as(&second, claim());
    let next = read_xored(&answer.value(kind::XOR_RELAYED_ADDRESS).unwrap(), &TXID).unwrap();
    assert_eq!(next.port(), first.port() + 1);
    assert_eq!(world.server.live(), (2, 2));
}

#[test]
fn a_reserved_port_that_nobody_claims_is_free_again() {
    let mut world = World::new();
    let login = world.login(ALICE, &user("alice"));
    world.ask_as(&login, wanting_udp(bare(Method::Allocate)).attribute(kind::EVEN_PORT, &[0x80]));
    assert_eq!(world.server.live(), (1, 2));
    assert_eq!(world.server.poll_timeout().unwrap(), (at(30).mono, "reservation"));
    world.server.handle_timeout(at(30).mono, &mut world.sockets);
    world.server.check_tables();
    assert_eq!(world.server.live(), (1, 1));
}

#[test]
fn both_families_come_with_one_request_or_the_one_that_there_is() {
    let mut world = World::new();
    let both = || wanting_udp(bare(Method::Allocate)).attribute(kind::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    let login = world.login(ALICE, &user("alice"));
    let answer = world.ask_as(&login, both());
    let addresses = answer.message().attributes().filter(|it| it.kind == kind::XOR_RELAYED_ADDRESS).count();
    assert_eq!((addresses, world.server.live()), (2, (1, 2)));
    assert_eq!(world.permit(&login, "[2606:4700::1111]:1"), 0);
    let end = lifetime(0).attribute(kind::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    assert_eq!(world.ask_as(&login, end).error(), 0);
    assert_eq!(world.server.live(), (1, 1));
    assert_eq!(world.permit(&login, "[2606:4700::1111]:1"), 443);
    world.sockets.no_v6 = true;
    let other = world.login("192.0.2.8:1", &user("bob"));
    let answer = world.ask_as(&other, both());
    assert_eq!(answer.value(kind::ADDRESS_ERROR_CODE), Some(vec![2, 0, 4, 40]));
    let third = world.login("192.0.2.9:1", &user("carol"));
    let only = wanting_udp(bare(Method::Allocate)).attribute(kind::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    assert_eq!(world.ask_as(&third, only).error(), 440);
}

#[test]
fn a_user_an_address_and_all_have_so_many_ports() {
    let mut world = World::new();
    let codes = |world: &mut World, name: &str, address: &str, many: u16| -> Vec<u16> {
        (0..many)
            .map(|port| {
                let login = world.login(&format!("{address}:{}", 1000 + port), &user(name));
                world.ask_as(&login, wanting_udp(bare(Method::Allocate))).error()
            })
            .filter(|code| *code != 0)
            .collect()
    };
    assert_eq!(codes(&mut world, "alice", "192.0.2.7", 9), [486], "8 a user");
    assert_eq!(codes(&mut world, "bob", "192.0.2.8", 8), []);
    assert_eq!(codes(&mut world, "carol", "192.0.2.9", 9), [508], "24 in all");
    let mut world = World::with(ServerConfig { quotas: Quotas { ports_an_address: 3, ..config().quotas }, ..config() });
    assert_eq!(codes(&mut world, "alice", "[2001:db8::1]", 2), []);
    assert_eq!(codes(&mut world, "bob", "[2001:db8::2]", 2), [486], "3 a /64");
    assert_eq!(codes(&mut world, "bob", "[2001:db8:0:1::2]", 1), []);
}

#[test]
fn ports_of_other_programs_are_stepped_over() {
    let mut world = World::with(ServerConfig { ports: 50_000..=50_003, ..config() });
    world.sockets.taken = vec![50_000, 50_001, 50_002];
    let login = world.login(ALICE, &user("alice"));
    assert_eq!(world.allocate(&login).port(), 50_003);
    let other = world.login("192.0.2.8:1", &user("bob"));
    assert_eq!(world.ask_as(&other, wanting_udp(bare(Method::Allocate))).error(), 508);
    assert_eq!(world.server.live(), (1, 1));
}

#[test]
fn another_user_does_not_take_an_allocation_over_and_the_same_may_renew() {
    let mut world = World::new();
    let login = world.login(ALICE, &user("alice"));
    world.allocate(&login);
    let mallory = world.login(ALICE, &user("mallory"));
    assert_eq!(world.ask_as(&mallory, lifetime(0)).error(), 441);
    let renewed = world.login(ALICE, &format!("{}:alice", WALL_S + 90_000));
    assert_eq!(world.ask_as(&renewed, lifetime(600)).error(), 0);
}

#[test]
fn a_stream_that_ends_takes_its_allocation_along() {
    let mut world = World::new();
    let client = Client { remote: socket(ALICE), carriage: Carriage::Stream(7) };
    assert_eq!(world.ask(client, &bare(Method::Binding).finish()).unwrap().0.len(), 32, "a stream proves its address");
    let login = world.login_as(client, &user("alice"));
    world.allocate(&login);
    world.server.handle_closed(&client, &mut world.sockets);
    world.server.check_tables();
    assert_eq!((world.server.live(), world.sockets.open.len()), ((0, 0), 0));
}

#[test]
fn permissions_and_channels_of_one_allocation_are_bounded() {
    let mut world = World::new();
    let login = world.login(ALICE, &user("alice"));
    world.allocate(&login);
    for number in 0..limits::TURN_PERMISSIONS {
        world.now = crate::Now { mono: crate::Instant(world.now.mono.0 + 50_000_000), ..world.now };
        assert_eq!(world.permit(&login, &format!("8.8.{}.{}:1", number / 256, number % 256)), 0);
    }
    world.now = crate::Now { mono: crate::Instant(world.now.mono.0 + 50_000_000), ..world.now };
    assert_eq!(world.permit(&login, "9.9.9.9:1"), 508);
    assert_eq!(world.bind(&login, 0x4000, "9.9.9.9:1"), 508);
    assert_eq!(world.permit(&login, "8.8.0.7:1"), 0, "one that is there is renewed");
    world.now = at(limits::TURN_PERMISSION_LIFETIME.as_secs() + 30);
    assert_eq!(world.permit(&login, "9.9.9.9:1"), 0, "those that ran out make room");
}
