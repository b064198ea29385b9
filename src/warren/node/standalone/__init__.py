"""`warren wg`: WireGuard alone, which `wg` configures; no network, no documents, no daemon. Start at `main.py`.

`device.py` decides what a configuration means, `control.py` is the socket on which it is asked for. Must not know
memberships, policies or paths: the keys that its user sets are all it trusts.
"""
