//! A relay and its clients in memory, on a virtual clock, over a line that loses and reorders.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "tests stop at the first surprise"
)]

mod bounds;
mod death;
mod full_lines;
mod hostile;
mod lifecycle;
mod limits;
mod properties;
mod vectors;
mod websockets;
mod world;
