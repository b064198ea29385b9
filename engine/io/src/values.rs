//! The byte formats of the border, both ways: endpoints, prefixes, keys (`_native.pyi` has the text).
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use warren_proto::{Endpoint, Prefix, PresharedKey, PrivateKey, PublicKey};

use crate::Error;

/// An endpoint: address, port, and a scope where there is one; a relay's number and channel.
pub fn show_endpoint(endpoint: Endpoint) -> Vec<u8> {
    match endpoint {
        Endpoint::Udp { remote } => show_remote(remote),
        Endpoint::Relay { relay, channel } => {
            [&relay.to_be_bytes()[..], &channel.to_be_bytes()[..]].concat()
        }
    }
}

/// An address of UDP as bytes.
pub fn show_remote(remote: SocketAddr) -> Vec<u8> {
    let port = remote.port().to_be_bytes();
    match remote {
        SocketAddr::V4(v4) => [&v4.ip().octets()[..], &port].concat(),
        SocketAddr::V6(v6) if v6.scope_id() == 0 => [&v6.ip().octets()[..], &port].concat(),
        SocketAddr::V6(v6) => [&v6.ip().octets()[..], &port, &v6.scope_id().to_be_bytes()].concat(),
    }
}

/// An address of UDP from bytes; a v4-mapped one becomes the IPv4 address that it means.
pub fn parse_remote(bytes: &[u8]) -> Result<SocketAddr, Error> {
    let wrong = Error::Argument("an endpoint is 6, 18 or 22 bytes");
    let address_bytes = if bytes.len() == 6 { 4 } else { 16 };
    let (address, rest) = bytes.split_at_checked(address_bytes).ok_or(wrong)?;
    let wrong = Error::Argument("an endpoint is 6, 18 or 22 bytes");
    let (port, scope) = rest.split_first_chunk::<2>().ok_or(wrong)?;
    let scope = match scope {
        [] => 0,
        &[a, b, c, d] if address_bytes == 16 => u32::from_be_bytes([a, b, c, d]),
        _ => return Err(Error::Argument("an endpoint is 6, 18 or 22 bytes")),
    };
    let port = u16::from_be_bytes(*port);
    match parse_address(address)?.to_canonical() {
        IpAddr::V4(v4) => Ok(SocketAddr::from((v4, port))),
        IpAddr::V6(v6) => Ok(SocketAddrV6::new(v6, port, 0, scope).into()),
    }
}

/// An endpoint from bytes: 12 are a relay's channel.
pub fn parse_endpoint(bytes: &[u8]) -> Result<Endpoint, Error> {
    let Ok(hop) = <[u8; 12]>::try_from(bytes) else {
        return parse_remote(bytes).map(|remote| Endpoint::Udp { remote });
    };
    let [a, b, c, d, e, f, g, h, rest @ ..] = hop;
    Ok(Endpoint::Relay {
        relay: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        channel: u32::from_be_bytes(rest),
    })
}

/// An allowed prefix from bytes.
pub fn parse_prefix(bytes: &[u8]) -> Result<Prefix, Error> {
    let (length, address) = bytes
        .split_last()
        .ok_or(Error::Argument("a prefix is 5 or 17 bytes"))?;
    let address =
        parse_address(address).map_err(|_| Error::Argument("a prefix is 5 or 17 bytes"))?;
    Prefix::new(address, *length).ok_or(Error::Argument("a prefix is longer than its address"))
}

fn parse_address(bytes: &[u8]) -> Result<IpAddr, Error> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Ok(Ipv4Addr::from(v4).into());
    }
    let v6: [u8; 16] = array(bytes, "an address is 4 or 16 bytes")?;
    Ok(Ipv6Addr::from(v6).into())
}

/// One or two private keys, one behind the other.
pub fn parse_private_keys(bytes: &[u8]) -> Result<Vec<PrivateKey>, Error> {
    let keys = keys(bytes, "private keys are 32 or 64 bytes")?;
    Ok(keys.into_iter().map(PrivateKey::new).collect())
}

/// One or two public keys, one behind the other.
pub fn parse_public_keys(bytes: &[u8]) -> Result<Vec<PublicKey>, Error> {
    let keys = keys(bytes, "public keys are 32 or 64 bytes")?;
    Ok(keys.into_iter().map(PublicKey).collect())
}

/// Preshared keys, one behind the other.
pub fn parse_preshared_keys(bytes: &[u8]) -> Result<Vec<PresharedKey>, Error> {
    let keys = keys(bytes, "preshared keys are a multiple of 32 bytes")?;
    Ok(keys.into_iter().map(PresharedKey::new).collect())
}

fn keys(bytes: &[u8], wrong: &'static str) -> Result<Vec<[u8; 32]>, Error> {
    bytes.chunks(32).map(|key| array(key, wrong)).collect()
}

/// Exactly so many bytes, or a refusal with this text.
pub fn array<const N: usize>(bytes: &[u8], wrong: &'static str) -> Result<[u8; N], Error> {
    bytes.try_into().map_err(|_| Error::Argument(wrong))
}
