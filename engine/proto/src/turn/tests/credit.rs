//! Rule 34: whoever proved nothing is never sent more than it sent, however it asks.

use proptest::prelude::*;

use super::world::{Counting, World, bare, config, socket, wanting_udp};
use crate::turn::attribute::kind;
use crate::turn::message::{Class, Method};
use crate::turn::{Builder, Client, Outcome};
use crate::{Random, limits};

fn udp(remote: &str) -> Client {
    Client::udp(socket(remote))
}

#[test]
fn a_bare_binding_request_is_answered_when_it_is_repeated() {
    let mut world = World::new();
    let request = bare(Method::Binding).finish();
    assert_eq!(request.len(), 20);
    assert!(world.ask(udp("192.0.2.7:1000"), &request).is_none());
    let answer = world.ask(udp("192.0.2.7:1000"), &request).unwrap();
    assert_eq!(answer.0.len(), 32);
    assert!(world.ask(udp("192.0.2.7:1000"), &request).is_none(), "8 bytes of credit are left, and 20 more");
    assert_eq!(world.server.counters().drop_no_credit, 2);
}

#[test]
fn a_request_as_long_as_its_answer_is_answered_at_once() {
    for (remote, padding) in [("192.0.2.7:1000", 8), ("[2001:db8::7]:1000", 20)] {
        let mut world = World::new();
        let request = bare(Method::Binding).attribute(kind::SOFTWARE, &vec![b' '; padding]).finish();
        let answer = world.ask(udp(remote), &request).unwrap();
        assert_eq!(answer.0.len(), request.len());
    }
}

#[test]
fn a_source_that_was_quiet_for_a_transaction_begins_anew() {
    let mut world = World::new();
    let request = bare(Method::Binding).finish();
    assert!(world.ask(udp("192.0.2.7:1000"), &request).is_none());
    world.now = super::world::at(60);
    assert!(world.ask(udp("192.0.2.7:1000"), &request).is_none());
}

#[test]
fn an_operator_may_allow_a_bare_request_its_answer() {
    let mut world = World::with(crate::turn::ServerConfig { allowance: 24, ..config() });
    let request = bare(Method::Binding).finish();
    assert_eq!(world.ask(udp("192.0.2.7:1000"), &request).unwrap().0.len(), 32);
    assert_eq!(world.ask(udp("[2001:db8::7]:1000"), &request).unwrap().0.len(), 44);
}

#[test]
fn a_short_challenge_is_for_short_requests() {
    let mut world = World::new();
    let short = wanting_udp(bare(Method::Allocate)).finish();
    assert_eq!(short.len(), 28);
    assert!(world.ask(udp("192.0.2.7:1000"), &short).is_none());
    let challenge = world.ask(udp("192.0.2.7:1000"), &short).unwrap();
    assert_eq!((challenge.0.len(), challenge.error()), (56, 401));
    let long = wanting_udp(bare(Method::Allocate)).attribute(kind::SOFTWARE, &[b' '; 60]).finish();
    let challenge = world.ask(udp("192.0.2.8:1000"), &long).unwrap();
    assert!(challenge.value(kind::PASSWORD_ALGORITHMS).is_some() && challenge.0.len() <= long.len());
}

#[test]
fn one_source_is_answered_so_often_and_others_go_on() {
    let mut world = World::new();
    let request = bare(Method::Binding).attribute(kind::SOFTWARE, &[b' '; 40]).finish();
    let (_, burst) = limits::STUN_SOURCE_REQUESTS;
    let many = (0..burst * 2).filter(|port| {
        let port = u16::try_from(*port).unwrap() + 1;
        world.ask(Client::udp(std::net::SocketAddr::new([192, 0, 2, 7].into(), port)), &request).is_some()
    });
    assert_eq!(many.count(), burst as usize);
    assert_eq!(world.server.counters().drop_rate, u64::from(burst));
    assert!(world.ask(udp("192.0.2.8:1"), &request).is_some());
}

#[test]
fn a_million_sources_take_no_memory_and_each_pays_for_itself() {
    let mut world = World::new();
    let request = bare(Method::Binding).finish();
    for number in 0..50_000_u32 {
        let remote = std::net::SocketAddr::new(std::net::Ipv4Addr::from(0x0b00_0000 + number).into(), 9);
        assert!(matches!(
            world.server.handle_client(world.now, Client::udp(remote), &request, &mut world.sockets),
            Outcome::Nothing
        ));
    }
}

/// Anything that a stranger may send: every method, with attributes of all kinds, sealed with a key of its own.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let methods = prop::sample::select(vec![
        Method::Binding,
        Method::Allocate,
        Method::Refresh,
        Method::CreatePermission,
        Method::ChannelBind,
        Method::Send,
        Method::Data,
        Method::Other(0x7ff),
    ]);
    let classes = prop::sample::select(vec![Class::Request, Class::Request, Class::Indication, Class::Success]);
    let kinds = prop::sample::select(vec![0x6_u16, 0x14, 0x15, 0x19, 0x12, 0xd, 0x13, 0x26, 0x7fff, 0x8022, 0x8002]);
    let attributes = prop::collection::vec((kinds, prop::collection::vec(any::<u8>(), 0..40)), 0..6);
    (methods, classes, attributes, any::<bool>(), any::<bool>()).prop_map(|(method, class, attributes, seal, print)| {
        let mut message = Builder::new(class, method, &[1; 12]);
        for (kind, value) in attributes {
            message = message.attribute(kind, &value);
        }
        if seal {
            message = message.seal(crate::turn::Algorithm::Sha1, &crate::turn::Key::of(b"mine"));
        }
        if print { message.fingerprint().finish() } else { message.finish() }
    })
}

proptest! {
    #[test]
    fn a_stranger_is_never_sent_more_than_it_sent(messages in prop::collection::vec(message(), 1..40), seed: u64) {
        let mut world = World::new();
        let (mut paid, mut got) = (0, 0);
        let mut random = Counting(seed);
        for message in messages {
            let mut port = [0; 2];
            random.fill(&mut port);
            let client = Client::udp(std::net::SocketAddr::new([192, 0, 2, 7].into(), u16::from_be_bytes(port) | 1));
            paid += message.len();
            match world.give(client, &message) {
                Outcome::Answer(answer) => got += answer.len(),
                Outcome::Nothing => {}
                Outcome::ToPeer { .. } => prop_assert!(false, "nothing was allocated"),
            }
            prop_assert!(got <= paid, "{got} bytes for {paid}");
        }
        prop_assert_eq!(world.server.live(), (0, 0));
    }
}
