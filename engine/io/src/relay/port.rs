//! The UDP port's thread: wait, take a batch of each family, let the hub carry it, keep time.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use warren_proto::Span;
use warren_proto::relay::Link;
use warren_proto::relay::frame::looks_like_relay;

use super::hub::{Hub, Turn};
use super::neighbour::Neighbour;
use super::receive::{Arrival, Receiver};
use crate::clock;
use crate::limits::SOCKET_BUFFER_BYTES;
use crate::poll::{Interest, wait};
use crate::udp::open::set_option;
use crate::udp::{FAMILIES, Family};

/// Counters of the neighbour, taken by another thread.
pub type Counts = Arc<Mutex<Vec<(&'static str, u64)>>>;

/// Both sockets, the memory of a batch, and who else listens.
pub struct Port {
    hub: Arc<Hub>,
    receiver: Receiver,
    arrivals: Vec<Arrival>,
    frames: Vec<(Link, Span)>,
    turn: Turn,
    neighbour: Option<Box<dyn Neighbour>>,
    counts: Counts,
}

impl Port {
    /// Set what the relay wants of a bound UDP socket: large buffers and merged datagrams, as far as the kernel goes.
    pub fn prepare(socket: &OwnedFd) {
        for (forced, plain) in [
            (libc::SO_RCVBUFFORCE, libc::SO_RCVBUF),
            (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF),
        ] {
            if set_option(socket, libc::SOL_SOCKET, forced, SOCKET_BUFFER_BYTES).is_err() {
                let _as_large_as_the_host_allows =
                    set_option(socket, libc::SOL_SOCKET, plain, SOCKET_BUFFER_BYTES);
            }
        }
        let _works_without = set_option(socket, libc::SOL_UDP, libc::UDP_GRO, 1);
    }

    /// The thread's state.
    #[must_use]
    pub fn new(hub: Arc<Hub>, neighbour: Option<Box<dyn Neighbour>>, counts: Counts) -> Self {
        Self {
            hub,
            receiver: Receiver::new(),
            arrivals: Vec::new(),
            frames: Vec::new(),
            turn: Turn::new(),
            neighbour,
            counts,
        }
    }

    /// Serve until the hub is stopped. Fails when a socket is gone.
    pub fn run(mut self) -> io::Result<()> {
        let hub = Arc::clone(&self.hub);
        let mut has_more = false;
        loop {
            let socket = |family| Interest::new(hub.socket(family), hub.is_blocked(family));
            let beside = self.neighbour.as_ref().map_or(-1, |it| it.fd());
            let mut interests = [
                Interest::new(hub.wake().fd(), false),
                Interest::new(beside, false),
                socket(Family::V4),
                socket(Family::V6),
            ];
            wait(
                &mut interests,
                if has_more {
                    Some(std::time::Duration::ZERO)
                } else {
                    self.patience()
                },
            )?;
            if hub.is_stopping() {
                return Ok(());
            }
            let [wake, beside, v4, v6] = interests.map(Interest::is_readable);
            if wake {
                hub.wake().clear();
            }
            has_more = false;
            for (family, is_ready) in FAMILIES.into_iter().zip([v4, v6]) {
                if hub.is_blocked(family) {
                    hub.flush(family, &mut self.turn);
                }
                if is_ready {
                    has_more |= self.receive(family)?;
                }
            }
            self.serve_neighbour(beside)?;
            hub.keep_time(clock::now(), &mut self.turn);
        }
    }

    fn patience(&self) -> Option<std::time::Duration> {
        let own = self.hub.patience();
        let beside = self
            .neighbour
            .as_ref()
            .map(|it| it.poll_timeout().since(clock::now().mono));
        own.into_iter().chain(beside).min()
    }

    /// One batch. True: there may be more.
    fn receive(&mut self, family: Family) -> io::Result<bool> {
        let has_more = self
            .receiver
            .receive(self.hub.socket(family), &mut self.arrivals)?;
        self.frames.clear();
        let arrivals = std::mem::take(&mut self.arrivals);
        for arrival in &arrivals {
            let link = Link::Udp(arrival.source);
            let end = arrival.start + arrival.len;
            for start in (arrival.start..end).step_by(arrival.segment) {
                let len = arrival.segment.min(end - start);
                let memory = self.receiver.memory();
                if memory.get(start..start + len).is_some_and(looks_like_relay) {
                    self.frames.push((link, Span { start, len }));
                } else {
                    self.hand_over(arrival.source, start, len);
                }
            }
        }
        self.arrivals = arrivals;
        self.hub
            .carry(self.receiver.memory(), &self.frames, &mut self.turn);
        Ok(has_more)
    }

    /// A datagram that is not the relay's.
    fn hand_over(&mut self, source: SocketAddr, start: usize, len: usize) {
        let Some(datagram) = self.receiver.memory().get(start..start + len) else {
            return;
        };
        match self.neighbour.as_mut().filter(|it| it.takes(datagram)) {
            Some(neighbour) => {
                let (hub, turn) = (&self.hub, &mut self.turn);
                let mut reply = |remote: SocketAddr, bytes: &[u8]| hub.reply(remote, bytes, turn);
                neighbour.handle_datagram(clock::now(), source, datagram, &mut reply);
            }
            None => self.hub.count_not_ours(),
        }
    }

    fn serve_neighbour(&mut self, is_ready: bool) -> io::Result<()> {
        let Some(neighbour) = self.neighbour.as_mut() else {
            return Ok(());
        };
        let now = clock::now();
        if is_ready {
            let (hub, turn) = (&self.hub, &mut self.turn);
            let mut reply = |remote: SocketAddr, bytes: &[u8]| hub.reply(remote, bytes, turn);
            neighbour.handle_ready(now, &mut reply)?;
        }
        if neighbour.poll_timeout() <= now.mono {
            neighbour.handle_timeout(now);
            *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = neighbour.counters();
        }
        Ok(())
    }
}

/// Which family a bound socket is of.
pub fn family_of(socket: &OwnedFd) -> io::Result<Family> {
    let mut domain: libc::c_int = 0;
    let mut bytes = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the value and its length live through the call, and the length says how large it is.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_DOMAIN,
            (&raw mut domain).cast(),
            &raw mut bytes,
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(if domain == libc::AF_INET {
        Family::V4
    } else {
        Family::V6
    })
}
