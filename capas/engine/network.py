"""Bridges and address ranges, by the kernel's own calls: iproute2 may be missing."""

import contextlib
import re
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

ROUTES = Path("/proc/net/route")

# linux/sockios.h, linux/if.h
_ADD_BRIDGE, _DELETE_BRIDGE = 0x89A0, 0x89A1
_GET_FLAGS, _SET_FLAGS, _SET_ADDRESS, _SET_NETMASK = 0x8913, 0x8914, 0x8916, 0x891C
_UP = 1


def free_pool(start: int, wanted: IPv4Network | None = None) -> IPv4Network:
    """Return a /16 for containers that overlaps no route of this machine.

    `wanted` if it is still free; else one of 55 below 10.0.0.0/8, beginning at a place
    that `start` chooses, so that several engines differ; else ranges that networks rarely use.
    """
    taken = list(routes())
    private = [IPv4Network(f"10.{200 + (start + i) % 55}.0.0/16") for i in range(55)]
    rare = [IPv4Network(net) for net in ("198.18.0.0/16", "198.19.0.0/16", "172.31.0.0/16")]
    candidates = [*([wanted] if wanted else []), *private, *rare]
    for pool in candidates:
        if not any(pool.overlaps(route) for route in taken):
            return pool
    return candidates[0]


def routes() -> Iterator[IPv4Network]:
    """Yield the networks that this machine has a route to; not the default route."""
    for line in ROUTES.read_text().splitlines()[1:]:
        fields = line.split()
        address, mask = (struct.pack("<I", int(fields[i], 16)) for i in (1, 7))
        if any(mask):
            yield IPv4Network((socket.inet_ntoa(address), socket.inet_ntoa(mask)), strict=False)


def add_bridge(name: str, address: IPv4Interface) -> None:
    """Make a bridge with this address, and bring it up; one that is there is made anew."""
    delete_bridge(name)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _call(control, _ADD_BRIDGE, name.encode() + b"\0")
        for call, value in ((_SET_ADDRESS, address.ip), (_SET_NETMASK, address.netmask)):
            where = struct.pack("<HH4s8x", socket.AF_INET, 0, value.packed)
            _call(control, call, struct.pack("16s16s8x", name.encode(), where))
        _flags(control, name, up=True)


def delete_bridge(name: str) -> bool:
    """Remove a bridge; False when there is none of that name."""
    if not exists(name):
        return False
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control,
        contextlib.suppress(OSError),
    ):
        _flags(control, name, up=False)
        _call(control, _DELETE_BRIDGE, name.encode() + b"\0")
        return True
    return False


def exists(name: str) -> bool:
    """Say whether there is a network interface of this name."""
    return name in {entry[1] for entry in socket.if_nameindex()}


def bridges_of(database: Path) -> set[str]:
    """Return the names of all bridges that an engine has made, from its network database.

    Works while the engine is dead: the records are JSON in a file (``local-kv.db``).
    """
    with contextlib.suppress(OSError):
        found = re.findall(rb'"BridgeName":"([^"/\s]{1,15})"', database.read_bytes())
        return {name.decode(errors="replace") for name in found}
    return set()


def _flags(control: socket.socket, name: str, up: bool) -> None:
    answer = _call(control, _GET_FLAGS, struct.pack("16s24x", name.encode()))
    (flags,) = struct.unpack_from("<H", answer, 16)
    flags = flags | _UP if up else flags & ~_UP
    _call(control, _SET_FLAGS, struct.pack("16sH22x", name.encode(), flags))


def _call(control: socket.socket, request: int, argument: bytes) -> bytes:
    import fcntl

    return fcntl.ioctl(control, request, argument)
