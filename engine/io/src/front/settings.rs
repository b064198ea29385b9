//! What the front is told: paths, names and every limit of its tables and waits.
//!
//! Decides nothing. Durations are measured on the monotonic clock.
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use warren_proto::relay::server::Config as RelayConfig;
use warren_proto::turn::ServerConfig as TurnConfig;

/// Everything that one front needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Path of the web part's unix socket.
    pub web_socket: PathBuf,
    /// Literal `Host` values that are served (see [`super::hosts`]).
    pub hosts: Vec<Vec<u8>>,
    /// PEM; empty together with `private_key`: no TLS.
    pub certificate_chain: Vec<u8>,
    /// PEM of the certificate's key.
    pub private_key: Vec<u8>,
    /// The number of the first connection; they count up from there.
    pub first_connection: u64,
    /// The relay that is served too; its UDP sockets are among the descriptors. `None`: no relay.
    pub relay: Option<RelayConfig>,
    /// STUN and TURN on the relay's port.
    pub turn: TurnConfig,
    /// What peers are told of TURN's relayed addresses; empty: the address that faces the client.
    pub turn_announced: Vec<IpAddr>,
    /// Sizes, counts and deadlines.
    pub limits: Limits,
}

/// Sizes, counts and deadlines; the reasons of the values stand in `warren/limits.py`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Request line and headers of one request.
    pub head_max_bytes: usize,
    /// Body of one request.
    pub body_max_bytes: usize,
    /// Body of one request that brings no `Authorization`: a form, or a program that asks to be let in.
    pub open_body_max_bytes: usize,
    /// Bodies of all requests together.
    pub buffered_max_bytes: usize,
    /// Bodies of one address (IPv6: one /64) together.
    pub buffered_an_address_max_bytes: usize,
    /// Connections in all; accepting pauses at nine tenths of it.
    pub connections_max: usize,
    /// Connections of one address (IPv6: one /64) that proved no key.
    pub unproven_an_address_max: usize,
    /// From the connection, or from a further request's first byte, to the end of the headers.
    pub head: Duration,
    /// From there to the end of the body.
    pub body: Duration,
    /// From there to the end of the answer.
    pub response: Duration,
    /// Between two requests of one connection.
    pub idle: Duration,
    /// From an upgrade to `proven`.
    pub unproven: Duration,
    /// What one chunk may wait for a reader.
    pub stall: Duration,
    /// What requests in flight get at the end.
    pub stop: Duration,
}
