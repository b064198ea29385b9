//! An eventfd: how one thread tells another, or Python's event loop, that something waits (eventfd(2)).

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// A counter that polls as readable while it is not zero.
#[derive(Debug)]
pub struct Wake {
    file: File,
}

impl Wake {
    /// A quiet one. Fails when the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes no pointers; the result is checked before use.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just opened and nobody else holds it.
        let owned = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { file: owned.into() })
    }

    /// Makes it readable. The only failure (the counter is full) means that it is readable already.
    pub fn signal(&self) {
        let _ = (&self.file).write(&1_u64.to_ne_bytes());
    }

    /// Makes it quiet; nothing happens if it was.
    pub fn clear(&self) {
        let _ = (&self.file).read(&mut [0; 8]);
    }

    /// The descriptor to poll for reading; it lives as long as this value.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}
