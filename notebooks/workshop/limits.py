"""Limits: a control group of the kernel, in version 2 or 1. See cgroups(7)."""

import sys
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def limit(name, megabytes, processes):
    """Put this process, and all that it starts, into a group with limits; return their files."""
    size = str(megabytes * 2**20)
    if (CGROUPS / "cgroup.controllers").exists():  # version 2: one tree for all
        make_room()
        group = CGROUPS / name
        files = {group / "memory.max": size, group / "pids.max": str(processes)}
        extra = {group / "memory.swap.max": "0"}
        groups = [group]
    else:  # version 1: one tree for each kind of limit
        memory, pids = CGROUPS / "memory" / name, CGROUPS / "pids" / name
        files = {memory / "memory.limit_in_bytes": size, pids / "pids.max": str(processes)}
        extra = {memory / "memory.memsw.limit_in_bytes": size}
        groups = [memory, pids]
    for group in groups:
        group.mkdir(exist_ok=True)
    for file, value in {**files, **extra}.items():
        if file in files or file.exists():  # swap may not be counted on this machine
            file.write_text(value)
    for group in groups:
        (group / "cgroup.procs").write_text("0")  # 0: who writes
    return list(files)


def make_room():
    """In version 2 a group may hold processes or hand limits on, not both: move them down.

    A `docker exec` after this still works: runc then puts its process where the container's
    first one is (https://github.com/opencontainers/runc/issues/2356).
    """
    wanted = "+memory +pids"
    control = CGROUPS / "cgroup.subtree_control"
    if set(wanted.replace("+", "").split()) <= set(control.read_text().split()):
        return
    rest = CGROUPS / "rest"
    rest.mkdir(exist_ok=True)
    for pid in (CGROUPS / "cgroup.procs").read_text().split():
        try:
            (rest / "cgroup.procs").write_text(pid)
        except ProcessLookupError:  # it has ended meanwhile
            pass
    try:
        control.write_text(wanted)
    except OSError as error:
        sys.exit(f"no limits for memory and processes on this machine: {error.strerror}")
