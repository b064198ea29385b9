//! `warren.engine._native`: all that crosses between Python and Rust.
use pyo3::prelude::*;

mod front;

/// The engine's native module.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    front::register(module)
}
