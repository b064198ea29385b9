"""A server whose folder was brought back from an older copy: it sees that its nodes know more, and learns it from them.

Start in `rules.py`: what shows that a server is behind, and what of the nodes' documents counts. `service.py` asks,
waits and stores.
"""
