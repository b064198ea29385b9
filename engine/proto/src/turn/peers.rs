//! Which addresses a client may reach through the server (SECURITY.md, rule 35): normalise first, then deny.
//!
//! An IPv6 address may be the coat of an IPv4 one (mapped, 6to4, NAT64, Teredo, ISATAP): coat and core are both judged.
//! Denied are the machine itself, its networks, and what is no single host of the internet; an operator may allow
//! named prefixes. The same judge sits at permission, channel and every Send indication.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::collections::BTreeSet;

use crate::{Prefix, limits};

/// Why an address is not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// This machine, or what stands for it.
    Loopback,
    /// One link only, metadata services of clouds among them.
    LinkLocal,
    /// Private networks, unique local addresses.
    Private,
    /// Shared between a carrier and its customers (RFC 6598).
    Shared,
    /// Many hosts at once.
    Multicast,
    /// A cloud's metadata service outside of the other ranges.
    Metadata,
    /// The server's own.
    Own,
    /// Never a host of the internet: unspecified, documentation, benchmarks, reserved.
    Reserved,
    /// Port 0.
    Port,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8, why: Denied) -> (Ipv4Addr, u8, Denied) {
    (Ipv4Addr::new(a, b, c, d), length, why)
}

/// RFC 6890 and its successors, and what clouds put elsewhere.
const V4: [(Ipv4Addr, u8, Denied); 17] = [
    v4(0, 0, 0, 0, 8, Denied::Loopback), // "this host": Linux connects to itself
    v4(10, 0, 0, 0, 8, Denied::Private),
    v4(100, 64, 0, 0, 10, Denied::Shared),
    v4(127, 0, 0, 0, 8, Denied::Loopback),
    v4(168, 63, 129, 16, 32, Denied::Metadata), // Azure's
    v4(169, 254, 0, 0, 16, Denied::LinkLocal),
    v4(172, 16, 0, 0, 12, Denied::Private),
    v4(192, 0, 0, 0, 24, Denied::Reserved),
    v4(192, 0, 2, 0, 24, Denied::Reserved),
    v4(192, 31, 196, 0, 24, Denied::Reserved),
    v4(192, 88, 99, 0, 24, Denied::Reserved),
    v4(192, 168, 0, 0, 16, Denied::Private),
    v4(198, 18, 0, 0, 15, Denied::Reserved),
    v4(198, 51, 100, 0, 24, Denied::Reserved),
    v4(203, 0, 113, 0, 24, Denied::Reserved),
    v4(224, 0, 0, 0, 4, Denied::Multicast),
    v4(240, 0, 0, 0, 4, Denied::Reserved),
];

const fn v6(a: u16, b: u16, c: u16, length: u8, why: Denied) -> (Ipv6Addr, u8, Denied) {
    (Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length, why)
}

const V6: [(Ipv6Addr, u8, Denied); 12] = [
    (Ipv6Addr::UNSPECIFIED, 128, Denied::Loopback),
    (Ipv6Addr::LOCALHOST, 128, Denied::Loopback),
    v6(0x64, 0xff9b, 1, 48, Denied::Private), // NAT64 within one network (RFC 8215)
    v6(0x100, 0, 0, 64, Denied::Reserved),
    v6(0x2001, 2, 0, 48, Denied::Reserved),
    v6(0x2001, 0xdb8, 0, 32, Denied::Reserved),
    v6(0x3fff, 0, 0, 20, Denied::Reserved),
    v6(0x5f00, 0, 0, 16, Denied::Reserved),
    v6(0xfc00, 0, 0, 7, Denied::Private), // the metadata addresses of clouds among them
    v6(0xfe80, 0, 0, 10, Denied::LinkLocal),
    v6(0xfec0, 0, 0, 10, Denied::LinkLocal),
    v6(0xff00, 0, 0, 8, Denied::Multicast),
];

/// The judge of peers.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    /// What the machine calls itself, on every interface and in the eyes of the world.
    own: BTreeSet<IpAddr>,
    /// What an operator allows though it would be denied.
    allowed: Vec<Prefix>,
    /// Whether a client may reach another client's relayed address on this server.
    relayed: bool,
}

impl Peers {
    /// A judge who allows these prefixes, and other allocations of this server if `relayed`.
    /// `None` where there are more prefixes than may be.
    #[must_use]
    pub fn new(allowed: Vec<Prefix>, relayed: bool) -> Option<Self> {
        (allowed.len() <= limits::TURN_ALLOWED_PREFIXES).then_some(Self { own: BTreeSet::new(), allowed, relayed })
    }

    /// What the machine calls itself from here on (at most [`limits::TURN_OWN_ADDRESSES`] count).
    pub fn set_own(&mut self, own: impl IntoIterator<Item = IpAddr>) {
        self.own = own.into_iter().map(|address| address.to_canonical()).take(limits::TURN_OWN_ADDRESSES).collect();
    }

    /// May this address be reached at all, with one port or another?
    pub fn check(&self, address: IpAddr) -> Result<(), Denied> {
        let address = address.to_canonical();
        if !(self.relayed && self.is_own(address)) {
            self.check_one(address)?;
        }
        cores(address).into_iter().flatten().try_for_each(|core| self.check_one(core))
    }

    /// May this address and port be reached? `is_relayed` says whether another client's allocation lives there.
    pub fn check_port(&self, peer: SocketAddr, is_relayed: impl FnOnce() -> bool) -> Result<(), Denied> {
        if peer.port() == 0 {
            return Err(Denied::Port);
        }
        self.check(peer.ip())?;
        let through_relayed_only = self.is_own(peer.ip()) && !self.is_allowed(peer.ip());
        if through_relayed_only && !is_relayed() { Err(Denied::Own) } else { Ok(()) }
    }

    fn check_one(&self, address: IpAddr) -> Result<(), Denied> {
        if self.is_allowed(address) {
            Ok(())
        } else if self.is_own(address) {
            Err(Denied::Own)
        } else {
            denied(address).map_or(Ok(()), Err)
        }
    }

    fn is_own(&self, address: IpAddr) -> bool {
        self.own.contains(&address.to_canonical())
    }

    fn is_allowed(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|prefix| prefix.contains(address))
    }
}

/// Why this address, taken literally, is none to be reached.
fn denied(address: IpAddr) -> Option<Denied> {
    match address {
        IpAddr::V4(it) => V4.iter().find(|row| same_bits(it, row.0, 32, row.1)).map(|row| row.2),
        IpAddr::V6(it) => V6.iter().find(|row| same_bits(it, row.0, 128, row.1)).map(|row| row.2),
    }
}

fn same_bits(a: impl Into<Bits>, b: impl Into<Bits>, width: u32, length: u8) -> bool {
    let shift = width.saturating_sub(u32::from(length));
    (a.into().0 ^ b.into().0).checked_shr(shift).unwrap_or(0) == 0
}

/// An address as a number, whatever its family.
struct Bits(u128);

impl From<Ipv4Addr> for Bits {
    fn from(address: Ipv4Addr) -> Self {
        Self(u128::from(address.to_bits()))
    }
}

impl From<Ipv6Addr> for Bits {
    fn from(address: Ipv6Addr) -> Self {
        Self(address.to_bits())
    }
}

/// The IPv4 addresses that this IPv6 address leads to or hides.
fn cores(address: IpAddr) -> [Option<IpAddr>; 2] {
    let IpAddr::V6(v6) = address else { return [None; 2] };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let join = |high: u16, low: u16| Some(IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))));
    match (a, b) {
        (0x2002, _) => [join(b, c), None],
        (0x2001, 0) => [join(!g, !h), join(c, d)], // Teredo: the client, XORed, and its server
        (0x64, 0xff9b) if [c, d, e, f] == [0; 4] => [join(g, h), None],
        (0, 0) if c == 0 && d == 0 && v6.to_bits() > 1 => [join(g, h), None], // compatible, translated (RFC 2765)
        _ if e & 0xfdff == 0 && f == 0x5efe => [join(g, h), None],
        _ => [None; 2],
    }
}
