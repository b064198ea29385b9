//! How often a failing send is told: the first of each destination and second, and not more than a few in all. A route
//! that is gone fails every packet; the counter has them all, Python hears of it once a second.

use std::net::SocketAddr;

use warren_proto::Instant;

use crate::limits::{SEND_FAILED_PER_S, SEND_FAILED_REMEMBERED};

const SECOND_NS: u64 = 1_000_000_000;

/// What was told within the current second.
#[derive(Default)]
pub struct Failures {
    since: Instant,
    told: usize,
    recent: [Option<(SocketAddr, i32)>; SEND_FAILED_REMEMBERED],
}

impl Failures {
    /// Whether this one is to be told.
    pub fn is_news(&mut self, remote: SocketAddr, errno: i32, now: Instant) -> bool {
        if now.0.saturating_sub(self.since.0) >= SECOND_NS {
            *self = Self {
                since: now,
                ..Self::default()
            };
        }
        let failure = Some((remote, errno));
        if self.told >= SEND_FAILED_PER_S || self.recent.contains(&failure) {
            return false;
        }
        if let Some(place) = self.recent.get_mut(self.told % SEND_FAILED_REMEMBERED) {
            *place = failure;
        }
        self.told += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn a_destination_that_fails_for_each_packet_is_told_once_a_second() {
        let mut failures = Failures::default();
        let start = Instant(5 * SECOND_NS);
        assert!(failures.is_news(remote(1), 101, start));
        assert!(!failures.is_news(remote(1), 101, start));
        assert!(failures.is_news(remote(1), 90, start));
        assert!(failures.is_news(remote(1), 101, Instant(start.0 + SECOND_NS)));
    }

    #[test]
    fn many_failing_destinations_are_told_up_to_the_limit() {
        let mut failures = Failures::default();
        let start = Instant(5 * SECOND_NS);
        let told = (1..1000).filter(|port| failures.is_news(remote(*port), 101, start));
        assert_eq!(told.count(), SEND_FAILED_PER_S);
    }
}
