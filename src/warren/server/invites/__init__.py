"""Pre-auth keys (`wk.…`): made, consumed once or often, revoked. Only the public half is ever stored.

`service.py` is the only door.
"""
