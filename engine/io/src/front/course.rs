//! Where a client's connection stands in its requests, and until when that may last.
//!
//! Every phase has one absolute deadline, so that a byte now and then moves none of them. Pure: `now` is an argument.
//!
//! ```text
//! Fresh --bytes--> Head --end of head--> Serving --answer flushed--> Idle --bytes--> Head
//! ```
use std::time::{Duration, Instant};

use super::settings::Limits;

/// What the connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Connected, no byte of a request yet.
    Fresh,
    /// A head is arriving.
    Head,
    /// A request is being received or answered.
    Serving,
    /// Between two requests.
    Idle,
}

/// The state of one connection.
#[derive(Debug)]
pub struct Course {
    phase: Phase,
    deadline: Instant,
    answered: bool,
    body_deadline: Instant,
    head: Duration,
    body: Duration,
    response: Duration,
    idle: Duration,
}

impl Course {
    /// A connection that was accepted at `opened`; the TLS handshake spends the first head's time.
    pub fn new(opened: Instant, limits: &Limits) -> Self {
        Self {
            phase: Phase::Fresh,
            deadline: opened + limits.head,
            answered: false,
            body_deadline: opened,
            head: limits.head,
            body: limits.body,
            response: limits.response,
            idle: limits.idle,
        }
    }

    /// The phase, and when it is over.
    pub fn deadline(&self) -> (Phase, Instant) {
        (self.phase, self.deadline)
    }

    /// When the body of the request in service has to be whole.
    pub fn body_deadline(&self) -> Instant {
        self.body_deadline
    }

    /// Whether a request is in service.
    pub fn is_serving(&self) -> bool {
        self.phase == Phase::Serving
    }

    /// Bytes that belong to a head are there.
    pub fn handle_bytes(&mut self, now: Instant) {
        match self.phase {
            Phase::Fresh => self.phase = Phase::Head,
            Phase::Idle => {
                self.phase = Phase::Head;
                self.deadline = now + self.head;
            }
            Phase::Head | Phase::Serving => {}
        }
    }

    /// A head is complete: its request is in service.
    pub fn handle_head(&mut self, now: Instant) {
        self.phase = Phase::Serving;
        self.answered = false;
        self.body_deadline = now + self.body;
        self.deadline = self.body_deadline + self.response;
    }

    /// The answer's last byte was produced.
    pub fn handle_answered(&mut self) {
        self.answered = true;
    }

    /// All bytes produced so far were taken by the socket. True: with them a request ended.
    pub fn handle_flushed(&mut self, now: Instant) -> bool {
        let ended = self.is_serving() && self.answered;
        if ended {
            self.phase = Phase::Idle;
            self.deadline = now + self.idle;
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> Limits {
        Limits {
            head_max_bytes: 1,
            body_max_bytes: 1,
            open_body_max_bytes: 1,
            buffered_max_bytes: 1,
            buffered_an_address_max_bytes: 1,
            connections_max: 1,
            unproven_an_address_max: 1,
            head: 10 * SECOND,
            body: 30 * SECOND,
            response: 60 * SECOND,
            idle: 25 * SECOND,
            unproven: SECOND,
            stall: SECOND,
            stop: SECOND,
        }
    }

    #[test]
    fn a_byte_now_and_then_moves_no_deadline() {
        let opened = Instant::now();
        let mut course = Course::new(opened, &limits());
        for second in 1..9 {
            course.handle_bytes(opened + second * SECOND);
            assert_eq!(course.deadline(), (Phase::Head, opened + 10 * SECOND));
        }
    }

    #[test]
    fn a_further_head_has_its_time_from_its_first_byte() {
        let opened = Instant::now();
        let mut course = Course::new(opened, &limits());
        course.handle_head(opened + SECOND);
        assert_eq!(course.body_deadline(), opened + 31 * SECOND);
        assert_eq!(course.deadline(), (Phase::Serving, opened + 91 * SECOND));
        assert!(
            !course.handle_flushed(opened + 2 * SECOND),
            "the answer is not whole"
        );
        course.handle_answered();
        assert!(course.handle_flushed(opened + 3 * SECOND));
        assert_eq!(course.deadline(), (Phase::Idle, opened + 28 * SECOND));
        course.handle_bytes(opened + 20 * SECOND);
        course.handle_bytes(opened + 25 * SECOND);
        assert_eq!(course.deadline(), (Phase::Head, opened + 30 * SECOND));
    }
}
