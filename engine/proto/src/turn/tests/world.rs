//! A server with sockets that are numbers, and a client that seals its requests.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::collections::BTreeMap;

use crate::turn::attribute::kind;
use crate::turn::message::{Class, Message, Method, parse};
use crate::turn::{
    Algorithm, Builder, Client, Family, Key, NotOpened, Outcome, PasswordAlgorithm, Peers, Quotas, Server,
    ServerConfig, SocketNumber, Sockets, TurnSecret,
};
use crate::{Instant, Now, Random, Unix};

pub(crate) const SECRET: &[u8] = b"a secret of 24 bytes....";
pub(crate) const REALM: &[u8] = b"warren";
pub(crate) const WALL_S: u64 = 1_790_000_000;
pub(crate) const TXID: [u8; 12] = *b"transaction!";

/// A repeatable source: good enough to tell numbers apart.
pub(crate) struct Counting(pub(crate) u64);

impl Random for Counting {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (self.0 >> 56) as u8;
        }
    }
}

pub(crate) fn at(seconds: u64) -> Now {
    Now { mono: Instant((seconds + 1) * 1_000_000_000), wall: Unix((WALL_S + seconds) * 1_000_000_000) }
}

pub(crate) fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Sockets that exist as entries of a map.
#[derive(Default)]
pub(crate) struct Open {
    pub(crate) open: BTreeMap<SocketNumber, SocketAddr>,
    pub(crate) taken: Vec<u16>,
    pub(crate) no_v6: bool,
}

impl Sockets for Open {
    fn open(&mut self, number: SocketNumber, family: Family, port: u16, _: &Client) -> Result<SocketAddr, NotOpened> {
        if self.taken.contains(&port) {
            return Err(NotOpened::PortTaken);
        }
        let address = match family {
            Family::V4 => IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)),
            Family::V6 if self.no_v6 => return Err(NotOpened::NoFamily),
            Family::V6 => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        };
        let address = SocketAddr::new(address, port);
        assert!(!self.open.values().any(|other| *other == address), "the port was free");
        assert_eq!(self.open.insert(number, address), None, "numbers are used once");
        Ok(address)
    }

    fn close(&mut self, number: SocketNumber) {
        assert!(self.open.remove(&number).is_some(), "closed once");
    }
}

pub(crate) fn config() -> ServerConfig {
    ServerConfig {
        realm: REALM.to_vec(),
        secret: TurnSecret::new(SECRET),
        allowance: 0,
        ports: 50_000..=50_099,
        quotas: Quotas {
            ports_a_user: 8,
            ports_an_address: 16,
            ports: 24,
            user_bytes_per_s: 100_000,
            bytes_per_s: 150_000,
        },
        peers: Peers::default(),
    }
}

/// The server, its sockets and one client's view.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) sockets: Open,
    pub(crate) now: Now,
}

/// An answer taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Answer(pub(crate) Vec<u8>);

impl Answer {
    pub(crate) fn message(&self) -> Message<'_> {
        parse(&self.0).unwrap()
    }

    pub(crate) fn error(&self) -> u16 {
        let message = self.message();
        match message.value(kind::ERROR_CODE) {
            Some([_, _, class, rest, ..]) if message.class == Class::Error => {
                u16::from(*class) * 100 + u16::from(*rest)
            }
            _ => 0,
        }
    }

    pub(crate) fn value(&self, kind: u16) -> Option<Vec<u8>> {
        self.message().value(kind).map(<[u8]>::to_vec)
    }
}

/// What a client knows after its challenge.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) client: Client,
    pub(crate) username: Vec<u8>,
    pub(crate) key: Key,
    pub(crate) nonce: Vec<u8>,
    pub(crate) algorithm: Algorithm,
}

pub(crate) fn bare(method: Method) -> Builder {
    Builder::new(Class::Request, method, &TXID)
}

pub(crate) fn wanting_udp(request: Builder) -> Builder {
    request.attribute(kind::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(config())
    }

    pub(crate) fn with(config: ServerConfig) -> Self {
        Self { server: Server::new(config, Box::new(Counting(1))), sockets: Open::default(), now: at(0) }
    }

    pub(crate) fn give<'m>(&mut self, client: Client, message: &'m [u8]) -> Outcome<'m> {
        let outcome = self.server.handle_client(self.now, client, message, &mut self.sockets);
        self.server.check_tables();
        outcome
    }

    pub(crate) fn ask(&mut self, client: Client, request: &[u8]) -> Option<Answer> {
        match self.give(client, request) {
            Outcome::Answer(bytes) => Some(Answer(bytes)),
            Outcome::Nothing => None,
            Outcome::ToPeer { .. } => panic!("a request is not data"),
        }
    }

    /// The challenge, and what follows from it. The request is padded so that one is enough.
    pub(crate) fn login(&mut self, remote: &str, username: &str) -> Login {
        self.login_as(Client::udp(socket(remote)), username)
    }

    pub(crate) fn login_as(&mut self, client: Client, username: &str) -> Login {
        let request = wanting_udp(bare(Method::Allocate)).attribute(kind::SOFTWARE, &[b' '; 100]).finish();
        let challenge = self.ask(client, &request).unwrap();
        assert_eq!(challenge.error(), 401);
        assert_eq!(challenge.value(kind::REALM).unwrap(), REALM);
        let username = username.as_bytes().to_vec();
        let secret = TurnSecret::new(SECRET).unwrap();
        let key = secret.key(PasswordAlgorithm::Md5, &username, REALM);
        let nonce = challenge.value(kind::NONCE).unwrap();
        Login { client, username, key, nonce, algorithm: Algorithm::Sha1 }
    }

    pub(crate) fn sealed(login: &Login, request: Builder) -> Vec<u8> {
        let request = request.attribute(kind::USERNAME, &login.username).attribute(kind::REALM, REALM);
        request.attribute(kind::NONCE, &login.nonce).seal(login.algorithm, &login.key).fingerprint().finish()
    }

    /// A sealed request's answer, whose seal is checked where there is one.
    pub(crate) fn ask_as(&mut self, login: &Login, request: Builder) -> Answer {
        let answer = self.ask(login.client, &Self::sealed(login, request)).unwrap();
        let message = answer.message();
        assert!(message.has_fingerprint || answer.error() == 400);
        assert!(matches!(answer.error(), 400 | 401 | 438) || message.verifies(login.algorithm, &login.key));
        answer
    }

    /// An allocation, and where its peers see it.
    pub(crate) fn allocate(&mut self, login: &Login) -> SocketAddr {
        let answer = self.ask_as(login, wanting_udp(bare(Method::Allocate)));
        assert_eq!(answer.error(), 0);
        let value = answer.value(kind::XOR_RELAYED_ADDRESS).unwrap();
        crate::turn::attribute::read_xored(&value, &TXID).unwrap()
    }

    pub(crate) fn permit(&mut self, login: &Login, peer: &str) -> u16 {
        let request = bare(Method::CreatePermission).address(kind::XOR_PEER_ADDRESS, socket(peer));
        self.ask_as(login, request).error()
    }

    pub(crate) fn bind(&mut self, login: &Login, number: u16, peer: &str) -> u16 {
        let number = u32::from(number) << 16;
        let request = bare(Method::ChannelBind).attribute(kind::CHANNEL_NUMBER, &number.to_be_bytes());
        self.ask_as(login, request.address(kind::XOR_PEER_ADDRESS, socket(peer))).error()
    }

    pub(crate) fn indication(peer: &str, payload: &[u8]) -> Vec<u8> {
        let message = Builder::new(Class::Indication, Method::Send, &TXID);
        message.address(kind::XOR_PEER_ADDRESS, socket(peer)).attribute(kind::DATA, payload).finish()
    }

    /// The only socket that is open.
    pub(crate) fn socket(&self) -> SocketNumber {
        assert_eq!(self.sockets.open.len(), 1);
        *self.sockets.open.keys().next().unwrap()
    }
}

pub(crate) fn user(name: &str) -> String {
    format!("{}:{name}", WALL_S + 86_400)
}
