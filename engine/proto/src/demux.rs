//! What a datagram on the tunnel's port, or a relay's, is: WireGuard first, then STUN, then our probes, then the
//! relay's frames, else nothing of ours.

use crate::relay::frame;
use crate::{message, probe, stun};

/// The protocol of a datagram, by its shape alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// First byte 1 to 4, then three zeros.
    WireGuard,
    /// Two zero bits and the magic cookie.
    Stun,
    /// Our magic.
    Probe,
    /// First byte d8 to da.
    Relay,
    /// None of these.
    Other,
}

/// Tell the kind of a datagram.
#[must_use]
pub fn kind(datagram: &[u8]) -> Kind {
    if message::looks_like_wireguard(datagram) {
        Kind::WireGuard
    } else if stun::looks_like_stun(datagram) {
        Kind::Stun
    } else if probe::looks_like_probe(datagram) {
        Kind::Probe
    } else if frame::looks_like_relay(datagram) {
        Kind::Relay
    } else {
        Kind::Other
    }
}
