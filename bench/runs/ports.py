"""Ports of loopback for nodes.

A port that is free now may be taken before the node listens there: by another test, or by the
local end of any connection. So these are outside of the range that the kernel gives to
connections, and each is claimed until this process ends: the claim is the UDP port of the same
number. tests/worlds/ports.h claims in the same way.
"""

import random
import socket

LOWEST = 10000
HIGHEST = 32000  # The kernel's range begins at 32768 unless it was changed.
_claims = []


def _bound(kind, port):
    """A socket that is bound to the port; None: the port is in use."""
    one = socket.socket(socket.AF_INET, kind)
    try:
        one.bind(("127.0.0.1", port))
        return one
    except OSError:
        one.close()
        return None


def _claim(port):
    claim = _bound(socket.SOCK_DGRAM, port)
    if claim is None:
        return False
    usable = _bound(socket.SOCK_STREAM, port)
    if usable is None:
        claim.close()
        return False
    usable.close()
    _claims.append(claim)
    return True


def free_ports(count):
    ports = []
    for _ in range(HIGHEST - LOWEST):
        if len(ports) == count:
            return ports
        port = random.randrange(LOWEST, HIGHEST)
        if _claim(port):
            ports.append(port)
    raise OSError("no free port on loopback")
