//! The server against a client that does what the RFCs say, and against those who do not.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test stops at the first surprise"
)]

#[cfg(test)]
mod credit;
#[cfg(test)]
mod data;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod vectors;
pub(crate) mod world;
