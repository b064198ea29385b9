"""Formats that others defined and Python itself speaks: bytes <-> values, one file a protocol.

Pure: no sockets, no clock, no randomness. Must not know who uses them or for what.
"""
