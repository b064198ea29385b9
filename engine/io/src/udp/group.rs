//! The sockets of one port: a pair, or several pairs that share it, one for each worker (socket(7), `SO_REUSEPORT`).
//!
//! The first pair is bound alone, so that a port which anybody else has is refused as ever. A small program in the
//! kernel then gives each datagram to the worker whose it is, by the low bits of the receiver index (paper, 5.4); an
//! initiation has none and goes by the hash of its ends. Where the kernel takes no such program all go by the hash: the
//! workers hand them on.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use super::linux::{bind_both, mark_sent};
use super::open::{local_port, open_beside, share};

/// A socket a family, on one port; none for IPv6 on a host without it.
#[derive(Debug)]
pub struct Sockets {
    pub(super) v4: OwnedFd,
    pub(super) v6: Option<OwnedFd>,
    pub(super) port: u16,
}

impl Sockets {
    /// One pair, as [`super::LinuxUdp::bind`].
    pub fn bind(port: u16) -> io::Result<Self> {
        let (v4, v6) = bind_both(port)?;
        let port = local_port(&v4)?;
        Ok(Self { v4, v6, port })
    }

    /// As many pairs on one port, whose packets bear the `mark` (0: none).
    pub fn bind_several(port: u16, count: usize, mark: u32) -> io::Result<Vec<Self>> {
        let first = Self::bind(port)?;
        first.mark(mark)?;
        for socket in first.both() {
            share(socket)?;
        }
        let (port, has_v6) = (first.port, first.v6.is_some());
        let mut group = vec![first];
        while group.len() < count {
            let v4 = open_beside(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
            let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
            let v6 = has_v6.then(|| open_beside(v6)).transpose()?;
            let pair = Self { v4, v6, port };
            pair.mark(mark)?;
            group.push(pair);
        }
        for socket in group.first().into_iter().flat_map(Self::both) {
            // Without it more is handed on, and nothing else changes.
            let _ = steer(socket, count);
        }
        Ok(group)
    }

    /// The port of both.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn mark(&self, mark: u32) -> io::Result<()> {
        if mark != 0 {
            for socket in self.both() {
                mark_sent(socket, mark)?;
            }
        }
        Ok(())
    }

    fn both(&self) -> impl Iterator<Item = &OwnedFd> {
        [Some(&self.v4), self.v6.as_ref()].into_iter().flatten()
    }
}

/// Has the kernel choose among the `count` sockets of this one's group, in the order in which they were bound.
fn steer(socket: &OwnedFd, count: usize) -> io::Result<()> {
    let mut program = program(count);
    let described = libc::sock_fprog {
        len: program.len() as libc::c_ushort,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: program and description live through the call, which copies them; the length is the description's.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            std::ptr::from_ref(&described).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Of a datagram's payload: the low byte of the receiver index lies at 8 in a response, at 4 in a cookie reply and in
/// data. What is no WireGuard's, or too short for what is looked at (which ends such a program with 0), is the first
/// worker's. A number beyond the group means: by the hash.
fn program(count: usize) -> [libc::sock_filter; 12] {
    const LOAD_WORD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const LOAD_BYTE: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
    const SKIP: u32 = libc::BPF_JMP | libc::BPF_JA;
    const IS: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const AND: u32 = libc::BPF_ALU | libc::BPF_AND | libc::BPF_K;
    const GIVE: u32 = libc::BPF_RET | libc::BPF_K;
    const GIVE_A: u32 = libc::BPF_RET | libc::BPF_A;
    let mask = count.saturating_sub(1) as u32;
    let step = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    [
        step(LOAD_WORD, 0, 0, 0),
        step(IS, 0x0400_0000, 5, 0),
        step(IS, 0x0300_0000, 4, 0),
        step(IS, 0x0200_0000, 5, 0),
        step(IS, 0x0100_0000, 1, 0),
        step(GIVE, 0, 0, 0),
        step(GIVE, u32::MAX, 0, 0),
        step(LOAD_BYTE, 4, 0, 0),
        step(SKIP, 1, 0, 0),
        step(LOAD_BYTE, 8, 0, 0),
        step(AND, mask, 0, 0),
        step(GIVE_A, 0, 0, 0),
    ]
}
