"""What a check may use of the machine, and where the engine holds it to that.

A check runs programs that somebody else wrote. Memory, processes and CPU are limited by control
groups (`docker run`'s options; for builds a group of ours below which BuildKit puts its steps,
https://docs.docker.com/reference/cli/docker/buildx/build/#cgroup-parent); time, output and disk by
whoever waits for it (`capas.exercises.commands`, `capas.exercises.guard`).
"""

import contextlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from capas.engine import Engine
from capas.engine.cgroups import ROOT
from capas.language import _

MB = 2**20


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


def build_group(engine: Engine, limits: Limits, name: str) -> str:
    """Return a control group for the steps of builds, with its limits set; else nothing.

    That takes an engine on this machine with the "cgroupfs" driver, and root. Who has asked for
    one removes it in the end (`capas.engine.cgroups.forget`).
    """
    if not _ours(engine.host):
        return ""
    wanted = {
        "pids": {"pids.max": limits.build_processes},
        "memory": {"memory.limit_in_bytes": limits.build_memory, "memory.max": limits.build_memory},
    }
    unified = (ROOT / "cgroup.controllers").exists()
    for controller, settings in wanted.items():
        group = (ROOT if unified else ROOT / controller) / name
        try:
            group.mkdir(exist_ok=True)
            if unified:
                (ROOT / "cgroup.subtree_control").write_text(f"+{controller}")
            for setting, value in settings.items():
                if (group / setting).exists():
                    (group / setting).write_text(str(value))
        except OSError:
            return ""
    return f"/{name}"


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
