"""Port mapping: ask the default gateway to let a tunnel's port be reached from outside, and give it back.

Decides which protocol is spoken (PCP, NAT-PMP, UPnP-IGD), when a mapping is asked for, renewed, checked and released,
and which claims of a gateway are not believed. Start at `mapper.py`, the machine; the three clients know one protocol
each; `gateway.py` and `http.py` hold sockets, `service.py` joins them for one network. What is mapped is only ever a
candidate for peers: no packet depends on it.
"""
