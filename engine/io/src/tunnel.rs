//! The handle of one tunnel: starts the worker, passes commands down and events up, ends the worker. Any thread may use
//! it; the worker alone touches the devices.

use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use warren_proto::{Device, DeviceConfig};

use crate::clock::Entropy;
use crate::error::Error;
use crate::events::{EventQueue, TunnelEvent};
use crate::limits::{ANSWER_MAX_S, COMMANDS_MAX, MTU_MAX, MTU_MIN};
use crate::offloads::Wanted;
use crate::summons::Summons;
use crate::tun::{LinuxTun, Tun};
use crate::udp::{LinuxUdp, Udp};
use crate::worker::{Command, Desk, Shared, Worker};

/// A running tunnel; dropping it closes it.
pub struct Tunnel {
    name: Vec<u8>,
    port: AtomicU16,
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Tunnel {
    /// Makes the TUN (`pattern` as for `LinuxTun::open`), binds the port (0: any) and starts to carry, with those of the
    /// `wanted` offloads that work here.
    ///
    /// # Errors
    /// `Argument`, `Config`, `Tun`, `Udp`, `Resources`; then nothing is left behind.
    pub fn open(
        pattern: &[u8],
        port: u16,
        config: DeviceConfig,
        wanted: Wanted,
    ) -> Result<Self, Error> {
        if !(MTU_MIN..=MTU_MAX).contains(&config.mtu) {
            return Err(Error::Argument("the MTU is not within 576 and 65460 bytes"));
        }
        let mtu = config.mtu;
        let device = Device::new(config, Box::new(Entropy))?;
        let udp = LinuxUdp::bind(port, wanted).map_err(Error::Udp)?;
        let tun = LinuxTun::open(pattern, mtu, wanted).map_err(Error::Tun)?;
        Self::spawn(tun, udp, device, mtu)
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
        let mtu = config.mtu;
        let device = Device::new(config, Box::new(Entropy))?;
        Self::spawn(tun, udp, device, mtu)
    }

    fn spawn<T, U>(tun: T, udp: U, device: Device, mtu: usize) -> Result<Self, Error>
    where
        T: Tun + 'static,
        U: Udp + 'static,
    {
        let (name, port) = (tun.name().to_vec(), udp.port());
        let shared = Arc::new(Shared {
            events: EventQueue::new().map_err(Error::Resources)?,
            summons: Summons::new().map_err(Error::Resources)?,
        });
        let (commands, waiting) = sync_channel(COMMANDS_MAX);
        let of_worker = Arc::clone(&shared);
        let thread = Builder::new().name("warren-tunnel".into()).spawn(move || {
            let events = Arc::clone(&of_worker);
            let worker = || Worker::new(tun, udp, device, mtu, of_worker, waiting).run();
            // A bug of ours must not cross into Python, nor end its process: it ends this tunnel.
            let errno = match catch_unwind(AssertUnwindSafe(worker)) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.raw_os_error().unwrap_or(libc::EIO),
                Err(_) => libc::EIO,
            };
            events.events.push_last(TunnelEvent::WorkerFailed { errno });
        });
        Ok(Self {
            name,
            port: AtomicU16::new(port),
            shared,
            commands,
            thread: Mutex::new(Some(thread.map_err(Error::Resources)?)),
        })
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
        let taken = self.call(move |desk| desk.udp.rebind(port).map(|()| desk.udp.port()))?;
        self.port
            .store(taken.map_err(Error::Udp)?, Ordering::Release);
        Ok(())
    }

    /// Marks what is sent from here on, for the host's routing; 0: not at all.
    ///
    /// # Errors
    /// `Udp` (EPERM without the right to), `Closed`, `Busy`.
    pub fn set_mark(&self, mark: u32) -> Result<(), Error> {
        self.call(move |desk| desk.udp.set_mark(mark))?
            .map_err(Error::Udp)
    }

    /// Follows the link to another MTU, in bytes.
    ///
    /// # Errors
    /// `Argument`, `Closed`, `Busy`.
    pub fn set_mtu(&self, mtu: usize) -> Result<(), Error> {
        if !(MTU_MIN..=MTU_MAX).contains(&mtu) {
            return Err(Error::Argument("the MTU is not within 576 and 65460 bytes"));
        }
        self.call(move |desk| desk.set_mtu(mtu))
    }

    /// Polls as readable while events wait; valid as long as this value.
    #[must_use]
    pub fn event_fd(&self) -> RawFd {
        self.shared.events.fd()
    }

    /// The oldest events, at most `most`; also of a tunnel that ended.
    #[must_use]
    pub fn take_events(&self, most: usize) -> Vec<TunnelEvent> {
        self.shared.events.take(most)
    }

    /// Has the worker do something between two batches, and waits for what comes of it.
    ///
    /// # Errors
    /// `Closed` if the worker ended, `Busy` if it has too much to do: then nothing was done, and nothing will be.
    pub fn call<R, F>(&self, work: F) -> Result<R, Error>
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

    /// Ends the worker and waits for it; sockets and TUN are closed then. Nothing happens the second time.
    pub fn close(&self) {
        self.shared.summons.stop();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // The thread catches its panics, so there is no result to look at.
            let _ = thread.join();
        }
    }
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
        thread::scope(|scope| {
            let ((begin, begun), (end, ended)) = (channel(), channel::<()>());
            let long = scope.spawn(|| {
                tunnel.call_within(SHORT, move |_| {
                    begin.send(()).unwrap();
                    ended.recv().unwrap();
                })
            });
            begun.recv().unwrap();
            let (done, was_done) = channel();
            let behind = tunnel.call_within(SHORT, move |_| done.send(()).unwrap());
            assert!(matches!(behind, Err(Error::Busy)));
            end.send(()).unwrap();
            assert!(long.join().unwrap().is_ok(), "what has begun is told");
            tunnel.call(|_| ()).unwrap();
            assert!(was_done.recv().is_err(), "nobody waits for it any more");
        });
    }
}
