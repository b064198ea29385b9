//! Threads that dial: at most `DIALS_MAX` at a time, each for one stream, each with a deadline (`dial`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;

use warren_proto::Random;

use super::dial::{Open, Target, open};
use crate::clock::Entropy;
use crate::limits::DIALS_MAX;
use crate::worker::Shared;

/// What became of an attempt.
pub struct Dialled {
    /// For which relay.
    pub relay: u64,
    /// Under which number the client knows the stream.
    pub stream: u64,
    /// The stream, or why not.
    pub open: std::io::Result<Open>,
}

/// Starts the threads and hears from them.
pub struct Dialer {
    shared: Arc<Shared>,
    running: Arc<AtomicUsize>,
    tell: Sender<Dialled>,
    told: Receiver<Dialled>,
}

impl Dialer {
    /// `shared` is woken when there is something to take.
    pub fn new(shared: Arc<Shared>) -> Self {
        // As many as threads run can wait here, so it needs no bound of its own.
        let (tell, told) = channel();
        Self {
            shared,
            running: Arc::default(),
            tell,
            told,
        }
    }

    /// Begins; false if too many run, or the process has no thread left.
    pub fn dial(&self, relay: u64, stream: u64, target: Target) -> bool {
        if self.running.fetch_add(1, Ordering::AcqRel) >= DIALS_MAX {
            self.running.fetch_sub(1, Ordering::AcqRel);
            return false;
        }
        let (shared, running, tell) = (
            Arc::clone(&self.shared),
            Arc::clone(&self.running),
            self.tell.clone(),
        );
        let mut nonce = [0; 16];
        Entropy.fill(&mut nonce);
        let thread = Builder::new().name("warren-dial".into()).spawn(move || {
            let dialled = Dialled {
                relay,
                stream,
                open: open(&target, nonce),
            };
            running.fetch_sub(1, Ordering::AcqRel);
            // A tunnel that was closed meanwhile hears nothing, and the stream ends here.
            let _ = tell.send(dialled);
            shared.summons.call();
        });
        if thread.is_err() {
            self.running.fetch_sub(1, Ordering::AcqRel);
        }
        thread.is_ok()
    }

    /// The next attempt that ended.
    pub fn take(&self) -> Option<Dialled> {
        self.told.try_recv().ok()
    }
}
