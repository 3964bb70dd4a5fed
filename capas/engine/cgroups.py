"""Control groups: there for the engine, and tidied behind it."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from capas.engine.model import EngineError
from capas.language import _

ROOT = Path("/sys/fs/cgroup")


def provide() -> list[str]:
    """Mount control groups where nothing is mounted (chroots, bare init); return what we mounted.

    Version 2, unless the kernel's controllers are already bound to version 1 elsewhere.
    """
    if ROOT.is_mount() or any(path.is_mount() for path in ROOT.glob("*")):
        return []
    mounted: list[str] = []
    try:
        table = [line.split() for line in Path("/proc/cgroups").read_text().splitlines()[1:]]
        bound = [name for name, hierarchy, *_ in table if hierarchy != "0"]
        if not bound:
            _mount("cgroup2", "cgroup2", ROOT)
            return [str(ROOT)]
        _mount("tmpfs", "tmpfs", ROOT, "mode=755")
        mounted.append(str(ROOT))
        for controller in bound:
            folder = ROOT / controller
            folder.mkdir()
            _mount("cgroup", "cgroup", folder, controller)
            mounted.append(str(folder))
    except (OSError, EngineError) as error:
        unmount(mounted)
        if isinstance(error, EngineError):
            raise
        return []
    return mounted


def unmount(mounted: list[str]) -> None:
    """Undo `provide`: unmount what it returned."""
    for path in reversed(mounted):
        subprocess.run(["umount", "-l", path], capture_output=True, check=False)


def forget(name: str, patience: float = 2, *, kill: bool = False) -> None:
    """Remove the empty groups of this name, in every hierarchy; that of "pids" is the last to go.

    As soon as that one is gone, another may begin groups of this name: they are not touched.
    A killed process stays in its group until it is buried: `patience` is for that, in seconds.
    `kill`: whatever is still in them is killed, so that they are empty.
    """
    deadline = time.monotonic() + patience
    tops = [top for top in (ROOT / name, *ROOT.glob(f"*/{name}")) if top.exists()]
    for top in sorted(tops, key=lambda top: top.parent.name == "pids"):
        while not _removed(top, kill=kill) and time.monotonic() < deadline:
            time.sleep(0.02)


def _removed(top: Path, *, kill: bool) -> bool:
    """Remove a group and those below it; return whether it is gone."""
    folders = [Path(folder) for folder, _names, _files in os.walk(top, topdown=False)]
    for folder in folders:
        if kill:
            _kill(folder)
        with contextlib.suppress(OSError):
            folder.rmdir()
            if folder == top:
                return True
    return not folders


def _kill(group: Path) -> None:
    with contextlib.suppress(OSError):  # removed, or dead, meanwhile
        for number in (group / "cgroup.procs").read_text().split():
            os.kill(int(number), signal.SIGKILL)


def _mount(kind: str, source: str, target: Path, options: str = "rw") -> None:
    done = subprocess.run(
        ["mount", "-t", kind, "-o", options, source, str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise EngineError(
            _(
                "Control groups could not be mounted ({reason}): "
                "the engine needs a machine or a container with that right (--privileged)."
            ).format(reason=done.stderr.strip())
        )
