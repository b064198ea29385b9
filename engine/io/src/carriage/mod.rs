//! A tunnel's relays: carries what their clients (`warren_proto::relay::Client`) want said, over the tunnel's own UDP
//! port or over a WebSocket of their own, and turns payloads into datagrams of the tunnel.
//!
//! Decides nothing about relays: when to connect, over what, and when one is lost is the client's; which relays and
//! channels there are is Python's. All of it runs in the worker's turn, the streams too: a thread of its own for TLS
//! would cost two wake-ups a batch, and where a relay is the bottleneck there is no core for it. Only dialling, which
//! blocks, has threads. Over UDP a frame is written into the free bytes before its datagram; over a stream it is copied
//! once. Nothing here allocates for a packet.

mod authority;
mod dial;
mod dialer;
mod event;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod ring;
mod settings;
mod stream;
mod upgrade;
mod url;
mod websocket;

use std::net::SocketAddr;
use std::sync::Arc;

use warren_proto::limits::RELAY_LEAD;
use warren_proto::relay::client::{Client, Event, Received};
use warren_proto::relay::{HEADER, Link};
use warren_proto::{Endpoint, Incoming, Instant, Now, Span, Train, Trains};

pub use event::{Carriage, RelayEvent};
pub use settings::{RelaySettings, RelayStats};

use crate::arena::Arena;
use crate::clock::Entropy;
use crate::limits::{BATCH_SLOTS, RELAY_OWN_FRAME_BYTES, RELAYS};
use crate::losses::Losses;
use crate::poll::Interest;
use crate::worker::Shared;
use dialer::Dialer;
use settings::smoothed;
use stream::Stream;
use url::{Proxy, Url};

/// What carries a client's frames where UDP does not.
enum Road {
    /// None is wanted.
    None,
    /// Being opened, under this number.
    Dialling(u64),
    /// Open, under this number.
    Open(u64, Box<Stream>),
}

impl Road {
    fn number(&self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Dialling(number) | Self::Open(number, _) => Some(*number),
        }
    }
}

/// One relay.
struct Relay {
    number: u64,
    settings: RelaySettings,
    client: Client,
    road: Road,
    round_trip_ns: u64,
    carriage: Option<Carriage>,
}

/// All relays of one tunnel.
pub struct Relays {
    relays: Vec<Relay>,
    dialer: Dialer,
    frame_max_bytes: usize,
    own: [u8; RELAY_OWN_FRAME_BYTES],
}

/// Where frames for UDP and events go.
pub trait Outlet {
    /// Send this datagram; what has no room is lost (its sender repeats it).
    fn send(&mut self, remote: SocketAddr, datagram: &[u8]);
    /// Something happened.
    fn tell(&mut self, event: RelayEvent);
}

impl Relays {
    /// None yet; frames are at most `frame_max_bytes` long.
    pub fn new(frame_max_bytes: usize, shared: Arc<Shared>) -> Self {
        Self {
            relays: Vec::new(),
            dialer: Dialer::new(shared),
            frame_max_bytes,
            own: [0; RELAY_OWN_FRAME_BYTES],
        }
    }

    // --- what the caller configures ---

    /// Connect, or take new papers and addresses.
    ///
    /// # Errors
    /// A sentence: papers that do not belong together, a URL or proxy that is none, or too many relays.
    pub fn set(
        &mut self,
        now: Now,
        number: u64,
        settings: RelaySettings,
    ) -> Result<(), &'static str> {
        settings.check()?;
        let at = self.relays.iter().position(|relay| relay.number == number);
        let known = at.and_then(|at| self.relays.get_mut(at));
        if let Some(relay) = known.filter(|relay| relay.settings.is_same_place(&settings)) {
            relay.client.set_remotes(settings.remotes.clone());
            if !relay.client.set_credentials(now, settings.credentials()) {
                return Err(UNFIT);
            }
            relay.settings = settings;
            return Ok(());
        }
        let mut client = Client::new(settings.config(), Box::new(Entropy));
        if !client.set_credentials(now, settings.credentials()) {
            return Err(UNFIT);
        }
        self.remove(now, number, &mut |_, _| {});
        if self.relays.len() >= RELAYS {
            return Err("there are too many relays");
        }
        self.relays.push(Relay {
            number,
            settings,
            client,
            road: Road::None,
            round_trip_ns: 0,
            carriage: None,
        });
        Ok(())
    }

    /// Say goodbye to a relay and forget it; what has to go out over UDP is given to `send`.
    pub fn remove(&mut self, now: Now, number: u64, send: &mut dyn FnMut(SocketAddr, &[u8])) {
        let Some(at) = self.relays.iter().position(|relay| relay.number == number) else {
            return;
        };
        let mut relay = self.relays.swap_remove(at);
        relay.client.stop(now);
        while let Some((link, len)) = relay.client.poll_transmit(&mut self.own) {
            let bytes = self.own.get(..len).unwrap_or_default();
            match (link, &mut relay.road) {
                (Link::Udp(remote), _) => send(remote, bytes),
                (Link::Stream(_), Road::Open(_, stream)) => {
                    stream.push(|memory| copy(memory, bytes));
                }
                (Link::Stream(_), _) => {}
            }
        }
        if let Road::Open(_, mut stream) = relay.road {
            // Nobody waits for what becomes of a goodbye.
            let _ = stream.flush();
            stream.close();
        }
    }

    /// Want a channel; false if the relay is not known, or as many are wanted as may be.
    pub fn open_channel(&mut self, now: Now, number: u64, identity: [u8; 32]) -> bool {
        self.find(number)
            .is_some_and(|relay| relay.client.open_channel(now, identity))
    }

    /// Want it no more.
    pub fn close_channel(&mut self, now: Now, number: u64, identity: [u8; 32]) {
        if let Some(relay) = self.find(number) {
            relay.client.close_channel(now, &identity);
        }
    }

    /// How a relay's session is.
    pub fn stats(&mut self, number: u64) -> RelayStats {
        self.find(number)
            .map(|relay| {
                let counters = relay.client.counters();
                RelayStats {
                    carriage: relay.carriage,
                    round_trip_ns: relay.round_trip_ns,
                    rx_bytes: counters.rx_bytes,
                    tx_bytes: counters.tx_bytes,
                }
            })
            .unwrap_or_default()
    }

    // --- the worker's turn ---

    /// Frames what waits for relays: each datagram gets its header in the free bytes before it. Trains that go over UDP
    /// are readdressed to the relay; what goes over a stream is copied to it, and its train is gone.
    pub fn wrap(&mut self, now: Now, trains: &mut Trains, losses: &mut Losses) {
        let is_relays = |train: &Train| matches!(train.endpoint, Endpoint::Relay { .. });
        if !trains.list().iter().any(is_relays) {
            return;
        }
        let (bytes, list) = trains.parts_mut();
        list.retain_mut(|train| {
            let Endpoint::Relay { relay, channel } = train.endpoint else {
                return true;
            };
            let mut to = None;
            for place in train.datagrams() {
                let frame = bytes.get_mut(place.start..);
                if let Some(frame) = frame.and_then(|rest| rest.get_mut(..place.len)) {
                    to = self.frame(now, relay, channel, frame, losses).or(to);
                }
            }
            if let Some(remote) = to {
                train.endpoint = Endpoint::Udp { remote };
            }
            to.is_some()
        });
        if list.is_empty() {
            trains.clear();
        }
        for relay in &mut self.relays {
            relay.flush(now);
        }
    }

    /// Writes the header of a payload that lies behind `HEADER` free bytes of `frame`: where to send the whole, or
    /// `None` if a stream took a copy, or it was lost.
    fn frame(
        &mut self,
        now: Now,
        number: u64,
        channel: u32,
        frame: &mut [u8],
        losses: &mut Losses,
    ) -> Option<SocketAddr> {
        let Some(relay) = self.find(number) else {
            losses.drop_no_relay += 1;
            return None;
        };
        match (relay.client.seal(now, channel, frame), &mut relay.road) {
            (Some(Link::Udp(remote)), _) => return Some(remote),
            (Some(Link::Stream(_)), Road::Open(_, stream)) => {
                losses.drop_relay_slow += stream.push(|memory| copy(memory, frame));
            }
            (Some(Link::Stream(_)) | None, _) => losses.drop_no_relay += 1,
        }
        None
    }

    /// Takes the frames of relays out of what came over UDP: payloads become datagrams from their channel, where they
    /// lie; the relays' own words are dealt with.
    pub fn unwrap(&mut self, now: Now, arena: &mut [u8], datagrams: &mut Vec<Incoming>) {
        if self.relays.is_empty() {
            return;
        }
        datagrams.retain_mut(|datagram| {
            let Span { start, len } = datagram.span;
            let Some(bytes) = arena.get_mut(start..).and_then(|rest| rest.get_mut(..len)) else {
                return true;
            };
            let Endpoint::Udp { remote } = datagram.source else {
                return true;
            };
            if !warren_proto::relay::frame::looks_like_relay(bytes) {
                return true;
            }
            let Some(relay) = self.relays.iter_mut().find(|relay| relay.is_at(remote)) else {
                return true; // the device counts it as not ours
            };
            let Received::Payload { channel } = relay.client.handle(now, Link::Udp(remote), bytes)
            else {
                return false;
            };
            datagram.source = Endpoint::Relay {
                relay: relay.number,
                channel,
            };
            datagram.span = Span {
                start: start + HEADER,
                len: len - HEADER,
            };
            true
        });
    }

    /// Reads the streams: payloads are copied to the arena's slots, one each, and named in `datagrams`, which comes
    /// empty. Whether more may wait.
    pub fn receive(&mut self, now: Now, arena: &mut Arena, datagrams: &mut Vec<Incoming>) -> bool {
        let mut has_more = false;
        for relay in &mut self.relays {
            let (number, client) = (relay.number, &mut relay.client);
            let Road::Open(stream_number, stream) = &mut relay.road else {
                continue;
            };
            let link = Link::Stream(*stream_number);
            let read = stream.receive(&mut |frame| {
                let slot = datagrams.len();
                if let Some(span) = arena.copy_in(slot, 0, frame) {
                    let bytes = arena.bytes_mut().get_mut(span.start..).unwrap_or_default();
                    let bytes = bytes.get_mut(..span.len).unwrap_or_default();
                    if let Received::Payload { channel } = client.handle(now, link, bytes) {
                        datagrams.push(Incoming {
                            source: Endpoint::Relay {
                                relay: number,
                                channel,
                            },
                            span: Span {
                                start: span.start + HEADER,
                                len: span.len - HEADER,
                            },
                        });
                    }
                }
                datagrams.len() < arena.slots().min(BATCH_SLOTS)
            });
            match read {
                Ok(more) => has_more |= more,
                Err(_) => relay.lose_road(now),
            }
        }
        has_more
    }

    /// Everything that is due: streams that opened, deadlines, what the clients want sent and told, the streams'
    /// output. Last of a turn.
    pub fn drive(&mut self, now: Now, outlet: &mut impl Outlet) {
        while let Some(dialled) = self.dialer.take() {
            let frame_max_bytes = self.frame_max_bytes;
            let Some(relay) = self.find(dialled.relay) else {
                continue;
            };
            if !matches!(relay.road, Road::Dialling(number) if number == dialled.stream) {
                continue;
            }
            match dialled.open {
                Ok(open) => {
                    let stream = Box::new(Stream::new(open, frame_max_bytes));
                    relay.road = Road::Open(dialled.stream, stream);
                    relay.client.handle_stream_open(now, dialled.stream);
                }
                Err(error) => {
                    let reason = format!("no way over TLS: {error}");
                    outlet.tell(RelayEvent::lost(relay.number, reason));
                    relay.lose_road(now);
                }
            }
        }
        for relay in &mut self.relays {
            relay.drive(now, &mut self.own, &mut self.dialer, outlet);
        }
    }

    /// When to drive again at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.relays
            .iter()
            .filter_map(|relay| relay.client.poll_timeout())
            .min()
    }

    /// The streams to be polled, behind what is there.
    pub fn await_streams(&self, interests: &mut Vec<Interest>) {
        for relay in &self.relays {
            if let Road::Open(_, stream) = &relay.road {
                interests.push(Interest::new(stream.fd(), stream.wants_write()));
            }
        }
    }

    #[inline]
    fn find(&mut self, number: u64) -> Option<&mut Relay> {
        self.relays.iter_mut().find(|relay| relay.number == number)
    }
}

// What `Trains` leave free before a datagram for a relay is exactly a header.
const _: () = assert!(RELAY_LEAD == HEADER);

const UNFIT: &str = "certificate and grant do not belong together, or are malformed";

impl Relay {
    fn is_at(&self, remote: SocketAddr) -> bool {
        self.client.link() == Some(Link::Udp(remote)) || self.settings.remotes.contains(&remote)
    }

    fn lose_road(&mut self, now: Now) {
        if let Some(number) = std::mem::replace(&mut self.road, Road::None).number() {
            self.client.handle_stream_lost(now, number);
        }
    }

    fn drive(&mut self, now: Now, own: &mut [u8], dialer: &mut Dialer, outlet: &mut impl Outlet) {
        if self.client.poll_timeout().is_some_and(|at| at <= now.mono) {
            self.client.handle_timeout(now);
        }
        self.follow_road(now, dialer);
        while let Some((link, len)) = self.client.poll_transmit(own) {
            let frame = own.get(..len).unwrap_or_default();
            match (link, &mut self.road) {
                (Link::Udp(remote), _) => outlet.send(remote, frame),
                (Link::Stream(wanted), Road::Open(number, stream)) if wanted == *number => {
                    stream.push(|memory| copy(memory, frame));
                }
                (Link::Stream(_), _) => {}
            }
        }
        self.flush(now);
        while let Some(event) = self.client.poll_event() {
            self.note(&event);
            if let Some(event) = RelayEvent::of_client(self.number, event) {
                outlet.tell(event);
            }
        }
    }

    /// Sends what waits for the stream, as far as it takes it.
    fn flush(&mut self, now: Now) {
        if let Road::Open(_, stream) = &mut self.road {
            if stream.flush().is_err() {
                self.lose_road(now);
            }
        }
    }

    /// Opens and closes the stream as the client wants it.
    fn follow_road(&mut self, now: Now, dialer: &mut Dialer) {
        let wanted = self.client.wanted_stream();
        if self.road.number() == wanted {
            return;
        }
        if let Road::Open(_, stream) = std::mem::replace(&mut self.road, Road::None) {
            stream.close();
        }
        let Some(stream) = wanted else { return };
        self.road = Road::Dialling(stream);
        let target = self.settings.target();
        if !target.is_some_and(|target| dialer.dial(self.number, stream, target)) {
            self.lose_road(now);
        }
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Connected {
                link,
                round_trip_ns,
                ..
            } => {
                self.carriage = Some(Carriage::of(*link));
                self.round_trip_ns = *round_trip_ns;
            }
            Event::RoundTrip { round_trip_ns } => {
                self.round_trip_ns = smoothed(self.round_trip_ns, *round_trip_ns);
            }
            Event::Lost { .. } => self.carriage = None,
            Event::Failed { .. }
            | Event::Refused { .. }
            | Event::Opened { .. }
            | Event::Closed { .. }
            | Event::Absent { .. }
            | Event::Denied { .. } => {}
        }
    }
}

/// Copies a frame to a slot; `None` if it is too long.
fn copy(memory: &mut [u8], frame: &[u8]) -> Option<usize> {
    memory.get_mut(..frame.len())?.copy_from_slice(frame);
    Some(frame.len())
}
