//! `warren.engine._native`: all that crosses between Python and Rust.
use pyo3::prelude::*;

/// The engine's native module.
#[pymodule]
fn _native(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
