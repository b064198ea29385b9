//! A TUN of the Linux kernel (Documentation/networking/tuntap.rst): opened by name pattern, without packet information,
//! removed by the kernel when the last descriptor closes. Addresses, routes and 'up' are the host's business, not ours.
//!
//! Offloads: with `IFF_VNET_HDR` each packet has a virtio header before it, and superpackets cross in both directions.
//! A kernel that refuses a merged packet gets its parts one by one, and no merged one again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

use warren_proto::Span;
use warren_proto::limits::RUN_PIECES;
use warren_proto::offload::{
    Coalescer, Gso, Merging, Run, Superpacket, VIRTIO_HEADER, VirtioHeader,
};

use super::link::{self, TAKES_CHECKSUM, TAKES_TCP, TAKES_UDP};
use super::{Read, Tun};
use crate::arena::Arena;
use crate::offloads::{Ladder, Offload, State, Wanted};

const CLONE_DEVICE: &str = "/dev/net/tun";

/// One attached queue of a TUN.
pub struct LinuxTun {
    file: File,
    name: Vec<u8>,
    ladder: Ladder,
    pieces: Box<[libc::iovec]>,
}

// SAFETY: the pointers in `pieces` are followed only by the writev of `write_run`, which wrote them anew just before,
// from a borrow that outlives that call; none is kept for another thread.
unsafe impl Send for LinuxTun {}

impl LinuxTun {
    /// Makes the interface. `pattern` is at most 15 bytes; `%d` in it lets the kernel choose a number.
    ///
    /// Fails with EPERM without CAP_NET_ADMIN, ENOENT or ENODEV where the kernel has no TUN, EBUSY if the name is taken,
    /// EINVAL for a name or MTU that the kernel refuses.
    pub fn open(pattern: &[u8], mtu: usize, wanted: Wanted) -> io::Result<Self> {
        let tun = Self::attach(pattern, 0, wanted)?;
        link::set_mtu(&tun.name, mtu)?;
        Ok(tun)
    }

    /// The same with so many queues, one a worker (Documentation/networking/tuntap.rst, 3.3, since Linux 3.8).
    pub fn open_queues(
        pattern: &[u8],
        mtu: usize,
        wanted: Wanted,
        count: usize,
    ) -> io::Result<Vec<Self>> {
        let first = Self::attach(pattern, libc::IFF_MULTI_QUEUE | link::ALONE, wanted)?;
        link::set_mtu(&first.name, mtu)?;
        let name = first.name.clone();
        let mut queues = vec![first];
        while queues.len() < count {
            queues.push(Self::attach(&name, libc::IFF_MULTI_QUEUE, wanted)?);
        }
        Ok(queues)
    }

    /// One queue of the interface, which the first one makes.
    fn attach(pattern: &[u8], flags: libc::c_int, wanted: Wanted) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_CLOEXEC | libc::O_NONBLOCK)
            .open(CLONE_DEVICE)?;
        let fd = file.as_raw_fd();
        let mut headers = wanted.start(Offload::TunHeaders);
        let name = if headers == State::On {
            link::attach(fd, pattern, flags | libc::IFF_VNET_HDR).or_else(|error| {
                let errno = error.raw_os_error().filter(|&errno| errno == libc::EINVAL);
                headers = State::Refused(errno.ok_or(error)?);
                link::attach(fd, pattern, flags)
            })?
        } else {
            link::attach(fd, pattern, flags)?
        };
        let mut ladder = Ladder::NONE;
        ladder.set(Offload::TunHeaders, headers);
        if headers == State::On {
            climb(fd, wanted, &mut ladder);
        }
        let piece = libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        };
        Ok(Self {
            file,
            name,
            ladder,
            pieces: vec![piece; RUN_PIECES].into(),
        })
    }

    /// The bytes before each packet.
    fn header_bytes(&self) -> usize {
        if self.ladder.is_on(Offload::TunHeaders) {
            VIRTIO_HEADER
        } else {
            0
        }
    }

    /// The kernel gave a superpacket that it could not describe: take single packets from here on.
    fn step_down(&mut self, errno: i32) {
        for offload in [Offload::TunTcp, Offload::TunUdp] {
            self.ladder.take_down(offload, errno);
        }
        // Should this fail too, such packets go on being lost one by one, as they would be.
        let _ = link::set_offloads(self.file.as_raw_fd(), TAKES_CHECKSUM);
    }

    fn write_run(&mut self, arena: &Arena, coalescer: &Coalescer, run: &Run) -> io::Result<()> {
        let before = self.header_bytes();
        let mut count = 0;
        for (number, span) in coalescer.pieces(run).enumerate() {
            let before = if number == 0 { before } else { 0 };
            let bytes = arena.get(Span {
                start: span.start.saturating_sub(before),
                len: span.len + before,
            });
            let Some(piece) = self.pieces.get_mut(number) else {
                return Err(io::Error::from_raw_os_error(libc::EINVAL));
            };
            // The kernel only reads what is written, though its type for both ways says otherwise.
            piece.iov_base = bytes.as_ptr().cast_mut().cast();
            piece.iov_len = bytes.len();
            count += 1;
        }
        // SAFETY: the first `count` pieces were just described; what they point to belongs to the arena, which is
        // borrowed until after the call.
        let done = unsafe { libc::writev(self.file.as_raw_fd(), self.pieces.as_ptr(), count) };
        if done < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// The packets that a refused run was made of, one by one; how many of them the kernel did not take.
    fn write_apart(&mut self, arena: &Arena, coalescer: &Coalescer, run: &Run) -> u64 {
        let whole: Vec<u8> = coalescer
            .pieces(run)
            .flat_map(|span| arena.get(span))
            .copied()
            .collect();
        let Ok(packets) = Superpacket::parse(&run.header, &whole) else {
            return run.count as u64;
        };
        let before = self.header_bytes();
        let mut room = vec![0; before + packets.longest()];
        let mut refused = 0;
        for number in 0..packets.count() {
            let written = room
                .get_mut(before..)
                .and_then(|room| packets.write(number, room));
            let packet = written.and_then(|len| room.get(..before + len));
            if packet.is_none_or(|packet| (&self.file).write(packet).is_err()) {
                refused += 1;
            }
        }
        refused
    }
}

/// Tries what the kernel has, most first.
fn climb(fd: RawFd, wanted: Wanted, ladder: &mut Ladder) {
    let (tcp, udp) = (wanted.start(Offload::TunTcp), wanted.start(Offload::TunUdp));
    ladder.set(Offload::TunTcp, tcp);
    ladder.set(Offload::TunUdp, udp);
    let takes = |ladder: &Ladder| {
        let tcp = if ladder.is_on(Offload::TunTcp) {
            TAKES_TCP
        } else {
            0
        };
        let udp = if ladder.is_on(Offload::TunUdp) {
            TAKES_UDP
        } else {
            0
        };
        TAKES_CHECKSUM | tcp | udp
    };
    for offload in [Offload::TunUdp, Offload::TunTcp] {
        let Err(error) = link::set_offloads(fd, takes(ladder)) else {
            return;
        };
        if ladder.is_on(offload) {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            ladder.set(offload, State::Refused(errno));
        }
    }
    // Without it the kernel finishes checksums and segments by itself, which is what we have then.
    let _ = link::set_offloads(fd, takes(ladder));
}

impl Tun for LinuxTun {
    fn name(&self) -> &[u8] {
        &self.name
    }

    fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<Read>> {
        let before = self.header_bytes();
        loop {
            let len = match (&self.file).read(buffer) {
                Ok(len) => len,
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN) => return Ok(None),
                    Some(libc::EINTR) => continue,
                    Some(errno @ (libc::EINVAL | libc::EIO)) if before > 0 => {
                        self.step_down(errno);
                        continue;
                    }
                    Some(_) | None => return Err(error),
                },
            };
            let header = match buffer.first_chunk() {
                Some(header) if before > 0 => VirtioHeader::parse(header),
                _ => Some(VirtioHeader::default()),
            };
            // A kind that nobody asked for: lost, as on a card that does not know it.
            let Some(header) = header else { continue };
            let span = Span {
                start: before,
                len: len.saturating_sub(before),
            };
            return Ok(Some(Read { header, span }));
        }
    }

    fn merging(&self) -> Merging {
        Merging {
            headers: self.header_bytes() > 0,
            tcp: self.ladder.is_on(Offload::TunTcp),
            udp: self.ladder.is_on(Offload::TunUdp),
        }
    }

    fn write(&mut self, arena: &Arena, coalescer: &Coalescer) -> io::Result<u64> {
        let mut refused = 0;
        for run in coalescer.runs() {
            let Err(error) = self.write_run(arena, coalescer, run) else {
                continue;
            };
            match error.raw_os_error() {
                Some(libc::EBADFD) => return Err(error),
                Some(errno @ libc::EINVAL) if run.count > 1 => {
                    refused += self.write_apart(arena, coalescer, run);
                    let offload = if run.header.gso == Gso::Udp {
                        Offload::TunUdp
                    } else {
                        Offload::TunTcp
                    };
                    self.ladder.take_down(offload, errno);
                }
                // EIO: the link is down; EINVAL: not IP; ENOBUFS, EAGAIN: no room. One run each, never the batch.
                Some(_) | None => refused += run.count as u64,
            }
        }
        Ok(refused)
    }

    fn ladder(&self) -> Ladder {
        self.ladder
    }
}
