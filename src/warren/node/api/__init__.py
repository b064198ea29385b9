"""The daemon's local API: HTTP/1.1 over a unix socket, one file a noun.

`http` is the shell (framing, limits, deadlines), `caller` says who calls and by which right, the others answer one noun
each and know nothing of HTTP. What may be called by whom is `warren.protocol.local.rights`, nowhere else.
"""
