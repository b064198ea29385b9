//! The relay's machine with everything that its frames can go to. Shared by the UDP port's thread and the front's.
//!
//! Each thread brings a batch, the machine judges and rewrites it under its lock, and the thread sends what came of it
//! itself: over UDP at once, to a stream through its mailbox. A receiver that is full loses its own oldest frames.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use warren_proto::relay::fair::{Backlog, Fair};
use warren_proto::relay::server::{Config, Event, Server};
use warren_proto::relay::{Link, limits};
use warren_proto::{Now, PublicKey, Span};

use super::planned::Planned;
use super::send::{Frame, Sender};
use crate::clock::{self, Entropy};
use crate::udp::Family;
use crate::wake::Wake;

/// What waits for one stream, and what its task is told.
#[derive(Default)]
pub struct Mailbox {
    backlog: Mutex<Backlog>,
    notify: Notify,
    is_proven: AtomicBool,
    is_over: AtomicBool,
}

impl Mailbox {
    /// Wait until something was put in, or said.
    pub async fn changed(&self) {
        self.notify.notified().await;
    }

    /// Whether whoever is at the other end proved a key.
    pub fn is_proven(&self) -> bool {
        self.is_proven.load(Ordering::Acquire)
    }

    /// Whether nothing more is to be sent or read.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Whether no frame waits.
    pub fn is_empty(&self) -> bool {
        locked(&self.backlog).is_empty()
    }

    /// Move whole frames to the end of `out`, at most so many bytes.
    pub fn take(&self, most: usize, out: &mut Vec<u8>) {
        locked(&self.backlog).take(most, out);
    }

    fn put<'a>(&self, frames: impl Iterator<Item = &'a [u8]>) -> usize {
        let mut backlog = locked(&self.backlog);
        let was_empty = backlog.is_empty();
        let dropped = frames.map(|frame| backlog.push(frame)).sum();
        if was_empty {
            self.notify.notify_one();
        }
        dropped
    }
}

/// Lists of one thread, made once.
pub struct Turn {
    forwarded: Vec<(Link, Span)>,
    frames: Vec<Frame>,
    own: Vec<u8>,
    own_frames: Vec<(Link, Span)>,
    sender: Sender,
}

impl Turn {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self {
            forwarded: Vec::new(),
            frames: Vec::new(),
            own: Vec::new(),
            own_frames: Vec::new(),
            sender: Sender::new(),
        }
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self::new()
    }
}

/// What is lost outside the machine.
#[derive(Default)]
struct Losses {
    stream_full: AtomicU64,
    socket_full: AtomicU64,
    unsendable: AtomicU64,
    not_ours: AtomicU64,
}

/// See the module.
pub struct Hub {
    server: Mutex<Server>,
    public_key: PublicKey,
    streams: Mutex<HashMap<u64, Arc<Mailbox>>>,
    /// IPv4's and IPv6's socket, where there are such.
    sockets: [Option<OwnedFd>; 2],
    /// Frames for addresses while a socket is full, by family.
    blocked: [Mutex<Fair<SocketAddr>>; 2],
    is_blocked: [AtomicBool; 2],
    losses: Losses,
    /// When the port's thread wakes by itself, on the monotonic clock.
    planned: Planned,
    /// Wakes it before.
    wake: Wake,
    is_stopping: AtomicBool,
}

impl Hub {
    /// A relay behind these bound, non-blocking sockets, at most one a family. Fails when no descriptor is left.
    pub fn new(config: Config, sockets: Vec<(Family, OwnedFd)>) -> io::Result<Self> {
        let server = Server::new(config, clock::now(), Box::new(Entropy));
        let mut by_family = [None, None];
        for (family, socket) in sockets {
            if let Some(place) = by_family.get_mut(family as usize) {
                *place = Some(socket);
            }
        }
        Ok(Self {
            public_key: server.public_key(),
            server: Mutex::new(server),
            streams: Mutex::default(),
            sockets: by_family,
            blocked: [Mutex::default(), Mutex::default()],
            is_blocked: [AtomicBool::new(false), AtomicBool::new(false)],
            losses: Losses::default(),
            planned: Planned::default(),
            wake: Wake::new()?,
            is_stopping: AtomicBool::new(false),
        })
    }

    /// The key by which clients know this relay.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// Take a batch of frames that lie in `memory`, and send what comes of them.
    pub fn carry(&self, memory: &mut [u8], frames: &[(Link, Span)], turn: &mut Turn) {
        let now = clock::now();
        turn.forwarded.clear();
        let mut server = locked(&self.server);
        for (link, span) in frames {
            let Some(frame) = memory.get_mut(span.start..span.start + span.len) else {
                continue;
            };
            if let Some(to) = server.handle(now, *link, frame) {
                turn.forwarded.push((to, *span));
            }
        }
        self.collect(server, turn);
        let forwarded = std::mem::take(&mut turn.forwarded);
        self.deliver(memory, &forwarded, turn);
        turn.forwarded = forwarded;
        self.deliver_own(turn);
    }

    /// A stream begins: where its task reads what is for it.
    pub fn open_stream(&self, number: u64) -> Arc<Mailbox> {
        let mailbox = Arc::new(Mailbox::default());
        locked(&self.streams).insert(number, Arc::clone(&mailbox));
        mailbox
    }

    /// A stream ended.
    pub fn close_stream(&self, number: u64) {
        locked(&self.streams).remove(&number);
        self.with_server(|server, now| server.handle_stream_lost(now, number));
    }

    /// See [`Server::revoke`].
    pub fn revoke(&self, network: [u8; 32], identity: [u8; 32], before_s: u64) {
        self.with_server(|server, now| server.revoke(now, network, identity, before_s));
    }

    /// Every counter and gauge by name.
    #[must_use]
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        let (counters, gauges) = {
            let server = locked(&self.server);
            (*server.counters(), server.gauges())
        };
        let streams = locked(&self.streams).len() as u64;
        let now = [
            ("members", gauges.members as u64),
            ("networks", gauges.networks as u64),
            ("pending", gauges.pending as u64),
            ("channels_open", gauges.channels as u64),
            ("revoked", gauges.revoked as u64),
            ("streams", streams),
        ];
        let lost = [
            ("drop_stream_full", &self.losses.stream_full),
            ("drop_socket_full", &self.losses.socket_full),
            ("drop_unsendable", &self.losses.unsendable),
            ("drop_not_ours", &self.losses.not_ours),
        ];
        let lost = lost.map(|(name, count)| (name, count.load(Ordering::Relaxed)));
        now.into_iter()
            .chain(counters.named())
            .chain(lost)
            .collect()
    }

    /// End the port's thread.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.wake.signal();
    }

    // --- for the port's thread ---

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    pub(super) fn wake(&self) -> &Wake {
        &self.wake
    }

    pub(super) fn socket(&self, family: Family) -> RawFd {
        let socket = self.sockets.get(family as usize).and_then(Option::as_ref);
        socket.map_or(-1, AsRawFd::as_raw_fd)
    }

    pub(super) fn is_blocked(&self, family: Family) -> bool {
        self.is_blocked
            .get(family as usize)
            .is_some_and(|it| it.load(Ordering::Acquire))
    }

    pub(super) fn count_not_ours(&self) {
        self.losses.not_ours.fetch_add(1, Ordering::Relaxed);
    }

    /// How long the thread may sleep at most; `None`: until it is woken.
    pub(super) fn patience(&self) -> Option<Duration> {
        let server = locked(&self.server);
        let deadline = server.poll_timeout();
        self.planned.note(&server, deadline.map(|at| at.0));
        drop(server);
        deadline.map(|at| at.since(clock::now().mono))
    }

    /// Do what is due, if something is.
    pub(super) fn keep_time(&self, now: Now, turn: &mut Turn) {
        let mut server = locked(&self.server);
        if server.poll_timeout().is_none_or(|at| at > now.mono) {
            return;
        }
        server.handle_timeout(now);
        self.collect(server, turn);
        self.deliver_own(turn);
    }

    /// Send what waits for a socket that had no room.
    pub(super) fn flush(&self, family: Family, turn: &mut Turn) {
        let at = family as usize;
        let (Some(queue), Some(flag)) = (self.blocked.get(at), self.is_blocked.get(at)) else {
            return;
        };
        let mut queue = locked(queue);
        while let Some((remote, frame)) = queue.pop() {
            let one = [Frame {
                remote,
                start: 0,
                len: frame.len(),
            }];
            if turn.sender.send(self.socket(family), &frame, &one, &mut 0) == 0 {
                queue.put_back(remote, frame);
                return;
            }
        }
        flag.store(false, Ordering::Release);
    }

    /// One datagram that is not the relay's.
    pub(super) fn reply(&self, remote: SocketAddr, datagram: &[u8], turn: &mut Turn) {
        let span = Span {
            start: 0,
            len: datagram.len(),
        };
        self.deliver(datagram, &[(Link::Udp(remote), span)], turn);
    }

    // --- inside ---

    fn with_server(&self, work: impl FnOnce(&mut Server, Now)) {
        let mut turn = Turn::new();
        let mut server = locked(&self.server);
        work(&mut server, clock::now());
        self.collect(server, &mut turn);
        self.deliver_own(&mut turn);
    }

    /// Take out what the machine has to say, and let go of it.
    fn collect(&self, mut server: MutexGuard<'_, Server>, turn: &mut Turn) {
        turn.own.clear();
        turn.own_frames.clear();
        let mut room = [0; limits::OWN_FRAME];
        while let Some((link, len)) = server.poll_transmit(&mut room) {
            let start = turn.own.len();
            turn.own
                .extend_from_slice(room.get(..len).unwrap_or_default());
            turn.own_frames.push((link, Span { start, len }));
        }
        while let Some(event) = server.poll_event() {
            self.handle_event(event);
        }
        let deadline = server.poll_timeout().map(|at| at.0);
        let is_too_late = self.planned.is_too_late(&server, deadline);
        drop(server);
        if is_too_late {
            self.wake.signal();
        }
    }

    fn handle_event(&self, event: Event) {
        let (stream, is_over) = match event {
            Event::Proven { stream } => (stream, false),
            Event::Ended { stream } => (stream, true),
        };
        let Some(mailbox) = locked(&self.streams).get(&stream).cloned() else {
            return;
        };
        let flag = if is_over {
            &mailbox.is_over
        } else {
            &mailbox.is_proven
        };
        flag.store(true, Ordering::Release);
        mailbox.notify.notify_one();
    }

    fn deliver_own(&self, turn: &mut Turn) {
        let (own, frames) = (
            std::mem::take(&mut turn.own),
            std::mem::take(&mut turn.own_frames),
        );
        self.deliver(&own, &frames, turn);
        (turn.own, turn.own_frames) = (own, frames);
    }

    /// Send frames that lie in `memory`, runs to one receiver together.
    fn deliver(&self, memory: &[u8], frames: &[(Link, Span)], turn: &mut Turn) {
        let mut rest = frames;
        while let Some((link, _)) = rest.first() {
            let run = match link {
                Link::Stream(number) => {
                    let count = rest.iter().take_while(|(to, _)| to == link).count();
                    let (run, after) = rest.split_at(count);
                    self.post(*number, memory, run);
                    rest = after;
                    continue;
                }
                Link::Udp(remote) => Family::of(*remote),
            };
            let is_run = |to: &Link| matches!(to, Link::Udp(remote) if Family::of(*remote) == run);
            let count = rest.iter().take_while(|(to, _)| is_run(to)).count();
            let (of_family, after) = rest.split_at(count);
            self.send(run, memory, of_family, turn);
            rest = after;
        }
    }

    fn post(&self, number: u64, memory: &[u8], run: &[(Link, Span)]) {
        let Some(mailbox) = locked(&self.streams).get(&number).cloned() else {
            return;
        };
        let frames = run
            .iter()
            .filter_map(|(_, span)| memory.get(span.start..span.start + span.len));
        let dropped = mailbox.put(frames);
        self.losses
            .stream_full
            .fetch_add(dropped as u64, Ordering::Relaxed);
    }

    fn send(&self, family: Family, memory: &[u8], run: &[(Link, Span)], turn: &mut Turn) {
        turn.frames.clear();
        turn.frames
            .extend(run.iter().filter_map(|(link, span)| match link {
                Link::Udp(remote) => Some(Frame {
                    remote: *remote,
                    start: span.start,
                    len: span.len,
                }),
                Link::Stream(_) => None,
            }));
        let fd = self.socket(family);
        let mut done = 0;
        let mut failed = 0;
        if fd < 0 {
            failed = turn.frames.len() as u64;
            done = turn.frames.len();
        } else if !self.is_blocked(family) {
            done = turn.sender.send(fd, memory, &turn.frames, &mut failed);
        }
        if failed > 0 {
            self.losses.unsendable.fetch_add(failed, Ordering::Relaxed);
        }
        let waiting = turn.frames.get(done..).unwrap_or_default();
        if let Some((queue, flag)) = self
            .blocked
            .get(family as usize)
            .zip(self.is_blocked.get(family as usize))
            && !waiting.is_empty()
        {
            let mut queue = locked(queue);
            let memory_of = |frame: &Frame| memory.get(frame.start..frame.start + frame.len);
            let put = waiting
                .iter()
                .filter_map(|frame| Some((frame.remote, memory_of(frame)?)));
            let dropped: usize = put.map(|(remote, bytes)| queue.push(remote, bytes)).sum();
            flag.store(true, Ordering::Release);
            self.losses
                .socket_full
                .fetch_add(dropped as u64, Ordering::Relaxed);
            self.wake.signal();
        }
    }
}

/// A panic of another user leaves the tables whole, so a poisoned lock is no reason to fail.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
