//! Whether the thread that serves all connections still turns: it says so every half second, and the control channel's
//! thread, which would answer though the other one hangs, tells how long ago.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;

const EVERY: Duration = Duration::from_millis(500);

/// When the loop turned last.
pub struct Beat {
    begun: Instant,
    last_ms: AtomicU64,
}

impl Beat {
    /// It turns now.
    pub fn new() -> Self {
        Self {
            begun: Instant::now(),
            last_ms: AtomicU64::new(0),
        }
    }

    /// Say so, for ever.
    pub async fn go_on(self: Arc<Self>) {
        loop {
            self.last_ms.store(self.now_ms(), Ordering::Relaxed);
            sleep(EVERY).await;
        }
    }

    /// How long it has not turned, in milliseconds; half a second of them are usual.
    pub fn silent_ms(&self) -> u64 {
        let last = self.last_ms.load(Ordering::Relaxed);
        self.now_ms().saturating_sub(last)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
