//! `SocketAddr` to and from the kernel's `sockaddr_in` and `sockaddr_in6` (netinet/in.h).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Room for an address of either family.
#[derive(Clone, Copy)]
#[repr(C)]
pub union SockAddr {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

/// Bytes of the union, for the kernel to fill.
pub const ROOM_BYTES: libc::socklen_t = size_of::<SockAddr>() as libc::socklen_t;

impl SockAddr {
    /// Room to be filled by the kernel.
    pub fn empty() -> Self {
        // SAFETY: every member is plain old data, for which all zeros is a valid value.
        unsafe { std::mem::zeroed() }
    }

    /// The address as the kernel wants it, and how many bytes of it count.
    pub fn new(address: SocketAddr) -> (Self, libc::socklen_t) {
        let mut to = Self::empty();
        match address {
            SocketAddr::V4(v4) => {
                to.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr {
                        s_addr: u32::from_ne_bytes(v4.ip().octets()),
                    },
                    sin_zero: [0; 8],
                };
                (to, size_of::<libc::sockaddr_in>() as libc::socklen_t)
            }
            SocketAddr::V6(v6) => {
                to.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: 0,
                    sin6_addr: libc::in6_addr {
                        s6_addr: v6.ip().octets(),
                    },
                    sin6_scope_id: v6.scope_id(),
                };
                (to, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
            }
        }
    }

    /// What the kernel wrote; `None` for a family that is not IP.
    pub fn read(&self) -> Option<SocketAddr> {
        // SAFETY: every member begins with the family, and any bits are a valid value of it.
        let family = libc::c_int::from(unsafe { self.family });
        if family == libc::AF_INET {
            // SAFETY: the family says that this member was written; it is plain old data either way.
            let v4 = unsafe { self.v4 };
            let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        } else if family == libc::AF_INET6 {
            // SAFETY: the family says that this member was written; it is plain old data either way.
            let v6 = unsafe { self.v6 };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id).into())
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_the_way_there_and_back() {
        for text in ["192.0.2.7:51820", "[2001:db8::7]:51820", "[fe80::1%3]:9"] {
            let Ok(address) = text.parse::<SocketAddr>() else {
                panic!("{text}")
            };
            assert_eq!(SockAddr::new(address).0.read(), Some(address));
        }
    }

    #[test]
    fn room_that_nobody_filled_is_no_address() {
        assert_eq!(SockAddr::empty().read(), None);
    }
}
