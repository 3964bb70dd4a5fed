"""Ports of this machine's 127.0.0.1: is one free, and which."""

import socket
import sys

HOST = "127.0.0.1"

NEARBY = 50
"""How many ports after the wanted one are tried before any other is taken."""


def is_free(port: int) -> bool:
    """Return whether nobody listens on this TCP port of 127.0.0.1, so that one can listen there."""
    with socket.socket() as trial:
        if sys.platform == "win32":  # without it, Windows lets two listen on one port
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # a connection of before that lingers does not matter, a listener does
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    # Elsewhere than on Linux, SO_REUSEADDR lets us bind where somebody listens on all addresses.
    return sys.platform in ("linux", "win32") or not _answers(port)


def free_port(wanted: int = 0) -> int:
    """Return `wanted` if it is free, else one of the next, else any free port.

    It is free now: who listens there must still expect that somebody was faster.

    Raises:
        OSError: no port is free.
    """
    if wanted:
        for port in range(wanted, min(wanted + NEARBY, 65536)):
            if is_free(port):
                return port
    with socket.socket() as trial:
        trial.bind((HOST, 0))
        return int(trial.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as call:
        call.settimeout(1)
        return call.connect_ex((HOST, port)) == 0
