"""Who is here: the open sessions of every network, and what passes between them.

Decides whose session a change, a signal or an end concerns. Must not know documents, sockets or the database. A session
is known by a few methods (`Live`); what goes wrong within one stays there.
Invariant: at most one session an identity and network; the newest wins, since a node that reconnects knows better than
the server that its old line is dead.
"""

from collections.abc import Callable
from typing import Protocol

from warren.errors import Code
from warren.limits import SESSIONS_MAX
from warren.model.ids import Identity, NetworkId
from warren.server.networks.service import Networks


class Live(Protocol):
    """A session as the hub sees it."""

    @property
    def began_at(self) -> float:
        """When its node connected, monotonic seconds."""

    def wake(self) -> None:
        """There may be something to send."""

    def take_signal(self, sender: Identity, sealed: bytes) -> None:
        """Sealed bytes for this node."""

    def end(self, code: Code, text: str, fix: str = "") -> None:
        """Refuse the session and close it."""

    def tell_relays(self) -> None:
        """Relays, or this node's grant for them, are to be told anew."""

    @property
    def relays_due_at(self) -> float:
        """When its grant is due for renewal, Unix seconds."""


class Hub:
    """The open sessions. One owner, one event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock`: Unix seconds."""
        self._clock = clock
        self._live: dict[NetworkId, dict[Identity, Live]] = {}
        self._count = 0
        self._last_seen: dict[tuple[NetworkId, Identity], int] = {}
        self._networks: Networks | None = None
        self._told_of_removals: list[Callable[[NetworkId, Identity], None]] = []

    def serve(self, networks: Networks) -> None:
        """Say whose sessions these are; before the first session."""
        self._networks = networks

    @property
    def count(self) -> int:
        """How many sessions are open."""
        return self._count

    @property
    def is_full(self) -> bool:
        """Whether no further session fits."""
        return self._count >= SESSIONS_MAX

    def online(self, network: NetworkId) -> int:
        """How many members of a network are here."""
        return len(self._live.get(network, ()))

    def is_online(self, network: NetworkId, identity: Identity) -> bool:
        """Whether a member is here."""
        return identity in self._live.get(network, ())

    def attach(self, network: NetworkId, identity: Identity, live: Live) -> None:
        """Take an admitted session; of two of the same identity the one that began first ends."""
        sessions = self._live.setdefault(network, {})
        if identity in sessions and sessions[identity].began_at > live.began_at:
            live.end(Code.CONFLICT, "another session of this node took over")  # it waited long for its admission
            return
        older = sessions.pop(identity, None)
        sessions[identity] = live
        if older is None:
            self._count += 1
        else:
            older.end(Code.CONFLICT, "another session of this node took over")
        self._tell_presence(network, identity, online=True)

    def detach(self, network: NetworkId, identity: Identity, live: Live) -> None:
        """The session is over; nothing happens where a newer one took its place."""
        sessions = self._live.get(network, {})
        if sessions.get(identity) is not live:
            return
        del sessions[identity]
        self._count -= 1
        if not sessions:
            self._live.pop(network, None)
        self._tell_presence(network, identity, online=False)

    def changed(self, network: NetworkId) -> None:
        """The network has news, or is gone: every session of it looks."""
        gone = self._networks is None or self._networks.get(network) is None
        for live in list(self._live.get(network, {}).values()):
            if gone:
                live.end(Code.NETWORK_UNKNOWN, "this network was deleted")
            else:
                live.wake()

    def removed(self, network: NetworkId, identity: Identity) -> None:
        """A membership ended: so does its session."""
        live = self._live.get(network, {}).get(identity)
        if live is not None:
            live.end(Code.REMOVED, "this machine was removed from the network")
        for tell in self._told_of_removals:
            tell(network, identity)

    def also_on_removed(self, tell: Callable[[NetworkId, Identity], None]) -> None:
        """Let `tell` hear of every removal too."""
        self._told_of_removals.append(tell)

    def state_home(self, network: NetworkId, identity: Identity, relay: int) -> None:
        """A member can be reached at this relay (0: none): its peers hear of it."""
        found = None if self._networks is None else self._networks.get(network)
        if found is not None and found.state.is_member(identity) and found.set_home(identity, relay):
            self.changed(network)

    def tell_relays(self, due_by: float | None = None) -> None:
        """Tell every session of relays and its grant, or those whose grant is due by then (Unix seconds)."""
        for sessions in list(self._live.values()):
            for live in list(sessions.values()):
                if due_by is None or live.relays_due_at <= due_by:
                    live.tell_relays()

    def signal(self, network: NetworkId, sender: Identity, receiver: Identity, sealed: bytes) -> bool:
        """Hand sealed bytes on; False where the receiver is not here. Whether they may talk the caller has asked."""
        live = self._live.get(network, {}).get(receiver)
        if live is None:
            return False
        live.take_signal(sender, sealed)
        return True

    def end_all(self, code: Code, text: str) -> None:
        """The server stops: tell everyone."""
        for sessions in list(self._live.values()):
            for live in list(sessions.values()):
                live.end(code, text)

    def take_last_seen(self) -> dict[tuple[NetworkId, Identity], int]:
        """Times that are not stored yet; the caller stores them (or gives them back by `remember_last_seen`)."""
        taken, self._last_seen = self._last_seen, {}
        return taken

    def remember_last_seen(self, seen: dict[tuple[NetworkId, Identity], int]) -> None:
        """Keep times that could not be stored, but for those that are newer by now."""
        self._last_seen = {**seen, **self._last_seen}

    def _tell_presence(self, network: NetworkId, identity: Identity, *, online: bool) -> None:
        now = int(self._clock())
        self._last_seen[network, identity] = now
        found = None if self._networks is None else self._networks.get(network)
        if found is not None and found.state.is_member(identity):
            found.set_presence(identity, online=online, last_seen=now)
            self.changed(network)
