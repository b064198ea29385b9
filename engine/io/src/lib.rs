//! What touches the world: TUN, UDP, the packet worker, the front.
pub mod front;
