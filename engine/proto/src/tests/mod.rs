//! Tests of the whole crate, by subject. [`pair`] is the network they run on.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests stop at the first surprise"
)]

mod acks;
mod ciphers;
mod defence;
mod due;
mod gate;
mod narrow;
mod offload;
mod pair;
mod paths;
mod properties;
mod rotation;
mod sessions;
mod strays;
mod trains;
mod vectors;
