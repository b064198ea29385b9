//! One UDP port over IPv4 and IPv6, with the kernel's offloads where they work.
//!
//! Two sockets, since an IPv6 one that also serves IPv4 (RFC 3493, 3.7) hides which family a peer uses. A host without
//! IPv6 has only the first.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use warren_proto::limits::PATH_LEAST;
use warren_proto::{Incoming, Train};

use super::group::Sockets;
use super::open::{local_port, open, set_option};
use super::path_mtu::path_mtu;
use super::receive::Receiver;
use super::selftest::{receive_merged, refuses_trains, try_out};
use super::send::{Line, Sender};
use super::{Failed, Family, Sent, ShortPath, Udp};
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
    mark: u32,
    receiver: Box<Receiver>,
    sender: Sender,
    ladder: Ladder,
    /// The kernel was asked whether it takes trains at all, since one was refused.
    was_asked: bool,
    /// A router's word was beyond belief, so over IPv4 none counts any more.
    ignores_routers: bool,
}

impl LinuxUdp {
    /// Binds `port` on all addresses of both families; 0 means a port that is free on both.
    ///
    /// Fails with EADDRINUSE if the port, or each port tried, is taken on one of them.
    pub fn bind(port: u16, wanted: Wanted) -> io::Result<Self> {
        let sockets = Sockets::bind(port)?;
        Ok(Self::over(sockets, try_out(wanted)))
    }

    /// One worker's each, of so many on one port.
    pub fn bind_several(port: u16, wanted: Wanted, count: usize) -> io::Result<Vec<Self>> {
        let group = Sockets::bind_several(port, count, 0)?;
        let ladder = try_out(wanted);
        let udp = |sockets| Self::over(sockets, ladder);
        Ok(group.into_iter().map(udp).collect())
    }

    fn over(sockets: Sockets, ladder: Ladder) -> Self {
        let Sockets { v4, v6, port } = sockets;
        let mut udp = Self {
            port,
            v4,
            v6,
            mark: 0,
            receiver: Receiver::new(),
            sender: Sender::new(),
            ladder,
            was_asked: false,
            ignores_routers: false,
        };
        udp.merge();
        udp
    }

    /// Has the kernel merge what arrives, where the self-test found that good.
    fn merge(&mut self) {
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

/// Sends whole what the first link carries, and lets routers cut it, as the kernel's own WireGuard does (ip(7),
/// `IP_MTU_DISCOVER`). IPv6 needs no such thing: no path is narrower than `PATH_LEAST` to its kernel.
fn ignore_routers(v4: &OwnedFd) {
    let omit = libc::IP_PMTUDISC_OMIT;
    // A kernel without it (Linux before 3.15) cuts by the router's word, as before.
    let _ = set_option(v4, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, omit);
}

/// A socket a family, on one port; none for IPv6 on a host without it.
pub(super) fn bind_both(port: u16) -> io::Result<(OwnedFd, Option<OwnedFd>)> {
    let mut tries = if port == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        let v4 = open(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
        let chosen = local_port(&v4)?;
        match open(SocketAddr::from((Ipv6Addr::UNSPECIFIED, chosen))) {
            Ok(v6) => return Ok((v4, Some(v6))),
            Err(error) => match error.raw_os_error() {
                Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL) => return Ok((v4, None)),
                Some(libc::EADDRINUSE) if tries > 0 => {}
                _ => return Err(error),
            },
        }
    }
}

pub(super) fn mark_sent(socket: &OwnedFd, mark: u32) -> io::Result<()> {
    set_option(
        socket,
        libc::SOL_SOCKET,
        libc::SO_MARK,
        libc::c_int::from_ne_bytes(mark.to_ne_bytes()),
    )
}

impl Udp for LinuxUdp {
    fn port(&self) -> u16 {
        self.port
    }

    fn rebind(&mut self, port: u16) -> io::Result<()> {
        if port == self.port {
            return Ok(());
        }
        let sockets = Sockets::bind(port)?;
        sockets.mark(self.mark)?;
        self.adopt(sockets)
    }

    fn adopt(&mut self, sockets: Sockets) -> io::Result<()> {
        let Sockets { v4, v6, port } = sockets;
        (self.v4, self.v6, self.port) = (v4, v6, port);
        if self.ignores_routers {
            ignore_routers(&self.v4);
        }
        self.merge();
        Ok(())
    }

    fn set_mark(&mut self, mark: u32) -> io::Result<()> {
        for socket in [Some(&self.v4), self.v6.as_ref()].into_iter().flatten() {
            mark_sent(socket, mark)?;
        }
        self.mark = mark;
        Ok(())
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
        if let Some(errno) = line.refused
            && !mem::replace(&mut self.was_asked, true)
            && refuses_trains()
        {
            self.ladder.take_down(Offload::UdpSend, errno);
        }
        sent
    }

    fn take_short_path(&mut self) -> Option<ShortPath> {
        let (peer, remote) = self.sender.take_refused()?;
        let mtu = path_mtu(remote, self.mark).ok()?;
        if mtu < PATH_LEAST && remote.is_ipv4() && !self.ignores_routers {
            // Anybody can forge that. If it is a link of this host's own, the next train is refused too.
            self.ignores_routers = true;
            ignore_routers(&self.v4);
            self.sender.forget();
            return None;
        }
        Some(ShortPath { peer, remote, mtu })
    }

    fn ladder(&self) -> Ladder {
        self.ladder
    }
}
