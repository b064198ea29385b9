"""Somebody who wants in: a real WireGuard engine with keys of a test's choice, in a host of the lab.

    python -m tests.faults.intruder OWN_KEY_HEX VICTIM_KEY_HEX VICTIM_ENDPOINT

The peer is the victim, with every address behind it; the link is `intruder0`, and what a test sends into it goes out
to the victim in a session of OWN_KEY, if the victim begins one. Says `up` and lives until a signal.
"""

# ruff: noqa: T201 - it tells by printing that it is up

import signal
import sys
import time
from ipaddress import ip_network

from warren.engine.events import PeerNumber
from warren.engine.tunnel import Mode, Tunnel
from warren.model.addresses import parse_endpoint
from warren.model.keys import ExchangeKeyPair

LINK = "intruder0"
_VICTIM = PeerNumber(1)


def main(own: str, victim: str, endpoint: str) -> None:
    """Carry until killed."""
    now = int(time.time())
    keys = (ExchangeKeyPair(bytes.fromhex(own)),)
    with Tunnel(LINK, mtu=1400, port=0, keys=keys, stamp_floor_s=now, stamp_ceiling_s=now + 3600) as tunnel:
        everything = [ip_network("0.0.0.0/0"), ip_network("::/0")]
        tunnel.set_peer(_VICTIM, (bytes.fromhex(victim),), everything, mode=Mode.ROAM)
        tunnel.set_gate(_VICTIM, is_open=True)
        tunnel.set_endpoint(_VICTIM, parse_endpoint(endpoint))
        print("up", flush=True)
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:4])
