//! The sockets that carry the tunnel's ciphertext: real ones (`linux`) and a network in memory (`memory`) behind one
//! trait. Knows datagrams as bytes only; must not know peers, WireGuard or the worker.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use warren_proto::{Incoming, PeerId, Train};

use crate::arena::Arena;
use crate::offloads::Ladder;

mod group;
mod linux;
mod memory;
pub(crate) mod open;
mod path_mtu;
mod receive;
mod segments;
mod selftest;
mod send;
pub(crate) mod sockaddr;

pub use group::Sockets;
pub use linux::LinuxUdp;
pub use memory::{MemoryNet, MemoryUdp};

/// The families, each with a socket of its own.
pub const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// Which of the two sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The socket that reaches `remote`.
    #[must_use]
    pub fn of(remote: SocketAddr) -> Self {
        if remote.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// What became of the datagrams of one `send`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Each was taken, or reported as failed.
    All,
    /// The socket of `family` is full. Poll it for writing.
    Blocked {
        /// The first trains, which are gone.
        trains: usize,
        /// Datagrams that are gone of the one after them.
        datagrams: usize,
        /// Which socket.
        family: Family,
    },
}

/// A destination that did not take what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortPath {
    /// For whom it was.
    pub peer: PeerId,
    /// Where to.
    pub remote: SocketAddr,
    /// What the kernel says that the path carries, in bytes, internet header included.
    pub mtu: u16,
}

/// Datagrams that could not be sent: how many of which train, and the errno.
pub type Failed<'a> = &'a mut dyn FnMut(&Train, usize, i32);

/// One UDP port over IPv4 and IPv6. One thread uses it; no method blocks.
pub trait Udp: Send {
    /// The port of both.
    fn port(&self) -> u16;

    /// Takes another port in place of this one (0: one that is free); where it cannot be had, this one stays.
    fn rebind(&mut self, port: u16) -> io::Result<()>;

    /// Takes these sockets instead, one worker's of a new port.
    fn adopt(&mut self, _sockets: Sockets) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Marks what is sent from here on, for the host's routing (`SO_MARK`, socket(7)); 0: not at all.
    fn set_mark(&mut self, mark: u32) -> io::Result<()>;

    /// To be polled; valid as long as the socket. Negative where the host has no such family.
    fn fd(&self, family: Family) -> RawFd;

    /// Receives until a turn's share is used up or none waits; pushes where the datagrams lie and who sent them to
    /// `datagrams`, which comes empty. A socket with offloads splits what it receives into several.
    ///
    /// Returns how many did not fit. An error about an earlier datagram of ours (a closed port, a lost route) is no
    /// reason to stop and is left out; fails when the socket is gone.
    fn receive(
        &mut self,
        family: Family,
        arena: &mut Arena,
        datagrams: &mut Vec<Incoming>,
    ) -> io::Result<u64>;

    /// Sends `trains`, which lie in `bytes`, in order. A socket with offloads sends a train at once.
    ///
    /// What the kernel refuses (EMSGSIZE, ENETUNREACH, ECONNREFUSED, ...) goes to `failed` with its errno and
    /// the rest follows: one bad destination never holds up others.
    fn send(&mut self, bytes: &[u8], trains: &[Train], failed: Failed<'_>) -> Sent;

    /// The last destination, since this was asked before, whose path takes less than was sent there.
    fn take_short_path(&mut self) -> Option<ShortPath> {
        None
    }

    /// Which offloads it uses; those that are not a socket's are absent.
    fn ladder(&self) -> Ladder;
}
