//! Whether a worker that has nothing to do goes on looking for a moment before it sleeps.
//!
//! Who just sent a packet or two is often answered at once, and to be woken from sleep costs more than the answer took.
//! So after such a turn the worker looks for a window that follows its success, as KVM polls before it halts
//! (Documentation/virt/kvm/halt-polling.rst): it grows when a sleep was so short that looking would have spared it, and
//! is given up when what came took longer than any window. Never under load, where a look takes the time of somebody
//! else: not soon after a full batch, not on a single core, and not for a while once somebody took the core away.
//! Decides by the times it is told; knows no clock and no descriptor.

use std::time::Duration;

use warren_proto::Instant;

use crate::limits::{LINGER_FIRST, LINGER_MOST, LINGER_PACKETS, LINGER_REST, LINGER_TAKEN};

/// What a turn did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turn {
    /// Packets of the host that left.
    pub sealed: u64,
    /// Datagrams that came.
    pub received: u64,
    /// Packets of peers that were in them.
    pub opened: u64,
}

/// The window, and when it is not to be used.
#[derive(Debug)]
pub struct Lingering {
    has_cores: bool,
    window: Duration,
    /// No looking before this.
    rests_until: Instant,
    /// When there was nothing to do, after a turn that may be answered at once.
    began: Option<Instant>,
    looked: Instant,
}

impl Lingering {
    /// `has_cores`: there is another core for whoever is to answer.
    pub fn new(has_cores: bool) -> Self {
        Self {
            has_cores,
            window: Duration::ZERO,
            rests_until: Instant(0),
            began: None,
            looked: Instant(0),
        }
    }

    /// Is the time of the end of such a turn worth asking for?
    pub fn wants(&self, turn: Turn) -> bool {
        self.has_cores && turn.sealed > 0
    }

    /// A turn ended. `now` may be its beginning, where [`Self::wants`] said no.
    pub fn end_turn(&mut self, now: Instant, turn: Turn) {
        self.began = None;
        if turn.sealed > LINGER_PACKETS || turn.received > LINGER_PACKETS {
            self.rest(now);
        } else if self.wants(turn) && now >= self.rests_until {
            (self.began, self.looked) = (Some(now), now);
        }
    }

    /// May there be an answer soon?
    pub fn expects(&self) -> bool {
        self.began.is_some() && !self.window.is_zero()
    }

    /// Look once more, and not sleep?
    pub fn looks(&mut self, now: Instant) -> bool {
        let Some(began) = self.began else {
            return false;
        };
        if now.since(self.looked) > LINGER_TAKEN {
            self.rest(now);
            return false;
        }
        self.looked = now;
        now.since(began) < self.window
    }

    /// Something came, looked for or slept for.
    pub fn end_wait(&mut self, now: Instant) {
        let Some(began) = self.began.take() else {
            return;
        };
        let waited = now.since(began);
        if waited > LINGER_MOST {
            self.window = Duration::ZERO;
        } else if waited > self.window {
            self.window = (self.window * 2).max(LINGER_FIRST).min(LINGER_MOST);
        }
    }

    fn rest(&mut self, now: Instant) {
        self.window = Duration::ZERO;
        self.began = None;
        self.rests_until = now.after(LINGER_REST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: Turn = Turn {
        sealed: 1,
        received: 0,
        opened: 0,
    };

    /// A worker on a virtual clock: what it burns, and how often it is woken.
    struct World {
        lingering: Lingering,
        now: Instant,
        burnt: Duration,
        wakes: usize,
    }

    impl World {
        fn new(has_cores: bool) -> Self {
            Self {
                lingering: Lingering::new(has_cores),
                now: Instant(1_000_000_000),
                burnt: Duration::ZERO,
                wakes: 0,
            }
        }

        /// One turn, then a wait for what comes after `answer`; a look takes a microsecond.
        fn turn(&mut self, turn: Turn, answer: Duration) {
            let look = Duration::from_micros(1);
            self.lingering.end_turn(self.now, turn);
            let comes = self.now.after(answer);
            while self.now < comes && self.lingering.looks(self.now) {
                self.now = self.now.after(look);
                self.burnt += look;
            }
            if self.now < comes {
                self.now = comes;
                self.wakes += 1;
            }
            self.lingering.end_wait(self.now);
        }
    }

    #[test]
    fn quick_answers_are_soon_waited_for_awake() {
        let mut world = World::new(true);
        for _ in 0..100 {
            world.turn(SENT, Duration::from_micros(80));
            world.turn(Turn::default(), Duration::from_millis(10));
        }
        assert!(world.wakes - 100 <= 5, "{} wakes", world.wakes);
        assert!(world.burnt <= Duration::from_micros(100 * 81));
    }

    #[test]
    fn answers_from_far_away_cost_nothing() {
        let mut world = World::new(true);
        for _ in 0..1000 {
            world.turn(SENT, Duration::from_millis(5));
        }
        assert_eq!(world.burnt, Duration::ZERO);
    }

    #[test]
    fn an_answer_that_does_not_come_ends_the_looking_at_once() {
        let mut world = World::new(true);
        (0..10).for_each(|_| world.turn(SENT, Duration::from_micros(80)));
        let before = world.burnt;
        (0..100).for_each(|_| world.turn(SENT, Duration::from_secs(1)));
        assert!(world.burnt - before <= LINGER_MOST);
    }

    #[test]
    fn a_single_core_sleeps() {
        let mut world = World::new(false);
        (0..100).for_each(|_| world.turn(SENT, Duration::from_micros(20)));
        assert_eq!(world.burnt, Duration::ZERO);
    }

    #[test]
    fn under_a_flow_its_acknowledgements_are_no_questions() {
        let mut world = World::new(true);
        (0..10).for_each(|_| world.turn(SENT, Duration::from_micros(50)));
        let before = world.burnt;
        let batch = Turn {
            sealed: 0,
            received: 45,
            opened: 45,
        };
        for _ in 0..100 {
            world.turn(batch, Duration::from_micros(50));
            world.turn(SENT, Duration::from_micros(50));
        }
        assert_eq!(world.burnt, before);
    }

    #[test]
    fn who_loses_the_core_meanwhile_gives_up_for_a_while() {
        let mut world = World::new(true);
        (0..10).for_each(|_| world.turn(SENT, Duration::from_micros(80)));
        world.lingering.end_turn(world.now, SENT);
        assert!(world.lingering.looks(world.now));
        world.now = world.now.after(LINGER_TAKEN + Duration::from_micros(1));
        assert!(!world.lingering.looks(world.now));
        world.lingering.end_wait(world.now);
        let before = world.burnt;
        (0..10).for_each(|_| world.turn(SENT, Duration::from_micros(80)));
        assert_eq!(world.burnt, before);
        world.now = world.now.after(LINGER_REST);
        (0..10).for_each(|_| world.turn(SENT, Duration::from_micros(80)));
        assert!(world.burnt > before);
    }
}
