//! The packet worker: one thread that runs each batch to completion. Decides the order in which sources are served
//! and when to sleep, nothing else; what packets mean is the pure engine's. On larger machines a tunnel has several,
//! which hand one another what is not theirs (`crew`).
//!
//! A turn serves each source that is ready once, one batch at most, so that none starves the others and none waits
//! longer than a turn (about a millisecond under load). A socket that takes no more stops the reading of the TUN,
//! never the receiving. No allocation and no lock on the way of a packet: arenas and lists are made once; the event
//! queue's lock is taken for events only. Whether to look for an answer before sleeping is `lingering`'s, whether to
//! let strangers wait for a moment `moderation`'s.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use warren_proto::limits::RELAY_LEAD;
use warren_proto::offload::Coalescer;
use warren_proto::{
    Device, Endpoint, HEADROOM, Incoming, Now, Opened, PeerId, TRANSMIT_MIN, TRANSMIT_OVERHEAD,
    demux,
};

use crate::arena::Arena;
use crate::carriage::{Outlet, RelayEvent, RelaySettings, Relays};
use crate::clock;
use crate::crew::{Inward, Member, Outward};
use crate::events::{EventQueue, TunnelEvent};
use crate::failures::Failures;
use crate::fast_sum;
use crate::limits::{
    BATCH_SLOTS, BULK_BYTES, BULK_TRAINS, CALLER_DATAGRAM_MAX_BYTES, COMMANDS_PER_TURN,
    LINGER_MOST, MODERATE_REST, RECEIVE_MOST_DATAGRAMS, RECEIVE_SLOT_BYTES, RECEIVE_TURN_BYTES,
    RELAYS, SEAL_TURN_BYTES, SEND_AT_BYTES, SUPERPACKET_BYTES, SUPERPACKET_ROOM_BYTES,
};
use crate::lingering::{Lingering, Turn};
use crate::losses::Losses;
use crate::moderation::Moderation;
use crate::offloads::Ladder;
use crate::outbox::{Failing, Outbox};
use crate::poll::{Interest, wait};
use crate::summons::Summons;
use crate::tun::Tun;
use crate::udp::{FAMILIES, Family, ShortPath, Udp};

/// Something that the caller wants done between two batches.
pub type Command = Box<dyn FnOnce(&mut Desk<'_>) + Send>;

/// What a command may touch.
pub struct Desk<'a> {
    /// The pure engine.
    pub device: &'a mut Device,
    /// Datagrams of the caller's own.
    pub answers: &'a mut Outbox,
    /// The relays.
    pub relays: &'a mut Relays,
    /// The port.
    pub udp: &'a mut dyn Udp,
    /// What was lost outside the engine.
    pub losses: Losses,
    /// Which offloads are in use.
    pub ladder: Ladder,
    /// When this turn began.
    pub now: Now,
    answer_bytes: &'a mut usize,
}

impl Desk<'_> {
    /// Another MTU of the link, in bytes, between `MTU_MIN` and `MTU_MAX`. Answers that wait are lost where the longest
    /// one grows; relays go on with the room for what they were made for.
    pub fn set_mtu(&mut self, mtu: usize) {
        self.device.set_mtu(mtu);
        let longest = longest_answer(mtu);
        if longest > *self.answer_bytes {
            *self.answer_bytes = longest;
            *self.answers = Outbox::new(BATCH_SLOTS * longest, BATCH_SLOTS);
        }
    }

    /// One datagram of the caller's own, straight or through a relay; false if there is no room.
    pub fn send(&mut self, endpoint: Endpoint, datagram: &[u8]) -> bool {
        self.answers.trains.push_copy(None, endpoint, datagram)
    }

    /// Connect to a relay, or take its new papers and addresses.
    ///
    /// # Errors
    /// See [`Relays::set`].
    pub fn set_relay(&mut self, number: u64, settings: RelaySettings) -> Result<(), &'static str> {
        self.relays.set(self.now, number, settings)
    }

    /// Say goodbye to a relay and forget it. Where there is no room for a goodbye, the relay notices the silence.
    pub fn remove_relay(&mut self, number: u64) {
        let answers = &mut self.answers;
        self.relays.remove(self.now, number, &mut |remote, bytes| {
            answers.push_copy(bytes, remote);
        });
    }
}

/// What the worker shares with its handle.
pub struct Shared {
    /// What goes up; all workers of a tunnel have one.
    pub events: Arc<EventQueue>,
    /// Says that commands wait, or that it is time to stop.
    pub summons: Summons,
}

/// The thread's state.
pub struct Worker<T, U> {
    tun: T,
    udp: U,
    device: Device,
    shared: Arc<Shared>,
    commands: Receiver<Command>,
    /// The other workers; `None`: there are none.
    crew: Option<Member>,
    now: Now,
    received: Arena,
    incoming: Vec<Incoming>,
    opened: Vec<Opened>,
    coalescer: Coalescer,
    /// What was read from the TUN last.
    packet: Box<[u8]>,
    /// Packets of the TUN, sealed.
    bulk: Outbox,
    /// What the engine and the caller send by themselves.
    answers: Outbox,
    /// Room for the longest of those.
    answer_bytes: usize,
    relays: Relays,
    interests: Vec<Interest>,
    blocked: Option<Family>,
    /// A source had more than a batch: do not sleep.
    has_more: bool,
    losses: Losses,
    failures: Failures,
    turn: Turn,
    lingering: Lingering,
    moderation: Moderation,
}

/// Which sources a turn has to serve.
struct Ready {
    commands: bool,
    tun: bool,
    /// What other workers handed over.
    outward: bool,
    inward: bool,
    streams: bool,
    families: [bool; FAMILIES.len()],
}

impl<T: Tun, U: Udp> Worker<T, U> {
    /// A worker for these devices; `mtu` is the TUN's.
    pub fn new(
        tun: T,
        udp: U,
        mut device: Device,
        mtu: usize,
        shared: Arc<Shared>,
        commands: Receiver<Command>,
        crew: Option<Member>,
    ) -> Self {
        let answer_bytes = longest_answer(mtu);
        let adder = fast_sum::adder();
        device.sum_by(adder);
        let relays = Relays::new(answer_bytes, Arc::clone(&shared));
        Self {
            tun,
            udp,
            device,
            shared,
            commands,
            now: clock::now(),
            received: Arena::new(BATCH_SLOTS, RECEIVE_SLOT_BYTES),
            incoming: Vec::with_capacity(RECEIVE_MOST_DATAGRAMS),
            opened: Vec::with_capacity(RECEIVE_MOST_DATAGRAMS),
            coalescer: Coalescer::new(RECEIVE_MOST_DATAGRAMS).summed_by(adder),
            packet: vec![0; SUPERPACKET_BYTES].into(),
            bulk: Outbox::new(BULK_BYTES, BULK_TRAINS),
            answers: Outbox::new(BATCH_SLOTS * answer_bytes, BATCH_SLOTS),
            answer_bytes,
            relays,
            interests: Vec::with_capacity(6 + RELAYS),
            blocked: None,
            has_more: false,
            losses: Losses::default(),
            failures: Failures::default(),
            turn: Turn::default(),
            lingering: Lingering::new(has_cores(crew.as_ref().map_or(1, Member::count))),
            moderation: Moderation::new(),
            crew,
        }
    }

    /// Serves until told to stop, or until a device fails.
    pub fn run(&mut self) -> io::Result<()> {
        loop {
            let ready = self.wait()?;
            self.now = clock::now();
            self.lingering.end_wait(self.now.mono);
            self.has_more = false;
            self.turn = Turn::default();
            if ready.commands {
                self.take_commands();
            }
            if self.shared.summons.is_stopping() {
                return Ok(());
            }
            for (family, is_ready) in FAMILIES.into_iter().zip(ready.families) {
                if is_ready {
                    self.receive(family)?;
                }
            }
            if ready.streams {
                self.receive_streams()?;
            }
            if ready.inward {
                self.receive_handed()?;
            }
            self.keep_time();
            self.answer();
            if (ready.tun || ready.outward) && self.bulk.is_empty() {
                let before = self.device.counters().tx_packets;
                let sealed = if ready.tun { self.seal() } else { Ok(()) };
                self.device.seal_held(self.now, &mut self.bulk.trains);
                sealed?;
                if ready.outward {
                    self.seal_handed();
                }
                self.hand_over();
                self.turn.sealed = self.device.counters().tx_packets - before;
                self.tell_host()?;
            }
            self.drive_relays();
            self.flush(false);
            self.tell();
            let answered = self.lingering.wants(self.turn);
            let now = if answered { clock::now() } else { self.now };
            self.lingering.end_turn(now.mono, self.turn);
            self.moderation.end_turn(self.now.mono, self.turn);
        }
    }

    /// Sleeps until a source is ready or the engine's deadline; not at all if the last turn left something behind.
    fn wait(&mut self) -> io::Result<Ready> {
        let patience = self.patience();
        let socket = |family| Interest::new(self.udp.fd(family), self.blocked == Some(family));
        let tun = if self.bulk.is_empty() {
            self.tun.fd()
        } else {
            -1
        };
        let own = [
            Interest::new(self.shared.summons.wake().fd(), false),
            Interest::new(tun, false),
            socket(Family::V4),
            socket(Family::V6),
        ];
        self.interests.clear();
        self.interests.extend(own);
        if let Some((inward, outward)) = self.handed_fds() {
            let outward = if self.bulk.is_empty() { outward } else { -1 };
            let handed = [inward, outward].map(|fd| Interest::new(fd, false));
            self.interests.extend(handed);
        }
        self.relays.await_streams(&mut self.interests);
        self.sleep(patience)?;
        let mut readable = self.interests.iter().copied().map(Interest::is_readable);
        let [commands, tun, v4, v6] = own.map(|_| readable.next().unwrap_or(false));
        let [inward, outward] = if self.crew.is_some() {
            [(); 2].map(|()| readable.next().unwrap_or(false))
        } else {
            [false; 2]
        };
        Ok(Ready {
            commands,
            tun,
            outward,
            inward,
            // What a stream has read already shows in no descriptor.
            streams: self.has_more || readable.any(|is_readable| is_readable),
            families: [v4, v6],
        })
    }

    /// Looks or rests for a moment where that pays, then sleeps for at most so long. A summons ends a rest.
    fn sleep(&mut self, patience: Option<Duration>) -> io::Result<()> {
        let may_look = patience.is_none_or(|patience| patience > LINGER_MOST);
        while may_look && self.lingering.expects() && self.lingering.looks(clock::now().mono) {
            wait(&mut self.interests, Some(Duration::ZERO))?;
            if self.interests.iter().any(Interest::is_anything) {
                return Ok(());
            }
        }
        if self.moderation.rests() && patience.is_none_or(|patience| patience > MODERATE_REST) {
            let (summons, _) = self.interests.split_at_mut(1);
            wait(summons, Some(MODERATE_REST))?;
        }
        wait(&mut self.interests, patience)
    }

    /// How long to sleep at most; `None`: until something comes.
    fn patience(&self) -> Option<Duration> {
        if self.has_more {
            return Some(Duration::ZERO);
        }
        let device = self.device.poll_timeout().map(|(deadline, _)| deadline);
        let relays = self.relays.poll_timeout();
        let deadline = [device, relays].into_iter().flatten().min()?;
        Some(deadline.since(clock::now().mono))
    }

    fn take_commands(&mut self) {
        self.shared.summons.hear();
        for _ in 0..COMMANDS_PER_TURN {
            let Ok(command) = self.commands.try_recv() else {
                return;
            };
            command(&mut Desk {
                device: &mut self.device,
                answers: &mut self.answers,
                relays: &mut self.relays,
                losses: Losses {
                    drop_handed: self.crew.as_ref().map_or(0, Member::lost),
                    ..self.losses
                },
                ladder: self.tun.ladder().with(&self.udp.ladder()),
                udp: &mut self.udp,
                now: self.now,
                answer_bytes: &mut self.answer_bytes,
            });
        }
        self.shared.summons.call();
    }

    /// One batch from the network to the TUN.
    fn receive(&mut self, family: Family) -> io::Result<()> {
        self.incoming.clear();
        self.opened.clear();
        let unfit = self
            .udp
            .receive(family, &mut self.received, &mut self.incoming)?;
        self.losses.drop_datagram_unfit += unfit;
        self.turn.received += self.incoming.len() as u64;
        if self.incoming.is_empty() {
            return Ok(());
        }
        let bytes: usize = self.incoming.iter().map(|datagram| datagram.span.len).sum();
        self.has_more |= self.incoming.len() >= BATCH_SLOTS || bytes >= RECEIVE_TURN_BYTES;
        let arena = self.received.bytes_mut();
        self.relays.unwrap(self.now, arena, &mut self.incoming);
        self.open()
    }

    /// One batch from the relays' streams to the TUN.
    fn receive_streams(&mut self) -> io::Result<()> {
        self.incoming.clear();
        self.opened.clear();
        let arena = &mut self.received;
        self.has_more |= self.relays.receive(self.now, arena, &mut self.incoming);
        if self.incoming.is_empty() {
            return Ok(());
        }
        self.open()
    }

    /// What was received, opened and handed to the TUN.
    fn open(&mut self) -> io::Result<()> {
        let arena = self.received.bytes_mut();
        self.device
            .open_batch(self.now, arena, &self.incoming, &mut self.opened);
        self.deliver()
    }

    /// What was opened, handed to the TUN; what is another worker's, to that one.
    fn deliver(&mut self) -> io::Result<()> {
        self.hand_over();
        let arena = self.received.bytes_mut();
        self.turn.opened += self.opened.len() as u64;
        self.device.deliver(
            self.now,
            self.tun.merging(),
            arena,
            &mut self.opened,
            &mut self.coalescer,
        );
        self.losses.drop_tun_refused += self.tun.write(&self.received, &self.coalescer)?;
        Ok(())
    }

    /// One batch from other workers to the TUN. What is no WireGuard's comes to the first worker as from its own port;
    /// the rest was told apart by whoever received it, and is nobody else's.
    fn receive_handed(&mut self) -> io::Result<()> {
        let Some(inlet) = self.crew.as_ref().and_then(Member::inward) else {
            return Ok(());
        };
        let taken = inlet.take(BATCH_SLOTS);
        self.has_more |= taken.len() >= BATCH_SLOTS;
        self.turn.received += taken.len() as u64;
        let is_ours = |item: &Inward| demux::kind(&item.bytes) == demux::Kind::WireGuard;
        let (sessions, talk): (Vec<_>, Vec<_>) = taken.into_iter().partition(is_ours);
        if !talk.is_empty() {
            self.lay_out(&talk);
            let arena = self.received.bytes_mut();
            self.relays.unwrap(self.now, arena, &mut self.incoming);
            self.open()?;
        }
        if sessions.is_empty() {
            return Ok(());
        }
        self.lay_out(&sessions);
        let arena = self.received.bytes_mut();
        self.device
            .open_handed(self.now, arena, &self.incoming, &mut self.opened);
        self.deliver()
    }

    /// Copies datagrams to the arena as if they had been received.
    fn lay_out(&mut self, datagrams: &[Inward]) {
        self.incoming.clear();
        self.opened.clear();
        for (number, Inward { source, bytes }) in datagrams.iter().enumerate() {
            let source = *source;
            match self.received.copy_in(number, 0, bytes) {
                Some(span) => self.incoming.push(Incoming { source, span }),
                None => self.losses.drop_datagram_unfit += 1,
            }
        }
    }

    /// A turn's share of what other workers read from the TUN, sealed and sent.
    fn seal_handed(&mut self) {
        for _ in 0..BATCH_SLOTS {
            let inlet = self.crew.as_ref().and_then(Member::outward);
            let Some(outward) = inlet.and_then(|inlet| inlet.take(1).pop()) else {
                return;
            };
            let (now, trains) = (self.now, &mut self.bulk.trains);
            match outward {
                Outward::Packet { header, bytes } => {
                    self.device.seal_handed(now, &header, &bytes, trains);
                }
                Outward::Relayed {
                    peer,
                    endpoint,
                    bytes,
                } => {
                    if !trains.push_copy(peer, endpoint, &bytes) {
                        self.losses.drop_relay_slow += 1;
                    }
                }
                Outward::Short(ShortPath { peer, remote, mtu }) => {
                    self.device.learn_path_mtu(now, peer, remote, mtu);
                }
            }
            if !self.bulk.trains.has_room(SUPERPACKET_ROOM_BYTES) {
                self.flush(false);
            }
            if self.blocked.is_some() {
                return;
            }
        }
        self.has_more = true;
    }

    /// What turned out to be other workers', carried to them.
    fn hand_over(&mut self) {
        if let Some(crew) = &self.crew {
            while let Some((owner, stray)) = self.device.poll_stray() {
                crew.give(owner, stray);
            }
        }
    }

    /// What is readable while other workers handed something over: datagrams, packets.
    fn handed_fds(&self) -> Option<(RawFd, RawFd)> {
        let crew = self.crew.as_ref()?;
        Some((crew.inward()?.fd(), crew.outward()?.fd()))
    }

    /// A turn's share from the TUN, sealed and sent.
    fn seal(&mut self) -> io::Result<()> {
        let (mut bytes, mut before) = (0, 0);
        for _ in 0..BATCH_SLOTS {
            let Some(read) = self.tun.read(&mut self.packet)? else {
                return Ok(());
            };
            let packet = self.packet.get(read.span.start..);
            let packet = packet.and_then(|rest| rest.get(..read.span.len));
            self.device.seal(
                self.now,
                &read.header,
                packet.unwrap_or_default(),
                &mut self.bulk.trains,
            );
            let sealed = self.bulk.trains.used() - before;
            before = self.bulk.trains.used();
            bytes += sealed;
            if !self.bulk.trains.has_room(SUPERPACKET_ROOM_BYTES) {
                self.flush(false);
                before = 0;
            } else if sealed >= SEND_AT_BYTES {
                // What the next superpacket may fill up waits for it, or for the turn's end.
                self.flush(true);
            }
            if self.blocked.is_some() {
                return Ok(());
            }
            if bytes >= SEAL_TURN_BYTES {
                break;
            }
        }
        self.has_more = true;
        Ok(())
    }

    /// What the engine has to say to this host: that packets do not fit, which is rare.
    fn tell_host(&mut self) -> io::Result<()> {
        self.opened.clear();
        while let Some(packet) = self.device.poll_host() {
            let number = self.opened.len();
            let Some(span) = self.received.copy_in(number, HEADROOM, &packet) else {
                break;
            };
            let (peer, session, counter) = (PeerId(0), 0, number as u64);
            self.opened.push(Opened {
                peer,
                session,
                counter,
                span,
            });
        }
        if self.opened.is_empty() {
            return Ok(());
        }
        let arena = self.received.bytes_mut();
        self.coalescer
            .coalesce(self.tun.merging(), arena, &mut self.opened);
        self.losses.drop_tun_refused += self.tun.write(&self.received, &self.coalescer)?;
        Ok(())
    }

    fn keep_time(&mut self) {
        let deadline = self.device.poll_timeout();
        if deadline.is_some_and(|(deadline, _)| deadline <= self.now.mono) {
            self.device.handle_timeout(self.now);
        }
    }

    /// Sends what the engine makes by itself, as much as there is room for.
    fn answer(&mut self) {
        loop {
            while self.answers.trains.has_room(self.answer_bytes) {
                let room = self.answers.trains.spare(0);
                let Some(transmit) = self.device.poll_transmit(self.now, room) else {
                    return;
                };
                self.answers.trains.push_transmit(&transmit);
            }
            self.flush(false);
            if !self.answers.is_empty() {
                return;
            }
        }
    }

    /// Answers before bulk: they are few, and sessions wait for them.
    ///
    /// `but_last`: the bulk's last train may wait.
    fn flush(&mut self, but_last: bool) {
        self.blocked = None;
        for (outbox, but_last) in [(&mut self.answers, false), (&mut self.bulk, but_last)] {
            if let Some(crew) = &self.crew {
                crew.give_relayed(&mut outbox.trains);
            }
            self.relays
                .wrap(self.now, &mut outbox.trains, &mut self.losses);
            let failing = Failing {
                losses: &mut self.losses,
                failures: &mut self.failures,
                events: &self.shared.events,
                now: self.now.mono,
            };
            self.blocked = outbox.flush(&mut self.udp, but_last, failing);
            if self.blocked.is_some() {
                return;
            }
        }
    }

    /// What is due about relays, and their own words.
    fn drive_relays(&mut self) {
        let mut outlet = Drain {
            answers: &mut self.answers,
            losses: &mut self.losses,
            events: &self.shared.events,
        };
        self.relays.drive(self.now, &mut outlet);
    }

    fn tell(&mut self) {
        if let Some(short) = self.udp.take_short_path() {
            let ShortPath { peer, remote, mtu } = short;
            let crew = self.crew.as_ref();
            if !crew.is_some_and(|crew| crew.tell_short(short)) {
                self.device.learn_path_mtu(self.now, peer, remote, mtu);
            }
        }
        while let Some(event) = self.device.poll_event() {
            self.shared.events.push(TunnelEvent::Engine(event));
        }
    }
}

/// Is there a core for others while so many workers have one each?
fn has_cores(workers: usize) -> bool {
    std::thread::available_parallelism().is_ok_and(|cores| cores.get() > workers)
}

/// The most bytes of one datagram that the engine or the caller sends by itself, with a relay's header.
fn longest_answer(mtu: usize) -> usize {
    RELAY_LEAD
        + TRANSMIT_MIN
            .max(mtu + TRANSMIT_OVERHEAD)
            .max(CALLER_DATAGRAM_MAX_BYTES)
}

/// Where the relays' own frames and events go.
struct Drain<'a> {
    answers: &'a mut Outbox,
    losses: &'a mut Losses,
    events: &'a EventQueue,
}

impl Outlet for Drain<'_> {
    fn send(&mut self, remote: SocketAddr, datagram: &[u8]) {
        if !self.answers.push_copy(datagram, remote) {
            self.losses.drop_relay_slow += 1;
        }
    }

    fn tell(&mut self, event: RelayEvent) {
        self.events.push(TunnelEvent::Relay(event));
    }
}
