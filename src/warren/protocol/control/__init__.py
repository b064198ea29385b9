"""The conversation of a node and its server: one WebSocket at `/node/v1`, one msgpack map a binary frame.

`messages` are the frames' values, `frames` bytes to values and back, `transcript` the bytes that signatures cover,
`session` the rules that both roles share, `node_role` and `server_role` the two state machines, `map_slot` what is
still to be told to a node. Start reading at `session`.
"""
