"""Whether names can be looked up here (DNS), before containers wait for an answer in vain."""

import contextlib
import re
import socket
import struct
from pathlib import Path

RESOLV_CONF = Path("/etc/resolv.conf")
OTHERWISE = ["8.8.8.8"]
"""Whom Docker asks where this machine names nobody."""


def answered(file: Path = RESOLV_CONF, seconds: float = 1.0, port: int = 53) -> bool:
    """Say whether a name server of this machine answers anything at all within so many seconds.

    `file` is as resolv.conf(5) has it. What is asked for (RFC 1035) are the servers of the root.
    """
    text = ""
    with contextlib.suppress(OSError):
        text = file.read_text(encoding="utf-8", errors="replace")
    servers = re.findall(r"(?m)^\s*nameserver\s+(\S+)", text) or OTHERWISE
    header = struct.pack(">6H", 0xCA9A, 0x0100, 1, 0, 0, 0)  # one question, recursion desired
    question = b"\0" + struct.pack(">2H", 2, 1)  # of the root: NS, IN
    for server in servers:
        with contextlib.suppress(OSError):
            family, kind, protocol, _name, address = socket.getaddrinfo(
                server, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
            )[0]
            with socket.socket(family, kind, protocol) as asking:
                asking.settimeout(seconds)
                asking.connect(address)
                asking.send(header + question)
                if asking.recv(512)[:2] == header[:2]:
                    return True
    return False
