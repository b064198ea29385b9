"""`POST /v1/why`: may A reach B, step by step, each with its reason; what was dropped and what passed between
them; what to do."""

import msgspec


class WhyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to reach whom. Both are names as `warren ping` takes them, this machine's own too.

    `port` None: anything at all. `protocol` is `tcp`, `udp` or `icmp`.
    """

    source: str
    destination: str
    port: int | None = None
    protocol: str = "tcp"
    network: str | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that has to hold: `name` is identity, membership, rule, route, key, path, firewall or name.

    `ok` None: this machine cannot tell (it is about a third one). `text` says what is so, or the reason.
    """

    name: str
    ok: bool | None
    text: str


class Drop(msgspec.Struct, frozen=True, kw_only=True):
    """Packets between this machine and the other that the filter dropped; equal ones stand once. Unix seconds."""

    inward: bool
    protocol: str
    port: int
    reason: str
    packets: int
    last: float


class EndedFlow(msgspec.Struct, frozen=True, kw_only=True):
    """What passed between this machine and the other in one flow that ended. Times in Unix seconds, sizes in bytes.

    `inward`: the other opened it, by the rule in `line` of the policy. `end`: closed, idle, withdrawn, evicted,
    or that the peer is gone.
    """

    inward: bool
    protocol: str
    port: int
    line: int
    end: str
    began: float
    last: float
    rx_packets: int
    rx_bytes: int
    tx_packets: int
    tx_bytes: int


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. `advice` is one thing to do; empty where all is well."""

    source: str
    destination: str
    reachable: bool
    steps: tuple[Step, ...]
    drops: tuple[Drop, ...] = ()
    flows: tuple[EndedFlow, ...] = ()
    advice: str = ""
