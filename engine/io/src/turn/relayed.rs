//! The relayed sockets: one a family and allocation, opened at the port that the machine chose.
//!
//! Decides the local address (the one that faces the client, or what the operator named) and what peers are told.
//! Must not know who owns a socket or what passes through it.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

use warren_proto::turn::{Client, Family, NotOpened, SocketNumber, Sockets};

use super::epoll::Epoll;
use crate::limits::TURN_SOCKET_BUFFER_BYTES;
use crate::udp::open::{open, set_option};

/// Tokens of relayed sockets are even, of everything else odd.
pub fn token_of(socket: SocketNumber) -> u64 {
    socket.0 << 1
}

/// The socket of an even token.
pub fn socket_of(token: u64) -> Option<SocketNumber> {
    (token & 1 == 0).then_some(SocketNumber(token >> 1))
}

/// An address of the documentation prefixes: connecting a datagram socket there sends nothing and tells the source
/// address that the route to the internet has.
const ANYWHERE: (Ipv4Addr, Ipv6Addr) = (
    Ipv4Addr::new(192, 0, 2, 1),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
);

struct Relayed {
    socket: UdpSocket,
    forbids_fragments: bool,
}

/// All of them.
pub struct RelayedSockets {
    epoll: Epoll,
    open: BTreeMap<SocketNumber, Relayed>,
    /// What peers are told, where that is not the local address.
    announced: Vec<IpAddr>,
}

impl RelayedSockets {
    /// None yet.
    pub fn new(announced: Vec<IpAddr>) -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new()?,
            open: BTreeMap::new(),
            announced,
        })
    }

    /// The set that all of them are waited on in.
    pub fn epoll(&self) -> &Epoll {
        &self.epoll
    }

    /// The descriptor of one.
    pub fn fd(&self, socket: SocketNumber) -> Option<RawFd> {
        self.open.get(&socket).map(|it| it.socket.as_raw_fd())
    }

    /// Send one datagram; false where it was not taken.
    pub fn send(
        &mut self,
        socket: SocketNumber,
        peer: SocketAddr,
        payload: &[u8],
        dont_fragment: bool,
    ) -> bool {
        let Some(relayed) = self.open.get_mut(&socket) else {
            return false;
        };
        if relayed.forbids_fragments != dont_fragment {
            let _best_effort = forbid_fragments(&relayed.socket, peer, dont_fragment);
            relayed.forbids_fragments = dont_fragment;
        }
        // A first failure may be news of an earlier datagram (ICMP), which the kernel tells once.
        relayed.socket.send_to(payload, peer).is_ok()
            || relayed.socket.send_to(payload, peer).is_ok()
    }

    fn bind(
        &self,
        family: Family,
        port: u16,
        client: &Client,
    ) -> Result<(UdpSocket, SocketAddr), NotOpened> {
        let announced = self
            .announced
            .iter()
            .copied()
            .find(|address| Family::of(*address) == family);
        let local = match announced {
            Some(address) => address,
            None => facing(family, client).map_err(|_| NotOpened::NoFamily)?,
        };
        let socket = match open(SocketAddr::new(local, port)) {
            Err(error)
                if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) && announced.is_some() =>
            {
                open(SocketAddr::new(any(family), port)) // behind a translator: the address is not ours
            }
            other => other,
        };
        let socket = socket.map_err(|error| match error.raw_os_error() {
            Some(libc::EADDRINUSE | libc::EACCES) => NotOpened::PortTaken,
            Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL) => NotOpened::NoFamily,
            Some(_) | None => NotOpened::Exhausted,
        })?;
        Ok((socket.into(), SocketAddr::new(local, port)))
    }
}

impl Sockets for RelayedSockets {
    fn open(
        &mut self,
        number: SocketNumber,
        family: Family,
        port: u16,
        client: &Client,
    ) -> Result<SocketAddr, NotOpened> {
        let (socket, address) = self.bind(family, port, client)?;
        let prepare = || -> io::Result<()> {
            for name in [libc::SO_RCVBUF, libc::SO_SNDBUF] {
                set_option(&socket, libc::SOL_SOCKET, name, TURN_SOCKET_BUFFER_BYTES)?;
            }
            forbid_fragments(&socket, address, false)?;
            self.epoll.add(socket.as_raw_fd(), token_of(number))
        };
        prepare().map_err(|_| NotOpened::Exhausted)?;
        let relayed = Relayed {
            socket,
            forbids_fragments: false,
        };
        self.open.insert(number, relayed);
        Ok(address)
    }

    fn close(&mut self, number: SocketNumber) {
        self.open.remove(&number); // closing takes it out of the set
    }
}

fn any(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// The local address that faces the client, or the internet where the client is of the other family.
fn facing(family: Family, client: &Client) -> io::Result<IpAddr> {
    let remote = if Family::of(client.remote.ip()) == family {
        client.remote
    } else {
        let address = match family {
            Family::V4 => IpAddr::V4(ANYWHERE.0),
            Family::V6 => IpAddr::V6(ANYWHERE.1),
        };
        // A client on this machine is met on this machine, in the other family too.
        let loopback = match family {
            Family::V4 => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Family::V6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        };
        let is_near = client.remote.ip().is_loopback();
        SocketAddr::new(if is_near { loopback } else { address }, 9)
    };
    let probe = UdpSocket::bind((any(family), 0))?;
    probe.connect(remote)?;
    Ok(probe.local_addr()?.ip())
}

fn forbid_fragments(socket: &UdpSocket, peer: SocketAddr, is_forbidden: bool) -> io::Result<()> {
    let (level, name, forbid, allow) = if peer.is_ipv4() {
        (
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            libc::IP_PMTUDISC_DO,
            libc::IP_PMTUDISC_DONT,
        )
    } else {
        (
            libc::IPPROTO_IPV6,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_PMTUDISC_DO,
            libc::IPV6_PMTUDISC_DONT,
        )
    };
    set_option(
        socket,
        level,
        name,
        if is_forbidden { forbid } else { allow },
    )
}
