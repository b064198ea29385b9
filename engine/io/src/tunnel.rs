//! The handle of one tunnel: starts its workers, passes commands down and events up, ends them. Any thread may use it;
//! the workers alone touch the devices.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle, available_parallelism};
use std::time::Duration;

use warren_proto::{Device, DeviceConfig, PeerId};

use crate::clock::Entropy;
use crate::crew::{fit, muster, owner};
use crate::error::Error;
use crate::events::{EventQueue, TunnelEvent};
use crate::limits::{ANSWER_MAX_S, COMMANDS_MAX, MTU_MAX, MTU_MIN, WORKERS};
use crate::offloads::Wanted;
use crate::summons::Summons;
use crate::tun::{LinuxTun, Tun};
use crate::udp::{LinuxUdp, Sockets, Udp};
use crate::worker::{Command, Desk, Shared, Worker};

/// A running tunnel; dropping it closes it.
pub struct Tunnel {
    name: Vec<u8>,
    port: AtomicU16,
    mark: AtomicU32,
    events: Arc<EventQueue>,
    /// One for each worker; a peer's by its number.
    hands: Vec<Hand>,
    /// Where several workers are told the same, all are told in one order.
    order: Mutex<()>,
}

/// What the handle has of one worker.
struct Hand {
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// One worker's queue of the TUN, and its sockets.
pub struct Lane<T, U> {
    /// The queue.
    pub tun: T,
    /// The sockets.
    pub udp: U,
}

impl Tunnel {
    /// Makes the TUN (`pattern` as for `LinuxTun::open`), binds the port (0: any) and starts to carry, with those of the
    /// `wanted` offloads that work here, by so many `workers`: a power of two, `WORKERS` at most; 0: what suits the
    /// machine. A kernel whose TUN has one queue gets one.
    ///
    /// # Errors
    /// `Argument`, `Config`, `Tun`, `Udp`, `Resources`; then nothing is left behind.
    pub fn open(
        pattern: &[u8],
        port: u16,
        config: DeviceConfig,
        wanted: Wanted,
        workers: usize,
    ) -> Result<Self, Error> {
        if !(MTU_MIN..=MTU_MAX).contains(&config.mtu) {
            return Err(Error::Argument("the MTU is not within 576 and 65460 bytes"));
        }
        let cores = || available_parallelism().map_or(1, NonZeroUsize::get);
        let count = if workers == 0 { fit(cores()) } else { workers };
        check(count)?;
        Device::new(config.clone(), Box::new(Entropy))?;
        let mut is_taken = false;
        if count > 1 {
            let udp = LinuxUdp::bind_several(port, wanted, count).map_err(Error::Udp)?;
            match LinuxTun::open_queues(pattern, config.mtu, wanted, count) {
                Ok(tuns) => {
                    let lanes = tuns.into_iter().zip(udp);
                    let lanes = lanes.map(|(tun, udp)| Lane { tun, udp }).collect();
                    return Self::start_several(lanes, config);
                }
                Err(error) => match error.raw_os_error() {
                    // No TUN of many queues, or a name that is refused below once more.
                    Some(libc::EINVAL) => {}
                    // Or one that somebody made to stay, for us: it has one queue, and takes one more user at most.
                    Some(libc::EBUSY) => is_taken = true,
                    _ => return Err(Error::Tun(error)),
                },
            }
        }
        let udp = LinuxUdp::bind(port, wanted).map_err(Error::Udp)?;
        let tun = LinuxTun::open(pattern, config.mtu, wanted).map_err(|error| {
            // What one queue is refused where somebody has many.
            let is_odd = is_taken && error.raw_os_error() == Some(libc::EINVAL);
            let errno = libc::EBUSY;
            Error::Tun(if is_odd {
                io::Error::from_raw_os_error(errno)
            } else {
                error
            })
        })?;
        Self::start(tun, udp, config)
    }

    /// Starts to carry between these devices.
    ///
    /// # Errors
    /// `Config`, `Resources`.
    pub fn start<T, U>(tun: T, udp: U, config: DeviceConfig) -> Result<Self, Error>
    where
        T: Tun + 'static,
        U: Udp + 'static,
    {
        Self::start_several(vec![Lane { tun, udp }], config)
    }

    /// The same with a worker for each lane; all their sockets have one port. The rate of handshakes is that of all.
    ///
    /// # Errors
    /// `Argument` for a number that is no power of two, `Config`, `Resources`.
    pub fn start_several<T, U>(lanes: Vec<Lane<T, U>>, config: DeviceConfig) -> Result<Self, Error>
    where
        T: Tun + 'static,
        U: Udp + 'static,
    {
        let count = lanes.len();
        check(count)?;
        let Some(Lane { tun, udp }) = lanes.first() else {
            return Err(Error::Argument(COUNT));
        };
        let (name, port) = (tun.name().to_vec(), udp.port());
        let events = Arc::new(EventQueue::new().map_err(Error::Resources)?);
        let mut tunnel = Self {
            name,
            port: AtomicU16::new(port),
            mark: AtomicU32::new(0),
            events: Arc::clone(&events),
            hands: Vec::with_capacity(count),
            order: Mutex::new(()),
        };
        let shared: Result<Vec<Arc<Shared>>, Error> = lanes
            .iter()
            .map(|_| {
                let events = Arc::clone(&events);
                let summons = Summons::new().map_err(Error::Resources)?;
                Ok(Arc::new(Shared { events, summons }))
            })
            .collect();
        let shared: Arc<[Arc<Shared>]> = shared?.into();
        let has_failed = Arc::new(AtomicBool::new(false));
        let members = muster(count).map_err(Error::Resources)?;
        for (number, (lane, crew)) in lanes.into_iter().zip(members).enumerate() {
            let config = DeviceConfig {
                owner: owner(number, count),
                handshakes_per_s: config.handshakes_per_s.div_ceil(count as u32),
                ..config.clone()
            };
            let mtu = config.mtu;
            let device = Device::new(config, Box::new(Entropy))?;
            let (commands, waiting) = sync_channel(COMMANDS_MAX);
            let Some(own) = shared.get(number).map(Arc::clone) else {
                break;
            };
            let (of_worker, all) = (Arc::clone(&own), Arc::clone(&shared));
            let has_failed = Arc::clone(&has_failed);
            let thread = Builder::new().name("warren-tunnel".into()).spawn(move || {
                let events = Arc::clone(&of_worker.events);
                let Lane { tun, udp } = lane;
                let worker = || Worker::new(tun, udp, device, mtu, of_worker, waiting, crew).run();
                // A bug of ours must not cross into Python, nor end its process: it ends this tunnel.
                let errno = match catch_unwind(AssertUnwindSafe(worker)) {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => error.raw_os_error().unwrap_or(libc::EIO),
                    Err(_) => libc::EIO,
                };
                // The peers of the others have no use for half a tunnel.
                for (_, other) in all.iter().enumerate().filter(|(at, _)| *at != number) {
                    other.summons.stop();
                }
                if !has_failed.swap(true, Ordering::AcqRel) {
                    events.push_last(TunnelEvent::WorkerFailed { errno });
                }
            });
            // Where a thread cannot be had, those before it end with `tunnel`.
            tunnel.hands.push(Hand {
                shared: own,
                commands,
                thread: Mutex::new(Some(thread.map_err(Error::Resources)?)),
            });
        }
        Ok(tunnel)
    }

    /// The interface's name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The UDP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.load(Ordering::Acquire)
    }

    /// Takes another UDP port (0: one that is free); where it cannot be had, the one in use stays.
    ///
    /// # Errors
    /// `Udp`, `Closed`, `Busy`.
    pub fn listen_on(&self, port: u16) -> Result<(), Error> {
        if self.hands.len() > 1 {
            return self.listen_several(port);
        }
        let taken = self.call(move |desk| desk.udp.rebind(port).map(|()| desk.udp.port()))?;
        self.port
            .store(taken.map_err(Error::Udp)?, Ordering::Release);
        Ok(())
    }

    /// All sockets are bound before the first worker changes to its own.
    fn listen_several(&self, port: u16) -> Result<(), Error> {
        let _one_at_a_time = self.order();
        if port == self.port() {
            return Ok(());
        }
        let mark = self.mark.load(Ordering::Acquire);
        let group = Sockets::bind_several(port, self.hands.len(), mark).map_err(Error::Udp)?;
        let taken = group.first().map_or(port, Sockets::port);
        for (hand, sockets) in self.hands.iter().zip(group) {
            hand.call(move |desk| desk.udp.adopt(sockets))?
                .map_err(Error::Udp)?;
        }
        self.port.store(taken, Ordering::Release);
        Ok(())
    }

    /// Marks what is sent from here on, for the host's routing; 0: not at all.
    ///
    /// # Errors
    /// `Udp` (EPERM without the right to), `Closed`, `Busy`.
    pub fn set_mark(&self, mark: u32) -> Result<(), Error> {
        let set: io::Result<()> = self
            .call_each(move |desk| desk.udp.set_mark(mark))?
            .into_iter()
            .collect();
        set.map_err(Error::Udp)?;
        self.mark.store(mark, Ordering::Release);
        Ok(())
    }

    /// Follows the link to another MTU, in bytes.
    ///
    /// # Errors
    /// `Argument`, `Closed`, `Busy`.
    pub fn set_mtu(&self, mtu: usize) -> Result<(), Error> {
        if !(MTU_MIN..=MTU_MAX).contains(&mtu) {
            return Err(Error::Argument("the MTU is not within 576 and 65460 bytes"));
        }
        self.call_each(move |desk| desk.set_mtu(mtu)).map(drop)
    }

    /// Polls as readable while events wait; valid as long as this value.
    #[must_use]
    pub fn event_fd(&self) -> RawFd {
        self.events.fd()
    }

    /// The oldest events, at most `most`; also of a tunnel that ended.
    #[must_use]
    pub fn take_events(&self, most: usize) -> Vec<TunnelEvent> {
        self.events.take(most)
    }

    /// How many workers there are.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.hands.len()
    }

    /// Has the first worker do something between two batches, and waits for what comes of it: about relays, and what is
    /// said and heard beside the tunnel.
    ///
    /// # Errors
    /// `Closed` if the worker ended, `Busy` if it has too much to do: then nothing was done, and nothing will be.
    pub fn call<R, F>(&self, work: F) -> Result<R, Error>
    where
        R: Send + 'static,
        F: FnOnce(&mut Desk<'_>) -> R + Send + 'static,
    {
        self.hands.first().ok_or(Error::Closed)?.call(work)
    }

    /// The same of the worker that has this peer: about its sessions, endpoint, path, gate and flows.
    ///
    /// # Errors
    /// As `call`.
    pub fn call_owner<R, F>(&self, peer: PeerId, work: F) -> Result<R, Error>
    where
        R: Send + 'static,
        F: FnOnce(&mut Desk<'_>) -> R + Send + 'static,
    {
        let number = usize::from(owner(0, self.hands.len()).of_peer(peer));
        self.hands.get(number).ok_or(Error::Closed)?.call(work)
    }

    /// The same of every worker, in turn: about what all of them have to know, and sums. All are asked, also where one
    /// fails.
    ///
    /// # Errors
    /// As `call`, of the first that fails.
    pub fn call_each<R, F>(&self, work: F) -> Result<Vec<R>, Error>
    where
        R: Send + 'static,
        F: FnOnce(&mut Desk<'_>) -> R + Clone + Send + 'static,
    {
        let Some((last, others)) = self.hands.split_last() else {
            return Err(Error::Closed);
        };
        let _one_at_a_time = (!others.is_empty()).then(|| self.order());
        let mut answers: Vec<Result<R, Error>> = Vec::with_capacity(self.hands.len());
        answers.extend(others.iter().map(|hand| hand.call(work.clone())));
        answers.push(last.call(work));
        answers.into_iter().collect()
    }

    fn order(&self) -> MutexGuard<'_, ()> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the workers and waits for them; sockets and TUN are closed then. Nothing happens the second time.
    pub fn close(&self) {
        for hand in &self.hands {
            hand.shared.summons.stop();
        }
        for hand in &self.hands {
            let mut thread = hand.thread.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(thread) = thread.take() {
                // The thread catches its panics, so there is no result to look at.
                let _ = thread.join();
            }
        }
    }
}

impl Hand {
    fn call<R, F>(&self, work: F) -> Result<R, Error>
    where
        R: Send + 'static,
        F: FnOnce(&mut Desk<'_>) -> R + Send + 'static,
    {
        self.call_within(Duration::from_secs(ANSWER_MAX_S), work)
    }

    fn call_within<R, F>(&self, patience: Duration, work: F) -> Result<R, Error>
    where
        R: Send + 'static,
        F: FnOnce(&mut Desk<'_>) -> R + Send + 'static,
    {
        let (answer, answered) = sync_channel(1);
        // Set by whoever comes first: the worker, which begins, or the caller, who gives up.
        let decided = Arc::new(AtomicBool::new(false));
        let begins = Arc::clone(&decided);
        let command: Command = Box::new(move |desk| {
            if !begins.swap(true, Ordering::AcqRel) {
                // The caller waits; if it went with its thread there is nobody to tell.
                let _ = answer.send(work(desk));
            }
        });
        if self.shared.summons.is_stopping() {
            return Err(Error::Closed);
        }
        self.commands
            .try_send(command)
            .map_err(|error| match error {
                TrySendError::Full(_) => Error::Busy,
                TrySendError::Disconnected(_) => Error::Closed,
            })?;
        self.shared.summons.call();
        match answered.recv_timeout(patience) {
            Ok(result) => Ok(result),
            Err(RecvTimeoutError::Timeout) if !decided.swap(true, Ordering::AcqRel) => {
                Err(Error::Busy)
            }
            // What has begun comes to its end.
            Err(RecvTimeoutError::Timeout) => answered.recv().map_err(|_| Error::Closed),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Closed),
        }
    }
}

const COUNT: &str = "the number of workers is 1, 2 or 4";

fn check(count: usize) -> Result<(), Error> {
    if count.is_power_of_two() && count <= WORKERS {
        return Ok(());
    }
    Err(Error::Argument(COUNT))
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use warren_proto::PrivateKey;
    use warren_proto::offload::Merging;

    use super::*;
    use crate::tun::memory_tun;
    use crate::udp::MemoryNet;

    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn who_is_told_that_the_worker_is_busy_may_rely_on_it_that_nothing_was_done() {
        let (tun, _host) = memory_tun(b"memory", Merging::default()).unwrap();
        let udp = MemoryNet::default().socket(([192, 0, 2, 1], 1).into());
        let config = DeviceConfig::new(PrivateKey::new([1; 32]));
        let tunnel = Tunnel::start(tun, udp.unwrap(), config).unwrap();
        let hand = tunnel.hands.first().unwrap();
        thread::scope(|scope| {
            let ((begin, begun), (end, ended)) = (channel(), channel::<()>());
            let long = scope.spawn(|| {
                hand.call_within(SHORT, move |_| {
                    begin.send(()).unwrap();
                    ended.recv().unwrap();
                })
            });
            begun.recv().unwrap();
            let (done, was_done) = channel();
            let behind = hand.call_within(SHORT, move |_| done.send(()).unwrap());
            assert!(matches!(behind, Err(Error::Busy)));
            end.send(()).unwrap();
            assert!(long.join().unwrap().is_ok(), "what has begun is told");
            tunnel.call(|_| ()).unwrap();
            assert!(was_done.recv().is_err(), "nobody waits for it any more");
        });
    }
}
