"""Relays: which there are, and the grants that let members use them.

Decides nothing of what passes through them; the relay itself is in the front and in `warren relay`. Start reading in
`service.py`.
"""
