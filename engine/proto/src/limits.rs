//! Every maximum of the engine and every time of the paper (section 6.1), with its reason.

use core::time::Duration;

// --- the paper's own ---
/// A session this old is replaced by its initiator.
pub const REKEY_AFTER_TIME: Duration = Duration::from_secs(120);
/// A session this old carries nothing.
pub const REJECT_AFTER_TIME: Duration = Duration::from_secs(180);
/// A session that sealed this many packets is replaced.
pub const REKEY_AFTER_MESSAGES: u64 = 1 << 60;
/// A session seals no packet with this counter or a higher one.
pub const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);
/// A session of AES-256-GCM that sealed this many packets is replaced: at a million packets a second its age ends it first.
pub const AES_REKEY_AFTER_MESSAGES: u64 = 1 << 27;
/// A session of AES-256-GCM seals no packet with this counter or a higher one: 2^28 full packets are 2^35 blocks, which
/// tells AES from a random permutation with a chance of 2^-59 (birthday bound, 2^70 / 2^129).
pub const AES_REJECT_AFTER_MESSAGES: u64 = 1 << 28;
/// An initiation without response is repeated after this time.
pub const REKEY_TIMEOUT: Duration = Duration::from_secs(5);
/// So much is added to it at random, so that two sides do not stay in step.
pub const REKEY_JITTER: Duration = Duration::from_millis(333);
/// Initiations are repeated for this long, then given up.
pub const REKEY_ATTEMPT_TIME: Duration = Duration::from_secs(90);
/// Data was received and nothing sent for this long: send a keepalive.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// All keys of a peer are erased this long after its last handshake (3 x reject).
pub const ZERO_AFTER_TIME: Duration = Duration::from_secs(540);
/// A cookie, and the secret behind it, is good for this long.
pub const COOKIE_LIFETIME: Duration = Duration::from_secs(120);

// --- ours ---
/// Pauses between the initiations of a first contact; the last one repeats (with `REKEY_JITTER`).
pub const FIRST_CONTACT: [Duration; 5] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    REKEY_TIMEOUT,
];
/// However often the caller asks, initiations of one peer are at least this far apart (stock peers drop closer ones
/// than 20 ms).
pub const INITIATION_SPACING: Duration = Duration::from_millis(100);
/// Peers of one device: 4 indices each still fit the index table, and 2 KB each are 32 MB.
pub const PEERS: usize = 16_384;
/// Entries of the index table: 4 a peer, half full at most.
pub const INDICES: usize = 8 * PEERS;
/// Allowed prefixes of one device; the kernel's own test uses 65,280.
pub const ALLOWED_IPS: usize = 131_072;
/// So many responses in a row that chose AES and led to nothing, and the next one chooses WireGuard's cipher: one may be
/// lost on the way, two rather mean that the peer's record says more than the peer can.
pub const AES_UNPROVEN: u8 = 2;
/// Preshared keys that a response is tried against, each as it is and as the choice of AES: the one in use, the next
/// one, and two more of whoever rotates slowly.
pub const PRESHARED_KEYS: usize = 4;
/// Packets that wait for a session, a peer: a first window of TCP and a few lookups.
pub const STAGED_PACKETS: usize = 64;
/// How long a packet waits for a session or an endpoint: TCP sends again after one second, and what people speak or play
/// is worth nothing later.
pub const STAGED_FOR: Duration = Duration::from_secs(2);
/// Bytes that wait for sessions, in all: beside the workers' arenas the largest memory of the engine.
pub const STAGED_BYTES: usize = 4 * 1024 * 1024;
/// Events that the caller has not taken; it takes them after each batch.
pub const EVENTS: usize = 1_024;
/// Datagrams to send outside the batches (responses, cookies, pongs); beyond, new ones are dropped and repeat.
pub const TRANSMITS: usize = 1_024;
/// Peers whose timers are served in one call; the others are late by a turn. What one send takes: some milliseconds if all
/// of them begin handshakes.
pub const DUE_AT_ONCE: usize = 64;
/// What waits to be carried to other workers: more than one batch brings, and the worker takes it after each.
pub const STRAYS: usize = 2_048;
/// Pings on their way; the oldest is forgotten.
pub const PINGS: usize = 256;
/// Probe keys: each peer's current and previous path key.
pub const PROBE_KEYS: usize = 2 * PEERS;
/// STUN transactions that wait for an answer; the oldest is forgotten.
pub const STUN_TRANSACTIONS: usize = 64;
/// Largest STUN answer or probe that goes up to the caller: one packet of the usual Ethernet.
pub const CONTROL_DATAGRAM: usize = 1_500;
/// Sources whose handshake and probe rates are remembered; a collision replaces the older one.
pub const SOURCES: usize = 2_048;
/// Initiations remembered so that their replay costs no exchange.
pub const REPLAY_CACHE: usize = 4_096;
/// Initiations and responses handled a second in all: about a quarter of a core (250 µs each on the slow machine).
/// Half of them is kept for sources that answered with a cookie.
pub const HANDSHAKES_PER_S: u32 = 1_000;
/// Of one source, a second and in a burst.
pub const SOURCE_HANDSHAKES: (u32, u32) = (20, 40);
/// Cookie replies a second and in a burst, to sources that did not ask lately: 7 µs each, and smaller than what they
/// answer, but answers to strangers all the same.
pub const COOKIE_REPLIES: (u32, u32) = (2_000, 500);
/// To sources that ask again, as a member does and who forges a new one each time does not: below this rate each gets
/// one. By lot among the forged ones a member would stay outside.
pub const COOKIE_REPLIES_AGAIN: (u32, u32) = (60_000, 8_192);
/// Places for prints of sources that asked: at 50,000 a second nine of ten are still there half a second later, when a
/// member asks for the third time. 1 MiB, of which only a flood makes use.
pub const ASKERS: usize = 1 << 18;
/// Unknown-initiator events a second and in a burst.
pub const UNKNOWN_INITIATORS: (u32, u32) = (10, 20);
/// Probe tags verified a second and in a burst, of one source.
pub const SOURCE_PROBES: (u32, u32) = (50, 100);
/// Probe tags verified a second and in a burst, in all: 4 µs each.
pub const PROBES: (u32, u32) = (2_000, 1_000);
/// Elsewhere events of one peer are at least this far apart.
pub const ELSEWHERE_SPACING: Duration = Duration::from_millis(250);

// --- narrow paths ---
/// The least that a path is taken to carry of an inner packet: what every host can put together (RFC 791, 3.2).
pub const PATH_MTU_LEAST: u16 = 576;
/// The least that the kernel's word of a path is believed, headers included: every link of IPv6 carries it (RFC 8200, 5)
/// and hardly one of IPv4 carries less, but anybody may forge a router's word (Linux believes 552).
pub const PATH_LEAST: u16 = 1280;
/// What the kernel said of a path holds for so long, as the kernel's own memory of it (`mtu_expires`).
pub const PATH_MTU_LIFETIME: Duration = Duration::from_secs(600);
/// 'Too big' answers a second and in a burst: one a flow is enough, and a host that does not listen gains nothing.
pub const TOO_BIG_ANSWERS: (u32, u32) = (200, 64);
/// Answers that wait for the TUN; it takes them after each batch, which a burst does not exceed.
pub const HOST_ANSWERS: usize = 64;

// --- offloads ---
/// Bytes of UDP payload in one send (RFC 768 under IPv4), so the longest train of datagrams.
pub const TRAIN_BYTES: usize = 65_507;
/// Datagrams in one send: the kernel's `UDP_MAX_SEGMENTS` before Linux 6.9 less one (it once counted the header too).
/// At MTU 1420 the bytes end a train first, at 45.
pub const TRAIN_DATAGRAMS: usize = 63;
/// Free bytes before each datagram for a relay: the header that carries it is at most so long.
pub const RELAY_LEAD: usize = 20;
/// Bytes of a superpacket that we make, its headers included: what IPv4's length can say.
pub const RUN_BYTES: usize = 65_535;
/// Packets merged into one write: full ones of 576 bytes still fill a superpacket; far below the 1,024 places that one
/// writev takes.
pub const RUN_PIECES: usize = 128;
/// Flows of one batch that may grow at the same time; with more, the oldest one's run ends early.
pub const OPEN_RUNS: usize = 16;

// --- STUN and TURN ---
/// Attributes of one message; the longest of the RFCs have a dozen.
pub const STUN_ATTRIBUTES: usize = 64;
/// Unknown attributes that a refusal names.
pub const STUN_UNKNOWN_NAMED: usize = 8;
/// Sources whose unanswered bytes are remembered; one that was displaced asks once more.
pub const STUN_SOURCES: usize = 8_192;
/// Bytes that a source may have unanswered: one packet. More would only be saved up.
pub const STUN_CREDIT: u32 = 1_500;
/// For how long: a transaction is repeated for 39.5 s (RFC 8489, 6.2.1).
pub const STUN_CREDIT_LIFETIME: Duration = Duration::from_secs(40);
/// Requests of one source, a second and in a burst: an office behind one NAT that starts at once.
pub const STUN_SOURCE_REQUESTS: (u32, u32) = (100, 200);
/// A nonce is good for so long; a client is told when it is not, and repeats (RFC 8489, 9.2).
pub const TURN_NONCE_LIFETIME: Duration = Duration::from_secs(600);
/// Bytes of a user name: a time and an id; the RFC allows 508, nobody needs them.
pub const TURN_USERNAME: usize = 256;
/// Prefixes that an operator may allow beyond the internet.
pub const TURN_ALLOWED_PREFIXES: usize = 64;
/// Addresses of the machine itself that are denied: more than any host has.
pub const TURN_OWN_ADDRESSES: usize = 1_024;
/// Lifetime of an allocation, and at most (RFC 8656, 7.2).
pub const TURN_LIFETIME: (Duration, Duration) = (Duration::from_secs(600), Duration::from_secs(3_600));
/// Lifetime of a permission (RFC 8656, 9).
pub const TURN_PERMISSION_LIFETIME: Duration = Duration::from_secs(300);
/// Lifetime of a channel (RFC 8656, 12).
pub const TURN_CHANNEL_LIFETIME: Duration = Duration::from_secs(600);
/// A reserved port waits so long for its allocation (RFC 8656, 7.2).
pub const TURN_RESERVATION_LIFETIME: Duration = Duration::from_secs(30);
/// Permissions of one allocation: a conference's peers with every address of each.
pub const TURN_PERMISSIONS: usize = 256;
/// Channels of one allocation.
pub const TURN_CHANNELS: usize = 256;
/// Ports tried for one allocation; with the range a tenth used, 16 fail once in 10^16.
pub const TURN_PORT_TRIES: usize = 16;
/// Ports reserved for later, of all clients; beyond, asking for one is refused.
pub const TURN_RESERVATIONS: usize = 1_024;
/// Largest payload that is relayed: the largest UDP datagram under IPv4.
pub const TURN_PAYLOAD: usize = 65_507;
/// Bytes that a client's header takes before a peer's payload at most: a Data indication to IPv6 (20 + 24 + 4).
pub const TURN_HEADROOM: usize = 64;

// --- the packet filter ---
/// Bytes of rules as they are handed over: 10,000 rules over 100,000 prefixes take 2 MB.
pub const FILTER_BYTES: usize = 8 * 1024 * 1024;
/// Rules of one device.
pub const FILTER_RULES: usize = 65_536;
/// Port ranges of one rule.
pub const FILTER_PORTS: usize = 256;
/// Combinations of a peer's prefix, an own one, a protocol and a port range that the rules say in all; 48 bytes each.
pub const FILTER_ENTRIES: usize = 1 << 19;
/// Flows of one device: 10 MB when full. A busy server has some ten thousand.
pub const FLOWS: usize = 65_536;
/// Flows of one peer, so that one alone never fills the table.
pub const PEER_FLOWS: usize = FLOWS / 2;
/// TCP that was not answered, or not confirmed: seven SYNs of Linux take 127 s.
pub const FLOW_TCP_OPENING_LIFETIME: Duration = Duration::from_secs(130);
/// TCP in use, without a packet: five days, as Linux's own connection tracking; RFC 5382 asks for 2 h 4 min.
pub const FLOW_TCP_LIFETIME: Duration = Duration::from_secs(5 * 24 * 3_600);
/// TCP after the first FIN (RFC 5382, 5: 4 min).
pub const FLOW_TCP_CLOSING_LIFETIME: Duration = Duration::from_secs(240);
/// TCP after both, or after RST: what is repeated still passes.
pub const FLOW_TCP_CLOSED_LIFETIME: Duration = Duration::from_secs(60);
/// UDP that nobody answered (RFC 4787, 4.3: 2 min at least).
pub const FLOW_UDP_OPENING_LIFETIME: Duration = Duration::from_secs(120);
/// UDP both ways, and other protocols (RFC 4787, 4.3: 5 min).
pub const FLOW_LIFETIME: Duration = Duration::from_secs(300);
/// An echo (RFC 5508, 3.2: 60 s).
pub const FLOW_ICMP_LIFETIME: Duration = Duration::from_secs(60);
/// A flow that was cut is remembered as long as its other side goes on, and so long more: Linux repeats TCP's segments
/// 120 s apart at most.
pub const FLOW_WITHDRAWN_LIFETIME: Duration = Duration::from_secs(130);
/// After the first rules TCP connections that live may go on for so long, see there.
pub const FLOW_PICK_UP: Duration = Duration::from_secs(130);
/// The order of last use is no finer than that.
pub const FLOW_TOUCH_SPACING: Duration = Duration::from_secs(1);
/// Places of the table looked at in one sweep: a fifth of a millisecond.
pub const FLOW_SWEEP: u32 = 8_192;
/// Sweeps are so far apart: a full table is swept once in 40 s.
pub const FLOW_SWEEP_SPACING: Duration = Duration::from_secs(5);
/// Records of ended flows that the caller has not taken; 150 bytes each.
pub const FLOW_RECORDS: usize = 4_096;
/// Sets of 8 packets whose first fragment passed; a power of two.
pub const FRAGMENT_SETS: usize = 64;
/// The rest of a packet's fragments come within that (RFC 8200, 4.5: 60 s; Linux waits 30 s).
pub const FRAGMENT_LIFETIME: Duration = Duration::from_secs(30);
/// Sets of 8 drops that are remembered for whoever asks why; a power of two.
pub const DROP_SETS: usize = 128;
