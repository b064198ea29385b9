//! WireGuard as pure state machines: no IO, no clock, no threads, no unsafe code.
//!
//! Start reading at [`Device`]: it takes batches of packets and datagrams, and is drained by
//! `poll_transmit`, `poll_event` and `poll_timeout`. Files are named as the WireGuard paper names things.
//! The order of calls of a worker's turn:
//!
//! 1. `open_batch` for what came from the network, `seal` for what came from the TUN;
//! 2. `handle_timeout` when the deadline of `poll_timeout` has passed;
//! 3. `poll_transmit` until it is `None`, `poll_host` and `poll_event` likewise;
//! 4. `poll_timeout` says how long to wait at most.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod admission;
mod allowed_ips;
mod batch;
mod bucket;
mod cipher;
mod config;
mod cookie;
mod counters;
pub mod demux;
mod device;
mod endpoint;
mod event;
pub mod filter;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod handshake;
mod index;
pub mod inner;
mod keypairs;
mod keys;
pub mod limits;
pub mod message;
mod narrow;
mod noise;
pub mod offload;
mod outgoing;
mod peer;
mod peers;
mod prefix;
pub mod probe;
mod random;
pub mod relay;
mod replay;
mod staging;
mod stray;
pub mod stun;
mod tai64n;
#[cfg(test)]
mod tests;
mod time;
mod timers;
mod trains;
mod transport;
pub mod turn;
mod wakeups;

pub use batch::{HEADROOM, Incoming, Opened, Reason, Span, TAILROOM, TRANSMIT_MIN, TRANSMIT_OVERHEAD, Transmit};
pub use cipher::Cipher;
pub use config::{ConfigError, DeviceConfig, Mode, Owner, PeerConfig, PeerStats, StampWindow, Transport};
pub use counters::Counters;
pub use device::Device;
pub use endpoint::Endpoint;
pub use event::{Event, PeerId};
pub use keys::{PresharedKey, PrivateKey, PublicKey};
pub use prefix::Prefix;
pub use random::Random;
pub use stray::Stray;
pub use tai64n::LastStamp;
pub use time::{Instant, Now, Unix};
pub use trains::{Train, Trains};
