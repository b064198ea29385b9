//! The relay's IO: one pure machine (`warren_proto::relay::Server`) behind a UDP port and WebSockets of the front.
//!
//! | file | does |
//! | --- | --- |
//! | `hub` | the machine that all carriages share, and where its frames go (start here) |
//! | `port` | the UDP port: one thread, batches both ways |
//! | `receive`, `send` | the system calls: recvmmsg with GRO, sendmmsg with GSO |
//! | `stream` | one WebSocket of the front |
//! | `neighbour` | what else is spoken on the same UDP port: STUN and TURN |
//!
//! A frame is rewritten where it was received and sent from there: no payload is copied between two clients on UDP.
//! Invariants: the machine's lock is held for one batch and never over a system call; every queue has a limit by name,
//! and who fills one loses its own frames.
mod hub;
mod neighbour;
mod planned;
mod port;
mod receive;
mod send;
mod stream;

pub use hub::{Hub, Mailbox, Turn};
pub use neighbour::{Neighbour, Reply};
pub use port::{Counts, Port, family_of};
pub use stream::{Socket, Turned};
