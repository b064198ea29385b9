"""Turn checksum and segmentation offloads of an interface off, as `ethtool -K` would; run inside the host.

    python offloads.py INTERFACE

A program of its own because only a process in the host's namespace may do it. Needed where frames pass through a
forwarder of ours: a veth leaves checksums undone and hands on 64 KiB frames.
"""

import array
import fcntl
import socket
import struct
import sys

_SIOCETHTOOL = 0x8946
# linux/ethtool.h: ETHTOOL_STXCSUM STSO SGSO SGRO
_COMMANDS = {"tx": 0x17, "tso": 0x1F, "gso": 0x24, "gro": 0x2C}


def off(interface: str) -> None:
    """Switch all of them off; OSError when the interface is not there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        for command in _COMMANDS.values():
            value = array.array("B", struct.pack("II", command, 0))
            request = struct.pack("16sP", interface.encode(), value.buffer_info()[0])
            fcntl.ioctl(handle, _SIOCETHTOOL, request)


if __name__ == "__main__":
    off(sys.argv[1])
