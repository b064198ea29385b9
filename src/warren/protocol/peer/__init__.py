"""What two nodes say to each other outside the tunnel.

`candidates` is what is inside a sealed signal, `probe` the small authenticated datagram on the tunnel's own UDP port.
Sealing itself is `trust.sealing`; this package sees plain bytes.
"""
