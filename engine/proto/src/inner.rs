//! What lies inside a transport message: an IP packet, a ping of ours, or nothing.
//!
//! Reads only what crypto-key routing needs: version, addresses, length.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::message;

/// Where an inner packet comes from, and how long it is without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inner {
    /// Its source address.
    pub source: IpAddr,
    /// Its length in bytes.
    pub len: usize,
}

/// A round trip inside the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// Please answer.
    Ping(u64),
    /// The answer.
    Pong(u64),
}

/// Length of a ping, padding included.
pub(crate) const ECHO_LEN: usize = 16;

/// The destination of a packet from the TUN; `None` if it is not IP or is cut.
#[must_use]
pub fn destination(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => Some(IpAddr::V4(Ipv4Addr::from(*address::<16, 4>(packet)?))),
        6 => Some(IpAddr::V6(Ipv6Addr::from(*address::<24, 16>(packet)?))),
        _ => None,
    }
}

/// The source of a packet; `None` if it is not IP or is cut.
#[must_use]
pub fn source(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => Some(IpAddr::V4(Ipv4Addr::from(*address::<12, 4>(packet)?))),
        6 => Some(IpAddr::V6(Ipv6Addr::from(*address::<8, 16>(packet)?))),
        _ => None,
    }
}

/// How long a packet's header says that it is, in bytes; 0 if it is not IP or is cut.
#[must_use]
pub fn total(packet: &[u8]) -> usize {
    let field = |bytes: Option<&[u8; 2]>| bytes.map_or(0, |bytes| usize::from(u16::from_be_bytes(*bytes)));
    match packet.first().map(|first| first >> 4) {
        Some(4) => field(address::<2, 2>(packet)),
        Some(6) => field(address::<4, 2>(packet)).saturating_add(40),
        _ => 0,
    }
}

/// Read a decrypted packet; `None` if it is not IP, or shorter than its header says.
#[must_use]
pub fn parse(plain: &[u8]) -> Option<Inner> {
    let (source, least, len) = match plain.first()? >> 4 {
        4 => {
            let source = IpAddr::V4(Ipv4Addr::from(*address::<12, 4>(plain)?));
            (source, 20, usize::from(u16::from_be_bytes(*address::<2, 2>(plain)?)))
        }
        6 => {
            let source = IpAddr::V6(Ipv6Addr::from(*address::<8, 16>(plain)?));
            (source, 40, usize::from(u16::from_be_bytes(*address::<4, 2>(plain)?)).saturating_add(40))
        }
        _ => return None,
    };
    (least..=plain.len()).contains(&len).then_some(Inner { source, len })
}

/// `00 'w' kind 0`, the token big-endian, zeros: its version is 0, so a stock peer drops it as not IP.
#[must_use]
pub fn parse_echo(plain: &[u8]) -> Option<Echo> {
    let (head, mut rest) = plain.split_first_chunk::<4>()?;
    let token = u64::from_be_bytes(*message::take(&mut rest)?);
    match (head, rest) {
        ([0, b'w', 1, 0], [0, 0, 0, 0, ..]) => Some(Echo::Ping(token)),
        ([0, b'w', 2, 0], [0, 0, 0, 0, ..]) => Some(Echo::Pong(token)),
        _ => None,
    }
}

/// The bytes of a ping or pong.
pub(crate) fn write_echo(echo: Echo) -> [u8; ECHO_LEN] {
    let (kind, token) = match echo {
        Echo::Ping(token) => (1, token),
        Echo::Pong(token) => (2, token),
    };
    message::concat(&[&[0, b'w', kind, 0], &token.to_be_bytes()])
}

fn address<const AT: usize, const LEN: usize>(packet: &[u8]) -> Option<&[u8; LEN]> {
    // A whole header, whichever field is wanted: 20 bytes for version 4, 40 for version 6.
    let whole = if packet.first()? >> 4 == 4 { 20 } else { 40 };
    packet.get(..whole)?.get(AT..)?.first_chunk()
}
