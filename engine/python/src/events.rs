//! What goes up to Python: each event as (kind, peer, number, data, endpoint). The only place that knows the numbers.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use warren_io::TunnelEvent;
use warren_io::carriage::{Carriage, RelayEvent};
use warren_io::proto::{Endpoint, Event, PeerId};

use warren_io::values::{show_endpoint, show_remote};

/// The kinds; a number once given is never used for something else.
const KINDS: [(&str, u64); 14] = [
    ("EVENT_UNKNOWN_INITIATOR", UNKNOWN_INITIATOR),
    ("EVENT_HANDSHAKE", HANDSHAKE),
    ("EVENT_HANDSHAKE_GAVE_UP", HANDSHAKE_GAVE_UP),
    ("EVENT_PONG", PONG),
    ("EVENT_ELSEWHERE", ELSEWHERE),
    ("EVENT_PROBE", PROBE),
    ("EVENT_STUN", STUN),
    ("EVENT_SEND_FAILED", SEND_FAILED),
    ("EVENT_WORKER_FAILED", WORKER_FAILED),
    ("EVENT_LOST", LOST),
    ("EVENT_RELAY_CONNECTED", RELAY_CONNECTED),
    ("EVENT_RELAY_LOST", RELAY_LOST),
    ("EVENT_RELAY_CHANNEL", RELAY_CHANNEL),
    ("EVENT_RELAY_CHANNEL_GONE", RELAY_CHANNEL_GONE),
];
const UNKNOWN_INITIATOR: u64 = 1;
const HANDSHAKE: u64 = 2;
const HANDSHAKE_GAVE_UP: u64 = 3;
const PONG: u64 = 4;
const ELSEWHERE: u64 = 5;
const PROBE: u64 = 6;
const STUN: u64 = 7;
const SEND_FAILED: u64 = 8;
const WORKER_FAILED: u64 = 9;
const LOST: u64 = 10;
const RELAY_CONNECTED: u64 = 11;
const RELAY_LOST: u64 = 12;
const RELAY_CHANNEL: u64 = 13;
const RELAY_CHANNEL_GONE: u64 = 14;

/// `Event::Handshake` as a number: who began it.
const WE_INITIATED: u64 = 1;
const WE_RESPONDED: u64 = 2;

/// What carries a relay's session; 0 is none.
const OVER_UDP: u64 = 1;
const OVER_WEBSOCKET: u64 = 2;

/// An event as Python gets it.
pub type Tuple<'py> = (u64, u64, u64, Bound<'py, PyBytes>, Bound<'py, PyBytes>);

struct Parts {
    kind: u64,
    peer: PeerId,
    number: u64,
    data: Vec<u8>,
    endpoint: Vec<u8>,
}

impl Parts {
    fn new(kind: u64, peer: PeerId, number: u64) -> Self {
        let (data, endpoint) = (Vec::new(), Vec::new());
        Self {
            kind,
            peer,
            number,
            data,
            endpoint,
        }
    }

    fn at(mut self, endpoint: Vec<u8>) -> Self {
        self.endpoint = endpoint;
        self
    }

    fn with(mut self, data: Vec<u8>) -> Self {
        self.data = data;
        self
    }
}

/// Turns an event into a tuple of integers and bytes.
pub fn show(py: Python<'_>, event: TunnelEvent) -> Tuple<'_> {
    let nobody = PeerId(0);
    let number = |errno: i32| u64::from(errno.unsigned_abs());
    let parts = match event {
        TunnelEvent::Engine(event) => of_engine(event),
        TunnelEvent::SendFailed {
            peer,
            errno,
            remote,
        } => Parts::new(SEND_FAILED, peer.unwrap_or(nobody), number(errno)).at(show_remote(remote)),
        TunnelEvent::Relay(event) => of_relay(event),
        TunnelEvent::WorkerFailed { errno } => Parts::new(WORKER_FAILED, nobody, number(errno)),
        TunnelEvent::Lost { count } => Parts::new(LOST, nobody, count),
    };
    let (data, endpoint) = (
        PyBytes::new(py, &parts.data),
        PyBytes::new(py, &parts.endpoint),
    );
    (parts.kind, parts.peer.0, parts.number, data, endpoint)
}

fn of_engine(event: Event) -> Parts {
    let nobody = PeerId(0);
    match event {
        Event::UnknownInitiator {
            public_key,
            endpoint,
        } => Parts::new(UNKNOWN_INITIATOR, nobody, 0)
            .with(public_key.0.to_vec())
            .at(show_endpoint(endpoint)),
        Event::Handshake {
            peer,
            initiated,
            public_key,
            endpoint,
        } => {
            let role = if initiated {
                WE_INITIATED
            } else {
                WE_RESPONDED
            };
            Parts::new(HANDSHAKE, peer, role)
                .with(public_key.0.to_vec())
                .at(show_endpoint(endpoint))
        }
        Event::HandshakeGaveUp { peer } => Parts::new(HANDSHAKE_GAVE_UP, peer, 0),
        Event::Pong {
            peer,
            token,
            round_trip_ns,
            endpoint,
        } => Parts::new(PONG, peer, round_trip_ns)
            .with(token.to_be_bytes().to_vec())
            .at(show_endpoint(endpoint)),
        Event::Elsewhere { peer, endpoint } => {
            Parts::new(ELSEWHERE, peer, 0).at(show_endpoint(endpoint))
        }
        Event::Probe {
            peer,
            data,
            endpoint,
        } => Parts::new(PROBE, peer, 0)
            .with(data)
            .at(show_endpoint(endpoint)),
        Event::Stun { data, endpoint } => Parts::new(STUN, nobody, 0)
            .with(data)
            .at(show_endpoint(endpoint)),
        Event::Lost { count } => Parts::new(LOST, nobody, count),
    }
}

fn of_relay(event: RelayEvent) -> Parts {
    let nobody = PeerId(0);
    let at = |relay, channel| show_endpoint(Endpoint::Relay { relay, channel });
    match event {
        RelayEvent::Connected {
            relay,
            round_trip_ns,
            carriage,
        } => {
            // The carriage is 1 or 2.
            let carriage = show_carriage(carriage) as u8;
            let data = [&round_trip_ns.to_be_bytes()[..], &[carriage]].concat();
            Parts::new(RELAY_CONNECTED, nobody, relay).with(data)
        }
        RelayEvent::Lost { relay, reason } => {
            Parts::new(RELAY_LOST, nobody, relay).with(reason.into_bytes())
        }
        RelayEvent::Channel {
            relay,
            channel,
            identity,
        } => Parts::new(RELAY_CHANNEL, nobody, relay)
            .with(identity.to_vec())
            .at(at(relay, channel)),
        RelayEvent::ChannelGone {
            relay,
            channel,
            identity,
        } => Parts::new(RELAY_CHANNEL_GONE, nobody, relay)
            .with(identity.to_vec())
            .at(at(relay, channel)),
    }
}

/// A carriage by its number.
pub fn show_carriage(carriage: Carriage) -> u64 {
    match carriage {
        Carriage::Udp => OVER_UDP,
        Carriage::WebSocket => OVER_WEBSOCKET,
    }
}

/// Adds the kinds to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("RELAY_OVER_UDP", OVER_UDP)?;
    module.add("RELAY_OVER_WEBSOCKET", OVER_WEBSOCKET)?;
    KINDS
        .iter()
        .try_for_each(|(name, kind)| module.add(*name, *kind))
}
