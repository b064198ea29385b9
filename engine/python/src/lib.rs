//! `warren.engine._native`: all that crosses between Python and Rust.
//!
//! Decides nothing: turns bytes and integers into the engine's values and back. Holds no lock of Python's while it
//! waits. `warren_io::values` has the byte formats, `events` what goes up, `errors` which exception means what.
use pyo3::prelude::*;

mod errors;
mod events;
mod front;
mod tunnel;

/// The engine's native module.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    errors::register(module)?;
    events::register(module)?;
    tunnel::register(module)?;
    front::register(module)
}
