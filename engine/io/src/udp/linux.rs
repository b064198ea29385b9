//! One UDP port over IPv4 and IPv6 with batched system calls (recvmmsg(2), sendmmsg(2)).
//!
//! Two sockets, since an IPv6 one that also serves IPv4 (RFC 3493, 3.7) hides which family a peer uses. A host without
//! IPv6 has only the first.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use warren_proto::{Endpoint, Incoming, Span};

use super::open::{local_port, open};
use super::sockaddr::{ROOM_BYTES, SockAddr};
use super::{Family, Outgoing, Sent, Udp};
use crate::arena::Arena;
use crate::limits::{BATCH_SLOTS, PORT_TRIES};

/// Errors about earlier datagrams that one receive steps over; each is about one of ours, so more means trouble.
const SOFT_ERRORS_MAX: usize = 16;

/// Both sockets.
pub struct LinuxUdp {
    v4: OwnedFd,
    v6: Option<OwnedFd>,
    port: u16,
    scratch: Scratch,
}

impl LinuxUdp {
    /// Binds `port` on all addresses of both families; 0 means a port that is free on both.
    ///
    /// Fails with EADDRINUSE if the port, or each port tried, is taken on one of them.
    pub fn bind(port: u16) -> io::Result<Self> {
        let mut tries = if port == 0 { PORT_TRIES } else { 1 };
        loop {
            tries -= 1;
            match Self::bind_both(port) {
                Err(error) if tries > 0 && error.kind() == io::ErrorKind::AddrInUse => {}
                result => return result,
            }
        }
    }

    fn bind_both(port: u16) -> io::Result<Self> {
        let v4 = open(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
        let port = local_port(&v4)?;
        let v6 = match open(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
            Ok(socket) => Some(socket),
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
                ) =>
            {
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            v4,
            v6,
            port,
            scratch: Scratch::new(),
        })
    }
}

impl Udp for LinuxUdp {
    fn port(&self) -> u16 {
        self.port
    }

    fn fd(&self, family: Family) -> RawFd {
        match family {
            Family::V4 => self.v4.as_raw_fd(),
            Family::V6 => self.v6.as_ref().map_or(-1, AsRawFd::as_raw_fd),
        }
    }

    fn receive(
        &mut self,
        family: Family,
        arena: &mut Arena,
        datagrams: &mut Vec<Incoming>,
    ) -> io::Result<u64> {
        let fd = self.fd(family);
        if fd < 0 {
            return Ok(0);
        }
        // The first try, then one for each error about something that we sent.
        for _ in 0..=SOFT_ERRORS_MAX {
            let error = match self.scratch.receive(fd, arena, datagrams) {
                Ok(unfit) => return Ok(unfit),
                Err(error) => error,
            };
            match error.raw_os_error() {
                Some(libc::EAGAIN) => break,
                Some(libc::EBADF | libc::ENOTSOCK | libc::EFAULT | libc::EINVAL) => {
                    return Err(error);
                }
                Some(_) | None => {}
            }
        }
        Ok(0)
    }

    fn send(
        &mut self,
        arena: &Arena,
        datagrams: &[Outgoing],
        failed: &mut dyn FnMut(&Outgoing, i32),
    ) -> Sent {
        let mut done = 0;
        while let Some(first) = datagrams.get(done) {
            let rest = datagrams.get(done..).unwrap_or_default();
            let family = Family::of(first.remote);
            let fd = self.fd(family);
            match self.scratch.send(fd, arena, rest) {
                Ok(count) => done += count,
                Err(libc::EINTR) => {}
                Err(libc::EAGAIN) => return Sent::Blocked(done, family),
                Err(_) if fd < 0 => {
                    failed(first, libc::EAFNOSUPPORT);
                    done += 1;
                }
                Err(errno) => {
                    failed(first, errno);
                    done += 1;
                }
            }
        }
        Sent::All
    }
}

/// The kernel's descriptions of a batch, allocated once.
struct Scratch {
    headers: Box<[libc::mmsghdr]>,
    pieces: Box<[libc::iovec]>,
    names: Box<[SockAddr]>,
    starts: Box<[usize]>,
}

// SAFETY: the pointers inside are followed only by the system call of `receive` or `send`, and each was written anew,
// from a borrow that outlives that call, by the `receive` or `load` just before it; none is kept for another thread.
unsafe impl Send for Scratch {}

impl Scratch {
    fn new() -> Self {
        // SAFETY: mmsghdr is plain old data, for which all zeros (no pointers, no lengths) is a valid value.
        let header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        let piece = libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        };
        Self {
            headers: vec![header; BATCH_SLOTS].into(),
            pieces: vec![piece; BATCH_SLOTS].into(),
            names: vec![SockAddr::empty(); BATCH_SLOTS].into(),
            starts: vec![0; BATCH_SLOTS].into(),
        }
    }

    /// Describes one datagram: its memory and the room of its address.
    fn describe(
        &mut self,
        place: usize,
        base: *mut u8,
        len: usize,
        name_bytes: libc::socklen_t,
    ) -> bool {
        let (Some(header), Some(piece), Some(name)) = (
            self.headers.get_mut(place),
            self.pieces.get_mut(place),
            self.names.get_mut(place),
        ) else {
            return false;
        };
        *piece = libc::iovec {
            iov_base: base.cast(),
            iov_len: len,
        };
        header.msg_hdr.msg_iov = piece;
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
        header.msg_hdr.msg_namelen = name_bytes;
        header.msg_hdr.msg_flags = 0;
        header.msg_len = 0;
        true
    }

    /// One recvmmsg into all slots; how many datagrams were cut or came from no IP address.
    fn receive(
        &mut self,
        fd: RawFd,
        arena: &mut Arena,
        datagrams: &mut Vec<Incoming>,
    ) -> io::Result<u64> {
        let mut count = 0;
        for (start, memory) in arena.slots_from(0) {
            if !self.describe(count, memory.as_mut_ptr(), memory.len(), ROOM_BYTES) {
                break;
            }
            if let Some(place) = self.starts.get_mut(count) {
                *place = start;
            }
            count += 1;
        }
        let headers = self.headers.as_mut_ptr();
        let (most, flags) = (count as libc::c_uint, libc::MSG_DONTWAIT as _);
        // SAFETY: the first `count` headers were described above; their memory belongs to the arena and their names to
        // `self`, both borrowed until after the call, and nothing else touches them meanwhile.
        let got = unsafe { libc::recvmmsg(fd, headers, most, flags, std::ptr::null_mut()) };
        let got = usize::try_from(got).map_err(|_| io::Error::last_os_error())?;
        let mut unfit = 0;
        let filled = self.headers.iter().zip(&self.names).zip(&self.starts);
        for ((header, name), &start) in filled.take(got) {
            let whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            match name.read() {
                Some(remote) if whole => datagrams.push(Incoming {
                    source: Endpoint::Udp { remote },
                    span: Span {
                        start,
                        len: header.msg_len as usize,
                    },
                }),
                Some(_) | None => unfit += 1,
            }
        }
        Ok(unfit)
    }

    /// One sendmmsg of the first datagrams, as many as are of one family; how many were taken, or the errno about the
    /// first one.
    fn send(&mut self, fd: RawFd, arena: &Arena, datagrams: &[Outgoing]) -> Result<usize, i32> {
        let mut count = 0;
        let family = datagrams.first().map(|first| Family::of(first.remote));
        let same = |datagram: &&Outgoing| Some(Family::of(datagram.remote)) == family;
        for datagram in datagrams.iter().take_while(same) {
            let bytes = arena.get(datagram.span);
            let (name, name_bytes) = SockAddr::new(datagram.remote);
            // The kernel only reads what is to be sent, though its type for both ways says otherwise.
            if !self.describe(count, bytes.as_ptr().cast_mut(), bytes.len(), name_bytes) {
                break;
            }
            if let Some(place) = self.names.get_mut(count) {
                *place = name;
            }
            count += 1;
        }
        let headers = self.headers.as_mut_ptr();
        let (most, flags) = (count as libc::c_uint, libc::MSG_DONTWAIT as _);
        // SAFETY: the first `count` headers were described above; what they point to belongs to the arena and to
        // `self`, both borrowed until after the call, which reads it and writes the headers' lengths only.
        let sent = unsafe { libc::sendmmsg(fd, headers, most, flags) };
        let error = || io::Error::last_os_error().raw_os_error();
        usize::try_from(sent).map_err(|_| error().unwrap_or(libc::EIO))
    }
}
