//! Receiving: one recvmmsg(2) after the other into the arena's slots, until a turn's share is there. What came as many
//! datagrams in one (`UDP_GRO`) is told as many places.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use warren_proto::{Endpoint, Incoming, Span};

use super::segments::{Control, received_segment};
use super::sockaddr::{ROOM_BYTES, SockAddr};
use crate::arena::Arena;
use crate::limits::{RECEIVE_AT_ONCE, RECEIVE_TURN_BYTES, RECEIVE_TURN_DATAGRAMS};

/// The kernel's descriptions of what is received at once, allocated once.
pub struct Receiver {
    headers: [libc::mmsghdr; RECEIVE_AT_ONCE],
    pieces: [libc::iovec; RECEIVE_AT_ONCE],
    names: [SockAddr; RECEIVE_AT_ONCE],
    controls: [Control; RECEIVE_AT_ONCE],
    starts: [usize; RECEIVE_AT_ONCE],
}

// SAFETY: the pointers inside are followed only by the system call of `once`, which wrote each of them anew just before,
// from borrows that outlive the call; none is kept for another thread.
unsafe impl Send for Receiver {}

impl Receiver {
    /// Without anything received.
    pub fn new() -> Box<Self> {
        // SAFETY: mmsghdr is plain old data, for which all zeros (no pointers, no lengths) is a valid value.
        let header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        let piece = libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        };
        Box::new(Self {
            headers: [header; RECEIVE_AT_ONCE],
            pieces: [piece; RECEIVE_AT_ONCE],
            names: [SockAddr::empty(); RECEIVE_AT_ONCE],
            controls: [Control::empty(); RECEIVE_AT_ONCE],
            starts: [0; RECEIVE_AT_ONCE],
        })
    }

    /// Receives a turn's share; how many messages were cut or came from nowhere that an answer could reach. The errno of
    /// the first call that failed, unless something came before it.
    pub fn turn(
        &mut self,
        fd: RawFd,
        arena: &mut Arena,
        datagrams: &mut Vec<Incoming>,
    ) -> Result<u64, i32> {
        let (mut slot, mut bytes, mut unfit) = (0, 0, 0);
        while slot < arena.slots()
            && bytes < RECEIVE_TURN_BYTES
            && datagrams.len() < RECEIVE_TURN_DATAGRAMS
        {
            let asked = self.describe(arena, slot);
            let got = match self.once(fd, asked) {
                Ok(got) => got,
                Err(_) if slot > 0 => break,
                Err(errno) => return Err(errno),
            };
            for number in 0..got {
                let (len, fits) = self.take(number, datagrams);
                bytes += len;
                unfit += u64::from(!fits);
            }
            slot += got;
            if got < asked {
                break;
            }
        }
        Ok(unfit)
    }

    /// Describes the slots from number `first` on; how many.
    fn describe(&mut self, arena: &mut Arena, first: usize) -> usize {
        let mut count = 0;
        let rooms = self
            .headers
            .iter_mut()
            .zip(&mut self.pieces)
            .zip(&mut self.names)
            .zip(&mut self.controls)
            .zip(&mut self.starts);
        for (((((header, piece), name), control), start), (place, memory)) in
            rooms.zip(arena.slots_from(first))
        {
            *start = place;
            *piece = libc::iovec {
                iov_base: memory.as_mut_ptr().cast(),
                iov_len: memory.len(),
            };
            let header = &mut header.msg_hdr;
            header.msg_iov = piece;
            header.msg_iovlen = 1;
            header.msg_name = std::ptr::from_mut(name).cast();
            header.msg_namelen = ROOM_BYTES;
            header.msg_flags = 0;
            control.offer(header);
            count += 1;
        }
        count
    }

    fn once(&mut self, fd: RawFd, count: usize) -> Result<usize, i32> {
        let headers = self.headers.as_mut_ptr();
        let (most, flags) = (count as libc::c_uint, libc::MSG_DONTWAIT as _);
        // SAFETY: the first `count` headers were described just before; their memory belongs to the arena and the rest
        // to `self`, and nothing else touches either until after the call.
        let got = unsafe { libc::recvmmsg(fd, headers, most, flags, std::ptr::null_mut()) };
        usize::try_from(got).map_err(|_| {
            let error = io::Error::last_os_error();
            error.raw_os_error().unwrap_or(libc::EIO)
        })
    }

    /// Tells the datagrams of message `number`: its bytes, and whether it is fit.
    fn take(&self, number: usize, datagrams: &mut Vec<Incoming>) -> (usize, bool) {
        let (Some(header), Some(name), Some(&start)) = (
            self.headers.get(number),
            self.names.get(number),
            self.starts.get(number),
        ) else {
            return (0, true);
        };
        let len = header.msg_len as usize;
        let is_whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
        // Port 0 means that no answer is wanted (RFC 768), and the kernel sends none there.
        let is_fit = |remote: &SocketAddr| is_whole && remote.port() != 0;
        let Some(remote) = name.read().filter(is_fit) else {
            return (len, false);
        };
        // SAFETY: the header was filled by the call of `once`, and its control room is ours.
        let segment = unsafe { received_segment(&header.msg_hdr) };
        let source = Endpoint::Udp { remote };
        let stride = segment.unwrap_or(len).max(1);
        // An empty datagram is one too, and counted as not ours.
        for from in (0..len.max(1)).step_by(stride) {
            let span = Span {
                start: start + from,
                len: stride.min(len - from),
            };
            datagrams.push(Incoming { source, span });
        }
        (len, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_from_port_0_wants_no_answer_and_gets_none() {
        let mut receiver = Receiver::new();
        for (port, fits) in [(0, false), (1, true)] {
            for address in [[127, 0, 0, 1].into(), [0_u16; 8].into()] {
                let (name, _) = SockAddr::new(SocketAddr::new(address, port));
                receiver.names[0] = name;
                receiver.headers[0].msg_len = 9;
                let mut datagrams = Vec::new();
                assert_eq!(receiver.take(0, &mut datagrams), (9, fits));
                assert_eq!(datagrams.len(), usize::from(fits));
            }
        }
    }
}
