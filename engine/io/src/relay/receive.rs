//! Many datagrams of a socket by one system call, and many segments in each: recvmmsg(2) with UDP_GRO (udp(7)).

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use crate::limits::{RELAY_RECEIVE_BYTES, RELAY_RECEIVE_SLOTS};
use crate::udp::sockaddr::{ROOM_BYTES, SockAddr};

/// Room for one control message with an int, aligned as the kernel wants it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

/// CMSG_SPACE(sizeof(int)).
const CONTROL_BYTES: usize = 24;

/// One datagram, or several of one source and length that the kernel merged (the last one may be shorter).
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Who sent it (unproven).
    pub source: SocketAddr,
    /// Where it lies in the memory.
    pub start: usize,
    /// How long all of it is.
    pub len: usize,
    /// Bytes of each segment.
    pub segment: usize,
}

/// Memory for one batch, made once.
pub struct Receiver {
    memory: Box<[u8]>,
    headers: Box<[libc::mmsghdr]>,
    pieces: Box<[libc::iovec]>,
    names: Box<[SockAddr]>,
    controls: Box<[Control]>,
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
            memory: vec![0; RELAY_RECEIVE_BYTES * RELAY_RECEIVE_SLOTS].into(),
            headers: vec![header; RELAY_RECEIVE_SLOTS].into(),
            pieces: vec![piece; RELAY_RECEIVE_SLOTS].into(),
            names: vec![SockAddr::empty(); RELAY_RECEIVE_SLOTS].into(),
            controls: vec![Control([0; CONTROL_BYTES]); RELAY_RECEIVE_SLOTS].into(),
        }
    }

    /// What was received, for those who read and rewrite it.
    pub fn memory(&mut self) -> &mut [u8] {
        &mut self.memory
    }

    /// One batch into `arrivals`, which it empties first. True: there may be more. An error about something that we
    /// sent earlier is stepped over; fails when the socket is gone.
    pub fn receive(&mut self, fd: RawFd, arrivals: &mut Vec<Arrival>) -> io::Result<bool> {
        arrivals.clear();
        self.describe();
        // SAFETY: every header points at memory of this value that lives through the call, with its true length.
        let count = unsafe {
            libc::recvmmsg(
                fd,
                self.headers.as_mut_ptr(),
                RELAY_RECEIVE_SLOTS as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(libc::EAGAIN) => Ok(false),
                Some(libc::EBADF | libc::ENOTSOCK | libc::EFAULT | libc::EINVAL) => Err(error),
                Some(_) | None => Ok(true),
            };
        };
        let filled = self.headers.iter().zip(&self.names).zip(&self.controls);
        for (place, ((header, name), control)) in filled.take(count).enumerate() {
            let len = header.msg_len as usize;
            let is_cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            let Some(source) = name.read().filter(|_| !is_cut && len > 0) else {
                continue;
            };
            let merged = control.segment(header.msg_hdr.msg_controllen);
            let segment = merged.filter(|segment| *segment > 0).unwrap_or(len);
            let start = place * RELAY_RECEIVE_BYTES;
            arrivals.push(Arrival {
                source,
                start,
                len,
                segment,
            });
        }
        Ok(count == RELAY_RECEIVE_SLOTS)
    }

    fn describe(&mut self) {
        let slots = self.memory.chunks_exact_mut(RELAY_RECEIVE_BYTES);
        let rooms = self.names.iter_mut().zip(self.controls.iter_mut());
        let places = self
            .headers
            .iter_mut()
            .zip(self.pieces.iter_mut())
            .zip(rooms);
        for (slot, ((header, piece), (name, control))) in slots.zip(places) {
            *piece = libc::iovec {
                iov_base: slot.as_mut_ptr().cast(),
                iov_len: slot.len(),
            };
            header.msg_hdr.msg_iov = piece;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
            header.msg_hdr.msg_namelen = ROOM_BYTES;
            header.msg_hdr.msg_control = std::ptr::from_mut(control).cast();
            header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
            header.msg_hdr.msg_flags = 0;
        }
    }
}

impl Control {
    /// The length of each segment, if the kernel merged several: `cmsghdr` (8 bytes length, 4 level, 4 type), an int.
    fn segment(&self, filled: usize) -> Option<usize> {
        let word = |at: usize| {
            self.0
                .get(at..at + 4)
                .and_then(|it| it.first_chunk())
                .map(|it| i32::from_ne_bytes(*it))
        };
        let is_ours =
            filled >= 20 && word(8) == Some(libc::SOL_UDP) && word(12) == Some(libc::UDP_GRO);
        word(16)
            .filter(|_| is_ours)
            .and_then(|segment| usize::try_from(segment).ok())
    }
}
