//! One client connection: TLS, then requests, then perhaps a WebSocket, and a clean end.
//!
//! Decides when a connection is over: its course's deadline, a signal of the registry, or hyper's own end. The answer
//! to a head that never became a request is written here, because hyper has not seen it.
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Sleep, sleep_until, timeout, timeout_at};

use super::Front;
use super::counters::Count;
use super::course::{Course, Phase};
use super::forward::Forward;
use super::gate::Gate;
use super::head::Framing;
use super::problem::{Refusal, answer_bytes};
use super::pump::{Side, pump};
use super::registry::{DRAIN, EVICT, Ticket};
use super::relay;
use super::scratch;
use crate::relay::Hub;

/// What a last answer, and what the client is still sending, may take; without it a reset could destroy the answer.
const FAREWELL: Duration = Duration::from_secs(1);
/// What is read and thrown away meanwhile.
const FAREWELL_MAX_BYTES: usize = 4 * 1024 * 1024;

/// What gate, forwarding and answer body of one connection share.
pub struct Conversation {
    course: Mutex<Course>,
    framing: Mutex<Framing>,
    upgraded: Mutex<Option<Upgraded>>,
}

/// What an upgraded connection is from then on.
pub enum Upgraded {
    /// The web part agreed: this is its end of the line.
    Web(Side<UnixStream>),
    /// A client of the relay.
    Relay(Arc<Hub>),
}

impl Conversation {
    fn new(course: Course) -> Self {
        Self {
            course: Mutex::new(course),
            framing: Mutex::new(Framing::Length(0)),
            upgraded: Mutex::new(None),
        }
    }

    /// Where the connection stands.
    pub fn course(&self) -> MutexGuard<'_, Course> {
        locked(&self.course)
    }

    /// A head passed the gate.
    pub fn handle_head(&self, framing: Framing, now: Instant) {
        *locked(&self.framing) = framing;
        self.course().handle_head(now);
    }

    /// How the request in service is framed.
    pub fn framing(&self) -> Framing {
        *locked(&self.framing)
    }

    /// An upgrade was agreed to.
    pub fn handle_upgraded(&self, upgraded: Upgraded) {
        *locked(&self.upgraded) = Some(upgraded);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serve an accepted connection until it is over.
pub async fn serve(front: Arc<Front>, stream: TcpStream, peer: IpAddr, ticket: Ticket) {
    let opened = Instant::now();
    if stream.set_nodelay(true).is_err() {
        return; // it is gone already
    }
    let Some(acceptor) = &front.tls else {
        return converse(front, stream, peer, ticket, opened).await;
    };
    let handshake = acceptor.accept(stream);
    let shaken = tokio::select! {
        biased;
        () = ticket.line.changed() => return, // nothing but an end can be said to a fresh connection
        shaken = timeout_at((opened + front.limits.head).into(), handshake) => shaken,
    };
    match shaken {
        Ok(Ok(stream)) => converse(front, stream, peer, ticket, opened).await,
        Ok(Err(_)) | Err(_) => front.counters.add(Count::TlsFailed),
    }
}

/// Why hyper was stopped.
enum End {
    Over,
    Late(Phase),
    Told,
}

async fn converse<S>(front: Arc<Front>, stream: S, peer: IpAddr, ticket: Ticket, opened: Instant)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let conversation = Arc::new(Conversation::new(Course::new(opened, &front.limits)));
    let gate = Gate::new(
        stream,
        Arc::clone(&conversation),
        Arc::clone(&front.counters),
        front.limits.head_max_bytes,
    );
    let service = Forward::new(
        Arc::clone(&front),
        Arc::clone(&conversation),
        peer,
        ticket.number,
    );
    // Boxed, so that a WebSocket does not carry hyper's state for the rest of its life.
    let mut connection = Box::new(front.http.serve_connection(gate, service));
    let mut alarm = Box::pin(sleep_until(opened.into()));
    let end = loop {
        let driven = poll_fn(|cx| {
            if connection.poll_without_shutdown(cx).is_ready() {
                return Poll::Ready(End::Over);
            }
            poll_deadline(&conversation, alarm.as_mut(), cx)
        });
        tokio::select! {
            biased;
            () = ticket.line.changed() => {}
            end = driven => break end,
        }
        let serving = conversation.course().is_serving();
        if ticket.line.has(EVICT) || (ticket.line.has(DRAIN) && !serving) {
            break End::Told;
        }
        if ticket.line.has(DRAIN) {
            Pin::new(&mut *connection).graceful_shutdown();
        }
    };
    drop(alarm);
    let parts = connection.into_parts();
    let (stream, unread, refusal) = parts.io.into_parts();
    drop(parts.service);
    let upgraded = locked(&conversation.upgraded).take();
    match (end, refusal, upgraded) {
        (End::Over, None, Some(upgraded)) => {
            let mut rest = parts.read_buf.to_vec();
            rest.extend_from_slice(&unread);
            // A task of its own: what this one grew to is given back.
            match upgraded {
                Upgraded::Web(web) => {
                    let client = Side::new(stream, Bytes::from(rest));
                    tokio::spawn(async move { pump(client, web, ticket, &front).await });
                }
                Upgraded::Relay(hub) => {
                    tokio::spawn(async move {
                        relay::serve(stream, &rest, hub, ticket, &front).await;
                    });
                }
            }
        }
        (End::Over, Some(refusal), _) => say(&front, stream, refusal).await,
        (End::Late(Phase::Head), ..) => say(&front, stream, Refusal::HeadTimeout).await,
        (End::Late(Phase::Serving), ..) => front.counters.add(Count::ClosedStalled),
        (End::Late(Phase::Fresh | Phase::Idle), ..) => {
            front.counters.add(Count::ClosedIdle);
            farewell(stream).await;
        }
        (End::Over | End::Told, ..) => farewell(stream).await,
    }
}

/// Set the alarm where the course has its deadline; ready when that has passed.
fn poll_deadline(
    conversation: &Conversation,
    mut alarm: Pin<&mut Sleep>,
    cx: &mut Context<'_>,
) -> Poll<End> {
    let (phase, deadline) = conversation.course().deadline();
    if alarm.deadline() != deadline.into() {
        alarm.as_mut().reset(deadline.into());
    }
    alarm.poll(cx).map(|()| End::Late(phase))
}

/// Write the front's own answer to a client that hyper does not serve any more.
async fn say<S: AsyncRead + AsyncWrite + Unpin>(front: &Front, mut stream: S, refusal: Refusal) {
    front.counters.add(refusal.count());
    let written = timeout(FAREWELL, stream.write_all(&answer_bytes(refusal))).await;
    if matches!(written, Ok(Ok(()))) {
        farewell(stream).await;
    }
}

/// End our side, and read what is still under way so that the client gets to read its answer.
pub async fn farewell<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let goodbye = async {
        stream.shutdown().await?;
        let mut rest = FAREWELL_MAX_BYTES;
        while rest > 0 {
            let count = poll_fn(|cx| read_away(&mut stream, cx)).await?;
            if count == 0 {
                break;
            }
            rest = rest.saturating_sub(count);
        }
        std::io::Result::Ok(())
    };
    let _over_either_way = timeout(FAREWELL, goodbye).await;
}

fn read_away<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
) -> Poll<std::io::Result<usize>> {
    scratch::with(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    })
}
