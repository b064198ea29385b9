//! The filter from outside: packets in, verdicts out, on a virtual clock.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::wildcard_imports,
    reason = "a test stops at the first surprise"
)]

mod flood;
mod headers;
mod models;
mod passing;
mod world;
