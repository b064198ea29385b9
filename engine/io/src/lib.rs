//! What touches the world: TUN, UDP, the packet worker, the front.
//!
//! Decides when bytes move, never what they mean: WireGuard is `warren-proto`'s. All `unsafe` of the engine stands in
//! this crate, at the system calls. Start reading at `tunnel`, then `worker`.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]
mod arena;
pub mod carriage;
mod clock;
mod crew;
mod error;
mod events;
mod failures;
pub mod fast_aes;
pub mod fast_sum;
pub mod front;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod limits;
mod lingering;
mod losses;
mod mailing;
mod memory;
mod moderation;
pub mod offloads;
mod outbox;
mod poll;
pub mod relay;
mod summons;
mod sync;
pub mod tun;
mod tunnel;
pub mod turn;
pub mod udp;
pub mod values;
mod wake;
mod worker;

pub use arena::Arena;
pub use crew::fit as workers_for;
pub use error::Error;
pub use events::TunnelEvent;
pub use losses::Losses;
pub use outbox::Outbox;
pub use tunnel::{Lane, Tunnel};
pub use worker::Desk;
// What a caller has to name to configure a tunnel and read its events.
pub use warren_proto as proto;
