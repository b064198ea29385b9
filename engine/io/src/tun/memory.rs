//! A TUN in memory: the device for the worker, and the other side for whoever plays the host.

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use warren_proto::{HEADROOM, Opened, Span};

use super::Tun;
use crate::arena::Arena;
use crate::memory::Inbox;

/// The device's side.
pub struct MemoryTun {
    name: Vec<u8>,
    from_host: Arc<Inbox<Vec<u8>>>,
    to_host: Arc<Inbox<Vec<u8>>>,
}

/// The host's side: what a program's packets would come out of and go into.
pub struct MemoryTunUser {
    from_host: Arc<Inbox<Vec<u8>>>,
    to_host: Arc<Inbox<Vec<u8>>>,
}

/// Both sides of a new TUN. Fails when the process has no descriptor left.
pub fn memory_tun(name: &[u8]) -> io::Result<(MemoryTun, MemoryTunUser)> {
    let (from_host, to_host) = (Arc::new(Inbox::new()?), Arc::new(Inbox::new()?));
    let user = MemoryTunUser {
        from_host: Arc::clone(&from_host),
        to_host: Arc::clone(&to_host),
    };
    Ok((
        MemoryTun {
            name: name.to_vec(),
            from_host,
            to_host,
        },
        user,
    ))
}

impl MemoryTunUser {
    /// Sends a packet into the tunnel; false if the device's queue is full.
    pub fn send(&self, packet: &[u8]) -> bool {
        self.from_host.put(packet.to_vec())
    }

    /// Whether the device is gone.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        Arc::strong_count(&self.to_host) == 1
    }

    /// The next packet out of the tunnel, waiting for it at most so long.
    #[must_use]
    pub fn receive(&self, limit: Duration) -> Option<Vec<u8>> {
        self.to_host.take_within(limit)
    }
}

impl Tun for MemoryTun {
    fn name(&self) -> &[u8] {
        &self.name
    }

    fn fd(&self) -> RawFd {
        self.from_host.fd()
    }

    fn read(
        &mut self,
        arena: &mut Arena,
        longest: usize,
        packets: &mut Vec<Span>,
    ) -> io::Result<u64> {
        let mut too_long = 0;
        while packets.len() < arena.slots() {
            let Some(packet) = self.from_host.take() else {
                break;
            };
            let fits = packet.len() <= longest;
            match arena.copy_in(packets.len(), HEADROOM, &packet) {
                Some(span) if fits => packets.push(span),
                Some(_) | None => too_long += 1,
            }
        }
        Ok(too_long)
    }

    fn write(&mut self, arena: &Arena, packets: &[Opened]) -> io::Result<u64> {
        let taken = packets
            .iter()
            .map(|packet| self.to_host.put(arena.get(packet.span).to_vec()));
        Ok(taken.map(|taken| u64::from(!taken)).sum())
    }
}
