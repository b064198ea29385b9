//! The server front.
