//! The relay as pure state machines: carries ciphertext between two members of one network that cannot reach each
//! other directly.
//!
//! Decides who may use a relay (a grant and a session certificate, both signed), which session a frame belongs to and
//! whom it is for. Must not know sockets, clocks, users or what a frame's payload means: WireGuard authenticates its
//! own packets end to end, so a relay reads and forges nothing. `docs/internals/relay.md` has the wire format.
//!
//! | file | decides |
//! | --- | --- |
//! | `frame` | the shape of every frame: data, control, the four of the handshake |
//! | `tag` | the short tag of a data frame, and what it covers |
//! | `grant`, `certificate`, `ed25519` | who vouches for whom, and until when |
//! | `schedule`, `seal` | the keys of a session; sealing, opening, replays |
//! | `item`, `letters` | what the two sides say to each other, and that it arrives once and in order |
//! | `client` | the node's side: connect, prove, ask for channels, notice a death |
//! | `server` | the relay's side: prove, connect, forward, limit, forget |
//! | `websocket` | the server's half of RFC 6455, as far as frames need it |
//! | `fair` | whose frame goes out next when a line is full |

pub mod certificate;
pub mod client;
mod ed25519;
pub mod fair;
pub mod frame;
pub mod grant;
pub mod item;
mod letters;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod liar;
pub mod limits;
mod link;
mod schedule;
mod seal;
pub mod server;
mod tag;
#[cfg(test)]
mod tests;
pub mod websocket;

pub use client::Client;
pub use frame::HEADER;
pub use link::Link;
pub use server::Server;
