//! Frames out of a UDP socket: those of one length and receiver as one datagram with segments (UDP_SEGMENT, udp(7)),
//! and many such by one system call.

use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::limits::{DATAGRAM_MAX_BYTES, RELAY_SEGMENTS, RELAY_SEND_MESSAGES};
use crate::udp::sockaddr::SockAddr;

/// Where one frame lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its receiver.
    pub remote: SocketAddr,
    /// Where it begins in the memory,
    pub start: usize,
    /// and how long it is.
    pub len: usize,
}

/// Room for one control message with a u16, aligned as the kernel wants it: CMSG_SPACE(2).
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 24]);

/// Some frames as one call's message.
#[derive(Clone, Copy)]
struct Group {
    first: usize,
    count: usize,
    segment: usize,
    bytes: usize,
}

/// The kernel's descriptions of a batch; each thread that sends has one.
pub struct Sender {
    groups: Vec<Group>,
    pieces: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    names: Vec<SockAddr>,
    controls: Vec<Control>,
}

// SAFETY: the pointers inside are followed only by the system call of `send`, and each is written anew just before it.
unsafe impl Send for Sender {}

/// Segments were refused by the kernel or a driver (EIO: no checksum offload): frames go one by one from then on.
static NO_SEGMENTS: AtomicBool = AtomicBool::new(false);

impl Sender {
    /// Empty.
    pub fn new() -> Self {
        Self {
            groups: Vec::new(),
            pieces: Vec::new(),
            headers: Vec::new(),
            names: Vec::new(),
            controls: Vec::new(),
        }
    }

    /// Send all frames, which are of the socket's family, in order. How many were taken (or can never be sent) before
    /// the socket was full; `failed` counts those that can never be sent.
    pub fn send(&mut self, fd: RawFd, memory: &[u8], frames: &[Frame], failed: &mut u64) -> usize {
        let mut done = 0;
        let mut singly_until = 0;
        while done < frames.len() {
            let singly = done < singly_until || NO_SEGMENTS.load(Ordering::Relaxed);
            self.describe(memory, frames, done, singly);
            let taken = self.call(fd);
            match taken {
                Ok(count) => {
                    done += self
                        .groups
                        .iter()
                        .take(count)
                        .map(|group| group.count)
                        .sum::<usize>();
                }
                Err(libc::EINTR) => {}
                Err(libc::EAGAIN | libc::ENOBUFS) => return done,
                Err(errno) => {
                    let first = self.groups.first().map_or(1, |group| group.count);
                    if first > 1 {
                        // Larger than the way's MTU (EINVAL), or segments are not offered: one by one tells.
                        singly_until = done + first;
                        if errno == libc::EIO {
                            NO_SEGMENTS.store(true, Ordering::Relaxed);
                        }
                    } else {
                        *failed += 1;
                        done += 1;
                    }
                }
            }
        }
        done
    }

    /// Describe as many frames from `first` on as one call takes.
    fn describe(&mut self, memory: &[u8], frames: &[Frame], first: usize, singly: bool) {
        self.groups.clear();
        self.pieces.clear();
        self.headers.clear();
        self.names.clear();
        self.controls.clear();
        let mut end = None;
        let mut closed = true;
        for (at, frame) in frames.iter().enumerate().skip(first) {
            let same = !singly
                && !closed
                && at > first
                && frames
                    .get(at - 1)
                    .is_some_and(|it| it.remote == frame.remote);
            let joined = self.groups.last_mut().filter(|group| {
                let fits =
                    group.count < RELAY_SEGMENTS && group.bytes + frame.len <= DATAGRAM_MAX_BYTES;
                same && fits && frame.len <= group.segment
            });
            let bytes = memory
                .get(frame.start..frame.start + frame.len)
                .unwrap_or_default();
            match joined {
                Some(group) => {
                    group.count += 1;
                    group.bytes += frame.len;
                    closed = frame.len < group.segment; // only the last one may be shorter
                    if end == Some(frame.start) {
                        self.pieces
                            .last_mut()
                            .into_iter()
                            .for_each(|piece| piece.iov_len += bytes.len());
                    } else {
                        self.push_piece(bytes);
                    }
                }
                None => {
                    if self.groups.len() == RELAY_SEND_MESSAGES {
                        break;
                    }
                    let group = Group {
                        first: self.pieces.len(),
                        count: 1,
                        segment: frame.len,
                        bytes: frame.len,
                    };
                    self.groups.push(group);
                    let (name, name_bytes) = SockAddr::new(frame.remote);
                    self.names.push(name);
                    // SAFETY: plain old data, for which all zeros is a valid value.
                    let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
                    header.msg_hdr.msg_namelen = name_bytes;
                    self.headers.push(header);
                    self.push_piece(bytes);
                    closed = frame.len == 0;
                }
            }
            end = Some(frame.start + frame.len);
        }
        self.controls.extend(
            self.groups
                .iter()
                .map(|group| Control::segments(group.segment)),
        );
    }

    fn push_piece(&mut self, bytes: &[u8]) {
        self.pieces.push(libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        });
    }

    /// Point the headers at their parts, which move no more, and call. How many messages were taken, or the errno.
    fn call(&mut self, fd: RawFd) -> Result<usize, i32> {
        let ends = self
            .groups
            .iter()
            .skip(1)
            .map(|group| group.first)
            .chain([self.pieces.len()]);
        let ends: Vec<usize> = ends.collect();
        let parts = self.names.iter_mut().zip(self.controls.iter_mut());
        let described = self
            .headers
            .iter_mut()
            .zip(&self.groups)
            .zip(ends)
            .zip(parts);
        for (((header, group), end), (name, control)) in described {
            let pieces = self.pieces.get_mut(group.first..end).unwrap_or_default();
            header.msg_hdr.msg_iov = pieces.as_mut_ptr();
            header.msg_hdr.msg_iovlen = pieces.len() as _;
            header.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
            if group.count > 1 {
                header.msg_hdr.msg_control = std::ptr::from_mut(control).cast();
                header.msg_hdr.msg_controllen = size_of::<Control>() as _;
            }
        }
        // SAFETY: every header points at parts of this value and, by them, at the memory that `send` borrows; all live
        // through the call, which only reads what the pieces point at.
        let count = unsafe {
            libc::sendmmsg(
                fd,
                self.headers.as_mut_ptr(),
                self.headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT,
            )
        };
        usize::try_from(count).map_err(|_| {
            std::io::Error::last_os_error()
                .raw_os_error()
                .unwrap_or(libc::EIO)
        })
    }
}

impl Control {
    /// `cmsghdr` (8 bytes length, 4 level, 4 type), then the length of a segment as u16.
    fn segments(bytes: usize) -> Self {
        let mut out = [0; 24];
        let length = 18_u64.to_ne_bytes();
        let level = libc::SOL_UDP.to_ne_bytes();
        let kind = libc::UDP_SEGMENT.to_ne_bytes();
        let segment = u16::try_from(bytes).unwrap_or(u16::MAX).to_ne_bytes();
        let all = length.iter().chain(&level).chain(&kind).chain(&segment);
        out.iter_mut().zip(all).for_each(|(to, from)| *to = *from);
        Self(out)
    }
}
