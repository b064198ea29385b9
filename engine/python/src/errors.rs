//! Which exception means what: the one place where a failure of the engine becomes one of Python's.
//!
//! `EngineError` is the world's (an OSError with its errno), with a subclass for each thing that can be missing, so that
//! EPERM at the TUN is told from EPERM elsewhere; a wrong argument is a ValueError, an unknown peer a KeyError.

use std::io;

use pyo3::create_exception;
use pyo3::exceptions::{PyKeyError, PyOSError, PyValueError};
use pyo3::prelude::*;
use warren_io::Error;
use warren_io::proto::ConfigError;

create_exception!(
    warren.engine._native,
    EngineError,
    PyOSError,
    "The world refused: errno says why."
);
create_exception!(
    warren.engine._native,
    TunError,
    EngineError,
    "The TUN could not be made; EPERM: no right to."
);
create_exception!(
    warren.engine._native,
    PortError,
    EngineError,
    "The UDP port could not be bound; EADDRINUSE: taken."
);
create_exception!(
    warren.engine._native,
    ClosedError,
    EngineError,
    "The tunnel was closed or has failed (EBADF)."
);
create_exception!(
    warren.engine._native,
    BusyError,
    EngineError,
    "More waits for the worker than may wait (EAGAIN)."
);
create_exception!(
    warren.engine._native,
    InvalidError,
    PyValueError,
    "An argument cannot mean anything."
);
create_exception!(
    warren.engine._native,
    UnknownPeerError,
    PyKeyError,
    "No peer has this number."
);

/// Numbers of errno(3) for failures that no system call reported; the same on every Linux that we build for.
const EIO: i32 = 5;
const EBADF: i32 = 9;
const EAGAIN: i32 = 11;

/// The exception for a failure.
pub fn raise(error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Tun(cause) => TunError::new_err((errno(&cause), text)),
        Error::Udp(cause) => PortError::new_err((errno(&cause), text)),
        Error::Resources(cause) => EngineError::new_err((errno(&cause), text)),
        Error::Closed => ClosedError::new_err((EBADF, text)),
        Error::Busy => BusyError::new_err((EAGAIN, text)),
        Error::Config(ConfigError::UnknownPeer) => UnknownPeerError::new_err(text),
        Error::Config(_) | Error::Argument(_) => InvalidError::new_err(text),
    }
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(EIO)
}

/// Adds the exceptions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("EngineError", py.get_type::<EngineError>())?;
    module.add("TunError", py.get_type::<TunError>())?;
    module.add("PortError", py.get_type::<PortError>())?;
    module.add("ClosedError", py.get_type::<ClosedError>())?;
    module.add("BusyError", py.get_type::<BusyError>())?;
    module.add("InvalidError", py.get_type::<InvalidError>())?;
    module.add("UnknownPeerError", py.get_type::<UnknownPeerError>())
}
