"""Devices: members of networks. Admission (name, address, signed membership) and removal.

`service.py` is the only door.
"""
