"""The table of everything that `warren` offers: names, flags, examples. What is not built is not here.

Decides how things are called (CLI.md is the contract for it); the functions named by `run` decide what they do.
`daemon` and `server` are programs of their own: their mains read their flags, the table lists them for help and
completion only."""

from warren.cli.grammar import Command
from warren.cli.table.admission import ASKED, DOMAINS, INVITES, KEYS
from warren.cli.table.flags import SHARED
from warren.cli.table.machine import ON, RUN
from warren.cli.table.members import MEMBERS
from warren.cli.table.networks import NETWORKS, RULES
from warren.cli.table.people import PEOPLE

__all__ = ["COMMANDS", "GROUPS", "PROGRAMS", "SHARED"]

COMMANDS: tuple[Command, ...] = (
    *ON, *PEOPLE, *KEYS, *NETWORKS, *ASKED, *DOMAINS, *RULES, *MEMBERS, *INVITES, *RUN
)  # fmt: skip

GROUPS: dict[str, str] = {
    "user": "people who sign on to the server",
    "token": "what programs show the server in a person's name",
    "key": "pre-auth keys: make, list, revoke",
    "network": "the networks of a server",
    "network root": "the key that a network stands on: out, in, another one",
    "network recovery": "who may replace a lost root key, and doing so",
    "network domain": "mail domains whose people come into a network by signing on",
    "policy": "who may reach whom: show, set, check",
    "member": "the members of a network",
    "invite": "invites to a network: links signed by this machine, and users of the server",
    "config": "the daemon's settings",
    "host": "what Warren changed on this machine",
    "daemon": "the daemon: run it here, or install it",
    "server": "run a server (`warren server --help`)",
}
"""Words that have commands below them, or a main of their own."""

PROGRAMS: tuple[tuple[str, str], ...] = (
    ("daemon", "run the node's daemon in the foreground (`warren up` starts it by itself)"),
    ("server", "run a server: warren server --data DIR --url URL"),
    ("relay", "run a relay that stands alone: warren relay --key FILE --trust KEY"),
    ("wg", "be a WireGuard device that `wg` configures, without a network: warren wg wg0"),
)
"""What `warren.__main__` hands to a main of its own."""
