"""Warren: private networks of machines, encrypted and peer to peer.

Start reading at `ARCHITECTURE.md`; the dispatcher of the program is `warren.__main__`.
"""

__version__ = "0.1.0"
