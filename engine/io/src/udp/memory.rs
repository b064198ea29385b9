//! A network in memory: UDP sockets that reach each other by address, for tests of whole workers in one process.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use warren_proto::{Endpoint, Incoming, Train};

use super::{Failed, Family, Sent, Udp};
use crate::arena::Arena;
use crate::memory::Inbox;
use crate::offloads::Ladder;

type Datagram = (SocketAddr, Vec<u8>);
type Places = BTreeMap<SocketAddr, Vec<Arc<Inbox<Datagram>>>>;
type Wire = dyn Fn(SocketAddr, SocketAddr, &[u8]) -> bool + Send + Sync;

/// The network: who is where. Cloning gives another handle of the same one.
#[derive(Clone, Default)]
pub struct MemoryNet {
    hosts: Arc<Mutex<Places>>,
    carried: Arc<AtomicUsize>,
    wire: Option<Arc<Wire>>,
}

impl MemoryNet {
    /// A network that carries only the datagrams for which `wire(sender, receiver, bytes)` holds; a test also watches
    /// through it what is on the wire.
    #[must_use]
    pub fn watched(
        wire: impl Fn(SocketAddr, SocketAddr, &[u8]) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            hosts: Arc::default(),
            carried: Arc::default(),
            wire: Some(Arc::new(wire)),
        }
    }

    /// A socket at `address`. Fails when the process has no descriptor left.
    pub fn socket(&self, address: SocketAddr) -> io::Result<MemoryUdp> {
        let udp = self.unbound(address)?;
        self.hosts().insert(address, vec![Arc::clone(&udp.inbox)]);
        Ok(udp)
    }

    /// As many at one address. Handshakes go to them by the address of their sender, as a kernel's hash has it; data
    /// to each in turn, which is worse than any kernel.
    pub fn sockets(&self, address: SocketAddr, count: usize) -> io::Result<Vec<MemoryUdp>> {
        let all: io::Result<Vec<MemoryUdp>> = (0..count).map(|_| self.unbound(address)).collect();
        let all = all?;
        let inboxes = all.iter().map(|udp| Arc::clone(&udp.inbox)).collect();
        self.hosts().insert(address, inboxes);
        Ok(all)
    }

    fn unbound(&self, address: SocketAddr) -> io::Result<MemoryUdp> {
        Ok(MemoryUdp {
            address,
            inbox: Arc::new(Inbox::new()?),
            net: self.clone(),
        })
    }

    fn hosts(&self) -> MutexGuard<'_, Places> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// 0 if it was carried or lost on the way, else the errno that a kernel would give.
    fn carry(&self, sender: SocketAddr, receiver: SocketAddr, bytes: &[u8]) -> i32 {
        let hosts = self.hosts();
        let inboxes = hosts.get(&receiver).map(Vec::as_slice).unwrap_or_default();
        let turn = match (bytes.first(), sender) {
            (Some(4), _) => self.carried.fetch_add(1, Ordering::Relaxed),
            (_, SocketAddr::V4(v4)) => usize::from(v4.ip().octets()[3]),
            (_, SocketAddr::V6(_)) => 0,
        };
        let Some(inbox) = inboxes.get(turn % inboxes.len().max(1)) else {
            return libc::ENETUNREACH;
        };
        if self
            .wire
            .as_ref()
            .is_none_or(|wire| wire(sender, receiver, bytes))
        {
            inbox.put((sender, bytes.to_vec()));
        }
        0
    }
}

/// A socket of one address, hence of one family.
pub struct MemoryUdp {
    address: SocketAddr,
    inbox: Arc<Inbox<Datagram>>,
    net: MemoryNet,
}

impl Udp for MemoryUdp {
    fn port(&self) -> u16 {
        self.address.port()
    }

    fn rebind(&mut self, port: u16) -> io::Result<()> {
        if port == self.port() {
            Ok(())
        } else {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    fn set_mark(&mut self, _mark: u32) -> io::Result<()> {
        Ok(()) // nothing routes by it here
    }

    fn fd(&self, family: Family) -> RawFd {
        if family == Family::of(self.address) {
            self.inbox.fd()
        } else {
            -1
        }
    }

    fn receive(
        &mut self,
        family: Family,
        arena: &mut Arena,
        datagrams: &mut Vec<Incoming>,
    ) -> io::Result<u64> {
        let mut unfit = 0;
        while family == Family::of(self.address) && datagrams.len() < arena.slots() {
            let Some((remote, bytes)) = self.inbox.take() else {
                break;
            };
            let source = Endpoint::Udp { remote };
            match arena.copy_in(datagrams.len(), 0, &bytes) {
                Some(span) => datagrams.push(Incoming { source, span }),
                None => unfit += 1,
            }
        }
        Ok(unfit)
    }

    fn send(&mut self, bytes: &[u8], trains: &[Train], failed: Failed<'_>) -> Sent {
        for train in trains {
            let Endpoint::Udp { remote } = train.endpoint else {
                failed(train, train.count(), libc::ENETUNREACH);
                continue;
            };
            for span in train.datagrams() {
                let datagram = bytes.get(span.start..span.start + span.len);
                let errno = self
                    .net
                    .carry(self.address, remote, datagram.unwrap_or_default());
                if errno != 0 {
                    failed(train, 1, errno);
                }
            }
        }
        Sent::All
    }

    fn ladder(&self) -> Ladder {
        Ladder::NONE
    }
}

impl Drop for MemoryUdp {
    fn drop(&mut self) {
        let mut hosts = self.net.hosts();
        if let Some(inboxes) = hosts.get_mut(&self.address) {
            inboxes.retain(|inbox| !Arc::ptr_eq(inbox, &self.inbox));
            if inboxes.is_empty() {
                hosts.remove(&self.address);
            }
        }
    }
}
