//! One UDP port over IPv4 and IPv6, with the kernel's offloads where they work.
//!
//! Two sockets, since an IPv6 one that also serves IPv4 (RFC 3493, 3.7) hides which family a peer uses. A host without
//! IPv6 has only the first.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use warren_proto::{Incoming, Train};

use super::open::{local_port, open};
use super::receive::Receiver;
use super::selftest::{receive_merged, try_out};
use super::send::{Line, Sender};
use super::{Failed, Family, Sent, Udp};
use crate::arena::Arena;
use crate::limits::PORT_TRIES;
use crate::offloads::{Ladder, Offload, State, Wanted};

/// Errors about earlier datagrams that one receive steps over; each is about one of ours, so more means trouble.
const SOFT_ERRORS_MAX: usize = 16;

/// Both sockets.
pub struct LinuxUdp {
    v4: OwnedFd,
    v6: Option<OwnedFd>,
    port: u16,
    receiver: Box<Receiver>,
    sender: Sender,
    ladder: Ladder,
}

impl LinuxUdp {
    /// Binds `port` on all addresses of both families; 0 means a port that is free on both.
    ///
    /// Fails with EADDRINUSE if the port, or each port tried, is taken on one of them.
    pub fn bind(port: u16, wanted: Wanted) -> io::Result<Self> {
        let mut tries = if port == 0 { PORT_TRIES } else { 1 };
        let mut udp = loop {
            tries -= 1;
            match Self::bind_both(port) {
                Err(error) if tries > 0 && error.kind() == io::ErrorKind::AddrInUse => {}
                result => break result?,
            }
        };
        udp.climb(wanted);
        Ok(udp)
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
            receiver: Receiver::new(),
            sender: Sender::new(),
            ladder: Ladder::NONE,
        })
    }

    /// Turns on what the self-test found good.
    fn climb(&mut self, wanted: Wanted) {
        self.ladder = try_out(wanted);
        if !self.ladder.is_on(Offload::UdpReceive) {
            return;
        }
        for socket in [Some(&self.v4), self.v6.as_ref()].into_iter().flatten() {
            if let Err(errno) = receive_merged(socket) {
                self.ladder.set(Offload::UdpReceive, State::Refused(errno));
            }
        }
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
            let errno = match self.receiver.turn(fd, arena, datagrams) {
                Ok(unfit) => return Ok(unfit),
                Err(errno) => errno,
            };
            match errno {
                libc::EAGAIN => break,
                libc::EBADF | libc::ENOTSOCK | libc::EFAULT | libc::EINVAL => {
                    return Err(io::Error::from_raw_os_error(errno));
                }
                _ => {}
            }
        }
        Ok(0)
    }

    fn send(&mut self, bytes: &[u8], trains: &[Train], failed: Failed<'_>) -> Sent {
        let (v4, v6) = (self.fd(Family::V4), self.fd(Family::V6));
        let fd = |family| match family {
            Family::V4 => v4,
            Family::V6 => v6,
        };
        let mut line = Line {
            fd: &fd,
            takes_trains: self.ladder.is_on(Offload::UdpSend),
            refused: None,
        };
        let sent = self.sender.send(&mut line, bytes, trains, failed);
        if let Some(errno) = line.refused {
            self.ladder.take_down(Offload::UdpSend, errno);
        }
        sent
    }

    fn ladder(&self) -> Ladder {
        self.ladder
    }
}
