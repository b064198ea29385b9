//! What touches the world: TUN, UDP, the packet worker, the front.
//!
//! Decides when bytes move, never what they mean: WireGuard is `warren-proto`'s. All `unsafe` of the engine stands in
//! this crate, at the system calls. Start reading at `tunnel`.
pub mod batch;
pub mod front;
pub mod limits;
mod memory;
mod poll;
pub mod tun;
pub mod udp;
mod wake;
