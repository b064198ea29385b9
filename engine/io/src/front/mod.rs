//! The server's public port (DESIGN.md, 'Processes and privileges'; SECURITY.md, rules 2, 19, 33, 37 to 39).
//!
//! Owns the port, TLS, the `Host` list, deadlines and caps, and hands whole requests to the web part's unix socket.
//! Must not know users, networks or what a request means. Start reading at `run`, then `connection`.
//!
//! | file | decides |
//! | --- | --- |
//! | `registry` | who is let in, and who goes when it is full |
//! | `connection`, `course` | how long each phase of a connection may last |
//! | `head`, `gate` | where a request ends, before hyper sees it |
//! | `hosts`, `headers`, `forward`, `body` | what passes to the web part and back |
//! | `budget`, `source` | how much of bodies is held, in all and of one address |
//! | `web`, `pump` | connections to the web part, and WebSockets |
//! | `relay` | the relay's WebSockets and the thread of its UDP port |
//! | `problem`, `counters`, `control`, `beat`, `descriptors`, `tls` | own answers, counts, the parent, certificates |
//!
//! Invariants: every phase of every connection has an absolute deadline; every table is bounded by the number of
//! connections, and that by `connections_max`; all of it runs on one thread, but for the control channel's and the
//! relay's UDP port.
mod beat;
mod body;
mod budget;
mod connection;
mod control;
mod counters;
mod course;
mod descriptors;
mod forward;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod gate;
mod head;
mod headers;
mod hosts;
mod problem;
mod pump;
mod registry;
mod relay;
mod scratch;
mod settings;
mod source;
mod tls;
mod web;

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener as BoundListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use beat::Beat;
use budget::Budget;
use control::Control;
use counters::{Count, Counters};
pub use descriptors::Descriptors;
use hosts::Hosts;
use registry::Registry;
use relay::{PortThread, Relay};
pub use settings::{Limits, Settings};
use web::Web;

use crate::clock::now;
use crate::turn::{self, Service};

/// Between two attempts to accept when the system has no descriptor or memory left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// More than a head may have, so that hyper's own limit is never the one that is met.
const HYPER_BUFFER_BYTES: usize = 64 * 1024;

/// Why the front did not start or ended early.
#[derive(Debug)]
pub enum FrontError {
    /// A setting that cannot be used: a sentence for the operator.
    Settings(String),
    /// The system refused something.
    Io(io::Error),
}

impl From<io::Error> for FrontError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What all connections share.
pub struct Front {
    limits: Limits,
    hosts: Hosts,
    tls: Option<TlsAcceptor>,
    http: http1::Builder,
    web: Arc<Web>,
    relay: Option<Arc<Relay>>,
    budget: Arc<Budget>,
    registry: Arc<Registry>,
    counters: Arc<Counters>,
}

/// Serve until the control channel ends or SIGTERM arrives. Blocks the calling thread.
pub fn run(mut settings: Settings, mut descriptors: Descriptors) -> Result<(), FrontError> {
    let sockets = std::mem::take(&mut descriptors.relay_sockets);
    let relay_names = sockets
        .iter()
        .map(relay::name_of)
        .collect::<io::Result<Vec<_>>>()?;
    let (relay, port) = match settings.relay.take() {
        Some(config) => {
            let beside = turn_service(&settings, &mut descriptors)?;
            let (relay, port) = Relay::start(config, sockets, Box::new(beside))?;
            (Some(Arc::new(relay)), Some(port))
        }
        None => (None, None),
    };
    let front = Arc::new(Front::new(settings, relay)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve(
        Arc::clone(&front),
        descriptors,
        &relay_names,
        port.as_ref(),
    ));
    // Dropping the runtime ends every task that is left.
    drop(runtime);
    if let (Some(relay), Some(port)) = (&front.relay, port) {
        port.stop(relay)?;
    }
    served
}

/// STUN and TURN, which share the relay's port.
fn turn_service(settings: &Settings, descriptors: &mut Descriptors) -> Result<Service, FrontError> {
    let acceptor = tls::acceptor(&settings.certificate_chain, &settings.private_key);
    let acceptor = acceptor.map_err(FrontError::Settings)?;
    let listeners = std::mem::take(&mut descriptors.turn_listeners);
    let service = Service::new(
        turn::Settings {
            server: settings.turn.clone(),
            announced: settings.turn_announced.clone(),
            listeners: listeners.into_iter().map(BoundListener::from).collect(),
            tls: tls::for_turn(acceptor.as_ref()),
        },
        now(),
    )?;
    Ok(service)
}

impl Front {
    fn new(settings: Settings, relay: Option<Arc<Relay>>) -> Result<Self, FrontError> {
        let limits = settings.limits;
        let counters = Arc::new(Counters::default());
        let mut http = http1::Builder::new();
        http.half_close(false)
            .max_buf_size(HYPER_BUFFER_BYTES.max(limits.head_max_bytes.saturating_mul(2)))
            .header_read_timeout(None);
        Ok(Self {
            limits,
            hosts: Hosts::parse(&settings.hosts).map_err(FrontError::Settings)?,
            tls: tls::acceptor(&settings.certificate_chain, &settings.private_key)
                .map_err(FrontError::Settings)?,
            http,
            relay,
            web: Arc::new(Web::new(settings.web_socket, Arc::clone(&counters))),
            budget: Arc::new(Budget::new(
                limits.buffered_max_bytes,
                limits.buffered_an_address_max_bytes,
            )),
            registry: Arc::new(Registry::new(&limits, settings.first_connection)),
            counters,
        })
    }
}

async fn serve(
    front: Arc<Front>,
    descriptors: Descriptors,
    relay_names: &[SocketAddr],
    port: Option<&PortThread>,
) -> Result<(), FrontError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let listeners = descriptors
        .listeners
        .into_iter()
        .map(|listener| TcpListener::from_std(BoundListener::from(listener)))
        .collect::<io::Result<Vec<TcpListener>>>()?;
    let addresses = listeners
        .iter()
        .map(TcpListener::local_addr)
        .collect::<io::Result<Vec<SocketAddr>>>()?;
    let stop = Arc::new(Notify::new());
    let beat = Arc::new(Beat::new());
    tokio::spawn(Arc::clone(&beat).go_on());
    let control = Control {
        input: File::from(descriptors.control_in),
        output: File::from(descriptors.control_out),
        registry: Arc::clone(&front.registry),
        counters: Arc::clone(&front.counters),
        relay: front.relay.clone(),
        beat,
        stop: Arc::clone(&stop),
    };
    control.start(&addresses, relay_names)?;
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| tokio::spawn(accept(Arc::clone(&front), listener)))
        .collect();
    tokio::select! {
        () = stop.notified() => {}
        _ = terminate.recv() => {}
        () = ended(port) => {}
    }
    for task in accepting {
        task.abort(); // closes the listeners: nobody waits in a backlog that is not served
    }
    front.registry.drain();
    let _over_either_way = timeout(front.limits.stop, front.registry.wait_until_empty()).await;
    Ok(())
}

/// Whether the relay's port is gone is looked at so often.
const PORT_LOOK: Duration = Duration::from_secs(1);

/// Until the relay's port has ended by itself; for ever where there is none.
async fn ended(port: Option<&PortThread>) {
    let Some(port) = port else {
        return std::future::pending().await;
    };
    while !port.is_over() {
        sleep(PORT_LOOK).await;
    }
}

async fn accept(front: Arc<Front>, listener: TcpListener) {
    loop {
        front.registry.wait_for_room().await;
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                front.counters.add(Count::AcceptFailed);
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        front.counters.add(Count::Accepted);
        let Some(ticket) = front.registry.admit(peer.ip()) else {
            front.counters.add(Count::RefusedAddressFull);
            continue; // closing it without a word costs the least
        };
        if ticket.evicted_another {
            front.counters.add(Count::EvictedUnproven);
        }
        tokio::spawn(connection::serve(
            Arc::clone(&front),
            stream,
            peer.ip(),
            ticket,
        ));
    }
}
