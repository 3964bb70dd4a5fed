"""Which processes are an engine's: told by what they run, never by a number in a file.

A pid file may be stale, its number taken by somebody else, and a killed daemon may linger as
a zombie: what ``/proc`` says of the program is true now.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path


def running(folder: Path, names: Iterable[str] | None = None) -> dict[int, str]:
    """Return {pid: program name} of all processes that run a program below `folder`."""
    found = {}
    wanted = set(names) if names is not None else None
    beginning = f"{folder.resolve()}/"
    for pid in _pids():
        with contextlib.suppress(OSError):  # ended meanwhile, or a zombie
            program = str(Path(f"/proc/{pid}/exe").readlink()).removesuffix(" (deleted)")
            name = program.rpartition("/")[2]
            if program.startswith(beginning) and (wanted is None or name in wanted):
                found[pid] = name
    return found


def in_cgroup(name: str) -> list[int]:
    """Return the processes that are in a cgroup of this name, or below one: the containers'."""
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
            if any(f"/{name}/" in f"{line}/" for line in lines):
                found.append(pid)
    return found


def firsts(pids: Iterable[int]) -> list[int]:
    """Return those that are the first process of a container: the ones to ask to end."""
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            numbers = status.partition("NSpid:")[2].partition("\n")[0].split()
            if numbers[-1:] == ["1"]:
                found.append(pid)
    return found


def end(find: Callable[[], Iterable[int]], patience: float, sign: int = signal.SIGTERM) -> None:
    """Ask the processes to end; after `patience` seconds, kill those that have not."""
    for pid in list(find()):
        _signal(pid, sign)
    deadline = time.monotonic() + patience
    while left := list(find()):
        if time.monotonic() > deadline:
            for pid in left:
                _signal(pid, signal.SIGKILL)
            if time.monotonic() > deadline + 10:
                return
        time.sleep(0.02)


def _signal(pid: int, sign: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
