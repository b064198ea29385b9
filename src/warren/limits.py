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
FLOORS_MAX = 262_144  # subjects a node remembers: a decade of 30 new machines a day; 40 MB on disk; then nobody new
EXPIRED_KEPT_S = 7 * 24 * 3600  # that a membership that ran out waits for its renewal on disk, by dates that are signed
WIREGUARD_CLAIMS_MAX = 8  # keys remembered as one identity's: two in use, and the rotations of a year
ORDER_JUMP_MAX = 2**32  # one a second for 136 years; a thief who publishes 2^64-1 wins nothing

# --- control session (protocol) ---
UNPROVEN_MAX_BYTES = 4 * 1024  # what a stranger may make us hold before it proved a key
UNPROVEN_MAX_S = 10.0  # and for how long
SESSION_DECIDE_MAX_S = 20.0  # what the other side may take to admit: a slow disk's commit, with room
SESSION_IDLE_S = 20.0  # silence before a ping: below the 30 s at which home routers forget a quiet connection
SESSION_DEAD_S = 50.0  # two pings lost, and room for a third to be late
SESSION_FROM_NODE_MAX_BYTES = 128 * 1024  # one frame: a record of the largest size and its envelope, twice over
TOLD_PART_BYTES = (
    60 * 1024
)  # of documents in one frame of a node that tells all it holds: with a large one it still fits
RESUME_MEMBERSHIP_MAX_BYTES = (
    1024  # what a node shows of itself with its proof, within a stranger's budget; ours have 300
)
RESTORED_LISTEN_S = (
    2.0  # a server brought back from a copy waits so long for nodes that know more before it serves maps
)
RESTORED_LISTEN_MAX_S = 8.0  # and at most so long for those that it asked: 10 s in all, with their return
RESTORED_ASK_S = 3600.0  # whoever comes back within this is asked too; by then every node's back-off has ended
RESTORED_TELLERS_MAX = 64  # nodes asked: policy shows each a part, and a few of them know the whole
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
RELAY_GRANT_RELAYS_MAX = 32  # with it a grant has 444 bytes and fits a datagram beside the session certificate
RELAYS_MAX = 32  # of one network: more regions than any provider has
RELAY_ENDPOINTS_MAX = 8  # UDP addresses of one relay: both families of a few uplinks
RELAY_GRANT_MAX_BYTES = 512  # the layout's own bound (protocol/relay)
RELAY_MEMBERS_MAX = 16_384  # as many as the engine holds (engine/proto/src/relay/limits.rs), at about 5 KB each
RELAY_CLIENT_MBIT_S = 4_000  # of one member: more than one flow gets through two cores; an operator of a line lowers it
RELAY_NETWORK_MBIT_S = 8_000  # of one network
RELAY_TOTAL_MBIT_S = 16_000  # of the relay
RELAY_BURST_MS = 50  # what may come at once: as much as the rate brings in this time,
RELAY_BURST_LEAST_BYTES = 256 * 1024  # and a first window of TCP at any rate
RELAY_REVOKED_MAX = 65_536  # removed members that a front is told of when it starts; their grants end by themselves
KEY_LIFETIME_MAX_S = 365 * 24 * 3600  # a pre-auth key is for admission; who needs a longer one makes a new one

# --- wire ---
STUN_MAX_BYTES = 1_500  # of one message: one packet of the usual Ethernet, and what the engine hands up

# --- other people's formats (wire) ---
XML_MAX_BYTES = 64 * 1024  # a gateway's description has 4 KiB; the largest seen in the field 30
XML_ELEMENTS_MAX = 2_048  # of one document: ten times a device with every service
XML_DEPTH_MAX = 32  # a description nests 10
SSDP_ANSWER_MAX_BYTES = 4 * 1024  # one datagram; the usual answer has 400 bytes
URL_PATH_MAX_CHARS = 512  # a gateway's URLs have 60

# --- server ---
DATABASE_CONNECTIONS_MAX = 4  # one writer at a time and three readers: more only wait for SQLite's lock
DATABASE_BUSY_S = 5.0  # what another program (a backup) may hold SQLite's lock before we call the store unavailable
DATABASE_WAIT_S = 10.0  # in all, for our turn: a node's admission deadline is 20 s
SESSIONS_MAX = 20_000  # live node sessions of one process: about 50 KiB each
SESSION_WRITE_MAX_S = 30.0  # a reader that takes no byte for so long is closed; its map is resent when it is back
MAP_INTERVAL_S = 0.05  # a session gets at most 20 maps a second for long: a storm of changes becomes few messages
MAP_INTERVAL_A_SESSION_S = 0.0005  # and slower by this for each node here: 2,000 maps a second in all
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
CLOCK_OFF_S = 300.0  # by which a wall clock may be behind signed dates before a person is told (the node too)
HEAD_REDATE_S = 24 * 3600  # heads older than this are dated again: well below the 7 days at which nodes raise an alarm
HOUSEKEEPING_S = 3600.0  # how often the server looks whether a head is that old
RELAY_GRANT_LIFE_S = 7 * 24 * 3600  # a server that is away for a week cuts nobody off; renewed at half
RELAY_GRANTS_LOOK_S = 60.0  # how often the server looks whose grant is due
HOME_CHANGES_BURST = 4  # times that a node may move its home at once, then once in HOME_CHANGE_EVERY_S
HOME_CHANGE_EVERY_S = 10.0  # each is told to all its peers
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
LOG_LINES_A_MINUTE = 5  # of one warning: what a person can make sense of; the rest is a number
LOG_KINDS_MAX = 256  # warnings that are counted so: more than the program has texts
PROBES_UNANSWERED_MAX = 5  # to an endpoint that has not answered: enough for a lossy first second, no flood
PROBES_ADDRESS_MAX = 25  # to all ports of such an address: five candidates behind one router, never a port scan
PROBE_WINDOW_S = 60.0  # after which both begin anew: a peer that was away is found within a minute
PROBE_BUDGET_ENTRIES_MAX = 8_192  # 4,000 addresses on trial at once, 1 MiB; more peers than that wait for their turn
PROBES_OUTSTANDING_MAX = 16  # pings out to one endpoint whose answers still count: a verification, and of full size
FULL_PROBE_BYTES = 1_432  # the largest datagram of the tunnel: its MTU of 1400 and WireGuard's header and tag
MAPPINGS_OPEN_MAX = 512  # outer endpoints on trial at once, of all peers: each is one of a small router's 4,096 entries
MAPPING_LIFETIME_S = 60.0  # how long a router may remember an endpoint that never answered: Linux 30 s, others more
GUESSED_PORTS_MAX = 8  # next ports of a NAT that counts them, told to a peer: a few other flows may come between
PATH_CHANGES_KEPT = 32  # moves of one peer's path with their reasons: a bad day at the rate that hold-offs allow
QUALITY_BUCKET_S = 60.0  # one value of latency and loss a minute
QUALITY_KEPT = 60  # of them: an hour
STUN_SERVERS_MAX = 8  # asked for our address: two are enough to see whether it varies, a few may be away
STUN_ANSWER_MAX_S = 3.0  # for one transaction, all its repetitions
PATH_OUTBOX_MAX = 128  # datagrams one peer's agent wants sent at once: four times the candidates
PAUSE_LOOK_S = 1.0  # between looks at the clocks: paths are probed again within a second after a sleep
PAUSE_MIN_S = 1.0  # that the boot clock has to gain on the monotonic one: a sleep, not two readings apart
PAUSE_LATE_S = 5.0  # by which a look comes late before the program counts as stopped: a loaded machine manages 2
WALL_JUMP_MIN_S = 30.0  # of the wall clock: time servers correct by less
PAUSE_SESSION_MAX_S = 15.0  # after a longer pause the server's session is begun anew: routers forget, servers give up
PAUSE_HANDSHAKES_MAX = 64  # sessions with peers that are begun anew at once after a pause; others follow their packets
PORTMAP_LIFETIME_S = 3600  # asked for a port mapping: what a killed daemon leaves at a gateway is gone within the hour
PORTMAP_LIFETIME_MIN_S = 30  # a shorter grant is no mapping, and a gateway that we would ask all day
PORTMAP_LIFETIME_MAX_S = 7_200  # believed of a grant: who grants years may restart tomorrow
PORTMAP_RENEW_GAP_MIN_S = 5.0  # between two renewals, however little is left
PORTMAP_LOST_GAP_S = 10.0  # between asking again a gateway that restarted and does not answer yet
PORTMAP_CHECK_S = 60.0  # between looks whether the gateway still has it: one small datagram or request
PORTMAP_HEADSTART_S = 0.4  # for a better protocol to answer; gateways answer within 10 ms
PORTMAP_ANSWER_MAX_S = 3.0  # for one question with its repetitions; the slowest consumer router takes a second
PORTMAP_RELEASE_MAX_S = 1.0  # that `down` waits for a gateway to take a mapping back
PORTMAP_RETRY_S = (60.0, 300.0, 900.0, 1800.0)  # pauses before a gateway without any protocol is asked again
PORTMAP_UPNP_PORTS_MAX = 4  # outer ports tried where the first is another machine's
PORTMAP_OUTBOX_MAX = 16  # things to send or say of one client between two looks; a protocol needs 2
PORTMAP_READS_MAX = 16  # datagrams of one socket that a wake-up takes, so that other tasks get their turn
PORTMAP_HTTP_MAX_BYTES = 64 * 1024  # of one answer, as XML_MAX_BYTES
PORTMAP_OPEN_RETRY_S = 3.0  # before sockets to a gateway are opened again: an address may still be on trial
TROUBLE_SHOWN_S = 600.0  # how long status tells of a document that was refused: a monitor looks once in five minutes
TROUBLES_REMEMBERED_MAX = 64  # of them, the newest: a person reads ten
HEADS_TOLD_MAX = 4  # heads in one signal: root, registrar, and an admin or two
HEAD_MAX_BYTES = 512  # of one of them; ours have 230
HEADS_WATCHED_MAX = 64  # authorities of which a peer showed a newer head than the server
HEAD_NEWS_S = 30.0  # what a peer has of an authority the server shows us too within this: MAP_INTERVAL and a busy disk
HEADS_TELL_S = 15.0  # between two peers that are told our heads, in turn: a signal a node costs a server little
DUPLICATE_WAIT_MIN_S = 10.0  # before a node returns to a server where another with its identity took over
DUPLICATE_WAIT_MAX_S = 600.0  # and at most: two copies of a machine change places, but do not fight
DUPLICATE_FORGET_S = 1800.0  # a session that nobody took over for so long: the copy is gone
HEALTH_ENTRIES_MAX = 256  # troubles shown at once; a person reads ten
SERVER_CONNECT_MAX_S = 10.0  # name, TCP, TLS and WebSocket together; beyond that the next attempt is better
SERVER_NO_MEMBER_WAIT_S = 300.0  # before a node asks again where it was told that it is no member
SERVER_SEND_MAX_S = 30.0  # a server that takes nothing for so long is gone
SERVER_CLOSE_MAX_S = 1.0  # the goodbye; nothing depends on it
ENDPOINTS_KEPT_MAX = 4  # a peer's endpoints kept on disk: home, office, phone, and one more
ENDPOINTS_WRITE_AFTER_S = 0.2  # gathers a burst of changes into one write; what a kill -9 may lose
ECHO_RETRY_S = 0.25  # before a ping inside the session is sent again
ECHO_TRIES_BEFORE_HANDSHAKE = 3  # unanswered ones after which the session is begun anew
ECHO_WAITING_MAX = 256  # pings that wait for answers, of all callers
EARLY_SIGNALS_MAX = 64  # signals of peers that the next map brings, 4 KiB each
SIGNAL_GAP_S = 0.2  # between two signals to one peer: nothing changes faster
TRANSLATORS_ANSWER_MAX_S = 10.0  # for the resolver's word on a NAT64: its own tries are over by then
TRANSLATORS_RETRY_S = 20.0  # after a resolver that did not answer, which one that just came up does not
TRANSLATORS_AGAIN_S = 1800.0  # a network's translator stays for years
SIGNAL_DATAGRAM_GAP_S = 0.05  # between two signals of a peer that came as datagrams: each costs an exchange, 0.1 ms
UNKNOWN_INITIATORS_MAX = 64  # where unknown keys knocked; forgotten when they turn out to be peers
STAMPS_AHEAD_S = 60  # of TAI64N stamps reserved on disk; above them the engine counts by nanoseconds
REVERIFY_WAIT_MAX_S = 5.0  # between looks at the clock: a document outlives its end no longer where somebody set it
SERVER_ANSWER_MAX_S = 10.0  # a request within a session
SILENCE_LOOK_S = 0.25  # between looks at the counters of peers that packets go to
SILENCE_DOUBT_S = 0.5  # without a packet while ours go out: then a probe asks, long before TCP's fourth try at 1.4 s
SILENCE_BUSY_MAX = 32  # of such peers, a look: 1 ms four times a second
SILENCE_IDLE_LOOKS = 8  # the others are looked at once in so many looks, in turn: every 2 s
SILENCE_IDLE_MAX = 32  # of them a look: with more than 256 each waits longer
TRAFFIC_BYTES = 256  # between two looks that count as traffic: keepalives and handshakes are smaller
NETWORKS_MAX = 32  # of one machine: each has a link, a port and a worker thread
CONVERGE_RETRY_FIRST_S = 0.5  # after a failed change of the host; then twice as long each time
CONVERGE_RETRY_MAX_S = 30.0  # what failed for a minute needs a person; still tried
TASK_RESTART_FIRST_S = 0.5  # after a bug; then twice as long each time
TASK_RESTART_MAX_S = 60.0
API_END_MAX_S = 1.0  # calls that are under way when the daemon ends
UP_TIMEOUT_MAX_S = 600.0  # who waits longer than that scripts a loop
UP_SESSION_WAIT_S = 3.0  # `up` with a state from disk waits so long for the server, then says that it is away
PING_INTERVAL_MIN_S = 0.01
PING_TIMEOUT_MAX_S = 300.0
NETCHECK_WAIT_MAX_S = 30.0  # for answers from outside; the slowest comes within 3
NETCHECK_LOOK_S = 0.05  # between looks whether they are there
PORTAL_LOOK_S = 2.0  # between looks for a sign-in page while the server is away
PORTAL_ANSWER_MAX_BYTES = 4 * 1024  # of an answer to /health that are read: a page shows itself in its first line
STATUS_FRESH_S = 10.0  # how old a round trip may be that status still shows as the latency
STATUS_PING_WAIT_S = 0.4  # status measures peers with a live session, all at once; who is slower has no latency shown
STATUS_PINGS_MAX = 128  # of them at a time
LOCAL_CONNECTIONS_MAX = 64  # calls at once: a screen, scripts and a few `ping`s; each costs a task and 50 KiB
LOCAL_READERS_MAX = 48  # of them for users who may only read: the rest stays free for who may end the daemon
LOCAL_READERS_A_USER_MAX = 16  # of one such user, so that none shuts the others out
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

# --- accounts ---
PASSWORD_HASHES_AT_ONCE = 2  # each takes 64 MiB and 50 ms of a core
TOKENS_A_USER_MAX = 64  # live ones: a token a script
TOKEN_LIFETIME_MAX_S = 366 * 86400  # what nobody renews for a year is forgotten somewhere
PROXY_MAX_CHARS = 512  # a proxy's URL with a long password
RELAYS_HELD_MAX = 8  # relays that a node is connected to at once: its home, a standby, its peers' homes
RELAY_SPARE_PEERS_MAX = 256  # up to so many peers a second channel stands by for each; above, 50 bytes a peer are many
RELAY_CERTIFICATE_LIFE_S = 3600  # a relay takes up to two hours; renewed at half, so a stolen session key ends soon
RELAY_RESOLVE_MAX_S = 5.0  # a relay's name; the addresses that it had last are used meanwhile
RELAY_RESOLVE_EVERY_S = 600.0  # names are looked up again
RELAY_LOOK_S = 20.0  # between looks at round trips and papers
RELAY_SUSPECT_S = 30.0  # a channel that did not answer is the last choice for so long

DEVICE_REQUESTS_AN_ADDRESS_MAX = 20  # programs of one address that wait to be approved: a class room behind one NAT
DEVICE_REQUESTS_MAX = 10_000  # of all: a row of 300 bytes each
DEVICE_TOKEN_LIFETIME_S = 90 * 86400  # of a program that a person approved; then it asks again
DEVICE_WAIT_MAX_S = 20  # a question that waits for a person: below the 60 s that the front gives an answer
FORM_MAX_FIELDS = 32  # the longest form of ours has five

# --- cli ---
CLIENT_ANSWER_MAX_BYTES = 32 * 1024 * 1024  # a status of 20,000 peers at 1.5 KB each
DAEMON_START_MAX_S = 20.0  # a cold disk on a small board; the usual start takes under half a second
DAEMON_END_MAX_S = 10.0  # taking links and routes down; then it is killed, and the journal undoes the rest
DAEMON_IDLE_S = 5.0  # a daemon that `warren up` started and that nothing is wanted of ends after so long without a call
DAEMON_POLL_S = 0.004  # between two looks at a socket that is about to appear
CLIENT_TIMEOUT_MAX_S = 24 * 3600  # nobody waits longer for one answer, and no kernel counts years
SECRET_MAX_BYTES = 4096  # a key from a file or standard input is about 100 characters
PING_COUNT_MAX = 10_000  # nearly three hours at one a second; who wants more runs it again
