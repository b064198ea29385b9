//! Bodies of the fuzz targets: plain functions of bytes that stop at the first thing that must not be.
//!
//! The programs in `engine/fuzz` feed them with what coverage leads libFuzzer to, and `replay` with the committed
//! corpus, so both judge by the same words. Compiled for tests and under the feature `fuzz` only. Each target says
//! what it holds to be true; start reading at [`TARGETS`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a target stops at the first surprise"
)]

mod device;
pub(crate) mod filter;
mod handshakes;
mod input;
mod narrow;
mod offload;
mod pair;
mod parsers;
mod relay;
mod relay_client;
#[cfg(test)]
mod replay;
mod routes;
mod sessions;
mod strangers;
mod turn;
mod world;

/// Takes any bytes; panics where something is not as it must be.
pub type Body = fn(&[u8]);

/// Every target of this crate by its name, which is also the name of its corpus.
pub const TARGETS: &[(&str, Body)] = &[
    ("datagram", parsers::datagram),
    ("inner", parsers::inner),
    ("initiation", handshakes::initiation),
    ("response", handshakes::response),
    ("cookie", handshakes::cookie),
    ("transport", sessions::transport),
    ("probe", sessions::probe),
    ("stun", sessions::stun),
    ("routes", routes::routes),
    ("strangers", strangers::strangers),
    ("device", device::device),
    ("pair", pair::pair),
    ("relay_formats", relay::formats),
    ("relay_websocket", relay::websocket),
    ("relay_server", relay::server),
    ("relay_client", relay_client::client),
    ("superpacket", offload::superpacket),
    ("merge", offload::merge),
    ("narrow", narrow::narrow),
    ("filter_rules", filter::rules),
    ("filter_packet", filter::packet),
    ("filter_flows", filter::flows),
    ("turn_message", turn::turn_message),
    ("turn_stranger", turn::turn_stranger),
    ("turn_server", turn::turn_server),
];
