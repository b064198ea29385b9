"""What the operating system holds: links, addresses and routes as values (`facts.py`), read and changed in `linux/`.

Decides nothing: `node/plan.py` says what is wanted, `node/reconcile.py` what differs.
"""
