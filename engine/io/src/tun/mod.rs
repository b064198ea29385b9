//! The device that carries the tunnel's plaintext: a real one (`linux`) and one in memory (`memory`) behind one trait.
//! Knows packets as bytes only; must not know peers or the worker.

use std::io;
use std::os::fd::RawFd;

use warren_proto::{Opened, Span};

use crate::arena::Arena;

mod linux;
mod memory;

pub use linux::LinuxTun;
pub use memory::{MemoryTun, MemoryTunUser, memory_tun};

/// Where plaintext comes from and goes to. One thread uses it; no method blocks.
pub trait Tun: Send {
    /// The interface's name, without a terminating zero.
    fn name(&self) -> &[u8];

    /// To be polled for reading; valid as long as the device.
    fn fd(&self) -> RawFd;

    /// Reads packets of at most `longest` bytes until the arena's slots are used up or none waits; pushes where they
    /// lie to `packets`, which comes empty. Each has `warren_proto::HEADROOM` before it and `TAILROOM` behind it.
    /// A device with offloads may split what it reads into several.
    ///
    /// Returns how many were too long and dropped. Fails when the device is gone.
    fn read(
        &mut self,
        arena: &mut Arena,
        longest: usize,
        packets: &mut Vec<Span>,
    ) -> io::Result<u64>;

    /// Hands packets to the host; returns how many it did not take. A device with offloads may merge neighbours.
    ///
    /// Fails when the device is gone.
    fn write(&mut self, arena: &Arena, packets: &[Opened]) -> io::Result<u64>;
}
