//! STUN and TURN for standard clients (RFC 8489, RFC 8656), as pure state machines.
//!
//! Start reading at [`Server`]. Below it, from the bytes up:
//!
//! | file | decides |
//! | --- | --- |
//! | `frame` | where a message ends on a stream, channel data |
//! | `message`, `attribute`, `build`, `seal` | STUN's form, and what seals it |
//! | `client` | who sends, and whether that alone proves an address |
//! | `credit`, `nonce` | what an unproven sender may get, and how it proves itself |
//! | `credentials`, `quota` | who may allocate, and how much |
//! | `peers` | whom a client may reach |
//! | `allocation`, `server` | the rest of RFC 8656 |
//!
//! Not served: TCP to peers (RFC 6062), mobility (RFC 8016), NAT behaviour tests (RFC 5780), ICMP to clients
//! (RFC 8656, 11.5), user names in hashed form.

mod allocation;
pub mod attribute;
mod build;
mod client;
mod counters;
pub mod credentials;
mod credit;
pub mod frame;
pub mod message;
mod nonce;
mod peers;
mod quota;
mod seal;
mod server;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod tests;

pub use allocation::SocketNumber;
pub use attribute::Family;
pub use build::Builder;
pub use client::{Carriage, Client};
pub use counters::Counters;
pub use credentials::TurnSecret;
pub use peers::{Denied, Peers};
pub use quota::Quotas;
pub use seal::{Algorithm, Key, PasswordAlgorithm};
pub use server::{NotOpened, Outcome, Prefix, Server, ServerConfig, Sockets, ToClient};

/// Is this datagram a client's of STUN or TURN?
#[must_use]
pub fn is_ours(datagram: &[u8]) -> bool {
    message::looks_like_stun(datagram) || frame::looks_like_channel_data(datagram)
}
