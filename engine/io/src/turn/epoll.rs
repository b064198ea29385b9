//! A set of descriptors to wait on (epoll(7)), level-triggered. Its own descriptor can be waited on by another loop.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// The set.
pub struct Epoll(OwnedFd);

impl Epoll {
    /// An empty one. Fails when no descriptor is left.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers; the result is checked before use.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just opened and nobody else holds it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// To be waited on: readable while one of the set is ready.
    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Wait for reading.
    pub fn add(&self, fd: RawFd, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token, false)
    }

    /// Wait for writing too, or no longer.
    pub fn set_writing(&self, fd: RawFd, token: u64, wants_writing: bool) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, token, wants_writing)
    }

    fn control(&self, what: libc::c_int, fd: RawFd, token: u64, writing: bool) -> io::Result<()> {
        let events = if writing {
            libc::EPOLLIN | libc::EPOLLOUT
        } else {
            libc::EPOLLIN
        };
        let mut event = libc::epoll_event {
            events: events as u32,
            u64: token,
        };
        // SAFETY: the event lives through the call, which copies it.
        let done = unsafe { libc::epoll_ctl(self.fd(), what, fd, &raw mut event) };
        if done < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// The tokens of what is ready, without waiting.
    pub fn poll(&self, ready: &mut Vec<u64>) -> io::Result<()> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; BATCH];
        // SAFETY: the array lives through the call and its length is given.
        let got =
            unsafe { libc::epoll_wait(self.fd(), events.as_mut_ptr(), BATCH as libc::c_int, 0) };
        let got = usize::try_from(got).map_err(|_| io::Error::last_os_error())?;
        ready.clear();
        ready.extend(events.iter().take(got).map(|event| event.u64));
        Ok(())
    }
}

/// Descriptors served in one turn; those that are left are ready in the next one.
const BATCH: usize = 64;
