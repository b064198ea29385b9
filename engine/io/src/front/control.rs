//! The channel to the server that started the front: lines in, lines out; its end is the front's end.
//!
//! A thread of its own reads and answers, so a parent that does not read its answers holds up nobody's packets.
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;

use tokio::sync::Notify;

use super::counters::{Count, Counters};
use super::registry::Registry;

/// `proven` and a number of 20 digits fit many times over.
const LINE_MAX_BYTES: u64 = 256;

/// What the thread works on.
pub struct Control {
    /// Lines from the parent.
    pub input: File,
    /// Lines to the parent.
    pub output: File,
    /// Where `proven` goes.
    pub registry: Arc<Registry>,
    /// What `stats` says.
    pub counters: Arc<Counters>,
    /// Told when the parent is gone.
    pub stop: Arc<Notify>,
}

impl Control {
    /// Say where the front listens, then serve lines until the parent closes its end, on a new thread.
    pub fn start(mut self, addresses: &[std::net::SocketAddr]) -> io::Result<()> {
        for address in addresses {
            writeln!(self.output, "listening {address}")?;
        }
        std::thread::Builder::new()
            .name("front-control".to_owned())
            .spawn(move || {
                let stop = Arc::clone(&self.stop);
                let _the_end_is_the_end = self.serve();
                stop.notify_one();
            })?;
        Ok(())
    }

    fn serve(mut self) -> io::Result<()> {
        let mut lines = BufReader::new(self.input.try_clone()?);
        loop {
            let mut line = Vec::new();
            lines
                .by_ref()
                .take(LINE_MAX_BYTES)
                .read_until(b'\n', &mut line)?;
            if line.is_empty() {
                return Ok(());
            }
            self.handle(line.trim_ascii())?;
        }
    }

    pub(super) fn handle(&mut self, line: &[u8]) -> io::Result<()> {
        if line == b"stats" {
            return writeln!(self.output, "stats {}", self.stats());
        }
        match line.strip_prefix(b"proven ").and_then(number) {
            Some(number) => self.registry.prove(number),
            None => self.counters.add(Count::ControlUnknown),
        }
        Ok(())
    }

    pub(super) fn stats(&self) -> String {
        let (open, unproven) = self.registry.counts();
        let gauges = [
            ("connections_open", open as u64),
            ("connections_unproven", unproven as u64),
        ];
        self.counters.json(&gauges)
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
