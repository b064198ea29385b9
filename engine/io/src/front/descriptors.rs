//! Descriptors that the caller opened and gives away: the listening sockets and both ends of the control channel.
//!
//! The only unsafe code of the front: a number becomes an owned descriptor.
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Descriptors that the front is given, and owns.
pub struct Descriptors {
    /// Bound, listening, non-blocking TCP sockets.
    pub listeners: Vec<OwnedFd>,
    /// Bound, non-blocking UDP sockets of the relay, at most one a family.
    pub relay_sockets: Vec<OwnedFd>,
    /// Bound, listening, non-blocking TCP sockets of the same port number, for STUN and TURN.
    pub turn_listeners: Vec<OwnedFd>,
    /// Lines from the parent.
    pub control_in: OwnedFd,
    /// Lines to the parent.
    pub control_out: OwnedFd,
}

impl Descriptors {
    /// Take numbers over whose owner (Python: `detach`, `dup`) has given them up. Fails on one that is not open.
    pub fn adopt(
        listeners: &[RawFd],
        relay_sockets: &[RawFd],
        turn_listeners: &[RawFd],
        control_in: RawFd,
        control_out: RawFd,
    ) -> io::Result<Self> {
        let all = |numbers: &[RawFd]| {
            numbers
                .iter()
                .copied()
                .map(adopt)
                .collect::<io::Result<_>>()
        };
        Ok(Self {
            listeners: all(listeners)?,
            relay_sockets: all(relay_sockets)?,
            turn_listeners: all(turn_listeners)?,
            control_in: adopt(control_in)?,
            control_out: adopt(control_out)?,
        })
    }
}

fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_GETFD reads a flag of the descriptor table; any number may be asked about.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open, and the caller of `Descriptors::adopt` gave up its ownership.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
