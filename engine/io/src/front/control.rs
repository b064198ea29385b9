//! The channel to the server that started the front: lines in, lines out; its end is the front's end.
//!
//! A thread of its own reads and answers, so a parent that does not read its answers holds up nobody's packets.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;

use tokio::sync::Notify;

use super::beat::Beat;
use super::counters::{Count, Counters};
use super::registry::Registry;
use super::relay::Relay;

/// `revoke` with two keys of 64 digits and a number of 20 fits.
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
    /// Whose relay `revoke` and `stats` are about.
    pub relay: Option<Arc<Relay>>,
    /// Whether the thread that serves everybody still turns.
    pub beat: Arc<Beat>,
    /// Told when the parent is gone.
    pub stop: Arc<Notify>,
}

impl Control {
    /// Say where relay and front listen, then serve lines until the parent closes its end, on a new thread.
    pub fn start(
        mut self,
        addresses: &[std::net::SocketAddr],
        relay: &[std::net::SocketAddr],
    ) -> io::Result<()> {
        for address in relay {
            writeln!(self.output, "relay {address}")?;
        }
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
        if let Some(number) = line.strip_prefix(b"proven ").and_then(number) {
            self.registry.prove(number);
        } else if let Some((network, identity, before_s)) =
            line.strip_prefix(b"revoke ").and_then(revocation)
        {
            if let Some(relay) = &self.relay {
                relay.hub().revoke(network, identity, before_s);
            }
        } else {
            self.counters.add(Count::ControlUnknown);
        }
        Ok(())
    }

    pub(super) fn stats(&self) -> String {
        let (open, unproven) = self.registry.counts();
        let gauges = [
            ("connections_open".to_owned(), open as u64),
            ("connections_unproven".to_owned(), unproven as u64),
            ("loop_silent_ms".to_owned(), self.beat.silent_ms()),
        ];
        let relay = self.relay.iter().flat_map(|relay| relay.counters());
        self.counters.json(gauges.into_iter().chain(relay))
    }
}

/// Network and identity in hex, and Unix seconds.
fn revocation(words: &[u8]) -> Option<([u8; 32], [u8; 32], u64)> {
    let mut words = words.split(|byte| *byte == b' ');
    let (network, identity, before_s) = (
        key(words.next()?)?,
        key(words.next()?)?,
        number(words.next()?)?,
    );
    words
        .next()
        .is_none()
        .then_some((network, identity, before_s))
}

fn key(digits: &[u8]) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    let text = std::str::from_utf8(digits)
        .ok()
        .filter(|text| text.len() == 64)?;
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| !pair.starts_with('+'))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(out)
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
