//! The machine with its sockets, in the house's shape: `handle_*` what came, `poll_timeout`, `handle_timeout`.
//!
//! The relay owns the UDP port (`crate::relay::Port`): this is its [`Neighbour`], whose own sockets are one descriptor
//! to wait on, and whose answers to clients over UDP go out through the port.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig as TlsConfig;
use warren_proto::turn::frame::{self, Next};
use warren_proto::turn::{Carriage, Client, Outcome, Server, ServerConfig, SocketNumber, is_ours};
use warren_proto::{Instant, Now};

use super::own_addresses::own_addresses;
use super::receive::Receiver;
use super::relayed::{RelayedSockets, socket_of};
use super::stream::Over;
use super::streams::{Streams, Token, meaning};
use crate::clock::Entropy;
use crate::limits::{TURN_OWN_ADDRESSES_S, TURN_SWEEP_S, TURN_UNPROVEN_MESSAGE_MAX_BYTES};
use crate::relay::{Neighbour, Reply};

/// What a service is made of.
pub struct Settings {
    /// What the machine is told.
    pub server: ServerConfig,
    /// What peers are told of relayed addresses, at most one a family; empty: the address that faces the client.
    pub announced: Vec<IpAddr>,
    /// For clients over TCP, non-blocking.
    pub listeners: Vec<TcpListener>,
    /// For clients that begin with TLS there.
    pub tls: Option<Arc<TlsConfig>>,
}

/// See the module.
pub struct Service {
    server: Server,
    sockets: RelayedSockets,
    streams: Streams,
    receiver: Receiver,
    ready: Vec<u64>,
    announced: Vec<IpAddr>,
    sweep_at: Instant,
    own_at: Instant,
    drops: u64,
}

impl Service {
    /// Opens nothing but its set. Fails when no descriptor is left, or the system does not tell its addresses.
    pub fn new(settings: Settings, now: Now) -> io::Result<Self> {
        let sockets = RelayedSockets::new(settings.announced.clone())?;
        let streams = Streams::new(settings.listeners, settings.tls, sockets.epoll())?;
        let mut service = Self {
            server: Server::new(settings.server, Box::new(Entropy)),
            sockets,
            streams,
            receiver: Receiver::new(),
            ready: Vec::new(),
            announced: settings.announced,
            sweep_at: now.mono,
            own_at: now.mono,
            drops: 0,
        };
        service.look_at_own_addresses(now.mono)?;
        Ok(service)
    }

    fn look_at_own_addresses(&mut self, now: Instant) -> io::Result<()> {
        self.own_at = now.after(Duration::from_secs(TURN_OWN_ADDRESSES_S));
        let own = own_addresses()?;
        self.server
            .set_own_addresses(own.into_iter().chain(self.announced.iter().copied()));
        Ok(())
    }

    /// One batch of a relayed socket.
    fn read_peers(
        &mut self,
        now: Instant,
        socket: SocketNumber,
        reply: Reply<'_>,
    ) -> io::Result<()> {
        let Some(fd) = self.sockets.fd(socket) else {
            return Ok(());
        };
        let mut stream = None;
        for place in 0..self.receiver.receive(fd)? {
            let Some((peer, length)) = self.receiver.source(place) else {
                continue;
            };
            let Some(to) = self.server.handle_peer(now, socket, peer, length) else {
                continue;
            };
            let framed = self.receiver.framed(place, to.prefix.bytes(), to.padding);
            match to.client.carriage {
                Carriage::Udp => reply(to.client.remote, framed),
                Carriage::Stream(number) => {
                    stream = Some(number);
                    match self.streams.relay(number, framed) {
                        Ok(is_taken) => self.drops += u64::from(!is_taken),
                        Err(Over) => break,
                    }
                }
            }
        }
        if let Some(number) = stream {
            self.flush(number);
        }
        Ok(())
    }

    fn accept(&mut self, now: Instant, listener: usize) {
        let server = &self.server;
        let epoll = self.sockets.epoll();
        for number in self
            .streams
            .accept(now, listener, epoll, |client| server.has_allocation(client))
        {
            self.close(number);
        }
    }

    /// Read once, serve every whole message, write the answers.
    fn read_stream(&mut self, now: Now, number: u64) {
        match self.streams.read(number) {
            Err(Over) => self.close(number),
            Ok(None) => {}
            Ok(Some((client, input))) => match self.serve(now, client, number, &input) {
                Err(Over) => self.close(number),
                Ok(done) => {
                    let mut rest = input;
                    rest.drain(..done);
                    self.streams.keep(number, rest);
                    self.flush(number);
                }
            },
        }
    }

    /// Serve whole messages; how many bytes they had.
    fn serve(
        &mut self,
        now: Now,
        client: Client,
        number: u64,
        input: &[u8],
    ) -> Result<usize, Over> {
        let mut done = 0;
        loop {
            let rest = input.get(done..).unwrap_or_default();
            let length = match frame::next(rest) {
                Next::Unknown => return Ok(done),
                Next::Foreign => return Err(Over),
                Next::Message(length) => length,
            };
            if length > TURN_UNPROVEN_MESSAGE_MAX_BYTES && !self.server.has_allocation(&client) {
                return Err(Over);
            }
            let Some(message) = rest.get(..length) else {
                return Ok(done);
            };
            done += length;
            match self
                .server
                .handle_client(now, client, message, &mut self.sockets)
            {
                Outcome::Nothing => {}
                Outcome::Answer(bytes) => self.streams.answer(number, &bytes)?,
                Outcome::ToPeer {
                    socket,
                    peer,
                    payload,
                    dont_fragment,
                } => {
                    let is_sent = self.sockets.send(socket, peer, payload, dont_fragment);
                    self.drops += u64::from(!is_sent);
                }
            }
        }
    }

    fn flush(&mut self, number: u64) {
        if self.streams.flush(number, self.sockets.epoll()).is_err() {
            self.close(number);
        }
    }

    fn close(&mut self, number: u64) {
        if let Some(client) = self.streams.close(number) {
            self.server.handle_closed(&client, &mut self.sockets);
        }
    }
}

impl Neighbour for Service {
    fn takes(&self, datagram: &[u8]) -> bool {
        is_ours(datagram)
    }

    fn fd(&self) -> RawFd {
        self.sockets.epoll().fd()
    }

    fn handle_datagram(&mut self, now: Now, source: SocketAddr, datagram: &[u8], reply: Reply<'_>) {
        match self
            .server
            .handle_client(now, Client::udp(source), datagram, &mut self.sockets)
        {
            Outcome::Nothing => {}
            Outcome::Answer(bytes) => reply(source, &bytes),
            Outcome::ToPeer {
                socket,
                peer,
                payload,
                dont_fragment,
            } => {
                let is_sent = self.sockets.send(socket, peer, payload, dont_fragment);
                self.drops += u64::from(!is_sent);
            }
        }
    }

    fn handle_ready(&mut self, now: Now, reply: Reply<'_>) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        match self.sockets.epoll().poll(&mut ready) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        for token in &ready {
            match socket_of(*token) {
                Some(socket) => self.read_peers(now.mono, socket, reply)?,
                None => match meaning(*token) {
                    Token::Listener(listener) => self.accept(now.mono, listener),
                    Token::Stream(number) => self.read_stream(now, number),
                },
            }
        }
        self.ready = ready;
        Ok(())
    }

    fn poll_timeout(&self) -> Instant {
        let server = self.server.poll_timeout().map(|(at, _)| at);
        server.unwrap_or(self.sweep_at).min(self.sweep_at)
    }

    fn handle_timeout(&mut self, now: Now) {
        let now = now.mono;
        self.server.handle_timeout(now, &mut self.sockets);
        if now < self.sweep_at {
            return;
        }
        self.sweep_at = now.after(Duration::from_secs(TURN_SWEEP_S));
        let server = &self.server;
        for number in self
            .streams
            .overdue(now, |client| server.has_allocation(client))
        {
            self.close(number);
        }
        if now >= self.own_at {
            let _until_next_time = self.look_at_own_addresses(now);
        }
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        let (allocations, ports) = self.server.live();
        let gauges = [
            ("allocations", allocations as u64),
            ("ports", u64::from(ports)),
            ("streams", self.streams.len() as u64),
            ("streams_refused", self.streams.refused),
            ("drop_send", self.drops),
        ];
        self.server.counters().named().chain(gauges).collect()
    }
}
