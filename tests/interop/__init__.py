"""Our engine beside programs that others wrote, in a lab: they must understand each other and lose nothing.

Start reading at `test_wireguard_go.py`. `wireguard_go.py` and `engine.py` are the two kinds of peer, `joined.py` makes
them know each other, `flow.py` and `transfer.py` move bytes between hosts and compare them.
"""
