//! What a router does where the next link carries less than the last one: packets to a peer whose path is narrow.
//!
//! TCP is told early to send less ([`mss`]); what is longer all the same is cut where that may be ([`fragment`]), else
//! its sender is told what fits ([`too_big`]). Pure: bytes in, bytes out; when and how often is the device's
//! (`device/narrowing.rs`). Knows packets; must not know peers, sessions or time (but for [`limit`]). Packets whose
//! headers cannot be followed (more than eight of IPv6, source routes, an authentication header) stay as they are.

pub(crate) mod fragment;
pub(crate) mod limit;
pub(crate) mod mss;
#[cfg(test)]
mod tests;
pub(crate) mod too_big;

/// Every link carries IPv6 packets of so many bytes (RFC 8200, 5), and no host may be told of less: Linux ignores it.
pub(crate) const IPV6_LEAST: usize = 1280;
