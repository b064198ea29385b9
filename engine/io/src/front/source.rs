//! What counts as one address: an IPv4 address, or the /64 of an IPv6 one, which is what one customer has.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
use std::net::IpAddr;

/// One address, as limits of an address count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// An IPv4 address, also where it came dressed as IPv6.
    V4([u8; 4]),
    /// The first half of an IPv6 address.
    V6([u8; 8]),
}

impl Source {
    /// Whom this address belongs to.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}
