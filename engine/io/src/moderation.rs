//! Whether a worker rests for a moment before it looks again, so that what nobody asked for is taken by the dozen.
//!
//! A flood of strangers' datagrams costs little to refuse, and far more to be woken for, one by one: each wake takes the
//! core from whoever carries a flow. So while such datagrams come that fast, a turn that brought nothing else is
//! followed by a rest, as a network card holds back its interrupts (Documentation/networking/napi.rst, 'Software IRQ
//! coalescing'). A turn that carried a packet of a peer's or of the host's is followed by none. Decides by what it is
//! told; knows no clock and no descriptor.

use warren_proto::Instant;

use crate::limits::{MODERATE_FROM, MODERATE_WINDOW};
use crate::lingering::Turn;

/// What came in vain of late, and whether the last turn did.
#[derive(Debug)]
pub struct Moderation {
    window: Instant,
    in_vain: u64,
    is_flood: bool,
    rests: bool,
}

impl Moderation {
    /// In peace.
    pub fn new() -> Self {
        Self {
            window: Instant(0),
            in_vain: 0,
            is_flood: false,
            rests: false,
        }
    }

    /// A turn that began at `now` ended.
    pub fn end_turn(&mut self, now: Instant, turn: Turn) {
        let since = now.since(self.window);
        if since >= MODERATE_WINDOW {
            // A window that nothing closed in time was a quiet one.
            self.is_flood = self.in_vain >= MODERATE_FROM && since < MODERATE_WINDOW * 2;
            (self.window, self.in_vain) = (now, 0);
        }
        self.in_vain += turn.received.saturating_sub(turn.opened);
        self.rests = self.is_flood && turn.received > 0 && turn.opened == 0 && turn.sealed == 0;
    }

    /// Rest before the next look?
    pub fn rests(&self) -> bool {
        self.rests
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limits::MODERATE_REST;

    const PEERS: Turn = Turn {
        sealed: 0,
        received: 4,
        opened: 4,
    };

    /// A worker on a virtual clock that is sent a stranger's datagram every so often; each turn takes what came.
    struct World {
        moderation: Moderation,
        now: Instant,
        waiting: Duration,
        wakes: u64,
    }

    impl World {
        fn new() -> Self {
            Self {
                moderation: Moderation::new(),
                now: Instant(1_000_000_000),
                waiting: Duration::ZERO,
                wakes: 0,
            }
        }

        /// Sleeps till the next datagram of a stranger, rests where it should, and takes what came.
        fn turn(&mut self, every: Duration) {
            let slept = if self.moderation.rests() {
                MODERATE_REST.max(every)
            } else {
                every
            };
            self.now = self.now.after(slept);
            self.waiting += slept;
            let received = (self.waiting.as_nanos() / every.as_nanos()) as u64;
            self.waiting = Duration::ZERO;
            self.wakes += 1;
            let turn = Turn {
                sealed: 0,
                received,
                opened: 0,
            };
            self.moderation.end_turn(self.now, turn);
        }

        fn run(&mut self, span: Duration, every: Duration) -> u64 {
            let (end, before) = (self.now.after(span), self.wakes);
            while self.now < end {
                self.turn(every);
            }
            self.wakes - before
        }
    }

    #[test]
    fn a_flood_wakes_it_seldom() {
        let mut world = World::new();
        world.run(Duration::from_millis(5), Duration::from_micros(10));
        let wakes = world.run(Duration::from_millis(100), Duration::from_micros(10));
        assert!(wakes <= 1_001, "{wakes} wakes of 10,000 datagrams");
    }

    #[test]
    fn a_few_strangers_are_answered_at_once() {
        let mut world = World::new();
        let wakes = world.run(Duration::from_millis(100), Duration::from_micros(100));
        assert_eq!(wakes, 1_000);
    }

    #[test]
    fn after_what_a_peer_or_the_host_sent_it_never_rests() {
        let mut world = World::new();
        world.run(Duration::from_millis(5), Duration::from_micros(10));
        assert!(world.moderation.rests());
        world.moderation.end_turn(world.now, PEERS);
        assert!(!world.moderation.rests());
        world.run(Duration::from_millis(5), Duration::from_micros(10));
        let sealed = Turn {
            sealed: 1,
            received: 9,
            opened: 0,
        };
        world.moderation.end_turn(world.now, sealed);
        assert!(!world.moderation.rests());
    }

    #[test]
    fn peers_packets_are_no_flood_however_many() {
        let mut moderation = Moderation::new();
        for number in 0..10_000 {
            let now = Instant(1_000_000_000).after(Duration::from_micros(number * 10));
            moderation.end_turn(now, PEERS);
            assert!(!moderation.rests());
        }
    }

    #[test]
    fn it_ends_with_the_flood() {
        let mut world = World::new();
        world.run(Duration::from_millis(5), Duration::from_micros(10));
        world.now = world.now.after(Duration::from_millis(10));
        let one = Turn {
            sealed: 0,
            received: 1,
            opened: 0,
        };
        world.moderation.end_turn(world.now, one);
        assert!(!world.moderation.rests());
    }
}
