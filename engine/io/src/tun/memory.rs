//! A TUN in memory: the device for the worker, and the other side for whoever plays the host.
//!
//! With offloads it plays the kernel too: it takes superpackets, and splits what comes merged into what a host would see.

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use warren_proto::Span;
use warren_proto::offload::{Coalescer, Merging, Superpacket, VirtioHeader};

use super::{Read, Tun};
use crate::arena::Arena;
use crate::memory::Inbox;
use crate::offloads::Ladder;

type Packet = (VirtioHeader, Vec<u8>);

/// The device's side.
pub struct MemoryTun {
    name: Vec<u8>,
    merging: Merging,
    from_host: Arc<Inbox<Packet>>,
    host: Arc<Host>,
}

/// The host's side: what a program's packets would come out of and go into.
pub struct MemoryTunUser {
    from_host: Arc<Inbox<Packet>>,
    host: Arc<Host>,
}

struct Host {
    packets: Inbox<Vec<u8>>,
    writes: AtomicUsize,
}

/// Both sides of a new TUN. Fails when the process has no descriptor left.
pub fn memory_tun(name: &[u8], merging: Merging) -> io::Result<(MemoryTun, MemoryTunUser)> {
    let from_host = Arc::new(Inbox::new()?);
    let host = Arc::new(Host {
        packets: Inbox::new()?,
        writes: AtomicUsize::new(0),
    });
    let user = MemoryTunUser {
        from_host: Arc::clone(&from_host),
        host: Arc::clone(&host),
    };
    Ok((
        MemoryTun {
            name: name.to_vec(),
            merging,
            from_host,
            host,
        },
        user,
    ))
}

impl MemoryTunUser {
    /// Sends a packet into the tunnel; false if the device's queue is full.
    pub fn send(&self, packet: &[u8]) -> bool {
        self.send_superpacket(VirtioHeader::default(), packet)
    }

    /// Sends a superpacket into the tunnel; false if the device's queue is full.
    pub fn send_superpacket(&self, header: VirtioHeader, packet: &[u8]) -> bool {
        self.from_host.put((header, packet.to_vec()))
    }

    /// Whether the device is gone.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        Arc::strong_count(&self.host) == 1
    }

    /// How many writes there were so far, merged ones counted once.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.host.writes.load(Ordering::Acquire)
    }

    /// The next packet out of the tunnel, waiting for it at most so long.
    #[must_use]
    pub fn receive(&self, limit: Duration) -> Option<Vec<u8>> {
        self.host.packets.take_within(limit)
    }
}

impl Tun for MemoryTun {
    fn name(&self) -> &[u8] {
        &self.name
    }

    fn fd(&self) -> RawFd {
        self.from_host.fd()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<Read>> {
        let Some((header, packet)) = self.from_host.take() else {
            return Ok(None);
        };
        let len = packet.len().min(buffer.len());
        if let Some((to, from)) = buffer.get_mut(..len).zip(packet.get(..len)) {
            to.copy_from_slice(from);
        }
        let span = Span { start: 0, len };
        Ok(Some(Read { header, span }))
    }

    fn merging(&self) -> Merging {
        self.merging
    }

    fn write(&mut self, arena: &Arena, coalescer: &Coalescer) -> io::Result<u64> {
        let mut refused = 0;
        for run in coalescer.runs() {
            let pieces = coalescer.pieces(run);
            let whole: Vec<u8> = pieces.flat_map(|span| arena.get(span)).copied().collect();
            self.host.writes.fetch_add(1, Ordering::AcqRel);
            let Ok(packets) = Superpacket::parse(&run.header, &whole) else {
                refused += run.count as u64;
                continue;
            };
            let mut room = vec![0; packets.longest()];
            for number in 0..packets.count() {
                let len = packets.write(number, &mut room).unwrap_or_default();
                let packet = room.get(..len).unwrap_or_default().to_vec();
                refused += u64::from(!self.host.packets.put(packet));
            }
        }
        Ok(refused)
    }

    fn ladder(&self) -> Ladder {
        Ladder::NONE
    }
}
