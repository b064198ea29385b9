//! All clients over TCP: who is let in, who has to go, and who is waited on for what.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use warren_proto::Instant;
use warren_proto::turn::{Carriage, Client};

use super::epoll::Epoll;
use super::stream::{Over, Stream};
use crate::limits::{
    TURN_ACCEPTS_PER_TURN, TURN_STREAM_READ_BYTES, TURN_STREAMS_MAX, TURN_UNPROVEN_AN_ADDRESS_MAX,
    TURN_UNPROVEN_S,
};

/// Numbers below are listeners'.
const FIRST_STREAM: u64 = 16;

/// What an odd token of the set stands for.
#[derive(Clone, Copy, Debug)]
pub enum Token {
    /// Somebody may be waiting to be let in.
    Listener(usize),
    /// A client has something to say, or room to be told.
    Stream(u64),
}

/// Read an odd token.
pub fn meaning(token: u64) -> Token {
    match token >> 1 {
        number if number < FIRST_STREAM => Token::Listener(number as usize),
        number => Token::Stream(number),
    }
}

fn token(number: u64) -> u64 {
    number << 1 | 1
}

/// See the module.
pub struct Streams {
    listeners: Vec<TcpListener>,
    tls: Option<Arc<ServerConfig>>,
    open: BTreeMap<u64, Stream>,
    next: u64,
    scratch: Box<[u8]>,
    /// Connections refused or closed because something was full.
    pub refused: u64,
}

impl Streams {
    /// None yet. The listeners are non-blocking.
    pub fn new(
        listeners: Vec<TcpListener>,
        tls: Option<Arc<ServerConfig>>,
        epoll: &Epoll,
    ) -> io::Result<Self> {
        for (number, listener) in (0..FIRST_STREAM).zip(&listeners) {
            epoll.add(listener.as_raw_fd(), token(number))?;
        }
        Ok(Self {
            listeners,
            tls,
            open: BTreeMap::new(),
            next: FIRST_STREAM,
            scratch: vec![0; TURN_STREAM_READ_BYTES].into(),
            refused: 0,
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Let in who waits. `is_proven` says who has an allocation. Returns who had to go for them.
    pub fn accept(
        &mut self,
        now: Instant,
        listener: usize,
        epoll: &Epoll,
        is_proven: impl Fn(&Client) -> bool,
    ) -> Vec<u64> {
        let mut gone = Vec::new();
        for _ in 0..TURN_ACCEPTS_PER_TURN {
            let Some(accepted) = self.listeners.get(listener).map(TcpListener::accept) else {
                break;
            };
            let Ok((socket, remote)) = accepted else {
                break;
            };
            let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
            let unproven: Vec<(u64, IpAddr)> = self
                .open
                .iter()
                .filter(|(number, stream)| !gone.contains(*number) && !is_proven(&stream.client))
                .map(|(number, stream)| (*number, stream.client.remote.ip()))
                .collect();
            let near = unproven
                .iter()
                .filter(|(_, other)| is_same_source(*other, remote.ip()));
            if near.count() >= TURN_UNPROVEN_AN_ADDRESS_MAX {
                self.refused += 1;
                continue; // closing it without a word costs the least
            }
            if self.open.len() - gone.len() >= TURN_STREAMS_MAX {
                self.refused += 1;
                match unproven.first() {
                    Some((oldest, _)) => gone.push(*oldest),
                    None => continue,
                }
            }
            let number = self.next;
            let client = Client {
                remote,
                carriage: Carriage::Stream(number),
            };
            let Ok(stream) = Stream::new(socket, client, now) else {
                continue;
            };
            if epoll.add(stream.fd(), token(number)).is_ok() {
                self.open.insert(number, stream);
                self.next += 1;
            }
        }
        gone
    }

    /// Read once; the client and its plain bytes so far, to be given back by `keep`.
    pub fn read(&mut self, number: u64) -> Result<Option<(Client, Vec<u8>)>, Over> {
        let Some(stream) = self.open.get_mut(&number) else {
            return Ok(None);
        };
        stream.read(&mut self.scratch, self.tls.as_ref())?;
        Ok(Some((stream.client, std::mem::take(&mut stream.input))))
    }

    /// Keep what is no whole message yet.
    pub fn keep(&mut self, number: u64, rest: Vec<u8>) {
        if let Some(stream) = self.open.get_mut(&number) {
            stream.input = rest;
        }
    }

    /// Queue an answer.
    pub fn answer(&mut self, number: u64, bytes: &[u8]) -> Result<(), Over> {
        self.open
            .get_mut(&number)
            .map_or(Ok(()), |stream| stream.answer(bytes))
    }

    /// Queue a peer's data; false where it was dropped.
    pub fn relay(&mut self, number: u64, bytes: &[u8]) -> Result<bool, Over> {
        self.open
            .get_mut(&number)
            .map_or(Ok(false), |stream| stream.relay(bytes))
    }

    /// Write what waits, and wait for writing as long as something is left.
    pub fn flush(&mut self, number: u64, epoll: &Epoll) -> Result<(), Over> {
        let Some(stream) = self.open.get_mut(&number) else {
            return Ok(());
        };
        let is_left = stream.flush()?;
        if is_left != stream.waits_for_writing {
            stream.waits_for_writing = is_left;
            epoll
                .set_writing(stream.fd(), token(number), is_left)
                .map_err(|_| Over)?;
        }
        Ok(())
    }

    /// Close one; who it was.
    pub fn close(&mut self, number: u64) -> Option<Client> {
        self.open.remove(&number).map(|stream| stream.client)
    }

    /// Those that were without an allocation for too long.
    pub fn overdue(&mut self, now: Instant, is_proven: impl Fn(&Client) -> bool) -> Vec<u64> {
        let most = Duration::from_secs(TURN_UNPROVEN_S);
        let mut overdue = Vec::new();
        for (number, stream) in &mut self.open {
            if is_proven(&stream.client) {
                stream.unproven_since = now;
            } else if now.since(stream.unproven_since) >= most {
                overdue.push(*number);
            }
        }
        overdue
    }
}

/// The same address, or the same /64.
fn is_same_source(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() >> 64 == b.to_bits() >> 64,
        (IpAddr::V4(_) | IpAddr::V6(_), IpAddr::V4(_) | IpAddr::V6(_)) => a == b,
    }
}
