"""The conversation of a node and its server: one WebSocket at `/node/v1`, one msgpack map a binary frame.

`messages` are the frames' values, `frames` bytes to values and back, `transcript` the bytes that signatures cover,
`states` whose turn it is, `events` what an owner is told, `session` the rules that both roles share, `node_role` and
`server_role` the two state machines. Start reading at `session`.
"""
