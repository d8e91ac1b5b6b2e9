"""Ports on this machine: whether one is free, and one that is.

Free ports are taken from below the range that the system gives to outgoing connections, so that none of those can take a
server's port while it is being restarted.
"""

import random
import socket

HOST = "127.0.0.1"
_LOWEST, _HIGHEST = 20_000, 32_000  # Linux gives outgoing connections 32768 and up, macOS 49152 and up


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: old connections do not count
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody listens on."""
    choices = range(_LOWEST, _HIGHEST)
    return next(port for port in random.sample(choices, len(choices)) if is_free(port))


def accepts(port: int) -> bool:
    """Whether somebody listens on this port of 127.0.0.1."""
    try:
        socket.create_connection((HOST, port), timeout=1.0).close()
    except OSError:
        return False
    return True
