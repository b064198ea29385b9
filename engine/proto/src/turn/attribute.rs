//! Attributes of STUN and TURN (RFC 8489, 14 and 18.3; RFC 8656, 18): their numbers, and the values that have a form.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::message::COOKIE;

/// The numbers.
#[allow(missing_docs, reason = "each is the RFC's own name")]
pub mod kind {
    pub const MAPPED_ADDRESS: u16 = 0x0001;
    pub const USERNAME: u16 = 0x0006;
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub const ERROR_CODE: u16 = 0x0009;
    pub const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    pub const CHANNEL_NUMBER: u16 = 0x000c;
    pub const LIFETIME: u16 = 0x000d;
    pub const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub const DATA: u16 = 0x0013;
    pub const REALM: u16 = 0x0014;
    pub const NONCE: u16 = 0x0015;
    pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub const EVEN_PORT: u16 = 0x0018;
    pub const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub const DONT_FRAGMENT: u16 = 0x001a;
    pub const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
    pub const PASSWORD_ALGORITHM: u16 = 0x001d;
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub const RESERVATION_TOKEN: u16 = 0x0022;
    pub const ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8000;
    pub const ADDRESS_ERROR_CODE: u16 = 0x8001;
    pub const PASSWORD_ALGORITHMS: u16 = 0x8002;
    pub const SOFTWARE: u16 = 0x8022;
    pub const FINGERPRINT: u16 = 0x8028;
}

/// From here on an attribute may be ignored by who does not know it.
pub(crate) const COMPREHENSION_OPTIONAL: u16 = 0x8000;

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// 1 on the wire.
    V4,
    /// 2 on the wire.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 2,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::V4),
            2 => Some(Self::V6),
            _ => None,
        }
    }
}

/// What an address is XORed with: cookie, then transaction.
fn mask(transaction: &[u8; 12]) -> [u8; 16] {
    let mut out = [0; 16];
    let bytes = COOKIE.iter().chain(transaction);
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

/// An XORed address as an attribute carries it, and how many of the bytes count.
pub(crate) fn write_xored(address: SocketAddr, transaction: &[u8; 12]) -> ([u8; 20], usize) {
    let mut out = [0; 20];
    let mask = mask(transaction);
    let mut write = |family: Family, octets: &[u8]| {
        let head = [0, family.number()].into_iter();
        let port = address.port().to_be_bytes();
        let port = port.into_iter().zip(mask).map(|(byte, mask)| byte ^ mask);
        let octets = octets.iter().zip(mask).map(|(byte, mask)| byte ^ mask);
        let bytes = head.chain(port).chain(octets);
        out.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    };
    match address.ip() {
        IpAddr::V4(v4) => write(Family::V4, &v4.octets()),
        IpAddr::V6(v6) => write(Family::V6, &v6.octets()),
    }
    (out, if address.is_ipv4() { 8 } else { 20 })
}

/// The address of such an attribute; an IPv4-mapped one is its IPv4 self, since that is where it leads.
#[must_use]
pub fn read_xored(value: &[u8], transaction: &[u8; 12]) -> Option<SocketAddr> {
    let (head, octets) = value.split_first_chunk::<4>()?;
    let [_, family, p0, p1] = *head;
    let mask = mask(transaction);
    let [m0, m1, ..] = mask;
    let port = u16::from_be_bytes([p0 ^ m0, p1 ^ m1]);
    let unmasked = |octets: &[u8]| octets.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect::<Vec<u8>>();
    let address = match Family::from_number(family)? {
        Family::V4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(unmasked(octets.first_chunk::<4>()?)).ok()?)),
        Family::V6 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(unmasked(octets.first_chunk::<16>()?)).ok()?)),
    };
    (value.len() == if address.is_ipv4() { 8 } else { 20 }).then_some(())?;
    Some(SocketAddr::new(address.to_canonical(), port))
}

/// Four bytes as a number.
#[must_use]
pub fn read_u32(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

/// Two bytes as a number, then two that are reserved (CHANNEL-NUMBER).
#[must_use]
pub fn read_channel(value: &[u8]) -> Option<u16> {
    let [high, low, _, _] = *<&[u8; 4]>::try_from(value).ok()?;
    Some(u16::from_be_bytes([high, low]))
}

/// Is this attribute, which must be understood, understood?
pub(crate) fn is_known(kind: u16) -> bool {
    matches!(
        kind,
        kind::MAPPED_ADDRESS
            | kind::USERNAME
            | kind::ERROR_CODE
            | kind::UNKNOWN_ATTRIBUTES
            | kind::CHANNEL_NUMBER
            | kind::LIFETIME
            | kind::XOR_PEER_ADDRESS
            | kind::DATA
            | kind::REALM
            | kind::NONCE
            | kind::XOR_RELAYED_ADDRESS
            | kind::REQUESTED_ADDRESS_FAMILY
            | kind::EVEN_PORT
            | kind::REQUESTED_TRANSPORT
            | kind::DONT_FRAGMENT
            | kind::PASSWORD_ALGORITHM
            | kind::XOR_MAPPED_ADDRESS
            | kind::RESERVATION_TOKEN
    )
}
