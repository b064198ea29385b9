//! Where a frame comes from or goes to: an address, or a stream that somebody else opened.

use core::net::SocketAddr;

use crate::Endpoint;

/// One end of a line to the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// Datagrams to and from this address. A v4 address is never written as v4-mapped v6 (the caller normalises).
    Udp(SocketAddr),
    /// A WebSocket, by the number that the caller gave it; never used again for another.
    Stream(u64),
}

impl Link {
    /// Who pays for what comes from here: an address (v6: a /64), or the stream.
    pub(crate) fn payer(self) -> Endpoint {
        match self {
            Self::Udp(remote) => Endpoint::Udp { remote },
            Self::Stream(number) => Endpoint::Relay { relay: number, channel: 0 },
        }
    }

    /// All that tells this line from others, port included: what a cookie is bound to.
    pub(super) fn identity(self) -> [u8; 23] {
        self.payer().identity()
    }
}
