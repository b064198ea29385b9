"""Every maximum of the Python side, with its reason. A queue, list, table, retry or timer names one of these."""

# --- documents (trust) ---
DOCUMENT_MAX_BYTES = 64 * 1024  # a policy of thousands of rules fits; a hostile one costs milliseconds to refuse
DOCUMENT_MAX_DEPTH = 16  # deepest document of ours nests 5; beyond 16 only recursion attacks live
DOCUMENT_TEXT_MAX_CHARS = 1024  # a URL, a user id, a capability; what people read is far shorter
DOCUMENT_LIST_MAX = 256  # tags, groups, routes, services of one machine; more than that is a group or a prefix
SETTINGS_SERVERS_MAX = 16  # servers behind one network: a few regions, and the one being moved to
DOCUMENTS_MAX = 65_536  # what verify takes at once: 20,000 members with record, and all the rest; memory < 100 MB
DELEGATION_DEPTH_MAX = 4  # root -> admin -> registrar -> invite; a longer chain is nobody's plan
DELEGATIONS_MAX = 4_096  # live keys that may admit: admins, registrars and invites of a large company
FLOORS_MAX = 262_144  # subjects a node remembers: 20,000 members and a decade of ephemeral ones; 30 MB on disk
WIREGUARD_CLAIMS_MAX = 8  # keys remembered as one identity's: two in use, and the rotations of a year
ORDER_JUMP_MAX = 2**32  # one a second for 136 years; a thief who publishes 2^64-1 wins nothing

# --- control session (protocol) ---
UNPROVEN_MAX_BYTES = 4 * 1024  # what a stranger may make us hold before it proved a key
UNPROVEN_MAX_S = 10.0  # and for how long
SESSION_DECIDE_MAX_S = 20.0  # what the other side may take to admit: a slow disk's commit, with room
SESSION_IDLE_S = 20.0  # silence before a ping: below the 30 s at which home routers and proxies forget a quiet connection
SESSION_DEAD_S = 50.0  # two pings lost, and room for a third to be late
SESSION_FROM_NODE_MAX_BYTES = 128 * 1024  # one frame: a record of the largest size and its envelope, twice over
SESSION_FROM_SERVER_MAX_BYTES = 8 * 1024 * 1024  # one frame: a whole map of 10,000 members at 800 bytes each
SESSION_OUTBOX_MAX = 256  # frames waiting for a slow reader (the map waits in its own slot); then the session ends
SESSION_SIGNALS_MAX = 64  # signals among them; the oldest is dropped, its sender asks again
SESSION_EVENTS_MAX = 256  # frames taken in that the owner has not looked at; it looks after every one
SESSION_DEPTH_MAX = 6  # the deepest message nests 3
MAP_MAX_DOCUMENTS = 65_536  # three documents a member for 20,000 members; the frame's bytes end before
MEMBER_MAX_TAGS = 16  # a machine with more roles than that wants a group
TEXT_MAX_CHARS = 1024  # a sentence of ours for a person, with names of others in it
SEALED_MAX_BYTES = 4 * 1024  # 32 endpoints and the seal take under 1 KiB; two ML-KEM messages later fit too
CANDIDATES_MAX = 32  # endpoints of one node: every interface of a busy machine, never an amplifier's list
PROBE_MAX_BYTES = 1_452  # padded to full size it still fits one Ethernet frame under IPv6
KEY_LIFETIME_MAX_S = 365 * 24 * 3600  # a pre-auth key is for admission; who needs a longer one makes a new one

# --- server ---
DATABASE_CONNECTIONS_MAX = 4  # one writer at a time and three readers: more only wait for SQLite's lock
DATABASE_BUSY_S = 5.0  # what another program (a backup) may hold SQLite's lock before we call the store unavailable
DATABASE_WAIT_S = 10.0  # in all, for our turn: a node's admission deadline is 20 s
SESSIONS_MAX = 20_000  # live node sessions of one process: about 50 KiB each
SESSION_WRITE_MAX_S = 30.0  # a reader that takes no byte for so long is closed; its map is resent when it is back
MAP_INTERVAL_S = 0.05  # a session gets at most 20 maps a second for long: a storm of changes becomes few messages
MAP_BURST = 8  # maps that need not wait for that: a handful of machines that start together learn of each other at once
MAP_CHANGES_MAX = 50_000  # changes that a network remembers for differences; who is further behind gets the whole map
SIGNALS_PER_S = 50  # a second and session, with a burst of as many: 20 times what a node with 100 new peers sends
JOIN_ATTEMPTS_MAX = 8  # times that an admission is tried again after losing a race for a name or address (PostgreSQL)
KEYS_PER_NETWORK_MAX = 10_000  # live pre-auth keys: a fleet of single-use keys, not a table that grows for ever
NETWORKS_MAX = 1_000  # networks of one server: each costs a cache in memory
MEMBERS_PER_NETWORK_MAX = 20_000  # what MAP_MAX_DOCUMENTS can describe
AUDIT_PAGE_MAX = 1_000  # rows of one answer
EPHEMERAL_LIFETIME_S = 6 * 3600  # an ephemeral membership is valid so long without the server; renewed at half
EPHEMERAL_GRACE_S = 300.0  # how long an ephemeral member may be away before it is removed: a reboot, not a holiday
EPHEMERAL_SWEEP_S = 30.0  # how often the server looks for such members
HEAD_REDATE_S = 24 * 3600  # heads older than this are dated again: well below the 7 days at which nodes raise an alarm
HOUSEKEEPING_S = 3600.0  # how often the server looks whether a head is that old
CERTIFICATE_DAYS = 825  # of the self-signed certificate; made anew when CERTIFICATE_RENEW_DAYS are left at a start
CERTIFICATE_RENEW_DAYS = 90
LAST_SEEN_FLUSH_S = 5.0  # how often 'last seen' times are written: losing seconds of them harms nobody
REQUEST_BODY_MAX_BYTES = 1024 * 1024  # the front cuts there too
HTTP_DRAIN_S = 3.0  # what requests in flight get when the server stops
FRONT_HEAD_MAX_BYTES = 16 * 1024  # request line and headers: cookies of sign-on fit, a flood of headers does not
FRONT_BUFFERED_MAX_BYTES = 64 * 1024 * 1024  # bodies of all connections together, kept until they are whole
FRONT_CONNECTIONS_MAX = 32_768  # in all: SESSIONS_MAX nodes and as many again who are not proven yet, rounded
FRONT_RESERVED_DESCRIPTORS = 24  # what the front's process itself needs; the rest is two a connection
FRONT_UNPROVEN_AN_ADDRESS_MAX = 100  # an office behind one NAT that starts at once; IPv6: a /64 is one address
FRONT_HEAD_S = 10.0  # from the connection (or a further request's first byte) to the end of the headers, TLS included
FRONT_BODY_S = 30.0  # 1 MiB at 280 kbit/s
FRONT_RESPONSE_S = 60.0  # what the web part and the reader together may take for one answer
FRONT_IDLE_S = 30.0  # between two requests of one connection
FRONT_UNPROVEN_S = 15.0  # an upgraded connection without a proven key: the session's own 10 s and some slack
FRONT_STALL_S = 30.0  # a reader that takes no byte for so long is closed
FRONT_STOP_S = 2.0  # requests in flight at the end
FRONT_START_S = 20.0  # from exec to `listening` on a loaded small machine
FRONT_BACKOFF_S = (0.05, 0.2, 0.5, 1.0, 2.0)  # pauses before a dead front is started again; a restart costs at most 2 s
FRONT_STEADY_S = 30.0  # a front that lived so long starts again without a pause
FRONT_CONTROL_MAX_BYTES = 256 * 1024  # unread lines to the front; more means that it hangs, and it is replaced
FRONT_LINE_MAX_BYTES = 64 * 1024  # one line on the control channel, settings included
FRONT_STATS_S = 2.0  # for an answer to `stats`

# --- node ---
STATE_FILE_MAX_BYTES = 64 * 1024 * 1024  # the documents of 20,000 members at 3 KiB; a larger file is none of ours
STATE_BAD_FILES_MAX = 8  # damaged generations kept for a look, a name; the oldest goes
LOG_FILE_MAX_BYTES = 8 * 1024 * 1024  # a month of lines at the rates we allow; then the file begins anew
PROBES_UNANSWERED_MAX = 5  # to an endpoint that has not answered: enough for a lossy first second, no flood
PROBES_ADDRESS_MAX = 25  # to all ports of such an address: five candidates behind one router, never a port scan
PROBE_WINDOW_S = 60.0  # after which both begin anew: a peer that was away is found within a minute
PROBE_BUDGET_ENTRIES_MAX = 8_192  # 4,000 addresses on trial at once, 1 MiB; more peers than that wait for their turn
PROBES_OUTSTANDING_MAX = 8  # pings out to one endpoint whose answers still count
PATH_OUTBOX_MAX = 128  # datagrams one peer's agent wants sent at once: four times the candidates
HEALTH_ENTRIES_MAX = 256  # troubles shown at once; a person reads ten
SERVER_CONNECT_MAX_S = 10.0  # name, TCP, TLS and WebSocket together; beyond that the next attempt is better
SERVER_NO_MEMBER_WAIT_S = 300.0  # before a node asks again where it was told that it is no member
SERVER_SEND_MAX_S = 30.0  # a server that takes nothing for so long is gone
SERVER_CLOSE_MAX_S = 1.0  # the goodbye; nothing depends on it
ENDPOINTS_KEPT_MAX = 4  # a peer's endpoints kept on disk: home, office, phone, and one more
ENDPOINTS_WRITE_AFTER_S = 0.2  # gathers a burst of changes into one write; what a kill -9 may lose
ECHO_RETRY_S = 0.25  # before a ping inside the session is sent again
ECHO_WAITING_MAX = 256  # pings that wait for answers, of all callers
EARLY_SIGNALS_MAX = 64  # signals of peers that the next map brings, 4 KiB each
SIGNAL_GAP_S = 0.2  # between two signals to one peer: nothing changes faster
UNKNOWN_INITIATORS_MAX = 64  # where unknown keys knocked; forgotten when they turn out to be peers
LOCAL_CONNECTIONS_MAX = 64  # calls at once: a screen, scripts and a few `ping`s; each costs a task and 50 KiB
LOCAL_HEAD_MAX_BYTES = 16 * 1024  # line and headers of a call
LOCAL_BODY_MAX_BYTES = 64 * 1024  # the largest call is `up` with tags: under 4 KiB
LOCAL_REQUEST_MAX_S = 10.0  # a call arrives whole within this; one byte at a time holds nothing
LOCAL_WRITE_MAX_S = 30.0  # an answer that nobody reads

JOURNAL_MAX_ENTRIES = 4_096  # addresses and routes of ours on one host: 1,000 networks with both families
NETLINK_ANSWER_MAX_S = 5.0  # the kernel answers in microseconds; another program may hold its lock for a moment
NETLINK_READ_MAX_BYTES = 64 * 1024  # one read of a dump: the kernel fills at most 32 KiB
NETLINK_DUMP_MAX_MESSAGES = 200_000  # a host with a table of more routes than that is a router of the backbone
NETLINK_DUMP_TRIES_MAX = 4  # a table that changed while it was read is read again this often, then taken as it is
HOST_CHANGES_SETTLE_S = 0.05  # an interface coming up is a dozen notices within a few milliseconds
TUNNEL_EVENTS_TAKE_MAX = 256  # events of the engine that one wake-up takes, so that other tasks get their turn

# --- cli ---
CLIENT_ANSWER_MAX_BYTES = 32 * 1024 * 1024  # a status of 20,000 peers at 1.5 KB each
DAEMON_START_MAX_S = 20.0  # a cold disk on a small board; the usual start takes under half a second
DAEMON_END_MAX_S = 10.0  # taking links and routes down; then it is killed, and the journal undoes the rest
DAEMON_POLL_S = 0.004  # between two looks at a socket that is about to appear
SECRET_MAX_BYTES = 4096  # a key from a file or standard input is about 100 characters
PING_COUNT_MAX = 10_000  # nearly three hours at one a second; who wants more runs it again
