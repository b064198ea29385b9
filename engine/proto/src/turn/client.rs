//! Who sends to the server: an address and port, and over what. With the server's own port that is the 5-tuple of
//! RFC 8656, 3.1.

use core::net::SocketAddr;

use crate::Endpoint;

/// What carries a client's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carriage {
    /// Datagrams: the source may be forged.
    Udp,
    /// A connection, TLS or not, by the caller's number: whoever sends has proved its address.
    Stream(u64),
}

impl Carriage {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Udp => 17,
            Self::Stream(_) => 6,
        }
    }
}

/// One client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client {
    /// Its address as seen here. A v4 address is never written as v4-mapped v6.
    pub remote: SocketAddr,
    /// Over what.
    pub carriage: Carriage,
}

impl Client {
    /// A client over datagrams.
    #[must_use]
    pub fn udp(remote: SocketAddr) -> Self {
        Self { remote, carriage: Carriage::Udp }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Udp { remote: self.remote }
    }

    /// Address and port as bytes.
    pub(crate) fn identity(&self) -> [u8; 23] {
        self.endpoint().identity()
    }

    /// Who pays: a v4 address, or a v6 /64.
    pub(crate) fn source(&self) -> [u8; 23] {
        self.endpoint().source()
    }

    /// Whether a message from it proves that it receives there.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.carriage != Carriage::Udp
    }
}
