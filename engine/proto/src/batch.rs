//! What a batch is made of: places in the caller's arena. Nothing is copied, only (offset, length) pairs move.

use crate::{Endpoint, PeerId};

/// Bytes before a sealed packet: the header of a transport message. An opened packet has them free before it.
pub const HEADROOM: usize = 16;
/// Bytes behind a sealed packet at most: padding and tag.
pub const TAILROOM: usize = 15 + 16;
/// A buffer for [`crate::Device::poll_transmit`] needs this much more than the MTU.
pub const TRANSMIT_OVERHEAD: usize = HEADROOM + TAILROOM;
/// ... and is never smaller than the largest handshake message.
pub const TRANSMIT_MIN: usize = 148;

/// A place in an arena, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    /// Where it begins.
    pub start: usize,
    /// How long it is.
    pub len: usize,
}

/// A datagram that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Who sent it (unproven).
    pub source: Endpoint,
    /// Where it lies.
    pub span: Span,
}

/// An inner packet to hand to the TUN: the result of opening one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Whose it is.
    pub peer: PeerId,
    /// Of which session; another one of the same peer counts anew.
    pub session: u32,
    /// Its place in the session's order: a batch is sorted by it before packets are merged.
    pub counter: u64,
    /// Where it lies, padding removed.
    pub span: Span,
}

/// A datagram that the engine made by itself: written into the caller's buffer from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// For whom; `None` for a cookie reply.
    pub peer: Option<PeerId>,
    /// Where to.
    pub endpoint: Endpoint,
    /// How many bytes of the buffer.
    pub len: usize,
}

/// Why the engine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// An initiation has to be repeated, or given up.
    Handshake,
    /// A keepalive is due, of the passive or of the persistent kind.
    Keepalive,
    /// Packets were sent and nothing came back: begin a handshake.
    NoAnswer,
    /// Keys have to be erased.
    Zero,
    /// Flows may be over.
    Sweep,
}
