"""The typed face of the Rust engine: tunnels that carry packets, the front that carries requests.

Only bytes and integers cross the border (`_native.pyi`); here they become the field's words and back, and nothing is
decided. Start reading at `tunnel.py`, then `events.py`. No event loop here: the caller watches `Tunnel.event_fd`.
"""
