"""The table of everything that `warren` offers: names, flags, examples. What is not built is not here.

Decides how things are called (CLI.md is the contract for it); the functions named by `run` decide what they do.
`daemon` and `server` are programs of their own: their mains read their flags, the table lists them for help and
completion only."""

from warren.cli.grammar import Argument, Command, Flag, Kind

SHARED = (
    Flag("json", "print JSON instead of text"),
    Flag("yes", "answer every question with yes"),
    Flag("network", "the network that is meant, where there are several", Kind.TEXT, "NAME"),
    Flag("timeout", "how long to wait for an answer", Kind.DURATION, "DURATION", default="30s"),
    Flag("socket", "the daemon's socket", Kind.PATH, "PATH"),
)
"""Flags of every command."""

_SERVER = Flag("server", "the server to act on: its URL, or its data folder on this machine", Kind.TEXT, "URL|DIR")
_STATE = Flag("state", "the daemon's folder for keys and state", Kind.PATH, "DIR")

_ON = (
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
            _STATE,
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

_KEYS = (
    Command(
        ("key", "create"),
        "make a pre-auth key; the key, and nothing else, goes to standard output",
        "key:create",
        flags=(
            _SERVER,
            Flag("reusable", "admits any number of machines until it expires or is revoked"),
            Flag("ephemeral", "machines that join with it are forgotten a few hours after they were last seen"),
            Flag(
                "tag", "machines that join with it carry this tag; may be given again", Kind.TEXT, "TAG", is_many=True
            ),
            Flag("expires", "how long it admits", Kind.DURATION, "DURATION", default="1h"),
        ),
        examples=(
            ("warren key create --server /var/lib/warren-server", "on the server's machine, no login needed"),
            ("warren key create --reusable --expires 7d --tag ci > key", "only the key lands in the file"),
        ),
        text="The server keeps the public half only: a lost key cannot be shown again.",
    ),
    Command(
        ("key", "list"),
        "list keys: what they admit, whether they are used, expired or revoked",
        "key:list_keys",
        flags=(_SERVER,),
        examples=(("warren key list", ""),),
    ),
    Command(
        ("key", "revoke"),
        "end a key; members that it admitted stay",
        "key:revoke",
        flags=(_SERVER,),
        arguments=(Argument("id", "the key's id, as `warren key list` shows it"),),
        examples=(("warren key revoke k3jd82hs0a", ""),),
    ),
)

_NETWORKS = (
    Command(
        ("network", "create"),
        "make a network on the server",
        "network:create",
        flags=(
            _SERVER,
            Flag("prefix", "its IPv4 prefix; a random /16 of 100.64.0.0/10 if not given", Kind.TEXT, "PREFIX"),
            Flag("prefix6", "its IPv6 prefix, a /64 of fd00::/8; a random one if not given", Kind.TEXT, "PREFIX"),
            Flag("root", "where its root key is made: server, or device (this machine's daemon)", Kind.TEXT, "WHERE"),
        ),
        arguments=(Argument("name", "the network's name"),),
        examples=(
            ("warren network create lab --prefix 100.90.0.0/16", ""),
            ("warren network create lab --root device", "you own it: the server only admits, until you lock it"),
        ),
    ),
    Command(
        ("network", "list"),
        "list the server's networks",
        "network:list_networks",
        flags=(_SERVER,),
        examples=(("warren network list", ""),),
    ),
    Command(
        ("network", "show"),
        "show one network: prefixes, where its root key lives, members",
        "network:show",
        flags=(_SERVER,),
        arguments=(Argument("name", "the network; needed only where there are several", is_optional=True),),
        examples=(("warren network show default", ""),),
    ),
    Command(
        ("network", "rename"),
        "give a network another name; its members' full names change with it",
        "network:rename",
        flags=(_SERVER,),
        arguments=(Argument("name", "the network"), Argument("new", "its new name")),
        examples=(("warren network rename default home", ""),),
    ),
    Command(
        ("network", "delete"),
        "delete a network with all its members and keys",
        "network:delete",
        flags=(_SERVER,),
        arguments=(Argument("name", "the network"),),
        examples=(("warren network delete lab --yes", ""),),
    ),
    Command(
        ("network", "lock"),
        "take admission from the server: from then on its owner and admins admit",
        "network:lock",
        flags=(Flag("without", "a member to remove in the same breath", Kind.TEXT, "NAME", is_many=True),),
        arguments=(Argument("name", "the network; needed only where there are several", is_optional=True),),
        examples=(("warren network lock", "on the owner's machine; shows what it signs"),),
    ),
    Command(
        ("network", "unlock"),
        "let the server admit again",
        "network:unlock",
        arguments=(Argument("name", "the network; needed only where there are several", is_optional=True),),
        examples=(("warren network unlock", ""),),
    ),
    Command(
        ("network", "take-over"),
        "move a network's root key from the server to this machine",
        "network:take_over",
        flags=(_SERVER,),
        arguments=(Argument("name", "the network; needed only where there are several", is_optional=True),),
        examples=(("warren network take-over default --server /var/lib/warren-server", ""),),
    ),
    Command(
        ("network", "root", "export"),
        "print a network's root key, and nothing else, on standard output; keep it offline",
        "network:root_export",
        arguments=(Argument("name", "the network; needed only where there are several", is_optional=True),),
        examples=(("warren network root export > root-key", "whoever has it owns the network"),),
    ),
    Command(
        ("network", "root", "import"),
        "keep a network's root key on this machine",
        "network:root_import",
        arguments=(Argument("key", "the key's line, file:PATH, or - for standard input"),),
        examples=(("warren network root import file:root-key", ""),),
    ),
    Command(
        ("network", "root", "change"),
        "give a network another root key, made on this machine; the former one is void",
        "recovery:change",
        arguments=(Argument("name", "the network; needed only where there are several", is_optional=True),),
        examples=(("warren network root change", "on the owner's machine; shows what it signs"),),
        text="For an owner who still has the root key and fears that somebody else has it too. What it signed stays,\n"
        "by name; nothing else of it counts, whatever its date. Keep a copy of the new key:\n"
        "warren network root export.",
    ),
    Command(
        ("network", "recovery", "set"),
        "say which admins may replace a lost root key, and how many together; no admin: nobody",
        "recovery:set_recovery",
        flags=(Flag("quorum", "how many of them it takes; most of them if not given", Kind.NUMBER, "N"),),
        arguments=(Argument("admins", "the admins' machines", is_optional=True, is_many=True),),
        examples=(("warren network recovery set --quorum 2 laptop desk phone", "on the owner's machine"),),
    ),
    Command(
        ("network", "recovery", "start"),
        "the root key is lost: propose another one, made on this admin's machine",
        "recovery:start",
        arguments=(Argument("name", "the network; needed only where there are several", is_optional=True),),
        examples=(("warren network recovery start", "then `recovery sign` on the other admins' machines"),),
    ),
    Command(
        ("network", "recovery", "sign"),
        "sign another admin's proposal of a new root key; compare its words with them first",
        "recovery:second",
        arguments=(
            Argument("key", "the beginning of the proposed key; needed only where there are several", is_optional=True),
        ),
        examples=(("warren network recovery sign", ""),),
    ),
    Command(
        ("network", "recovery", "status"),
        "show the root key, who may recover it, and what is proposed",
        "recovery:status",
        arguments=(Argument("name", "the network; needed only where there are several", is_optional=True),),
        examples=(("warren network recovery status", ""),),
    ),
)

_RULES = (
    Command(
        ("policy", "show"),
        "show a network's access policy: who may reach whom",
        "policy:show",
        flags=(_SERVER,),
        examples=(("warren policy show", ""),),
    ),
    Command(
        ("policy", "set"),
        "replace a network's access policy; nodes follow within seconds",
        "policy:set_policy",
        flags=(_SERVER,),
        arguments=(Argument("file", "the policy's text (JSON), or - for standard input"),),
        examples=(("warren policy set policy.json", ""),),
        text='{"version": 1, "rules": [{"from": ["*"], "to": ["tag:web"], "protocols": ["tcp"], "ports": ["443"]}]}\n'
        "A rule accepts: from and to are lists of *, user:ID, group:NAME, tag:NAME, role:NAME, host:NAME;\n"
        "protocols (tcp, udp, icmp or a number) and ports (of the destination) may be left out. What no rule accepts\n"
        "is dropped on both ends; what answers an accepted flow passes. A rule with a part that a node does not know\n"
        "matches nothing there. Connections that a new policy no longer accepts are cut.",
    ),
    Command(
        ("policy", "check"),
        "say what is wrong in a policy's text; needs no server",
        "policy:check",
        arguments=(Argument("file", "the policy's text (JSON), or - for standard input"),),
        examples=(("warren policy check policy.json", ""),),
    ),
)

_MEMBERS = (
    Command(
        ("member", "list"),
        "list a network's members as the server knows them",
        "member:list_members",
        flags=(_SERVER,),
        examples=(("warren member list", ""),),
    ),
    Command(
        ("member", "kick"),
        "end a membership; peers drop the node, and the key that it joined with is revoked",
        "member:kick",
        flags=(_SERVER, Flag("keep-key", "leave the key that it joined with as it is")),
        arguments=(Argument("member", "its name, or its identity (10 hex digits or more)"),),
        examples=(("warren member kick old-laptop", ""),),
    ),
    Command(
        ("member", "waiting"),
        "list the machines that wait to be approved, with the words that each of them shows",
        "member:waiting",
        examples=(("warren member waiting", ""),),
    ),
    Command(
        ("member", "approve"),
        "let a machine in that waits, or one that was removed",
        "member:approve",
        flags=(
            Flag("hostname", "what it is called; as it asked if not given", Kind.TEXT, "NAME", whose="member"),
            Flag("code", "the words that the machine shows: refused where they differ", Kind.TEXT, "WORDS"),
        ),
        arguments=(Argument("machine", "its name, or its identity (6 hex digits or more)"),),
        examples=(("warren member approve phone", "shows the words to compare"),),
    ),
    Command(
        ("member", "deny"),
        "refuse a machine that waits",
        "member:deny",
        arguments=(Argument("machine", "its name, or its identity (6 hex digits or more)"),),
        examples=(("warren member deny phone", ""),),
    ),
    Command(
        ("member", "promote"),
        "make a member an admin: its machine may approve, kick and invite",
        "member:promote",
        arguments=(Argument("member", "its name, or its identity (6 hex digits or more)"),),
        examples=(("warren member promote laptop", ""),),
    ),
    Command(
        ("member", "demote"),
        "make an admin a plain member; whom it approved stays",
        "member:demote",
        arguments=(Argument("member", "its name, or its identity (6 hex digits or more)"),),
        examples=(("warren member demote laptop", ""),),
    ),
    Command(
        ("audit",),
        "show who changed who may do what: members, keys, policy, roles, sign-ons",
        "audit:audit",
        flags=(
            _SERVER,
            Flag("limit", "how many entries, the newest", Kind.NUMBER, "N", default="100"),
            Flag("action", "only this action, or kind of action: member.removed, or member", Kind.TEXT, "WORD"),
            Flag("all-networks", "of every network and of the server itself, for its admins"),
        ),
        examples=(
            ("warren audit --action member", "who came and went"),
            ("warren audit --all-networks --server /var/lib/warren-server", "on the server's machine"),
        ),
    ),
    Command(
        ("invite", "create"),
        "make an invite, signed by this machine; its link, and nothing else, goes to standard output",
        "invite:create",
        flags=(
            Flag("hostname", "what the machine is called that joins with it", Kind.TEXT, "NAME", whose="member"),
            Flag("uses", "how many machines it admits", Kind.NUMBER, "N", default="1"),
            Flag("expires", "how long it admits", Kind.DURATION, "DURATION", default="1d"),
            Flag(
                "tag", "machines that join with it carry this tag; may be given again", Kind.TEXT, "TAG", is_many=True
            ),
        ),
        examples=(("warren invite create --hostname phone", "then there: warren up --invite LINK"),),
    ),
    Command(
        ("invite", "user"),
        "invite a user of the server into a network, or let one in who asked",
        "invitations:invite_user",
        flags=(_SERVER, Flag("text", "a line for them to read", Kind.TEXT, "TEXT")),
        arguments=(Argument("user", "their id, or their name where one account alone has it"),),
        examples=(("warren invite user alice --network lab", "she accepts on her account's page, or by the CLI"),),
    ),
    Command(
        ("invite", "list"),
        "list who is invited into a network and who asks to be let in",
        "invitations:list_invitations",
        flags=(_SERVER,),
        examples=(("warren invite list", ""),),
    ),
    Command(
        ("invite", "withdraw"),
        "withdraw an invitation, deny a question, or end a plain member's role",
        "invitations:withdraw",
        flags=(_SERVER,),
        arguments=(Argument("user", "their id, or their name where one account alone has it"),),
        examples=(("warren invite withdraw alice", "machines that she added stay until they are kicked"),),
        text="Who was denied or put out is not brought back by their mail domain: only `warren invite user` does that.",
    ),
    Command(
        ("invite", "mine"),
        "list your own invitations and questions",
        "invitations:mine",
        flags=(_SERVER,),
        examples=(("warren invite mine", ""),),
    ),
    Command(
        ("invite", "accept"),
        "accept an invitation: then add machines by `warren up --server URL`",
        "invitations:accept",
        flags=(_SERVER,),
        arguments=(Argument("network", "the network's name"),),
        examples=(("warren invite accept lab", ""),),
    ),
    Command(
        ("invite", "decline"),
        "decline an invitation, or take back what you asked",
        "invitations:decline",
        flags=(_SERVER,),
        arguments=(Argument("network", "the network's name"),),
        examples=(("warren invite decline lab", ""),),
    ),
    Command(
        ("network", "listed"),
        "list the networks that you may ask to be let into",
        "invitations:listed",
        flags=(_SERVER,),
        examples=(("warren network listed", ""),),
    ),
    Command(
        ("network", "ask"),
        "ask to be let into a listed network; one of its admins decides",
        "invitations:ask",
        flags=(_SERVER, Flag("text", "a line for them to read", Kind.TEXT, "TEXT")),
        arguments=(Argument("name", "the network's name"),),
        examples=(('warren network ask lab --text "I am the new one"', ""),),
    ),
    Command(
        ("network", "domain", "list"),
        "list the mail domains whose people come into a network by signing on",
        "domain:list_domains",
        flags=(_SERVER,),
        examples=(("warren network domain list --network corp", ""),),
    ),
    Command(
        ("network", "domain", "prove"),
        "prove by a TXT record that a mail domain is yours; again: look for that record",
        "domain:prove",
        flags=(
            _SERVER,
            Flag("provider", "whose word counts: the id or issuer of one of the server's", Kind.TEXT, "ID"),
        ),
        arguments=(Argument("domain", "the mail domain"),),
        examples=(
            ("warren network domain prove corp.example --network corp", "by the provider that you sign on by"),
            ("warren network domain prove corp.example --provider login", "by this one of the server's"),
        ),
        text="People whose mail address there is verified by that provider come in by signing on; other providers'\n"
        "word of such addresses does not count. The record is looked for once a day; a week after it was seen last\n"
        "the domain is not the network's any more.",
    ),
    Command(
        ("network", "domain", "give-up"),
        "have nobody come by a mail domain any more; who did stays",
        "domain:give_up",
        flags=(_SERVER,),
        arguments=(Argument("domain", "the mail domain"),),
        examples=(("warren network domain give-up corp.example --network corp", ""),),
    ),
    Command(
        ("network", "domain", "approve"),
        "say whether who comes by a mail domain waits for an admin",
        "domain:approve",
        flags=(_SERVER,),
        arguments=(Argument("whom", "each or nobody"),),
        examples=(("warren network domain approve each --network corp", "then: warren invite list, invite user"),),
    ),
    Command(
        ("network", "publish"),
        "list a network on its server, so that people may ask to be let in",
        "invitations:publish",
        flags=(
            _SERVER,
            Flag("text", "what it is about", Kind.TEXT, "TEXT"),
            Flag("off", "list it no more"),
        ),
        arguments=(Argument("name", "the network's name"),),
        examples=(('warren network publish lab --text "everybody of the third floor"', ""),),
    ),
    Command(
        ("invite", "revoke"),
        "end an invite, and the memberships that it gave",
        "invite:revoke",
        arguments=(Argument("id", "the invite's id, as in its link"),),
        examples=(("warren invite revoke k3jd82hs0a", ""),),
    ),
)

_RUN = (
    Command(
        ("host", "undo"),
        "take away what a killed daemon left on this host (routes that lead nowhere)",
        "down:undo",
        flags=(_STATE,),
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

_USER = Flag("user", "whose tokens are meant, on the server's own socket", Kind.TEXT, "NAME")

_PEOPLE = (
    Command(
        ("login",),
        "sign on to a server: prints a link and a code to type there, in any browser",
        "login:login",
        flags=(
            _SERVER,
            Flag("token", "keep this API token instead: file:PATH, or - for standard input", Kind.SECRET, "WHERE"),
        ),
        examples=(("warren login --server https://vpn.example.org", "then: warren network list --server …"),),
        text="What the server gives may manage your networks for 90 days; it cannot administer the server.",
    ),
    Command(
        ("logout",),
        "sign off: revoke this machine's token and forget it",
        "login:logout",
        flags=(_SERVER,),
        examples=(("warren logout --server https://vpn.example.org", ""),),
    ),
    Command(
        ("user", "create"),
        "make a user of the server, who signs on with a name and password",
        "user:create",
        flags=(
            _SERVER,
            Flag("password", "where the password is: file:PATH, or - for standard input", Kind.SECRET, "WHERE"),
            Flag("admin", "of the server, not only of networks"),
        ),
        arguments=(Argument("name", "the name to sign on with"),),
        examples=(("warren user create alice --server /var/lib/warren-server", "asks for the password"),),
    ),
    Command(
        ("user", "list"),
        "list the users of the server",
        "user:list_users",
        flags=(_SERVER,),
        examples=(("warren user list", ""),),
    ),
    Command(
        ("user", "disable"),
        "shut a user out; their tokens and sessions end, their machines are removed from every network",
        "user:disable",
        flags=(_SERVER,),
        arguments=(Argument("name", "the user's name or id"),),
        examples=(("warren user disable alice", ""),),
    ),
    Command(
        ("user", "reset"),
        "take a user's second factors away: they lost their phone and their recovery codes",
        "user:reset",
        flags=(_SERVER,),
        arguments=(Argument("name", "the user's name or id"),),
        examples=(("warren user reset alice", "app, passkeys and recovery codes; every session ends"),),
    ),
    Command(
        ("user", "enable"),
        "let a user in again who was shut out",
        "user:enable",
        flags=(_SERVER,),
        arguments=(Argument("name", "the user's name or id"),),
        examples=(("warren user enable alice", ""),),
    ),
    Command(
        ("token", "create"),
        "make an API token; the token, and nothing else, goes to standard output",
        "token:create",
        flags=(
            _SERVER,
            _USER,
            Flag("name", "what it is for", Kind.TEXT, "TEXT"),
            Flag("scope", "what it may: read, manage or admin", Kind.TEXT, "SCOPE", default="manage"),
            Flag("expires", "how long it is good", Kind.DURATION, "DURATION", default="90d"),
        ),
        examples=(
            ("warren token create --server DIR --user alice > token", "on the server's machine"),
            ("warren token create --scope read --name backup", "programs give it in WARREN_TOKEN, beside --server URL"),
        ),
        text="The server keeps a digest only: a lost token cannot be shown again.",
    ),
    Command(
        ("token", "list"),
        "list API tokens",
        "token:list_tokens",
        flags=(_SERVER, _USER),
        examples=(("warren token list", ""),),
    ),
    Command(
        ("token", "revoke"),
        "end an API token",
        "token:revoke",
        flags=(_SERVER, _USER),
        arguments=(Argument("id", "the token's id, as `warren token list` shows it"),),
        examples=(("warren token revoke k3jd82hs0a", ""),),
    ),
)

COMMANDS: tuple[Command, ...] = _ON + _PEOPLE + _KEYS + _NETWORKS + _RULES + _MEMBERS + _RUN

GROUPS: dict[str, str] = {
    "user": "people who sign on to the server",
    "token": "what programs show the server in a person's name",
    "key": "pre-auth keys: make, list, revoke",
    "network": "the networks of a server",
    "policy": "who may reach whom: show, set, check",
    "member": "the members of a network",
    "invite": "invites to a network: links signed by this machine, and users of the server",
    "config": "the daemon's settings",
    "host": "what Warren changed on this machine",
    "daemon": "the daemon: run it here, or install it",
    "server": "run a server (`warren server --help`)",
}
"""First words that have commands below them, or a main of their own."""

PROGRAMS: tuple[tuple[str, str], ...] = (
    ("daemon", "run the node's daemon in the foreground (`warren up` starts it by itself)"),
    ("server", "run a server: warren server --data DIR --url URL"),
    ("relay", "run a relay that stands alone: warren relay --key FILE --trust KEY"),
    ("wg", "be a WireGuard device that `wg` configures, without a network: warren wg wg0"),
)
"""What `warren.__main__` hands to a main of its own."""
