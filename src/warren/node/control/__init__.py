"""The session with a network's server, seen from the node.

`place` (pure) reads server URLs, `backoff` (pure) spaces the attempts, `connection` is the WebSocket around the state
machine of `protocol.control`, `joining` the way in with a key, `link` keeps the session of a member alive. Start
reading at `link`.
"""
