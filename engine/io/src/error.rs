//! How the engine fails towards its caller: one enum, so that the Python side can map each case to its own exception.

use std::{fmt, io};

use warren_proto::ConfigError;

/// Why a call did nothing.
#[derive(Debug)]
pub enum Error {
    /// The TUN could not be made (EPERM: no right to).
    Tun(io::Error),
    /// The UDP port could not be bound.
    Udp(io::Error),
    /// The process has no descriptor or thread left.
    Resources(io::Error),
    /// The engine refused what it was given.
    Config(ConfigError),
    /// An argument cannot mean anything; the text says which.
    Argument(&'static str),
    /// The tunnel was closed, or its worker failed; the events say why.
    Closed,
    /// More waits for the worker than may wait; try again.
    Busy,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tun(error) => write!(f, "cannot make the TUN: {error}"),
            Self::Udp(error) => write!(f, "cannot bind the UDP port: {error}"),
            Self::Resources(error) => write!(f, "cannot start the worker: {error}"),
            Self::Config(error) => error.fmt(f),
            Self::Argument(text) => f.write_str(text),
            Self::Closed => f.write_str("the tunnel is closed"),
            Self::Busy => f.write_str("the worker is busy"),
        }
    }
}

impl std::error::Error for Error {}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
