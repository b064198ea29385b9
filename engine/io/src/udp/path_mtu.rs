//! What the kernel knows of the path to a destination (ip(7), `IP_MTU`; ipv6(7), `IPV6_MTU`): the least of its links as far as
//! routers told, asked with a socket that sends nothing.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use super::open::set_option;

/// In bytes, internet header included; `mark` is the one that packets go out with (0: none).
pub fn path_mtu(remote: SocketAddr, mark: u32) -> io::Result<u16> {
    let (any, level, option) = if remote.is_ipv4() {
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        (any, libc::IPPROTO_IP, libc::IP_MTU)
    } else {
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        (any, libc::IPPROTO_IPV6, libc::IPV6_MTU)
    };
    let socket = UdpSocket::bind(any)?;
    if mark != 0 {
        let mark = libc::c_int::from_ne_bytes(mark.to_ne_bytes());
        set_option(&socket, libc::SOL_SOCKET, libc::SO_MARK, mark)?;
    }
    socket.connect(remote)?;
    let mut mtu: libc::c_int = 0;
    let mut bytes = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the room and its length live through the call, and the length says how large it is.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            option,
            std::ptr::from_mut(&mut mtu).cast(),
            &raw mut bytes,
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    // Loopback carries 65,536: more than a packet can have.
    Ok(u16::try_from(mtu).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_carries_the_longest_packets_there_are() {
        for address in ["127.0.0.1:9", "[::1]:9"] {
            let Ok(remote) = address.parse() else {
                panic!("an address")
            };
            match path_mtu(remote, 0) {
                Ok(mtu) => assert_eq!(mtu, u16::MAX, "{address}"),
                // A host without IPv6.
                Err(error) => assert!(remote.is_ipv6(), "{error}"),
            }
        }
    }
}
