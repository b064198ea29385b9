//! What the front counts: since its start, but for the two gauges, which say what is open.
//!
//! Decides the names. A counter is one relaxed atomic, because nothing is concluded from two of them together.
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// One counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the text beside each name says it")]
        pub enum Count { $($name,)+ }

        const NAMES: &[&str] = &[$($text,)+];
    };
}

counts! {
    Accepted = "connections_accepted",
    AcceptFailed = "accept_failed",
    TlsFailed = "tls_failed",
    Requests = "requests",
    Upgrades = "upgrades",
    RelayStreams = "upgrades_to_relay",
    WebConnections = "web_connections",
    BytesIn = "bytes_in",
    BytesOut = "bytes_out",
    RefusedAddressFull = "refused_address_full",
    EvictedUnproven = "evicted_unproven",
    RefusedMalformed = "refused_malformed",
    RefusedHeadTooLarge = "refused_head_too_large",
    RefusedHeadTimeout = "refused_head_timeout",
    RefusedHost = "refused_host",
    RefusedBodyTooLarge = "refused_body_too_large",
    RefusedBodyTimeout = "refused_body_timeout",
    RefusedBusy = "refused_busy",
    RefusedUnavailable = "refused_unavailable",
    RefusedBroken = "refused_broken",
    RefusedResponseTimeout = "refused_response_timeout",
    ClosedIdle = "closed_idle",
    ClosedUnproven = "closed_unproven",
    ClosedStalled = "closed_stalled",
    RefusedOrigin = "refused_origin",
    RefusedNotFound = "refused_not_found",
    ControlUnknown = "control_unknown",
}

/// All counters of one front.
pub struct Counters {
    values: Vec<AtomicU64>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            values: NAMES.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Counters {
    /// Count one.
    pub fn add(&self, count: Count) {
        self.add_many(count, 1);
    }

    /// Count `many`.
    pub fn add_many(&self, count: Count, many: usize) {
        if let Some(value) = self.values.get(count as usize) {
            value.fetch_add(many as u64, Ordering::Relaxed);
        }
    }

    /// One line of JSON: the gauges given, then every counter by name.
    pub fn json(&self, gauges: impl Iterator<Item = (String, u64)>) -> String {
        let counted = NAMES
            .iter()
            .zip(&self.values)
            .map(|(name, value)| ((*name).to_owned(), value.load(Ordering::Relaxed)));
        let fields: Vec<String> = gauges
            .chain(counted)
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", fields.join(","))
    }
}
