//! What a sender is told whose packet does not fit: 'fragmentation needed' (RFC 792, RFC 1191) or 'packet too big'
//! (RFC 4443, 3.2).
//!
//! The answer comes from the packet's own destination, as far as its sender can see: an address that the host routes
//! to the tunnel already, so that its reverse path filter takes it, and one of the flow that its firewall knows.
//! Nobody is answered for an error, for a packet to many, or for a fragment that is not the first (RFC 1122, 3.2.2;
//! RFC 4443, 2.4).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::IPV6_LEAST;
use crate::filter::packet::{self, ICMP, ICMP6, Kind};
use crate::inner;
use crate::offload::Sum;
use crate::offload::headers::{put, set_ip_length, short};

/// The most bytes of an answer: what every host takes whole (RFC 1812, 4.3.2.3; RFC 4443, 2.4).
const LONGEST_V4: usize = 576;
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const ICMP_HEADER: usize = 8;
const TIME_TO_LIVE: u8 = 64;
/// Internetwork control (RFC 1812, 4.3.2.5).
const PRECEDENCE: u8 = 0xc0;

/// The answer to who sent `packet`, of which only `mtu` bytes would fit; `None` where there is to be none.
pub(crate) fn answer(packet: &[u8], mtu: usize) -> Option<Vec<u8>> {
    let (source, destination) = inner::source(packet).zip(inner::destination(packet))?;
    if !may_be_answered(packet) || !is_one(source) || !is_one(destination) || source == destination {
        return None;
    }
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => Some(answer_v4(packet, mtu, destination, source)),
        (IpAddr::V6(source), IpAddr::V6(destination)) => Some(answer_v6(packet, mtu, destination, source)),
        _ => None,
    }
}

/// Neither an error itself nor a later piece of something.
fn may_be_answered(bytes: &[u8]) -> bool {
    let Ok(packet) = packet::parse(bytes) else { return false };
    if packet.fragment.is_some_and(|fragment| fragment.offset > 0) {
        return false;
    }
    match (packet.ends.protocol, packet.kind) {
        (_, Kind::EchoRequest | Kind::EchoReply | Kind::Tcp(_) | Kind::Udp) => true,
        // Of ICMP only what is known to be a question or its answer: kinds that nobody gave yet may be errors.
        (ICMP | ICMP6, _) | (_, Kind::Error(_)) => false,
        (_, Kind::Bare) => true,
    }
}

/// An address of one host.
fn is_one(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, ..] = v4.octets();
            // From 224 on: multicast, what was never given, and broadcast.
            !v4.is_unspecified() && !v4.is_loopback() && first < 224
        }
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_loopback() && !v6.is_multicast(),
    }
}

fn answer_v4(packet: &[u8], mtu: usize, from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let quoted = quoted(packet, LONGEST_V4.saturating_sub(IPV4_HEADER).saturating_sub(ICMP_HEADER));
    // Whole (DF), so its IP-ID means nothing (RFC 6864).
    let mut out = vec![0x45, PRECEDENCE, 0, 0, 0, 0, 0x40, 0, TIME_TO_LIVE, ICMP, 0, 0];
    out.extend(from.octets());
    out.extend(to.octets());
    out.extend([3, 4, 0, 0, 0, 0]);
    out.extend(short(mtu).to_be_bytes());
    out.extend(quoted);
    let sum = Sum::default().plus(out.get(IPV4_HEADER..).unwrap_or_default()).finish();
    put(&mut out, IPV4_HEADER.saturating_add(2), sum);
    let total = out.len();
    set_ip_length(&mut out, true, IPV4_HEADER, total);
    out
}

fn answer_v6(packet: &[u8], mtu: usize, from: Ipv6Addr, to: Ipv6Addr) -> Vec<u8> {
    let quoted = quoted(packet, IPV6_LEAST.saturating_sub(IPV6_HEADER).saturating_sub(ICMP_HEADER));
    let mut out = vec![0x60, 0, 0, 0, 0, 0, ICMP6, TIME_TO_LIVE];
    out.extend(from.octets());
    out.extend(to.octets());
    out.extend([2, 0, 0, 0, 0, 0]);
    out.extend(short(mtu.max(IPV6_LEAST)).to_be_bytes());
    out.extend(quoted);
    let len = short(out.len().saturating_sub(IPV6_HEADER));
    let pseudo = Sum::default().plus(out.get(8..IPV6_HEADER).unwrap_or_default()).add_word(ICMP6.into()).add_word(len);
    let sum = pseudo.plus(out.get(IPV6_HEADER..).unwrap_or_default()).finish();
    put(&mut out, IPV6_HEADER.saturating_add(2), sum);
    let total = out.len();
    set_ip_length(&mut out, false, IPV6_HEADER, total);
    out
}

/// As much of the packet as an answer has room for.
fn quoted(packet: &[u8], most: usize) -> &[u8] {
    packet.get(..packet.len().min(most)).unwrap_or_default()
}
