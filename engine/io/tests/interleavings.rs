//! Every order in which two threads may meet where the engine synchronises by hand, tried by loom.
//!
//! The very files of the engine, with loom's locks and atomics in the place of the standard library's, and an eventfd
//! that is a flag. A thread that would sleep for ever is a deadlock, which loom reports.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(dead_code, reason = "the engine uses more of these files")]

#[path = "../src/mailing.rs"]
mod mailing;
#[path = "../src/relay/planned.rs"]
mod planned;
#[path = "../src/summons.rs"]
mod summons;

/// What `src/sync.rs` names, of loom.
mod sync {
    pub use std::sync::PoisonError;

    pub use loom::sync::{Mutex, MutexGuard};

    pub mod atomic {
        pub use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    }
}

/// An eventfd as far as it matters: readable or not.
mod wake {
    use std::io;

    use loom::sync::{Condvar, Mutex};

    pub struct Wake {
        is_readable: Mutex<bool>,
        changed: Condvar,
    }

    impl Wake {
        pub fn new() -> io::Result<Self> {
            Ok(Self {
                is_readable: Mutex::new(false),
                changed: Condvar::new(),
            })
        }

        pub fn signal(&self) {
            *self.is_readable.lock().unwrap() = true;
            self.changed.notify_one();
        }

        pub fn clear(&self) {
            *self.is_readable.lock().unwrap() = false;
        }

        pub fn is_readable(&self) -> bool {
            *self.is_readable.lock().unwrap()
        }

        /// As poll(2) without a time limit.
        pub fn sleep(&self) {
            let mut is_readable = self.is_readable.lock().unwrap();
            while !*is_readable {
                is_readable = self.changed.wait(is_readable).unwrap();
            }
        }
    }
}

use std::collections::VecDeque;

use loom::sync::{Arc, Mutex};
use loom::thread;

use mailing::Mailing;
use planned::Planned;
use summons::Summons;
use wake::Wake;

#[test]
fn who_sleeps_on_the_queue_hears_of_every_item_and_of_every_loss() {
    loom::model(|| {
        let queue = Arc::new(Mailing::new(2).unwrap());
        let writer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                (0..3).for_each(|number| queue.push(number));
                queue.push_last(9);
            })
        };
        let (mut seen, mut lost) = (vec![], 0);
        while seen.last() != Some(&9) {
            queue.wake().sleep();
            let (taken, more) = queue.take(2);
            seen.extend(taken);
            lost += more;
        }
        writer.join().unwrap();
        while queue.wake().is_readable() {
            let (taken, more) = queue.take(2);
            assert!(!taken.is_empty() || more > 0, "it is readable for nothing");
            lost += more;
        }
        assert!(seen.is_sorted());
        assert_eq!(seen.len() as u64 + lost, 4);
    });
}

#[test]
fn a_deadline_that_comes_before_the_planned_one_wakes_the_sleeper() {
    loom::model(|| {
        // Far away; the sleeper's last plan has passed.
        let deadline = Arc::new(Mutex::new(Some(1000)));
        let planned = Arc::new(Planned::default());
        let wake = Arc::new(Wake::new().unwrap());
        let other = {
            let (deadline, planned, wake) = (
                Arc::clone(&deadline),
                Arc::clone(&planned),
                Arc::clone(&wake),
            );
            thread::spawn(move || {
                let mut held = deadline.lock().unwrap();
                *held = Some(10);
                let is_late = planned.is_too_late(&held, Some(10));
                drop(held);
                if is_late {
                    wake.signal();
                }
            })
        };
        let until = {
            let held = deadline.lock().unwrap();
            let until = *held;
            planned.note(&held, until);
            until
        };
        other.join().unwrap();
        assert!(
            until == Some(10) || wake.is_readable(),
            "it sleeps too long"
        );
    });
}

/// The way down: commands wait in a channel, and the worker takes only so many in a turn (`Tunnel::call`,
/// `Tunnel::close`, `Worker::take_commands`).
#[test]
fn a_worker_takes_every_command_and_stops_when_it_is_told() {
    loom::model(|| {
        let waiting = Arc::new(Mutex::new(VecDeque::new()));
        let summons = Arc::new(Summons::new().unwrap());
        let caller = {
            let (waiting, summons) = (Arc::clone(&waiting), Arc::clone(&summons));
            thread::spawn(move || {
                for number in 0..2 {
                    waiting.lock().unwrap().push_back(number);
                    summons.call();
                }
                summons.stop();
            })
        };
        let mut done = vec![];
        loop {
            summons.wake().sleep();
            summons.hear();
            // One a turn: the channel may hold more.
            let next = waiting.lock().unwrap().pop_front();
            if let Some(number) = next {
                done.push(number);
                summons.call();
            } else if done.len() == 2 && summons.is_stopping() {
                break;
            }
        }
        caller.join().unwrap();
        assert_eq!(done, [0, 1]);
    });
}
