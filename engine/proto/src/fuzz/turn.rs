//! STUN and TURN: what reads back, what a stranger gets, and a server driven by choices.

use core::net::SocketAddr;

use super::input::Input;
use crate::turn::attribute::kind;
use crate::turn::frame::{self, Next};
use crate::turn::message::{self, Class, Method};
use crate::turn::tests::world::{Login, REALM, SECRET, TXID, World, at, bare, config, user, wanting_udp};
use crate::turn::{
    Algorithm, Builder, Carriage, Client, Key, Outcome, PasswordAlgorithm, ServerConfig, SocketNumber, TurnSecret,
};

/// A message reads back as it was built; a seal is right under its own key only; a frame is a whole message.
pub(super) fn turn_message(data: &[u8]) {
    let parsed = message::parse(data);
    if let Some(message) = &parsed {
        assert_eq!(message.bytes(), data);
        assert!(data.len() >= 20 && data.len() % 4 == 0 && message::looks_like_stun(data));
        assert_eq!(frame::next(data), Next::Message(data.len()), "a stream is cut where a datagram ends");
        let mut built = Builder::new(message.class, message.method, message.transaction);
        for attribute in message.attributes() {
            built = built.attribute(attribute.kind, attribute.value);
        }
        let (plain, key) = (built.finish(), Key::of(b"ours"));
        let again = message::parse(&plain).expect("what was taken apart goes together");
        assert!(again.attributes().eq(message.attributes()));
        assert_eq!((again.class, again.method), (message.class, message.method));
        for algorithm in [Algorithm::Sha1, Algorithm::Sha256] {
            assert!(!message.verifies(algorithm, &key), "nobody knows this key");
        }
    }
    match frame::next(data) {
        Next::Message(length) => assert!(length >= 4 && length % 4 == 0),
        Next::Unknown => assert!(data.len() < 4 && parsed.is_none()),
        Next::Foreign => assert!(parsed.is_none()),
    }
    if let Some(channel) = frame::parse_channel_data(data) {
        assert!(frame::CHANNELS.contains(&channel.number) && parsed.is_none());
        let header = frame::channel_header(channel.number, channel.payload.len());
        assert!(data.starts_with(&[&header[..], channel.payload].concat()));
    }
}

/// A stranger is sent no byte that it did not pay for, makes no allocation and reaches no peer.
pub(super) fn turn_stranger(data: &[u8]) {
    let mut world = World::new();
    let mut input = Input::new(data);
    let (mut paid, mut got) = (0, 0);
    while !input.is_empty() {
        let client = Client::udp(SocketAddr::new([192, 0, 2, 7].into(), u16::from(input.byte()) + 1));
        let message = input.some().to_vec();
        paid += message.len();
        match world.give(client, &message) {
            Outcome::Answer(answer) => got += answer.len(),
            Outcome::Nothing => {}
            Outcome::ToPeer { .. } => panic!("nobody has an allocation"),
        }
        assert!(got <= paid, "{got} bytes for {paid}");
    }
    assert_eq!(world.server.live(), (0, 0));
}

const PEERS: [&str; 8] = [
    "8.8.8.8:53",
    "8.8.8.8:54",
    "9.9.9.9:53",
    "10.0.0.1:80",
    "127.0.0.1:1",
    "[2606:4700::1111]:53",
    "[2002:a00:1::]:80",
    "[::1]:9",
];

/// Users that hold credentials do anything in any order: the tables agree, nothing forbidden is reached, what a client
/// is sent is well formed, and when time has passed nothing is left.
pub(super) fn turn_server(data: &[u8]) {
    let mut input = Input::new(data);
    let mut world = World::with(ServerConfig { ports: 50_000..=50_015, ..config() });
    world.server.set_own_addresses(["9.9.9.9".parse().unwrap()]);
    let mut logins: Vec<Login> = Vec::new();
    for (number, name) in ["alice", "alice", "bob"].into_iter().enumerate() {
        let remote = SocketAddr::new([192, 0, 2, 7].into(), 1000 + number as u16);
        let carriage = if number == 1 { Carriage::Stream(1) } else { Carriage::Udp };
        logins.push(world.login_as(Client { remote, carriage }, &user(name)));
    }
    let mut seconds = 0;
    while !input.is_empty() {
        let (what, login) = (input.byte(), logins[input.below(3)].clone());
        match what % 4 {
            0 => {
                seconds += u64::from(input.byte());
                world.now = at(seconds);
                world.server.handle_timeout(world.now.mono, &mut world.sockets);
            }
            1 => from_peer(&mut world, &mut input),
            2 => data_of(&mut world, &mut input, &login),
            _ => request(&mut world, &mut input, login),
        }
        world.server.check_tables();
    }
    world.server.handle_timeout(at(seconds + 4000).mono, &mut world.sockets);
    world.server.check_tables();
    assert!(world.sockets.open.is_empty() && world.server.live() == (0, 0), "nothing outlives its time");
}

fn peer(input: &mut Input<'_>) -> SocketAddr {
    PEERS[input.below(PEERS.len())].parse().unwrap()
}

fn from_peer(world: &mut World, input: &mut Input<'_>) {
    let (number, from, payload) = (SocketNumber(u64::from(input.byte())), peer(input), usize::from(input.byte()));
    let Some(to) = world.server.handle_peer(world.now.mono, number, from, payload) else { return };
    assert!(world.sockets.open.contains_key(&number));
    assert!(matches!(from.ip().to_string().as_str(), "8.8.8.8" | "2606:4700::1111"), "{from} is denied");
    let whole = [to.prefix.bytes(), &vec![7; payload], &vec![0; to.padding]].concat();
    let channel = frame::parse_channel_data(&whole).map(|it| it.payload.len());
    let data = message::parse(&whole).and_then(|it| it.value(kind::DATA).map(<[u8]>::len));
    assert_eq!(channel.or(data), Some(payload));
}

fn data_of(world: &mut World, input: &mut Input<'_>, login: &Login) {
    let payload = input.some().to_vec();
    let message = if input.flag() {
        let number = 0x4000 | u16::from(input.byte() & 3);
        [&frame::channel_header(number, payload.len())[..], &payload].concat()
    } else {
        let indication = Builder::new(Class::Indication, Method::Send, &TXID);
        indication.address(kind::XOR_PEER_ADDRESS, peer(input)).attribute(kind::DATA, &payload).finish()
    };
    let open: Vec<SocketNumber> = world.sockets.open.keys().copied().collect();
    if let Outcome::ToPeer { socket, peer, payload: sent, .. } = world.give(login.client, &message) {
        assert!(open.contains(&socket));
        assert!(matches!(peer.ip().to_string().as_str(), "8.8.8.8" | "2606:4700::1111"), "{peer} is denied");
        assert_eq!(sent, payload);
    }
}

fn request(world: &mut World, input: &mut Input<'_>, mut login: Login) {
    let method = [Method::Allocate, Method::Refresh, Method::CreatePermission, Method::ChannelBind][input.below(4)];
    let mut request = if method == Method::Allocate { wanting_udp(bare(method)) } else { bare(method) };
    for _ in 0..input.below(4) {
        request = match input.below(6) {
            0 => request.attribute(kind::LIFETIME, &u32::from(input.byte()).to_be_bytes()),
            1 => request.address(kind::XOR_PEER_ADDRESS, peer(input)),
            2 => request.attribute(kind::CHANNEL_NUMBER, &[0x40, input.byte() & 3, 0, 0]),
            3 => request.attribute(kind::EVEN_PORT, &[input.byte()]),
            4 => request.attribute(kind::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]),
            _ => request.attribute(u16::from(input.byte()), input.some()),
        };
    }
    let known = input.byte() % 16;
    if known == 0 {
        login.key = Key::of(b"guessed");
    } else if known == 1 {
        let secret = TurnSecret::new(SECRET).unwrap();
        login.key = secret.key(PasswordAlgorithm::Sha256, &login.username, REALM);
    }
    let before = world.server.live();
    let Some(answer) = world.ask(login.client, &World::sealed(&login, request)) else { return };
    let message = answer.message();
    assert_eq!((message.method, message.transaction), (method, &TXID));
    assert!(matches!(message.class, Class::Success | Class::Error));
    if known <= 1 {
        assert!(answer.error() != 0 && world.server.live() == before, "a wrong key does nothing");
    }
}
