//! The device that carries the tunnel's plaintext: a real one (`linux`) and one in memory (`memory`) behind one trait.
//! Knows packets as bytes only; must not know peers or the worker.

use std::io;
use std::os::fd::RawFd;

use warren_proto::Span;
use warren_proto::offload::{Coalescer, Merging, VirtioHeader};

use crate::arena::Arena;
use crate::offloads::Ladder;

mod link;
mod linux;
mod memory;

pub use linux::LinuxTun;
pub use memory::{MemoryTun, MemoryTunUser, memory_tun};

/// A packet that was read, or a superpacket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// What it is made of.
    pub header: VirtioHeader,
    /// Where it lies.
    pub span: Span,
}

/// Where plaintext comes from and goes to. One thread uses it; no method blocks.
pub trait Tun: Send {
    /// The interface's name, without a terminating zero.
    fn name(&self) -> &[u8];

    /// To be polled for reading; valid as long as the device.
    fn fd(&self) -> RawFd;

    /// Reads one packet into `buffer`, which takes the longest superpacket with its header; `None` if none waits.
    ///
    /// Fails when the device is gone.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<Read>>;

    /// What `write` takes merged.
    fn merging(&self) -> Merging;

    /// Hands the runs that `coalescer` made in `arena` to the host; returns how many packets it did not take.
    ///
    /// Fails when the device is gone.
    fn write(&mut self, arena: &Arena, coalescer: &Coalescer) -> io::Result<u64>;

    /// Which offloads it uses; those that are not a TUN's are absent.
    fn ladder(&self) -> Ladder;
}
