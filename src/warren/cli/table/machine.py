"""Commands about this machine: to be on, to see how that goes, and what the daemon left or may do here."""

from warren.cli.grammar import Argument, Command, Flag, Kind
from warren.cli.table.flags import STATE

ON = (
    Command(
        ("up",),
        "be on: start the daemon if none runs, join a network, print this node's name and addresses",
        "up:up",
        flags=(
            Flag("server", "the server whose network to join", Kind.TEXT, "URL"),
            Flag(
                "auth-key", "pre-auth key to join with (wk.…), file:PATH, or - for standard input", Kind.SECRET, "KEY"
            ),
            Flag("invite", "an invite's link, file:PATH, or -: it names its server itself", Kind.SECRET, "LINK"),
            Flag("hostname", "this node's name; the machine's own name if not given", Kind.TEXT, "NAME"),
            Flag("tag", "what this machine is for; may be given again", Kind.TEXT, "TAG", is_many=True),
            Flag("ephemeral", "the membership ends a few hours after this node was last seen", can_be_no=True),
            Flag("operator", "the user who may change this daemon besides root", Kind.TEXT, "USER"),
            Flag("port", "the UDP port to listen on; a random one, kept, if not given", Kind.NUMBER, "PORT"),
            Flag("force-relay", "send by relays only, and tell nobody this machine's addresses", can_be_no=True),
            Flag("alias", "what the network is called on this machine, where two have one name", Kind.TEXT, "NAME"),
            Flag("ipv6-only", "be in the network by IPv6 alone: its IPv4 prefix is in use here", can_be_no=True),
            Flag(
                "transport",
                "cipher between machines: auto (AES-256-GCM where both are fast at it), or wireguard (its own only)",
                Kind.TEXT,
                "auto|wireguard",
            ),
            Flag("plan", "only show what would change on this machine"),
            Flag("renew", "renew this machine's membership: sign on again, or with --auth-key"),
            STATE,
        ),
        examples=(
            (
                "warren up --server https://vpn.example.org --auth-key wk.…",
                "join with a key made by `warren key create`",
            ),
            (
                "warren up --auth-key file:/run/secrets/key --hostname db",
                "the key from a file; the server from WARREN_SERVER",
            ),
            ("warren up --server https://vpn.example.org", "join by signing on: prints a link and a code"),
            ("warren up", "be on again, as before"),
            ("warren up --renew", "before this machine's key expires, or after; `warren status` warns weeks ahead"),
        ),
        text="Running it again is harmless: earlier settings stay unless told otherwise, another server adds its\n"
        "network. It ends 0 when the network is in force: from the server or, while that is away, from what was\n"
        "verified before.",
    ),
    Command(
        ("down",),
        "be off, and stay off: take links, addresses and routes away and end the daemon",
        "down:down",
        examples=(("warren down", ""),),
        text="Keys and memberships stay; `warren up` brings them back. Where the daemon was killed, root's `down`\n"
        "takes away what it left by itself.",
    ),
    Command(
        ("leave",),
        "leave a network for good: end the membership and forget its keys",
        "down:leave",
        arguments=(Argument("network", "the network to leave; needed only where there are several", is_optional=True),),
        examples=(("warren leave default", ""), ("warren leave --yes", "without being asked")),
    ),
    Command(
        ("reidentify",),
        "be another machine: for one whose disk was cloned",
        "reidentify:reidentify",
        flags=(
            Flag(
                "auth-key", "pre-auth key for the new identity, file:PATH, or - for standard input", Kind.SECRET, "KEY"
            ),
            Flag("hostname", "this node's new name; the machine's own name if not given", Kind.TEXT, "NAME"),
        ),
        examples=(("warren reidentify --auth-key file:key --hostname web2", "new keys, name and addresses"),),
        text="The old identity is forgotten here only: the machine that this one is a copy of keeps it.\n"
        "Without a key nothing is joined in its place.",
    ),
    Command(
        ("rekey",),
        "change this machine's WireGuard key, without losing a packet; it changes by itself every 30 days",
        "rekey:rekey",
        examples=(("warren rekey", "ends when the new key is in use"),),
        text="Peers hear of the new key before it is used; the former one is good for a week more, for those that are\n"
        "away. The machine's identity, name and addresses stay.",
    ),
    Command(
        ("status",),
        "show this node and its peers: how each is reached, how fast, and what is wrong",
        "status:status",
        examples=(("warren status", ""), ("warren status --json", "for programs; fields are only ever added")),
    ),
    Command(
        ("ping",),
        "measure the way to a peer, inside the encrypted session",
        "ping:ping",
        flags=(
            Flag("count", "stop after this many answers", Kind.NUMBER, "N", short="c", default="10"),
            Flag(
                "until-direct", "stop at the first answer over a direct path", can_be_no=True, default="on, without -c"
            ),
        ),
        arguments=(Argument("host", "a peer's name, NAME.NETWORK, or address"),),
        examples=(
            ("warren ping db", "until the path is direct, at most 10 answers"),
            ("warren ping db -c 3", "three answers, whatever the path"),
        ),
    ),
    Command(
        ("netcheck",),
        "show what this network lets through: UDP, addresses, NAT, port mapping, sign-in pages, relays",
        "netcheck:netcheck",
        flags=(Flag("server", "ask this server by its URL, also where no daemon runs", Kind.TEXT, "URL"),),
        examples=(
            ("warren netcheck", "as the daemon sees it"),
            ("warren netcheck --server https://vpn.example.org", "before joining"),
        ),
        text="It ends with one sentence of advice; exit code 0 where UDP passes.",
    ),
    Command(
        ("why",),
        "explain whether one node can reach another: membership, rule, route, key, path, firewall, name",
        "why:why",
        arguments=(
            Argument("source", "who wants to reach it: this machine's name or a peer's"),
            Argument("destination", "whom: HOST, HOST:PORT, HOST:PORT/udp or HOST/icmp"),
        ),
        examples=(
            ("warren why laptop db:5432", "each step, and one thing to do if it fails"),
            ("warren why laptop db:53/udp", "over UDP"),
        ),
        text="Exit code 0 where it can be reached, 1 where not. It also lists what the packet filter dropped lately.",
    ),
    Command(
        ("whoami",),
        "show who this machine is in its networks, and what you may do with this daemon",
        "whoami:whoami",
        examples=(("warren whoami", ""),),
    ),
)

RUN = (
    Command(
        ("host", "undo"),
        "take away what a killed daemon left on this host (routes that lead nowhere)",
        "down:undo",
        flags=(STATE,),
        examples=(("warren host undo", "as root, while no daemon runs"),),
        text="It goes by the daemon's journal and takes nothing that others put there. The network comes back with\n"
        "`warren up`, as it was.",
    ),
    Command(
        ("config", "show"),
        "show every setting of the daemon",
        "config:show",
        flags=(Flag("origin", "also where each value comes from: flag, environment, file or default"),),
        examples=(("warren config show --origin", ""),),
    ),
    Command(
        ("daemon", "install"),
        "install the systemd unit, so that the daemon starts with the machine",
        "daemon:install",
        examples=(("warren daemon install", "writes /etc/systemd/system/warren-daemon.service"),),
    ),
    Command(
        ("completion",),
        "print completions for a shell",
        "completion:completion",
        arguments=(Argument("shell", "bash, zsh or fish"),),
        examples=(
            ("warren completion bash > /etc/bash_completion.d/warren", ""),
            ("warren completion zsh > ~/.zfunc/_warren", ""),
            ("warren completion fish > ~/.config/fish/completions/warren.fish", ""),
        ),
    ),
)
