"""Commands about a network's members, and about who changed what."""

from warren.cli.grammar import Argument, Command, Flag, Kind
from warren.cli.table.flags import SERVER

MEMBERS = (
    Command(
        ("member", "list"),
        "list a network's members as the server knows them",
        "member:list_members",
        flags=(SERVER,),
        examples=(("warren member list", ""),),
    ),
    Command(
        ("member", "kick"),
        "end a membership; peers drop the node, and the key that it joined with is revoked",
        "member:kick",
        flags=(SERVER, Flag("keep-key", "leave the key that it joined with as it is")),
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
            SERVER,
            Flag("limit", "how many entries, the newest", Kind.NUMBER, "N", default="100"),
            Flag("action", "only this action, or kind of action: member.removed, or member", Kind.TEXT, "WORD"),
            Flag("all-networks", "of every network and of the server itself, for its admins"),
        ),
        examples=(
            ("warren audit --action member", "who came and went"),
            ("warren audit --all-networks --server /var/lib/warren-server", "on the server's machine"),
        ),
    ),
)
