"""Flags that several commands have, or all of them."""

from warren.cli.grammar import Flag, Kind

SHARED = (
    Flag("json", "print JSON instead of text"),
    Flag("yes", "answer every question with yes"),
    Flag("network", "the network that is meant, where there are several", Kind.TEXT, "NAME"),
    Flag("timeout", "how long to wait for an answer", Kind.DURATION, "DURATION", default="30s"),
    Flag("socket", "the daemon's socket", Kind.PATH, "PATH"),
)
"""Flags of every command."""

SERVER = Flag("server", "the server to act on: its URL, or its data folder on this machine", Kind.TEXT, "URL|DIR")
STATE = Flag("state", "the daemon's folder for keys and state", Kind.PATH, "DIR")
USER = Flag("user", "whose tokens are meant, on the server's own socket", Kind.TEXT, "NAME")
