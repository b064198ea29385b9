//! What else is spoken on the relay's UDP port (STUN, TURN): told apart by first bytes, served in the same loop.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use warren_proto::{Instant, Now};

/// Sends one datagram from the port; where there is no room it is dropped, as UDP does.
pub type Reply<'a> = &'a mut dyn FnMut(SocketAddr, &[u8]);

/// A service beside the relay. One thread uses it; nothing of it blocks.
pub trait Neighbour: Send {
    /// Is this datagram for it?
    fn takes(&self, datagram: &[u8]) -> bool;

    /// Take a datagram of a client.
    fn handle_datagram(&mut self, now: Now, source: SocketAddr, datagram: &[u8], reply: Reply<'_>);

    /// Readable while something waits on its own sockets.
    fn fd(&self) -> RawFd;

    /// Serve what waits there. Fails when the system does.
    fn handle_ready(&mut self, now: Now, reply: Reply<'_>) -> io::Result<()>;

    /// When `handle_timeout` is due.
    fn poll_timeout(&self) -> Instant;

    /// Do what is due.
    fn handle_timeout(&mut self, now: Now);

    /// Every counter and gauge by name.
    fn counters(&self) -> Vec<(&'static str, u64)>;
}
