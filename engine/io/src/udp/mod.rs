//! The sockets that carry the tunnel's ciphertext: real ones (`linux`) and a network in memory (`memory`) behind one
//! trait. Knows datagrams as bytes only; must not know peers, WireGuard or the worker.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use warren_proto::{Incoming, PeerId, Span};

use crate::arena::Arena;

mod linux;
mod memory;
mod open;
mod sockaddr;

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

/// A datagram to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub remote: SocketAddr,
    /// Where it lies in the arena.
    pub span: Span,
    /// For whom, to be named when it fails.
    pub peer: Option<PeerId>,
}

/// What became of the datagrams of one `send`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Each was taken, or reported as failed.
    All,
    /// The socket of this family is full; the datagrams from this index on are unsent. Poll it for writing.
    Blocked(usize, Family),
}

/// One UDP port over IPv4 and IPv6. One thread uses it; no method blocks.
pub trait Udp: Send {
    /// The port of both.
    fn port(&self) -> u16;

    /// To be polled; valid as long as the socket. Negative where the host has no such family.
    fn fd(&self, family: Family) -> RawFd;

    /// Receives until the arena's slots are used up or none waits; pushes where the datagrams lie and who sent them to
    /// `datagrams`, which comes empty. A socket with offloads may split what it receives into several.
    ///
    /// Returns how many did not fit. An error about an earlier datagram of ours (a closed port, a lost route) is no
    /// reason to stop and is left out; fails when the socket is gone.
    fn receive(
        &mut self,
        family: Family,
        arena: &mut Arena,
        datagrams: &mut Vec<Incoming>,
    ) -> io::Result<u64>;

    /// Sends `datagrams` in order. A socket with offloads may merge neighbours.
    ///
    /// What the kernel refuses (EMSGSIZE, ENETUNREACH, ECONNREFUSED, ...) goes to `failed` with its errno and
    /// the rest follows: one bad destination never holds up others.
    fn send(
        &mut self,
        arena: &Arena,
        datagrams: &[Outgoing],
        failed: &mut dyn FnMut(&Outgoing, i32),
    ) -> Sent;
}
