//! Waiting for any of a few descriptors or a deadline, to the nanosecond (ppoll(2)). Stateless: with five descriptors
//! an epoll set would save nothing and have to be kept in step.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

/// One descriptor, what is awaited of it, and what came.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Interest(libc::pollfd);

impl Interest {
    /// Waits for reading, or for writing too (then a turn tries again, whatever came); a negative descriptor is passed over.
    #[must_use]
    pub fn new(fd: RawFd, wants_writing: bool) -> Self {
        let events = if wants_writing {
            libc::POLLIN | libc::POLLOUT
        } else {
            libc::POLLIN
        };
        Self(libc::pollfd {
            fd,
            events,
            revents: 0,
        })
    }

    /// Whether something can be read, an error or an end included: reading then tells which.
    #[must_use]
    pub fn is_readable(self) -> bool {
        self.0.revents & (libc::POLLIN | libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0
    }

    /// Whether anything came.
    #[must_use]
    pub fn is_anything(&self) -> bool {
        self.0.revents != 0
    }
}

/// Waits until one of `interests` is ready or `timeout` passed (`None`: for ever). A signal counts as nothing ready.
pub fn wait(interests: &mut [Interest], timeout: Option<Duration>) -> io::Result<()> {
    let until = timeout.map(|wait| libc::timespec {
        tv_sec: libc::time_t::try_from(wait.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(wait.subsec_nanos()),
    });
    let until_ptr = until.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let count = interests.len() as libc::nfds_t;
    // SAFETY: `Interest` is a transparent pollfd, the count is the slice's own, and `until` outlives the call.
    let ready = unsafe {
        libc::ppoll(
            interests.as_mut_ptr().cast(),
            count,
            until_ptr,
            std::ptr::null(),
        )
    };
    if ready >= 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.kind() != io::ErrorKind::Interrupted {
        return Err(error);
    }
    for interest in interests {
        interest.0.revents = 0;
    }
    Ok(())
}
