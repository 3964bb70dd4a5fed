"""What is mounted below a folder: looked up before anything there is removed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from capas.engine.model import EngineError
from capas.language import _

TABLE = Path("/proc/self/mountinfo")


def below(folder: Path) -> list[str]:
    """Return the mount points below a folder, itself included; the last mounted first.

    The kernel writes space, tab, newline and backslash of a path as ``\\ooo`` and all other
    bytes as they are (proc_pid_mountinfo(5)).
    """
    try:
        lines = TABLE.read_bytes().splitlines()
    except OSError:
        return []
    there = os.fspath(folder.resolve())
    found = []
    for line in lines:
        raw = re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), line.split(b" ")[4])
        path = os.fsdecode(raw)
        if path == there or path.startswith(f"{there}/"):
            found.append(path)
    return found[::-1]


def unmount(folder: Path) -> None:
    """Unmount whatever is mounted below a folder; what is in use goes when it no longer is."""
    for path in below(folder):
        if path != os.fspath(folder.resolve()):
            subprocess.run(["umount", "-l", "--", path], capture_output=True, check=False)


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, but never through a mount.

    What is mounted there may be somebody's own folder: then `EngineError`, and nothing is removed.
    What may not be removed stays.
    """
    inside = [path for path in below(folder) if path != os.fspath(folder.resolve())]
    if inside:
        raise EngineError(
            _(
                "{folder} stays, since something is still mounted there ({mount}): "
                "unmount that (`sudo umount {mount}`), then try again."
            ).format(folder=folder, mount=inside[0])
        )
    shutil.rmtree(folder, ignore_errors=True)
