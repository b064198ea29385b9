//! The UDP port's loop for a service that shares it with nobody: wait, feed, drain.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use warren_proto::turn::is_ours;

use super::receive::Receiver;
use super::service::{ClientPort, Service};
use crate::clock::now;
use crate::poll::{Interest, wait};
use crate::wake::Wake;

/// What was counted lately, for another thread.
pub type Counts = Arc<Mutex<Vec<(&'static str, u64)>>>;

/// The sockets of one UDP port and the service behind them.
pub struct Port {
    service: Service,
    sockets: Sockets,
    receiver: Receiver,
    counts: Counts,
    stop: Arc<Wake>,
}

/// Each with whether it is of IPv4.
struct Sockets(Vec<(bool, UdpSocket)>);

impl Port {
    /// Takes bound, non-blocking sockets, at most one a family; `stop` ends the loop.
    pub fn new(
        sockets: Vec<UdpSocket>,
        service: Service,
        counts: Counts,
        stop: Arc<Wake>,
    ) -> io::Result<Self> {
        let with_family = |socket: UdpSocket| Ok((socket.local_addr()?.is_ipv4(), socket));
        Ok(Self {
            service,
            sockets: Sockets(
                sockets
                    .into_iter()
                    .map(with_family)
                    .collect::<io::Result<_>>()?,
            ),
            receiver: Receiver::new(),
            counts,
            stop,
        })
    }

    /// Serve until stopped. Fails when a socket is gone.
    pub fn run(mut self) -> io::Result<()> {
        let fds: Vec<RawFd> = self
            .sockets
            .0
            .iter()
            .map(|(_, socket)| socket.as_raw_fd())
            .collect();
        loop {
            let fixed = [self.stop.fd(), self.service.fd()];
            let mut interests: Vec<Interest> = fixed
                .iter()
                .chain(&fds)
                .map(|fd| Interest::new(*fd, false))
                .collect();
            let left = self.service.poll_timeout().since(now().mono);
            wait(&mut interests, Some(left.max(Duration::from_millis(1))))?;
            let mut is_ready = interests.iter().map(|it| it.is_readable());
            if is_ready.next() == Some(true) {
                return Ok(());
            }
            let time = now();
            if is_ready.next() == Some(true) {
                self.service.handle_ready(time, &mut self.sockets)?;
            }
            for (fd, _) in fds.iter().zip(is_ready).filter(|(_, is_ready)| *is_ready) {
                for place in 0..self.receiver.receive(*fd)? {
                    let Some((source, _)) = self.receiver.source(place) else {
                        continue;
                    };
                    let datagram = self.receiver.payload(place);
                    if is_ours(datagram) {
                        self.service
                            .handle_datagram(time, source, datagram, &mut self.sockets);
                    }
                }
            }
            if self.service.poll_timeout() <= time.mono {
                self.service.handle_timeout(time.mono);
                let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
                counts.clear();
                counts.extend(self.service.counters());
            }
        }
    }
}

impl ClientPort for Sockets {
    fn send(&mut self, remote: SocketAddr, datagram: &[u8]) {
        let mut of_family = self
            .0
            .iter()
            .filter(|(is_v4, _)| *is_v4 == remote.is_ipv4());
        if let Some((_, socket)) = of_family.next() {
            let _as_udp_does = socket.send_to(datagram, remote);
        }
    }
}
