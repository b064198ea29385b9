//! Making a UDP socket: bound to one family's addresses, non-blocking, with large buffers (socket(7), udp(7), ipv6(7)).

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::sockaddr::{ROOM_BYTES, SockAddr};
use crate::limits::SOCKET_BUFFER_BYTES;

/// A bound socket of the address' family with large buffers.
pub fn open(address: SocketAddr) -> io::Result<OwnedFd> {
    make(address, false)
}

/// One more on a port that others of ours are bound to, all of which [`share`] it.
pub fn open_beside(address: SocketAddr) -> io::Result<OwnedFd> {
    make(address, true)
}

/// Lets others of this user be bound to the same port from here on, those that ask for it.
pub fn share(socket: &OwnedFd) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)
}

fn make(address: SocketAddr, beside: bool) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    // SAFETY: socket takes no pointers; the result is checked before use.
    let fd = unsafe {
        libc::socket(
            family,
            libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
            0,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just opened and nobody else holds it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    if address.is_ipv6() {
        set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
    }
    for (forced, plain) in [
        (libc::SO_RCVBUFFORCE, libc::SO_RCVBUF),
        (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF),
    ] {
        // Beyond the host's limit only with CAP_NET_ADMIN; without it, as much as the limit allows.
        if set_option(&socket, libc::SOL_SOCKET, forced, SOCKET_BUFFER_BYTES).is_err() {
            set_option(&socket, libc::SOL_SOCKET, plain, SOCKET_BUFFER_BYTES)?;
        }
    }
    if beside {
        share(&socket)?;
    }
    let (name, name_bytes) = SockAddr::new(address);
    // SAFETY: the address lives through the call and its length is the one of its family.
    if unsafe {
        libc::bind(
            socket.as_raw_fd(),
            std::ptr::from_ref(&name).cast(),
            name_bytes,
        )
    } < 0
    {
        return Err(io::Error::last_os_error());
    }
    Ok(socket)
}

/// setsockopt(2) with a number.
pub fn set_option(
    socket: &impl AsRawFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let bytes = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the value lives through the call and its length is given.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(&value).cast(),
            bytes,
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// The port that a socket was bound to.
pub fn local_port(socket: &OwnedFd) -> io::Result<u16> {
    let (mut name, mut bytes) = (SockAddr::empty(), ROOM_BYTES);
    // SAFETY: the room and its length live through the call, and the length says how large it is.
    let done = unsafe {
        libc::getsockname(
            socket.as_raw_fd(),
            std::ptr::from_mut(&mut name).cast(),
            &raw mut bytes,
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    name.read()
        .map(|address| address.port())
        .ok_or_else(|| io::ErrorKind::Unsupported.into())
}
