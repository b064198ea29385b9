"""Networks: their documents, settings and names, and what of them is kept in memory.

`service.py` is the only door; `state.py` is the network as live sessions see it.
"""
