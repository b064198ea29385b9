//! What this machine calls itself: the addresses of every interface (getifaddrs(3)), so that no client is relayed to
//! the server's own services (SECURITY.md, rule 35).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Every address of every interface, each family.
pub fn own_addresses() -> io::Result<Vec<IpAddr>> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the pointer lives through the call, which sets it to a list that is freed below.
    if unsafe { libc::getifaddrs(&raw mut first) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut addresses = Vec::new();
    let mut next = first;
    while !next.is_null() {
        // SAFETY: the list is well formed until freed, and `next` is one of its entries.
        let entry = unsafe { &*next };
        addresses.extend(read(entry.ifa_addr));
        next = entry.ifa_next;
    }
    // SAFETY: it is the list of the call above, freed once; no borrow of it is left.
    unsafe { libc::freeifaddrs(first) };
    Ok(addresses)
}

fn read(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: not null, and every address of the list begins with its family.
    let family = libc::c_int::from(unsafe { (*address).sa_family });
    if family == libc::AF_INET {
        // SAFETY: the family says what it is; the kernel's structures may be read unaligned.
        let v4: libc::sockaddr_in = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
        Some(Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes()).into())
    } else if family == libc::AF_INET6 {
        // SAFETY: as above.
        let v6: libc::sockaddr_in6 =
            unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
        Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_loopback_is_among_them() {
        let own = super::own_addresses().unwrap_or_default();
        assert!(
            own.contains(&std::net::Ipv4Addr::LOCALHOST.into()),
            "{own:?}"
        );
    }
}
