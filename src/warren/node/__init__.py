"""The daemon of a node: it holds the networks of this machine and decides; the engine carries the packets.

Start reading in `daemon.py` (what is constructed), then `network.py` (one joined network: session, map, data plane,
paths). Pure parts: `netmap`, `plan`, `paths/agent`, `paths/candidates`, `paths/ranking`, `control/backoff`, `health`.
"""
