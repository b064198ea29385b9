"""What carries packets, behind one interface: start at `interface.py`; `userspace.py` is the engine's TUN.

Decides nothing: the plan says which peers there are, the path agent where they are.
"""
