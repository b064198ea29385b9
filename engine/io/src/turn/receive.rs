//! Many datagrams of one socket by one system call (recvmmsg(2)), each with room before it for a client's header and
//! after it for padding, so that no payload is copied on its way.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use warren_proto::limits::TURN_HEADROOM;

use crate::limits::{DATAGRAM_MAX_BYTES, TURN_BATCH};
use crate::udp::sockaddr::{ROOM_BYTES, SockAddr};

/// After the payload: padding to four bytes.
const TAILROOM: usize = 4;
const SLOT: usize = TURN_HEADROOM + DATAGRAM_MAX_BYTES + TAILROOM;

/// Memory for one batch, used for every socket in turn. Pages that no datagram touches are never resident.
pub struct Receiver {
    memory: Box<[u8]>,
    headers: Box<[libc::mmsghdr]>,
    pieces: Box<[libc::iovec]>,
    names: Box<[SockAddr]>,
}

// SAFETY: the pointers inside are followed only by the system call of `receive`, and each is written anew just before
// it, from memory that the value owns.
unsafe impl Send for Receiver {}

impl Receiver {
    /// Memory that is not resident yet.
    pub fn new() -> Self {
        // SAFETY: mmsghdr is plain old data, for which all zeros (no pointers, no lengths) is a valid value.
        let header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        let piece = libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        };
        Self {
            memory: vec![0; SLOT * TURN_BATCH].into(),
            headers: vec![header; TURN_BATCH].into(),
            pieces: vec![piece; TURN_BATCH].into(),
            names: vec![SockAddr::empty(); TURN_BATCH].into(),
        }
    }

    /// One batch; how many came. Nothing there is no error.
    pub fn receive(&mut self, fd: RawFd) -> io::Result<usize> {
        let slots = self.memory.chunks_exact_mut(SLOT);
        let places = self
            .headers
            .iter_mut()
            .zip(&mut self.pieces)
            .zip(&mut self.names);
        for (slot, ((header, piece), name)) in slots.zip(places) {
            let room = slot
                .get_mut(TURN_HEADROOM..SLOT - TAILROOM)
                .unwrap_or_default();
            *piece = libc::iovec {
                iov_base: room.as_mut_ptr().cast(),
                iov_len: room.len(),
            };
            header.msg_hdr.msg_iov = piece;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
            header.msg_hdr.msg_namelen = ROOM_BYTES;
            header.msg_hdr.msg_flags = 0;
            header.msg_len = 0;
        }
        let (headers, flags) = (self.headers.as_mut_ptr(), libc::MSG_DONTWAIT as _);
        // SAFETY: every header was described above; what they point to belongs to `self`, which is borrowed until
        // after the call, and nothing else touches it meanwhile.
        let got = unsafe {
            libc::recvmmsg(
                fd,
                headers,
                TURN_BATCH as libc::c_uint,
                flags,
                std::ptr::null_mut(),
            )
        };
        match usize::try_from(got) {
            Ok(got) => Ok(got),
            Err(_) => match io::Error::last_os_error() {
                // Nothing there, or news of an earlier datagram of ours (a closed port): no reason to stop.
                error if matches!(error.raw_os_error(), Some(libc::EBADF | libc::ENOTSOCK)) => {
                    Err(error)
                }
                _ => Ok(0),
            },
        }
    }

    /// Who sent the datagram of this place of the batch, and its length.
    pub fn source(&self, place: usize) -> Option<(SocketAddr, usize)> {
        let (header, name) = (self.headers.get(place)?, self.names.get(place)?);
        let is_whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
        Some((name.read()?, header.msg_len as usize)).filter(|_| is_whole)
    }

    /// `prefix`, the datagram of this place, and `padding` zeros, as one piece.
    pub fn framed(&mut self, place: usize, prefix: &[u8], padding: usize) -> &[u8] {
        let start = place * SLOT + TURN_HEADROOM;
        let end = start + self.headers.get(place).map_or(0, |it| it.msg_len as usize);
        let first = start.saturating_sub(prefix.len());
        if let Some(before) = self.memory.get_mut(first..start) {
            before.copy_from_slice(prefix);
        }
        let last = end + padding.min(TAILROOM);
        if let Some(after) = self.memory.get_mut(end..last) {
            after.fill(0);
        }
        self.memory.get(first..last).unwrap_or_default()
    }
}
