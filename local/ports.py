"""Free ports for servers that must know theirs before they start, or keep it over a restart.

They lie below the range from which the system takes the ports of outgoing connections (32768 on Linux, 49152
elsewhere), so that no connection takes the port of a server that is about to be restarted.
"""

import os
import random
import socket

FIRST, LAST = 20_000, 32_000
PARTS = 8
PART = (LAST - FIRST) // PARTS

_given: set[int] = set()  # servers listen later: what was given once may still look free


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(preferred: int = 0) -> int:
    """The preferred port if it is free, else another one; raise `OSError` if there is none.

    No port is given twice, and processes that start at the same time look in different parts of the range.
    """
    if preferred and is_free(preferred):
        return preferred
    begin = FIRST + os.getpid() % PARTS * PART
    for port in random.sample(range(begin, begin + PART), 200):
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise OSError("no free port found on 127.0.0.1")
