//! The relay behind the public port: `/relay/v1` is a WebSocket whose frames go to the relay's machine, and the relay's
//! UDP port has a thread of its own beside the front's (`crate::relay`).
//!
//! Decides who may upgrade (programs, not web pages), and how long a stream may prove nothing, or take nothing. The
//! places of relay clients are those of all connections: what `registry` says of strangers holds for them too.
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep_until, timeout};
use warren_proto::relay::server::Config;
use warren_proto::relay::websocket;

use super::Front;
use super::connection::farewell;
use super::counters::Count;
use super::problem::Refusal;
use super::registry::{DRAIN, EVICT, PROVEN, Ticket};
use super::scratch;
use crate::relay::{Counts, Hub, Neighbour, Port, Socket, Turn, Turned, family_of};

/// Where relay clients connect.
pub const PATH: &str = "/relay/v1";
/// From the upgrade to a proven key (SECURITY.md, rule 33); the front's own limit may be shorter.
const UNPROVEN: Duration = Duration::from_secs(10);
/// For the close frame.
const GOODBYE: Duration = Duration::from_secs(1);

thread_local! {
    /// Lists of a batch, for all streams: no poll that uses them calls another one that does.
    static TURN: RefCell<Turn> = RefCell::new(Turn::new());
}

/// The relay of one front.
pub struct Relay {
    hub: Arc<Hub>,
    beside: Counts,
}

/// The thread of the UDP port.
pub struct PortThread(JoinHandle<io::Result<()>>);

impl Relay {
    /// A relay behind these bound UDP sockets, who shares them, and the thread that serves them.
    pub fn start(
        config: Config,
        sockets: Vec<OwnedFd>,
        neighbour: Box<dyn Neighbour>,
    ) -> io::Result<(Self, PortThread)> {
        let mut by_family = Vec::new();
        for socket in sockets {
            Port::prepare(&socket);
            by_family.push((family_of(&socket)?, socket));
        }
        let relay = Self {
            hub: Arc::new(Hub::new(config, by_family)?),
            beside: Counts::default(),
        };
        let port = Port::new(
            Arc::clone(&relay.hub),
            Some(neighbour),
            Arc::clone(&relay.beside),
        );
        let thread = std::thread::Builder::new()
            .name("relay-port".to_owned())
            .spawn(move || port.run())?;
        Ok((relay, PortThread(thread)))
    }

    /// Where all carriages meet.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Every counter and gauge by name, `relay_` or `turn_` before it.
    pub fn counters(&self) -> Vec<(String, u64)> {
        let beside = self.beside.lock().map(|counts| counts.clone());
        let named =
            |service: &'static str| move |(name, count)| (format!("{service}_{name}"), count);
        let relay = self.hub.counters().into_iter().map(named("relay"));
        let turn = beside.unwrap_or_default().into_iter().map(named("turn"));
        relay.chain(turn).collect()
    }
}

impl PortThread {
    /// Whether it has ended: then the front ends too, and is started again.
    pub fn is_over(&self) -> bool {
        self.0.is_finished()
    }

    /// Stop it and wait.
    pub fn stop(self, relay: &Relay) -> io::Result<()> {
        relay.hub.stop();
        self.0
            .join()
            .unwrap_or_else(|_panic| Err(io::Error::other("the relay's port panicked")))
    }
}

/// The name of a bound UDP socket, as `ADDRESS:PORT`.
pub fn name_of(socket: &OwnedFd) -> io::Result<std::net::SocketAddr> {
    let copy = socket.as_fd().try_clone_to_owned()?;
    std::net::UdpSocket::from(copy).local_addr()
}

/// The answer to the handshake of RFC 6455, 4.2. A web page is refused: nothing here is for it, and its user never
/// asked for it.
pub fn upgrade(request: &Request<Incoming>) -> Result<Response<Bytes>, Refusal> {
    let headers = request.headers();
    if headers.contains_key(header::ORIGIN) {
        return Err(Refusal::Origin);
    }
    let version = headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .map(HeaderValue::as_bytes);
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .map(HeaderValue::as_bytes);
    let accept = key
        .and_then(websocket::accept)
        .and_then(|text| HeaderValue::try_from(text).ok());
    let (Some(accept), Some(b"13")) = (accept, version) else {
        return Err(Refusal::Malformed);
    };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// Serve one upgraded connection until it is over.
pub async fn serve<S>(stream: S, early: &[u8], hub: Arc<Hub>, ticket: Ticket, front: &Front)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    front.counters.add(Count::RelayStreams);
    let unproven_until = Instant::now() + front.limits.unproven.min(UNPROVEN);
    let mut socket = Socket::new(stream, ticket.number, hub, early);
    let mailbox = socket.mailbox();
    let mut drained_at = None;
    while !ticket.line.has(EVICT) {
        if mailbox.is_proven() && !ticket.line.has(PROVEN) {
            front.registry.prove(ticket.number);
        }
        let now = Instant::now();
        if ticket.line.has(DRAIN) {
            drained_at.get_or_insert(now + front.limits.stop / 2);
        }
        let deadlines = [
            (drained_at, None),
            (
                (!mailbox.is_proven()).then_some(unproven_until),
                Some(Count::ClosedUnproven),
            ),
            (
                socket.waits_since().map(|since| since + front.limits.stall),
                Some(Count::ClosedStalled),
            ),
        ];
        let past = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if let Some((_, count)) = deadlines.iter().find(|(due, _)| past(*due)) {
            count.iter().for_each(|count| front.counters.add(*count));
            break;
        }
        let deadline = deadlines.iter().filter_map(|(due, _)| *due).min();
        tokio::select! {
            biased;
            () = ticket.line.changed() => {}
            () = mailbox.changed() => {}
            turned = poll_fn(|cx| turn(&mut socket, cx, front)) => match turned {
                Turned::Over => break,
                Turned::Waiting => {}
            },
            () = sleep_until(deadline.unwrap_or(now).into()), if deadline.is_some() => {}
        }
    }
    let goodbye = socket.goodbye();
    let mut stream = socket.into_stream();
    if let Ok(Ok(())) = timeout(GOODBYE, stream.write_all(&goodbye)).await {
        farewell(stream).await;
    }
}

fn turn<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut Socket<S>,
    cx: &mut std::task::Context<'_>,
    front: &Front,
) -> std::task::Poll<Turned> {
    let mut bytes = (0, 0);
    let turned = scratch::with(|scratch| {
        TURN.with_borrow_mut(|lists| socket.poll(cx, scratch, lists, &mut bytes))
    });
    front.counters.add_many(Count::BytesIn, bytes.0);
    front.counters.add_many(Count::BytesOut, bytes.1);
    turned
}
