//! STUN and TURN's sockets: what `warren_proto::turn` decides is done here.
//!
//! | file | does |
//! | --- | --- |
//! | `service` | joins the machine with its sockets; a loop of others feeds it (start here) |
//! | `relayed` | the relayed sockets: opened, read in batches, written |
//! | `streams`, `stream` | clients over TCP and TLS |
//! | `epoll`, `receive` | the system calls |
//! | `own_addresses` | what this machine calls itself |
//!
//! Invariants: one thread; nothing blocks; each table and buffer is bounded by a name of `limits`.
mod epoll;
mod own_addresses;
mod receive;
mod relayed;
mod service;
mod stream;
mod streams;

pub use service::{Service, Settings};
