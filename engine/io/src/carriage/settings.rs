//! What the caller says about one relay, and what can be asked about it.

use std::net::SocketAddr;

use warren_proto::relay::client::{Config, Credentials};
use warren_proto::{PrivateKey, PublicKey};

use super::event::Carriage;
use super::{Proxy, Url};
use crate::carriage::dial::Target;

/// One relay: how it is reached and what proves us to it.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    /// X25519: proves the relay.
    pub relay_key: [u8; 32],
    /// X25519, private: what the certificate is about.
    pub session_key: PrivateKey,
    /// Signed by the identity.
    pub certificate: Vec<u8>,
    /// Signed by whom the relay trusts.
    pub grant: Vec<u8>,
    /// Its UDP addresses; empty: WebSocket only.
    pub remotes: Vec<SocketAddr>,
    /// `http(s)://HOST[:PORT]` of its WebSocket; empty: UDP only.
    pub url: String,
    /// `http://[USER:PASSWORD@]HOST:PORT`; empty: none.
    pub proxy: String,
}

/// How a relay's session is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayStats {
    /// `None`: not connected.
    pub carriage: Option<Carriage>,
    /// Smoothed; 0: not measured.
    pub round_trip_ns: u64,
    /// Of payload frames.
    pub rx_bytes: u64,
    /// Of payload frames.
    pub tx_bytes: u64,
}

impl RelaySettings {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if !self.url.is_empty() && Url::parse(&self.url).is_none() {
            return Err("the relay's URL is not http(s)://HOST[:PORT]");
        }
        if !self.proxy.is_empty() && Proxy::parse(&self.proxy).is_none() {
            return Err("the proxy is not http://[USER:PASSWORD@]HOST:PORT");
        }
        if self.url.is_empty() && self.remotes.is_empty() {
            return Err("the relay has no address");
        }
        Ok(())
    }

    /// Whether a client made for the other settings does for these.
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        (self.relay_key, &self.url, &self.proxy) == (other.relay_key, &other.url, &other.proxy)
    }

    pub(super) fn config(&self) -> Config {
        Config {
            relay_key: PublicKey(self.relay_key),
            remotes: self.remotes.clone(),
            has_stream: !self.url.is_empty(),
        }
    }

    pub(super) fn credentials(&self) -> Credentials {
        Credentials {
            session_key: self.session_key.clone(),
            certificate: self.certificate.clone(),
            grant: self.grant.clone(),
        }
    }

    pub(super) fn target(&self) -> Option<Target> {
        Some(Target {
            url: Url::parse(&self.url)?,
            proxy: Proxy::parse(&self.proxy),
        })
    }
}

/// An eighth of each new measurement counts, as in RFC 6298, section 2.
pub(super) fn smoothed(before_ns: u64, sample_ns: u64) -> u64 {
    if before_ns == 0 {
        return sample_ns;
    }
    before_ns - before_ns / 8 + sample_ns / 8
}
