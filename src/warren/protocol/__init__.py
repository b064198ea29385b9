"""Everything that two programs of Warren say to each other; no IO, no clock, no randomness.

One folder a conversation: `control` (node and server, one WebSocket), `peer` (node and node), `local` (CLI and daemon),
`rest` (people and tools, and a server). `version` is the one integer of the first. Documents travel as opaque bytes:
this package must not know `trust`, nor may `trust` know it. Start reading at `control/session.py`.
"""
