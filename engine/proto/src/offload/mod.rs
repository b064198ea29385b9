//! What a network card would do for a TUN (RFC 9293, 768, 791, 8200; virtio 1.2, 5.1.6): superpackets into segments,
//! packets of one flow into superpackets, checksums finished. Pure: bytes in, bytes out.
//!
//! Start reading at [`Superpacket`] (what comes from the TUN) and [`Coalescer`] (what goes to it). Merging is always
//! reversible: splitting what was merged gives the very packets back.

mod acks;
mod checksum;
mod coalesce;
pub(crate) mod headers;
mod split;
mod virtio;

pub use acks::{HeldAck, Offered};
pub use checksum::{Adder, Sum};
pub use coalesce::{Coalescer, Merging, Run};
pub use split::{Malformed, Superpacket};
pub use virtio::{Gso, VIRTIO_HEADER, VirtioHeader};
