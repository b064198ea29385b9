//! Where a peer can be reached: an address of the underlay, or a channel of a relay.

use core::net::{IpAddr, SocketAddr};

/// A place to send datagrams to, and the place a datagram came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// Straight over UDP. A v4 address is never written as v4-mapped v6 (the caller normalises).
    Udp {
        /// The peer's address and port.
        remote: SocketAddr,
    },
    /// Through a relay.
    Relay {
        /// The relay, by the caller's number.
        relay: u64,
        /// The channel that the relay gave for this peer.
        channel: u32,
    },
}

impl Endpoint {
    /// All that tells this endpoint from others, port included: what a cookie is bound to (paper, 5.4.7).
    pub(crate) fn identity(&self) -> [u8; 23] {
        let mut out = [0; 23];
        let (kind, body) = out.split_at_mut(1);
        let (number, port) = body.split_at_mut(20);
        match self {
            Self::Udp { remote } => {
                kind.fill(if remote.is_ipv4() { 4 } else { 6 });
                write_address(number, remote);
                port.iter_mut().zip(remote.port().to_be_bytes()).for_each(|(to, from)| *to = from);
            }
            Self::Relay { relay, channel } => {
                kind.fill(1);
                let bytes = relay.to_be_bytes().into_iter().chain(channel.to_be_bytes());
                number.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
            }
        }
        out
    }

    /// Who pays for handshakes from here: a v4 address, a v6 /64, or a relay's channel.
    pub(crate) fn source(&self) -> [u8; 23] {
        let mut out = self.identity();
        if let Self::Udp { remote } = self {
            let kept = if remote.is_ipv4() { 5 } else { 9 };
            out.iter_mut().skip(kept).for_each(|byte| *byte = 0);
        }
        out
    }
}

fn write_address(out: &mut [u8], remote: &SocketAddr) {
    let scope = if let SocketAddr::V6(v6) = remote { v6.scope_id() } else { 0 };
    let copy = |out: &mut [u8], octets: &[u8]| {
        let bytes = octets.iter().copied();
        out.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    };
    match remote.ip() {
        IpAddr::V4(v4) => copy(out, &v4.octets()),
        IpAddr::V6(v6) => {
            copy(out, &v6.octets());
            out.iter_mut().skip(16).zip(scope.to_be_bytes()).for_each(|(to, from)| *to = from);
        }
    }
}
