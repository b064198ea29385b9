//! Sending: a train in one sendmsg(2) with `UDP_SEGMENT`, single datagrams many at a time with sendmmsg(2).
//!
//! A kernel that refuses a train gets its datagrams one by one, so nothing is lost by trying. A refusal is about its
//! destination, for a while: no checksum offload on the way there (EIO) whatever the length, datagrams longer than the
//! path takes or a destination that nothing is sent to (EMSGSIZE, EINVAL) from this length on. Who else is sent to keeps
//! his trains: strangers choose destinations.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use warren_proto::{Endpoint, PeerId, Span, Train};

use super::segments::Control;
use super::sockaddr::SockAddr;
use super::{Failed, Family, Sent};
use crate::limits::{BATCH_SLOTS, SHORT_PATH_LOOKS, SHORT_PATH_TRAINS, SHORT_PATHS};

/// A destination whose path takes no trains of datagrams as long as these.
#[derive(Clone, Copy)]
struct ShortPath {
    remote: SocketAddr,
    stride: usize,
    /// Trains that go one by one before the next try.
    left: u32,
}

/// What sending knows.
pub struct Sender {
    headers: Box<[libc::mmsghdr; BATCH_SLOTS]>,
    pieces: Box<[libc::iovec; BATCH_SLOTS]>,
    names: Box<[SockAddr; BATCH_SLOTS]>,
    short: [Option<ShortPath>; SHORT_PATHS],
    next_short: usize,
    /// For whom and where to something was too long last.
    refused: Option<(PeerId, SocketAddr)>,
}

// SAFETY: the pointers inside are followed only by the system calls of `many` and `train`, which wrote each of them anew
// just before, from borrows that outlive the call; none is kept for another thread.
unsafe impl Send for Sender {}

/// The sockets to send with, and whether they take trains.
pub struct Line<'a> {
    /// Of each family; negative where there is none.
    pub fd: &'a dyn Fn(Family) -> RawFd,
    /// Trains may be tried.
    pub takes_trains: bool,
    /// EIO, if a train was refused with it: by the way to its destination, or by a kernel that takes none at all.
    pub refused: Option<i32>,
}

/// How far a `send` is.
#[derive(Clone, Copy, Default)]
struct Place {
    train: usize,
    datagram: usize,
}

impl Sender {
    /// One that knows nothing.
    pub fn new() -> Self {
        // SAFETY: mmsghdr is plain old data, for which all zeros (no pointers, no lengths) is a valid value.
        let header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        let piece = libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        };
        Self {
            headers: Box::new([header; BATCH_SLOTS]),
            pieces: Box::new([piece; BATCH_SLOTS]),
            names: Box::new([SockAddr::empty(); BATCH_SLOTS]),
            short: [None; SHORT_PATHS],
            next_short: 0,
            refused: None,
        }
    }

    /// Tries trains to everybody again.
    pub fn forget(&mut self) {
        self.short = [None; SHORT_PATHS];
    }

    /// For whom and where to something was too long since this was asked before.
    pub fn take_refused(&mut self) -> Option<(PeerId, SocketAddr)> {
        self.refused.take()
    }

    /// As `Udp::send`.
    pub fn send(
        &mut self,
        line: &mut Line<'_>,
        bytes: &[u8],
        trains: &[Train],
        failed: Failed<'_>,
    ) -> Sent {
        let mut at = Place::default();
        // The train that was refused as such, and goes one by one.
        let mut apart = None;
        while let Some(train) = trains.get(at.train) {
            let Endpoint::Udp { remote } = train.endpoint else {
                failed(train, train.count(), libc::ENETUNREACH);
                at = at.after_train();
                continue;
            };
            let family = Family::of(remote);
            let fd = (line.fd)(family);
            if fd < 0 {
                failed(train, train.count() - at.datagram, libc::EAFNOSUPPORT);
                at = at.after_train();
                continue;
            }
            let blocked = Sent::Blocked {
                trains: at.train,
                datagrams: at.datagram,
                family,
            };
            if at.datagram == 0 && apart != Some(at.train) && self.goes_whole(line, train, remote) {
                match send_train(fd, bytes, train, remote) {
                    Ok(()) => at = at.after_train(),
                    Err(libc::EINTR) => {}
                    Err(libc::EAGAIN) => return blocked,
                    Err(errno @ (libc::EIO | libc::EINVAL | libc::EMSGSIZE)) => {
                        self.note(line, train, remote, errno);
                        apart = Some(at.train);
                    }
                    Err(errno) => {
                        failed(train, train.count(), errno);
                        at = at.after_train();
                    }
                }
                continue;
            }
            let count = self.describe(line, bytes, trains, at, apart);
            match self.many(fd, count) {
                Ok(sent) => at = at.after(trains, sent),
                Err(libc::EINTR) => {}
                Err(libc::EAGAIN) => return blocked,
                Err(errno) => {
                    if errno == libc::EMSGSIZE {
                        self.refused = train.peer.map(|peer| (peer, remote));
                    }
                    failed(train, 1, errno);
                    at = at.after(trains, 1);
                }
            }
        }
        Sent::All
    }

    /// Is this train to be tried in one?
    fn goes_whole(&mut self, line: &Line<'_>, train: &Train, remote: SocketAddr) -> bool {
        if !line.takes_trains || train.count() < 2 {
            return false;
        }
        for place in &mut self.short {
            let Some(short) = place else { continue };
            if short.remote == remote && train.stride >= short.stride {
                short.left -= 1;
                if short.left % SHORT_PATH_LOOKS == 0 {
                    // The peer may have been elsewhere meanwhile, and what was learned is forgotten.
                    self.refused = train.peer.map(|peer| (peer, remote));
                }
                if short.left == 0 {
                    *place = None;
                }
                return false;
            }
        }
        true
    }

    /// A train was refused.
    fn note(&mut self, line: &mut Line<'_>, train: &Train, remote: SocketAddr, errno: i32) {
        let stride = if errno == libc::EIO {
            line.refused = Some(errno);
            0
        } else {
            self.refused = train.peer.map(|peer| (peer, remote));
            train.stride
        };
        if let Some(place) = self.short.get_mut(self.next_short) {
            *place = Some(ShortPath {
                remote,
                stride,
                left: SHORT_PATH_TRAINS,
            });
        }
        self.next_short = (self.next_short + 1) % SHORT_PATHS;
    }

    /// Describes datagrams from `at` on for one call: those of one family that do not go as trains; at least one.
    fn describe(
        &mut self,
        line: &Line<'_>,
        bytes: &[u8],
        trains: &[Train],
        at: Place,
        apart: Option<usize>,
    ) -> usize {
        let mut count = 0;
        let mut family = None;
        for (number, train) in trains.iter().enumerate().skip(at.train) {
            let Endpoint::Udp { remote } = train.endpoint else {
                break;
            };
            let is_first = number == at.train;
            let goes_whole = line.takes_trains && train.count() > 1 && apart != Some(number);
            if *family.get_or_insert(Family::of(remote)) != Family::of(remote)
                || (goes_whole && !is_first)
            {
                break;
            }
            let skip = if is_first { at.datagram } else { 0 };
            for span in train.datagrams().skip(skip) {
                if !self.describe_one(count, bytes, span, remote) {
                    return count;
                }
                count += 1;
            }
        }
        count
    }

    fn describe_one(&mut self, place: usize, bytes: &[u8], span: Span, remote: SocketAddr) -> bool {
        let (Some(header), Some(piece), Some(name)) = (
            self.headers.get_mut(place),
            self.pieces.get_mut(place),
            self.names.get_mut(place),
        ) else {
            return false;
        };
        let (address, address_bytes) = SockAddr::new(remote);
        *name = address;
        *piece = part(bytes, span);
        header.msg_hdr.msg_iov = piece;
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
        header.msg_hdr.msg_namelen = address_bytes;
        true
    }

    /// One sendmmsg; how many were taken, or the errno about the first one.
    fn many(&mut self, fd: RawFd, count: usize) -> Result<usize, i32> {
        let headers = self.headers.as_mut_ptr();
        let (most, flags) = (count as libc::c_uint, libc::MSG_DONTWAIT as _);
        // SAFETY: the first `count` headers were described just before; what they point to belongs to the caller and to
        // `self`, both borrowed until after the call, which reads it and writes the headers' lengths only.
        let sent = unsafe { libc::sendmmsg(fd, headers, most, flags) };
        usize::try_from(sent).map_err(|_| last_errno())
    }
}

impl Place {
    fn after_train(self) -> Self {
        Self {
            train: self.train + 1,
            datagram: 0,
        }
    }

    /// `count` datagrams later.
    fn after(mut self, trains: &[Train], count: usize) -> Self {
        self.datagram += count;
        while let Some(train) = trains.get(self.train) {
            let Some(rest) = self.datagram.checked_sub(train.count()) else {
                break;
            };
            self.train += 1;
            self.datagram = rest;
        }
        self
    }
}

/// One sendmsg of a whole train.
pub fn send_train(fd: RawFd, bytes: &[u8], train: &Train, remote: SocketAddr) -> Result<(), i32> {
    // SAFETY: msghdr is plain old data, for which all zeros is a valid value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    let (mut name, name_bytes) = SockAddr::new(remote);
    let mut piece = part(bytes, train.span);
    let mut control = Control::empty();
    header.msg_name = std::ptr::from_mut(&mut name).cast();
    header.msg_namelen = name_bytes;
    header.msg_iov = &raw mut piece;
    header.msg_iovlen = 1;
    control.set_segment(
        &mut header,
        u16::try_from(train.stride).map_err(|_| libc::EMSGSIZE)?,
    );
    // SAFETY: everything that the header points to lives until after the call, which only reads it.
    let sent = unsafe { libc::sendmsg(fd, &raw const header, libc::MSG_DONTWAIT) };
    if sent < 0 { Err(last_errno()) } else { Ok(()) }
}

/// The kernel only reads what is to be sent, though its type for both ways says otherwise.
fn part(bytes: &[u8], span: Span) -> libc::iovec {
    let from = bytes.get(span.start..).unwrap_or_default();
    let bytes = from.get(..span.len).unwrap_or_default();
    libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    }
}

fn last_errno() -> i32 {
    let error = io::Error::last_os_error();
    error.raw_os_error().unwrap_or(libc::EIO)
}

#[cfg(test)]
mod tests {
    use warren_proto::Trains;

    use super::*;

    #[test]
    fn what_one_destination_refuses_is_that_destinations_own() {
        let fd = |_| -1;
        for (errno, strides) in [(libc::EIO, [1400, 64]), (libc::EINVAL, [64, 1400])] {
            let mut sender = Sender::new();
            let mut line = Line {
                fd: &fd,
                takes_trains: true,
                refused: None,
            };
            let [refused, other] = [1, 2].map(|last| SocketAddr::from(([192, 0, 2, last], 9)));
            let trains = strides.map(|stride| train(refused, stride));
            sender.note(&mut line, &trains[0], refused, errno);
            for train in &trains {
                assert!(!sender.goes_whole(&line, train, refused), "{errno}");
                assert!(sender.goes_whole(&line, train, other), "{errno}");
            }
        }
    }

    fn train(remote: SocketAddr, stride: usize) -> Train {
        let mut trains = Trains::new(2 * stride, 2);
        for _ in 0..2 {
            trains.push_copy(None, Endpoint::Udp { remote }, &vec![0; stride]);
        }
        trains.list()[0]
    }
}
