//! Connections to the web part's unix socket: a small pool for requests, a fresh one for each upgrade.
//!
//! A connection is either in the pool, idle, or leased to one request. Whoever drops a lease closes the connection, so
//! a request that was cancelled leaves nothing behind that the next one could read (SECURITY.md, rule 39).
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::task::AbortHandle;
use tokio::time::timeout_at;

use super::counters::{Count, Counters};
use super::problem::Refusal;
use super::pump::Side;

/// Idle connections that are kept: more than a small machine answers at a time.
const IDLE_MAX: usize = 32;
/// uvicorn closes idle ones after 5 s; ours end first, so that a request rarely meets one that is closing.
const IDLE_FOR: Duration = Duration::from_secs(2);

/// The way to the web part.
pub struct Web {
    path: PathBuf,
    counters: Arc<Counters>,
    idle: Mutex<Vec<(Instant, Lease)>>,
}

/// A connection in use. Dropping it closes it.
pub struct Lease {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// What became of an upgrade.
pub enum Upgrade {
    /// The web part agreed; this is its end, with what it said already.
    Agreed(Response<Incoming>, Side<UnixStream>),
    /// It gave an ordinary answer.
    Declined(Response<Incoming>, Lease),
}

impl Web {
    /// The web part behind the socket at `path`.
    pub fn new(path: PathBuf, counters: Arc<Counters>) -> Self {
        Self {
            path,
            counters,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Send a request and wait for the head of its answer. A request that no byte of was sent is tried again on
    /// another connection, the last time on a fresh one.
    pub async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<(Response<Incoming>, Lease), Refusal> {
        loop {
            let (mut lease, is_fresh) = match self.take_idle() {
                Some(lease) => (lease, false),
                None => (self.connect(deadline).await?, true),
            };
            let sent = timeout_at(deadline.into(), lease.sender.try_send_request(request));
            match sent.await {
                Ok(Ok(response)) => return Ok((response, lease)),
                Ok(Err(mut failure)) => match failure.take_message() {
                    Some(unsent) if !is_fresh => request = unsent,
                    Some(_) => return Err(Refusal::Unavailable),
                    None => return Err(Refusal::Broken),
                },
                Err(_late) => return Err(Refusal::ResponseTimeout),
            }
        }
    }

    /// Send the handshake of an upgrade over a connection of its own.
    pub async fn upgrade(
        &self,
        request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Upgrade, Refusal> {
        let stream = self.open(deadline).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_failure| Refusal::Unavailable)?;
        let driver = tokio::spawn(connection.without_shutdown());
        let mut lease = Lease {
            sender,
            driver: driver.abort_handle(),
        };
        let response = match timeout_at(deadline.into(), lease.sender.send_request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => return Err(Refusal::Broken),
            Err(_late) => return Err(Refusal::ResponseTimeout),
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Upgrade::Declined(response, lease));
        }
        let Ok(Ok(Ok(parts))) = timeout_at(deadline.into(), driver).await else {
            return Err(Refusal::Broken);
        };
        let side = Side::new(parts.io.into_inner(), parts.read_buf);
        Ok(Upgrade::Agreed(response, side))
    }

    /// Take a connection back whose answer was read to its end.
    pub fn give_back(&self, lease: Lease) {
        let now = Instant::now();
        let mut idle = self.lock();
        idle.retain(|(since, lease)| {
            !lease.sender.is_closed() && now.duration_since(*since) < IDLE_FOR
        });
        if idle.len() < IDLE_MAX && !lease.sender.is_closed() {
            idle.push((now, lease));
        }
    }

    /// The idle connection that was used last, so that those not needed grow old.
    fn take_idle(&self) -> Option<Lease> {
        let now = Instant::now();
        let mut idle = self.lock();
        while let Some((since, lease)) = idle.pop() {
            if now.duration_since(since) < IDLE_FOR && lease.sender.is_ready() {
                return Some(lease);
            }
        }
        None
    }

    async fn connect(&self, deadline: Instant) -> Result<Lease, Refusal> {
        let stream = self.open(deadline).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_failure| Refusal::Unavailable)?;
        let driver = tokio::spawn(async move {
            let _its_request_reports_failures = connection.await;
        });
        Ok(Lease {
            sender,
            driver: driver.abort_handle(),
        })
    }

    async fn open(&self, deadline: Instant) -> Result<UnixStream, Refusal> {
        if self.path.as_os_str().is_empty() {
            return Err(Refusal::NotFound); // a relay that stands alone
        }
        let stream = timeout_at(deadline.into(), UnixStream::connect(&self.path)).await;
        let Ok(Ok(stream)) = stream else {
            return Err(Refusal::Unavailable);
        };
        self.counters.add(Count::WebConnections);
        Ok(stream)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Instant, Lease)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
