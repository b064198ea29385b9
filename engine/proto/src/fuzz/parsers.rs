//! What needs no state: the shape of a datagram, and what lies inside a transport message.

use core::net::IpAddr;

use super::input::Input;
use crate::demux::{self, Kind};
use crate::message::{self, Message};
use crate::{inner, limits, probe, stun};

/// A datagram has one kind, a parser takes only its own, and what it took apart is what came.
pub(super) fn datagram(data: &[u8]) {
    let kind = demux::kind(data);
    let parsed = message::parse(data);
    if let Some(message) = &parsed {
        assert_eq!(kind, Kind::WireGuard);
        assert_eq!(written(message, data), data, "fields of {message:?}");
    }
    if let Some(transaction) = stun::transaction(data) {
        assert!((20..=limits::CONTROL_DATAGRAM).contains(&data.len()));
        assert_eq!(&data[8..20], &transaction);
    }
    if probe::parse(data).is_some() {
        assert_eq!(kind, Kind::Probe, "the magic of a probe is nobody else's first byte");
        assert!(data.len() <= limits::CONTROL_DATAGRAM);
    }
    match kind {
        Kind::WireGuard => assert!(matches!(data[0], 1..=4)),
        Kind::Stun => assert!(data[0] < 0x40 && parsed.is_none()),
        Kind::Probe | Kind::Relay | Kind::Other => assert!(parsed.is_none()),
    }
}

/// The bytes of a message, from its fields.
fn written(message: &Message<'_>, data: &[u8]) -> Vec<u8> {
    match message {
        Message::Initiation(it) => {
            assert_eq!(it.macs.before_mac1.len() + 32, data.len());
            assert_eq!(it.macs.before_mac2.len() + 16, data.len());
            let head = [&[1, 0, 0, 0][..], &it.sender.to_le_bytes(), it.ephemeral].concat();
            [&head[..], it.static_sealed, it.stamp_sealed, it.macs.mac1, it.macs.mac2].concat()
        }
        Message::Response(it) => {
            assert_eq!(it.macs.before_mac1.len() + 32, data.len());
            let head = [&[2, 0, 0, 0][..], &it.sender.to_le_bytes(), &it.receiver.to_le_bytes()].concat();
            [&head[..], it.ephemeral, it.nothing_sealed, it.macs.mac1, it.macs.mac2].concat()
        }
        Message::CookieReply(it) => [&[3, 0, 0, 0][..], &it.receiver.to_le_bytes(), it.nonce, it.sealed].concat(),
        Message::Transport(it) => [&message::transport_header(it.receiver, it.counter)[..], &data[16..]].concat(),
    }
}

/// Lengths hold, addresses are those of the header, a ping is no IP packet and reads back as written.
pub(super) fn inner(data: &[u8]) {
    let (parsed, destination, echo) = (inner::parse(data), inner::destination(data), inner::parse_echo(data));
    if let Some(packet) = parsed {
        let (source, at) = model(data).expect("a version with addresses");
        assert_eq!(packet.source, source);
        assert!(packet.len <= data.len() && packet.len >= at);
        assert!(destination.is_some() && echo.is_none());
        assert_eq!(inner::parse(&data[..packet.len]), Some(packet), "padding does not matter");
    }
    assert_eq!(destination.is_some(), model(data).is_some(), "a whole header has a destination");
    if let Some(echo) = echo {
        let plain = inner::write_echo(echo);
        assert_eq!(&data[..12], &plain[..12]);
        assert_eq!(inner::parse_echo(&plain), Some(echo));
    }
    let mut input = Input::new(data);
    let token = input.number();
    assert_eq!(inner::parse_echo(&inner::write_echo(inner::Echo::Pong(token))), Some(inner::Echo::Pong(token)));
}

/// Source and header length by version, read the slow way.
fn model(data: &[u8]) -> Option<(IpAddr, usize)> {
    match data.first()? >> 4 {
        4 if data.len() >= 20 => Some((<[u8; 4]>::try_from(&data[12..16]).ok()?.into(), 20)),
        6 if data.len() >= 40 => Some((<[u8; 16]>::try_from(&data[8..24]).ok()?.into(), 40)),
        _ => None,
    }
}
