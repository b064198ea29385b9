//! The server's front, as Python sees it.
use pyo3::prelude::*;

/// Adds the front to the module.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
