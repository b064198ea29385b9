"""One tunnel of our engine in a process of its own: a JSON line in, a JSON line out, until the input ends.

So that it can run on a host of a lab. Lines are `[method, argument...]`; bytes are written as hex. The answers are
`["ok", value]` or `["error", exception, errno, text]`.
"""

import json
import os
import sys
from ipaddress import ip_network
from select import select
from typing import Any

from warren.engine.events import PeerNumber
from warren.engine.filter import Direction, Rule
from warren.engine.tunnel import Mode, Tunnel
from warren.model.addresses import parse_endpoint
from warren.model.keys import ExchangeKeyPair, Secret
from warren.model.offloads import ALL
from warren.model.transport import Transport

PEER = PeerNumber(1)  # a test's one peer
MTU = 1420  # wireguard-go's own, so that throughput compares
EVENTS_MAX = 256


class Program:
    """The tunnel, and what can be asked of it by name."""

    def __init__(self, link: str, private_key: str, port: int, mtu: int = MTU, offloads: int = ALL) -> None:
        keys = [ExchangeKeyPair(bytes.fromhex(private_key))]
        self._tunnel = Tunnel(
            link, mtu=mtu, port=port, keys=keys, stamp_floor_s=0, stamp_ceiling_s=2**40, offloads=offloads,
            workers=int(os.environ.get("WARREN_WORKERS", "0")),
        )  # fmt: skip

    def about(self) -> dict[str, Any]:
        """The link's name, the port, and how many workers carry."""
        return {"link": self._tunnel.link, "port": self._tunnel.port, "workers": self._tunnel.workers}

    def set_peer(  # noqa: PLR0917 - a peer is set as a whole
        self, public_key: str, allowed: str, preshared_key: str, endpoint: str, mode: str, transport: str,
        number: int = PEER,
    ) -> None:  # fmt: skip
        """Add the peer and open its gate; empty strings are no preshared key and no endpoint."""
        peer = PeerNumber(number)
        self._tunnel.set_peer(
            peer,
            [bytes.fromhex(public_key)],
            [ip_network(prefix) for prefix in allowed.split(",")],
            preshared_keys=[Secret(bytes.fromhex(preshared_key))] if preshared_key else [],
            mode=Mode[mode],
            transport=Transport(transport),
        )
        self._tunnel.set_gate(peer, is_open=True)
        if endpoint:
            self._tunnel.set_endpoint(peer, parse_endpoint(endpoint))

    def remove_peer(self, number: int) -> None:
        """With its sessions and prefixes."""
        self._tunnel.remove_peer(PeerNumber(number))

    def listen_on(self, port: int) -> int:
        """Another port; the one that it is."""
        self._tunnel.listen_on(port)
        return self._tunnel.port

    def set_gate(self, *, is_open: bool) -> None:
        """Of the peer."""
        self._tunnel.set_gate(PEER, is_open=is_open)

    def set_path_mtu(self, mtu: int | None) -> None:
        """Of the peer."""
        self._tunnel.set_path_mtu(PEER, mtu)

    def set_filter(self, *rules: list[Any]) -> None:
        """(number, inward, protocol or None, first port, last port) each, for all addresses; no port: 0."""
        everywhere = (ip_network("0.0.0.0/0"), ip_network("::/0"))
        self._tunnel.set_filter(
            [
                Rule(
                    number,
                    Direction.IN if inward else Direction.OUT,
                    protocol,
                    everywhere,
                    everywhere,
                    ((first, last),) if first else (),
                )
                for number, inward, protocol, first, last in rules
            ]
        )

    def clear_filter(self) -> None:
        """Gates alone decide."""
        self._tunnel.set_filter(None)

    def drops(self) -> list[list[Any]]:
        """(reason, protocol, our port, their port, packets) of what was dropped lately."""
        return [
            [one.reason.name, one.protocol, one.local_port, one.remote_port, one.rx_packets + one.tx_packets]
            for one in self._tunnel.filter_drops(PEER)
        ]

    def flows(self) -> list[list[Any]]:
        """(end, rule, our port, their port, bytes in, bytes out) of flows that ended or were refused."""
        return [
            [one.end.name, one.rule, one.local_port, one.remote_port, one.rx_bytes, one.tx_bytes]
            for one in self._tunnel.take_flow_records(4096)[0]
        ]

    def initiate(self) -> None:
        """A handshake with the peer, now."""
        self._tunnel.initiate(PEER)

    def ping(self, token: int) -> None:
        """Through the session."""
        self._tunnel.ping(PEER, token)

    def send(self, endpoint: str, datagram: str) -> None:
        """From the tunnel's own port."""
        self._tunnel.send(parse_endpoint(endpoint), bytes.fromhex(datagram))

    def set_probe_key(self, hint: str, key: str) -> None:
        """Of the peer."""
        self._tunnel.set_probe_key(bytes.fromhex(hint), bytes.fromhex(key), PEER)

    def expect_stun(self, transaction: str, for_s: float) -> None:
        """One answer."""
        self._tunnel.expect_stun(bytes.fromhex(transaction), for_s)

    def peer_stats(self) -> dict[str, Any]:
        """Of the peer."""
        stats = self._tunnel.peer_stats(PEER)
        return {name: getattr(stats, name) for name in type(stats).__slots__} | {"place": str(stats.place)}

    def counters(self) -> dict[str, int]:
        """All of them."""
        return self._tunnel.counters()

    def offloads(self) -> dict[str, str]:
        """Each by name."""
        return self._tunnel.offloads()

    def events(self, wait_s: float) -> list[list[Any]]:
        """What happened, waiting so long for something: the class' name and its fields."""
        select([self._tunnel.event_fd], [], [], wait_s)
        return [[type(event).__name__, *_fields(event)] for event in self._tunnel.take_events(EVENTS_MAX)]

    def close(self) -> None:
        """End the tunnel, not the program."""
        self._tunnel.close()


def _fields(event: Any) -> list[Any]:
    shown = []
    for name in type(event).__slots__:
        value = getattr(event, name)
        plain = value is None or isinstance(value, (int, float))
        shown.append(value.hex() if isinstance(value, bytes) else value if plain else str(value))
    return shown


def main() -> None:
    """The loop."""
    program: Program | None = None
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        named = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
        try:
            if method == "open":
                program = Program(*arguments, **named)
                answer: list[Any] = ["ok", program.about()]
            else:
                answer = ["ok", getattr(program, method)(*arguments, **named)]
        except (OSError, ValueError, KeyError) as error:
            answer = ["error", type(error).__name__, getattr(error, "errno", None), str(error)]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
