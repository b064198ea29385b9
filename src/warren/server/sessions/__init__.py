"""Live nodes: one session a WebSocket, their maps, presence and signals.

Start reading in `connection.py`, the shell of one session; `hub.py` knows who is here.
"""
