//! The two clocks and the randomness that the pure engine is given. The only place of this crate that reads them.

use std::time::{SystemTime, UNIX_EPOCH};

use warren_proto::{Instant, Now, Random, Unix};

/// Both clocks. The monotonic one goes on while the machine sleeps (CLOCK_BOOTTIME), so that a session is as old after
/// a suspend as its peer believes.
#[must_use]
pub fn now() -> Now {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the structure lives through the call, which fills it; the clock exists since Linux 2.6.39.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let mono = seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default();
    // A clock before 1970 counts as 1970: stamps have their own floor.
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Now {
        mono: Instant(mono),
        wall: Unix(u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX)),
    }
}

/// The kernel's generator (getrandom(2)).
pub struct Entropy;

impl Random for Entropy {
    fn fill(&mut self, mut out: &mut [u8]) {
        while !out.is_empty() {
            // SAFETY: the buffer lives through the call and its length is given.
            let got = unsafe { libc::getrandom(out.as_mut_ptr().cast(), out.len(), 0) };
            match usize::try_from(got) {
                Ok(got) => out = out.get_mut(got..).unwrap_or_default(),
                Err(_) if std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
                // Without randomness no key is safe, and the trait has no way to say so but this.
                Err(_) => std::process::abort(),
            }
        }
    }
}
