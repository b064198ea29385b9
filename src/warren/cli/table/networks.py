"""Commands that make and change a network: its name, its root key, who may reach whom."""

from warren.cli.grammar import Argument, Command, Flag, Kind
from warren.cli.table.flags import SERVER

NETWORKS = (
    Command(
        ("network", "create"),
        "make a network on the server",
        "network:create",
        flags=(
            SERVER,
            Flag(
                "prefix",
                "its IPv4 prefix, of 100.64.0.0/10 or a private one; a random /16 of the first if not given",
                Kind.TEXT,
                "PREFIX",
            ),
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
        flags=(SERVER,),
        examples=(("warren network list", ""),),
    ),
    Command(
        ("network", "show"),
        "show one network: prefixes, where its root key lives, members",
        "network:show",
        flags=(SERVER,),
        arguments=(Argument("name", "the network; needed only where there are several", is_optional=True),),
        examples=(("warren network show default", ""),),
    ),
    Command(
        ("network", "rename"),
        "give a network another name; its members' full names change with it",
        "network:rename",
        flags=(SERVER,),
        arguments=(Argument("name", "the network"), Argument("new", "its new name")),
        examples=(("warren network rename default home", ""),),
    ),
    Command(
        ("network", "delete"),
        "delete a network with all its members and keys",
        "network:delete",
        flags=(SERVER,),
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
        flags=(SERVER,),
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

RULES = (
    Command(
        ("policy", "show"),
        "show a network's access policy: who may reach whom",
        "policy:show",
        flags=(SERVER,),
        examples=(("warren policy show", ""),),
    ),
    Command(
        ("policy", "set"),
        "replace a network's access policy; nodes follow within seconds",
        "policy:set_policy",
        flags=(SERVER,),
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
        flags=(SERVER,),
        arguments=(Argument("file", "the policy's text (JSON), or - for standard input"),),
        examples=(
            ("warren policy check policy.json", ""),
            ("warren policy check policy.json --network lab", "also which users and groups the network does not have"),
        ),
    ),
)
