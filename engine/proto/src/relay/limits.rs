//! Every maximum of relay and relay client, and every time, with its reason.

use core::time::Duration;

// --- frames ---
/// Largest frame: what fits a UDP datagram under IPv4.
pub const FRAME: usize = 65_507;
/// Largest frame that the machines make by themselves: fits the smallest MTU of IPv6 with its headers (1280 - 48).
pub const OWN_FRAME: usize = 1_200;
/// Bytes of items in one letter, so that it fits [`OWN_FRAME`] with header and tag.
pub const LETTER: usize = 1_100;

// --- proving ---
/// A cookie is good for so long: two tries of a client over a slow line.
pub const COOKIE_LIFE: Duration = Duration::from_secs(10);
/// The secret behind the cookies changes so often; a cookie of the one before still counts.
pub const COOKIE_SECRET_LIFE: Duration = Duration::from_secs(120);
/// Cookies handed out a second and in a burst, to one source.
pub const SOURCE_HELLOS: (u32, u32) = (20, 40);
/// Proofs looked at a second and in a burst, of one source that has a cookie: an office that starts at once.
pub const SOURCE_PROOFS: (u32, u32) = (20, 100);
/// Proofs looked at a second and in a burst, in all: about 300 µs each, so a quarter of a core.
pub const PROOFS: (u32, u32) = (800, 800);
/// Answers `unknown session` a second and in a burst, to one source.
pub const SOURCE_RESETS: (u32, u32) = (2, 4);
/// Sessions whose client has not confirmed yet; the oldest makes room. At 1.5 KB each.
pub const PENDING: usize = 4_096;
/// A session that nobody confirms is forgotten: SECURITY.md, rule 33.
pub const PENDING_LIFE: Duration = Duration::from_secs(10);
/// Clocks of relay, server and nodes may differ by so much.
pub const CLOCK_SKEW_S: u64 = 600;
/// A certificate that is good for longer than this (and the skew) is refused: a stolen session key ends soon.
pub const CERTIFICATE_LIFE_S: u64 = 2 * 3_600;

// --- sessions ---
/// Members with a session, in all: as many as a server has session slots for.
pub const MEMBERS: usize = 16_384;
/// Channels of one member; a network of more peers than this has more than one relay.
pub const CHANNELS: usize = 4_096;
/// Members that a member may wait for: asked for while they were not here.
pub const AWAITED: usize = CHANNELS;
/// Items that wait to be told to one client: all channels opening at once, twice. One that acknowledges nothing
/// meanwhile is gone, and its session ends.
pub const LETTERS: usize = 2 * CHANNELS;
/// A session that nothing was heard of for this long has ended: two keepalives lost and some slack.
pub const SESSION_IDLE: Duration = Duration::from_secs(65);
/// Revoked identities that are remembered; the one whose grants end first makes room.
pub const REVOKED: usize = 65_536;
/// A grant that is good for longer than this is refused, so a revocation need not be remembered for longer.
pub const GRANT_LIFE_S: u64 = 31 * 86_400;
/// Control frames of one session, a second and in a burst: all channels asked for at once, in letters of thirty.
pub const CONTROLS: (u32, u32) = (200, 500);
/// Frames that the relay made by itself and nobody sent yet; beyond, they are dropped, and letters come again.
pub const OUTGOING: usize = 16_384;
/// How often what has ended is looked for; also how late an end may be noticed.
pub const SWEEP: Duration = Duration::from_secs(1);
/// Events that nobody took: one for each session that could begin or end in a turn.
pub const SERVER_EVENTS: usize = 2 * MEMBERS;
/// A client that speaks from elsewhere is asked there whether it wants its frames there, at most so often.
pub const CHALLENGE_SPACING: Duration = Duration::from_millis(200);

// --- lines that are full ---
/// Bytes that wait for one client over a stream: 40 ms at 100 Mbit/s; what is older is of no use to anybody.
pub const BACKLOG: usize = 512 << 10;
/// Bytes that wait for one address while the UDP socket is full.
pub const FAIR_EACH: usize = 256 << 10;
/// Bytes that wait for all addresses together; whoever has most loses its oldest.
pub const FAIR_ALL: usize = 8 << 20;
/// Bytes of one turn: a full packet.
pub const FAIR_QUANTUM: usize = 1_500;

// --- the client ---
/// Pauses between hellos, and between proofs, of one attempt.
pub const HELLO_PAUSES: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(300), Duration::from_millis(500), Duration::from_secs(1)];
/// Without an answer over UDP for so long, a stream is opened beside it.
pub const UDP_PATIENCE: Duration = Duration::from_millis(750);
/// A stream has so long to connect, TLS and a proxy included.
pub const STREAM_PATIENCE: Duration = Duration::from_secs(8);
/// While a stream carries the session, UDP is tried again so often: four small datagrams, and a stream costs its users
/// half of what UDP carries.
pub const UDP_RETRY: Duration = Duration::from_secs(30);
/// Pauses between attempts to connect; the last one repeats. A quarter is added at random.
pub const BACKOFF: [Duration; 7] = [
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(4),
    Duration::from_secs(15),
    Duration::from_secs(30),
];
/// Nothing was sent for so long: send something, so that no NAT between forgets us (RFC 4787 allows 2 minutes, many
/// take 30 s).
pub const KEEPALIVE: Duration = Duration::from_secs(25);
/// Something was sent and nothing came for so long: ask whether the relay is there.
pub const SILENCE: Duration = Duration::from_millis(700);
/// Asked, and no answer for so long: ask again.
pub const PING_PAUSE: Duration = Duration::from_millis(300);
/// Asked five times, and nothing came for so long: the relay is lost. With [`SILENCE`] 2.1 s after the last sign of life.
pub const PING_PATIENCE: Duration = Duration::from_millis(1_400);
/// While things are sent, the relay is asked this often whether it hears them.
pub const PROOF_EVERY: Duration = Duration::from_millis(1_500);
/// A relay that speaks but answers nothing for so long, asked ten times, is lost: one in a thousand where three frames of
/// ten are lost each way. With [`PROOF_EVERY`] 4.5 s after the last thing that it heard.
pub const PROOF_PATIENCE: Duration = Duration::from_millis(3_000);
/// A letter that is not acknowledged is sent again after this time, doubled each time up to the last.
pub const LETTER_PAUSES: [Duration; 5] = [
    Duration::from_millis(150),
    Duration::from_millis(300),
    Duration::from_millis(600),
    Duration::from_millis(1_200),
    Duration::from_millis(2_400),
];
/// Events of a client that nobody took; two for each channel.
pub const CLIENT_EVENTS: usize = 2 * CHANNELS;
