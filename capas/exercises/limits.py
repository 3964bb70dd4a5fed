"""What a check may use of the machine, and where the engine holds it to that.

A check runs programs that somebody else wrote. Memory, processes and CPU are limited by control
groups (`docker run`'s options; for builds a group of ours below which BuildKit puts its steps,
https://docs.docker.com/reference/cli/docker/buildx/build/#cgroup-parent); time, output and disk by
whoever waits for it (`capas.exercises.commands`, `capas.exercises.guard`).
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from capas.clean import LABEL
from capas.engine import Engine, cgroups
from capas.engine.cgroups import ROOT
from capas.language import _

MB = 2**20
_GROUPS = f"{LABEL}-check-"


@dataclass(frozen=True)
class Limits:
    """What one check of one exercise may use."""

    memory: int = 512 * MB
    """Bytes of each container; no swap beside it."""
    processes: int = 256
    """Processes and threads of each container."""
    cpus: float = 2.0
    """CPUs of each container."""
    build_memory: int = 2048 * MB
    """Bytes of all steps of builds together."""
    build_processes: int = 1024
    """Processes and threads of all steps of builds together."""
    build_seconds: float = 300
    output: int = 4 * MB
    """Bytes of output of one command or container that are read."""
    disk: int = 1024 * MB
    """Bytes that containers, volumes or a build may add to the engine's disk."""
    context: int = 200 * MB
    """Bytes of the files handed in."""
    files: int = 20_000
    """Files handed in."""
    packages: bool = True
    """Whether builds reach the network, where packages come from."""
    caches: bool = True
    """Whether builds find what earlier checks have left in the builder's cache and cache mounts."""
    pull: bool = True
    """Whether images that the engine lacks are fetched."""

    def options(self) -> dict[str, object]:
        """Return a container's limits as the Docker SDK names them."""
        return {
            "mem_limit": self.memory,
            "memswap_limit": self.memory,
            "pids_limit": self.processes,
            "nano_cpus": int(min(self.cpus, os.cpu_count() or 1) * 1e9),
            "security_opt": ["no-new-privileges"],
            "log_config": {"type": "json-file", "config": {"max-size": "4m", "max-file": "1"}},
        }


@contextlib.contextmanager
def build_group(engine: Engine, limits: Limits) -> Iterator[str]:
    """Give a control group for the steps of a build, with its limits set; else "".

    That takes an engine on this machine with the "cgroupfs" driver, and root. The group's name is
    part of what BuildKit knows a step by in its cache: checks one after the other get the same
    one, or each would begin anew.
    """
    if not _ours(engine.host):
        yield ""
        return
    number = 0
    while (descriptor := _take(name := f"{_GROUPS}{number}")) is None:
        number += 1
    with _released(name, descriptor):
        yield f"/{name}" if descriptor >= 0 and _limited(name, limits) else ""


def forget_build_groups() -> None:
    """Remove the groups of builds that were killed, and end those; what is in use stays."""
    for folder in _place("pids").glob(f"{_GROUPS}*"):
        if (descriptor := _take(folder.name)) is not None:
            with _released(folder.name, descriptor):
                pass


@contextlib.contextmanager
def _released(name: str, descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        if descriptor >= 0:
            # A build whose client was killed should end; a step that says very much may not.
            cgroups.forget(name, kill=True)
            os.close(descriptor)


def _take(name: str) -> int | None:
    """Make a group this process's, until the descriptor that is returned is closed.

    None: it is another's. -1: there can be none.
    """
    import fcntl  # not on Windows

    folder = _place("pids") / name
    while folder.parent.is_dir():
        descriptor = -1
        try:
            # Not `exist_ok`: that fails where another removes the folder at that moment.
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
            descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it before has removed the folder: then this is a lock on nothing.
            if os.path.samestat(os.fstat(descriptor), folder.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            return -1
        if descriptor >= 0:
            os.close(descriptor)
    return -1


def _limited(name: str, limits: Limits) -> bool:
    """Set a group's limits; return whether that was possible."""
    wanted = {
        "pids": {"pids.max": limits.build_processes},
        "memory": {"memory.limit_in_bytes": limits.build_memory, "memory.max": limits.build_memory},
    }
    for controller, settings in wanted.items():
        group = _place(controller) / name
        try:
            group.mkdir(exist_ok=True)
            if _unified():
                (ROOT / "cgroup.subtree_control").write_text(f"+{controller}")
            for setting, value in settings.items():
                if (group / setting).exists():
                    (group / setting).write_text(str(value))
        except OSError:
            return False
    return True


def _place(controller: str) -> Path:
    return ROOT if _unified() else ROOT / controller


def _unified() -> bool:
    return (ROOT / "cgroup.controllers").exists()


@cache
def _ours(host: str) -> bool:
    """Return whether the engine's control groups are in reach: on this machine, and for root."""
    if not host.startswith("unix://") or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    from capas.engine.model import connect

    with contextlib.closing(connect(host)) as client:
        info = client.info()
    return info.get("CgroupDriver") == "cgroupfs" and Path(info["DockerRootDir"]).exists()


def not_held(engine: Engine, limits: Limits) -> list[str]:
    """Return the limits to which this engine cannot hold a submission, a sentence each."""
    sentences = []
    if not _ours(engine.host):
        sentences.append(
            _(
                "Builds: memory and processes are not limited (that takes a Docker Engine on this "
                "machine, with cgroupfs, and root); their time and output are."
            )
        )
    if limits.packages:
        sentences.append(_("Builds reach the network: this exercise installs packages."))
    sentences.append(
        _("Containers reach services of this machine that listen on all of its addresses.")
    )
    return sentences
