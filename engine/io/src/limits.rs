//! Every maximum of the worker, with its reason. A queue, batch, buffer or retry names one of these.

use std::time::Duration;

/// The longest that a worker looks for an answer before it sleeps: what an answer takes on one machine or one wire, and
/// no more; a hundred questions a second that go unanswered cost nothing, answered ones 2 % of a core at most.
pub const LINGER_MOST: Duration = Duration::from_micros(200);

/// The window that the first short sleep opens; each one that is too short is doubled (KVM's own first is 10 µs).
pub const LINGER_FIRST: Duration = Duration::from_micros(50);

/// A turn that carried more packets one way is a load, not a question.
pub const LINGER_PACKETS: u64 = 4;

/// After a load, and after somebody else took the core, for so long: many turns of a flow, and nothing to a person.
pub const LINGER_REST: Duration = Duration::from_millis(20);

/// A look takes a microsecond or two; who needs so long from one to the next did not have the core.
pub const LINGER_TAKEN: Duration = Duration::from_micros(50);

/// Strangers' datagrams are counted over so long ...
pub const MODERATE_WINDOW: Duration = Duration::from_millis(1);

/// ... and are a flood from so many on: 16,000 a second, far more than handshakes, probes and relays ever make.
pub const MODERATE_FROM: u64 = 16;

/// The rest after a turn that brought nothing else: ten datagrams of a flood of 100,000 a second, and less than a wake
/// under load takes anyway.
pub const MODERATE_REST: Duration = Duration::from_micros(100);

/// Datagrams that one sendmmsg may take, packets read from the TUN in one turn, and receive slots. 64 keep a turn of the
/// worker under a millisecond on a slow core (about 10 µs a packet with cryptography), which bounds what one source can
/// delay the others.
pub const BATCH_SLOTS: usize = 64;

/// Slots that one recvmmsg may fill. Each may hold 45 datagrams, so few are enough and the first ones stay in the cache.
pub const RECEIVE_AT_ONCE: usize = 8;

/// A turn receives no more once it has so many bytes: about 180 full packets, some 200 µs of work.
pub const RECEIVE_TURN_BYTES: usize = 256 << 10;

/// ... or so many datagrams, when they are small.
pub const RECEIVE_TURN_DATAGRAMS: usize = 512;

/// The most that a turn can bring: what it may have before its last receive, and slots of the largest train.
pub const RECEIVE_MOST_DATAGRAMS: usize = RECEIVE_TURN_DATAGRAMS + RECEIVE_AT_ONCE * 128;

/// A turn reads no more from the TUN once it sealed so many bytes.
pub const SEAL_TURN_BYTES: usize = 256 << 10;

/// What is sealed is sent when it is so long, while it is in the cache: half a superpacket.
pub const SEND_AT_BYTES: usize = 32 << 10;

/// Memory of sealed datagrams: a turn's share, and a superpacket of small segments behind it.
pub const BULK_BYTES: usize = 512 << 10;

/// Room that a superpacket may need once it is sealed: 48 bytes a segment of 576 are 10 % more; with far smaller
/// segments what finds no room is lost as in any full queue.
pub const SUPERPACKET_ROOM_BYTES: usize = 192 << 10;

/// Trains in it: a superpacket in the smallest segments of TCP (48 bytes) makes 22, single packets 64.
pub const BULK_TRAINS: usize = 128;

/// The longest superpacket (65,535 bytes, IPv6's header not counted) with the virtio header.
pub const SUPERPACKET_BYTES: usize = 65_535 + 40 + 10;

/// How long the self-test of UDP's offloads waits for what it sent over loopback, which comes at once.
pub const SELF_TEST_MAX_MS: u64 = 50;

/// Destinations whose path takes no trains, remembered; the oldest is forgotten.
pub const SHORT_PATHS: usize = 16;

/// Trains that go there one by one before the next try: seconds at full speed, so that a try costs nothing.
pub const SHORT_PATH_TRAINS: u32 = 16_384;

/// Of those, one in so many has the kernel asked again what the path carries: some microseconds each.
pub const SHORT_PATH_LOOKS: u32 = 64;

/// Largest UDP payload there is (RFC 768 under IPv4), so that no peer's MTU is too large to be received.
pub const DATAGRAM_MAX_BYTES: usize = 65_507;

/// Bytes from one receive slot to the next: a whole datagram, and 192 more so that slot starts do not all fall into
/// the same cache set. Pages that no datagram touches are never resident.
pub const RECEIVE_SLOT_BYTES: usize = 65_536 + 192;

/// Smallest MTU of a TUN that IPv4 allows every host to expect (RFC 791, 3.2).
pub const MTU_MIN: usize = 576;

/// Largest MTU whose packets, with WireGuard's 32 bytes and padding, still fit one UDP datagram.
pub const MTU_MAX: usize = DATAGRAM_MAX_BYTES - 32 - 15;

/// What we ask of the kernel for each UDP buffer: 7 MiB hold about 20 ms at 3 Gbit/s, so a worker that the scheduler
/// left out for one slice loses nothing.
pub const SOCKET_BUFFER_BYTES: i32 = 7 << 20;

/// Tries to find a port that is free for IPv4 and IPv6 alike; each fails only if another program took that very port.
pub const PORT_TRIES: usize = 32;

/// Commands that may wait for the worker. A caller beyond it is told that the worker is busy.
pub const COMMANDS_MAX: usize = 1024;

/// Commands taken in one turn, so that a flood of them does not starve packets.
pub const COMMANDS_PER_TURN: usize = 64;

/// How long a caller waits for the worker's answer; a turn takes about a millisecond, so this is a bug or a dead machine.
pub const ANSWER_MAX_S: u64 = 10;

/// Events that may wait for Python; more are counted as lost. At some 100 bytes each this is about 400 KiB at most.
pub const EVENTS_MAX: usize = 4096;

/// Packets or datagrams that wait in one direction of an in-memory device; more are dropped, as a kernel does.
pub const MEMORY_QUEUE_MAX: usize = 1024;

/// Workers of one tunnel at most: beyond, the kernel's own work a packet is what a machine has no core for.
pub const WORKERS: usize = 4;

/// What may wait for one worker from the others, each way: some turns of each, as little as a queue of the TUN holds.
pub const HANDED_BYTES: usize = 4 << 20;

/// What each item counts for beside its bytes, so that small ones are bounded in number: 16,384.
pub const HANDED_ITEM_BYTES: usize = 256;

/// Failed sends told to Python in a second, whatever their number; enough for the candidates of a few peers.
pub const SEND_FAILED_PER_S: usize = 32;

/// Destinations whose failure was told within the current second.
pub const SEND_FAILED_REMEMBERED: usize = 8;

/// Largest datagram that a caller may send from the tunnel's port: one packet of the usual Ethernet.
pub const CALLER_DATAGRAM_MAX_BYTES: usize = 1_500;

/// Datagrams of one relayed socket that one system call brings: 2 MiB of address space, and what one client's peers
/// may delay the others.
pub const TURN_BATCH: usize = 32;

/// Each buffer of a relayed socket: 20 ms at 100 Mbit/s. Thousands of sockets share the kernel's memory.
pub const TURN_SOCKET_BUFFER_BYTES: i32 = 256 << 10;

/// Clients over TCP and TLS, in all. When it is full the oldest one that proved nothing goes.
pub const TURN_STREAMS_MAX: usize = 2_048;

/// Such clients of one address that have no allocation (IPv6: one /64): an office behind one NAT.
pub const TURN_UNPROVEN_AN_ADDRESS_MAX: usize = 64;

/// How long such a client may be without an allocation (SECURITY.md, rule 33).
pub const TURN_UNPROVEN_S: u64 = 10;

/// The largest message of such a client (rule 33).
pub const TURN_UNPROVEN_MESSAGE_MAX_BYTES: usize = 4 << 10;

/// What may wait for a client that does not read: 20 ms at 100 Mbit/s; then its data is dropped, as UDP would.
pub const TURN_STREAM_OUTPUT_MAX_BYTES: usize = 256 << 10;

/// Answers may exceed it by this much; a client that reads none of them is closed.
pub const TURN_STREAM_ANSWERS_MAX_BYTES: usize = 16 << 10;

/// Taken from one stream in one turn.
pub const TURN_STREAM_READ_BYTES: usize = 64 << 10;

/// Connections accepted in one turn.
pub const TURN_ACCEPTS_PER_TURN: usize = 16;

/// Between two looks at streams that proved nothing, and at counters.
pub const TURN_SWEEP_S: u64 = 1;

/// Between two looks at what this machine calls itself.
pub const TURN_OWN_ADDRESSES_S: u64 = 10;

// --- relays ---

/// Relays of one tunnel: Python holds eight at most, and asks for none twice.
pub const RELAYS: usize = 16;

/// Largest frame that a relay's client makes by itself.
pub const RELAY_OWN_FRAME_BYTES: usize = warren_proto::relay::limits::OWN_FRAME;

/// Threads of one tunnel that dial at a time; each is gone within `DIAL_MAX_S` and what the resolver takes.
pub const DIALS_MAX: usize = 4;

/// One attempt to open a WebSocket, proxy, TLS and upgrade included: the client's own patience with it.
pub const DIAL_MAX_S: u64 = warren_proto::relay::limits::STREAM_PATIENCE.as_secs();

/// Of that, to one address: a name with a dead IPv6 address still has time for its IPv4 one.
pub const DIAL_ADDRESS_S: u64 = 3;

/// The head of an HTTP answer; those of proxies have cookies and reasons in them, and 2 KiB at most.
pub const DIAL_HEAD_MAX_BYTES: usize = 16 * 1024;

/// Bytes read from a stream at a time: four TLS records.
pub const STREAM_INPUT_BYTES: usize = 64 * 1024;

/// Bytes of frames in one message: one TLS record (RFC 8446, 5.1: 2^14) with the message's header.
pub const STREAM_MESSAGE_BYTES: usize = (1 << 14) - 16;

/// Frames that wait for a stream, then the oldest goes: 512 KB of full packets, 40 ms at 100 Mbit/s.
pub const STREAM_FRAMES_MAX: usize = 384;

/// What TCP may hold unsent (TCP_NOTSENT_LOWAT): enough that a fast line never waits for us, and no more.
pub const STREAM_UNSENT_BYTES: i32 = 256 * 1024;

/// UDP datagrams that one system call of the relay brings; the kernel merges up to 64 KiB of one source in each.
pub const RELAY_RECEIVE_SLOTS: usize = 16;

/// Room for each: the largest that the kernel merges.
pub const RELAY_RECEIVE_BYTES: usize = 65_536;

/// Segments of one UDP send: what Linux takes before 6.9 (UDP_MAX_SEGMENTS), later ones take twice as many.
pub const RELAY_SEGMENTS: usize = 64;

/// Messages of one sendmmsg; the kernel takes up to 1,024 (UIO_MAXIOV).
pub const RELAY_SEND_MESSAGES: usize = 64;

/// Bytes of one client's stream that one batch takes.
pub const RELAY_STREAM_READ_BYTES: usize = 64 << 10;

/// Largest message that the relay writes: four TLS records, 45 full packets.
pub const RELAY_STREAM_MESSAGE_BYTES: usize = 64 << 10;

/// Batches of one stream in one poll; then others have their turn.
pub const RELAY_STREAM_TURN: usize = 4;

/// What a client of a stream may send before it proved a key (SECURITY.md, rule 33): hello and proof fit four times.
pub const RELAY_UNPROVEN_BYTES: usize = 4 << 10;
