"""A class without a network: a fresh clone, a kit, and a machine from which no way leads out.

Slow: ``pytest tests/kit/test_offline.py --slow --kit capas-kit.zip --kit-lessons 06,08`` (without
``--kit`` one is made first, which needs the network; ``--kit-lessons all`` is every lesson).
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from capas.kit.using import target
from capas.paths import ROOT
from tests.engine.machine import _namespaces, impossible

pytestmark = [pytest.mark.engine, pytest.mark.slow]

SETUP = """
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/cgroups
mount --rbind /sys/fs/cgroup /run/cgroups
mount -t sysfs sysfs /sys
mount --rbind /run/cgroups /sys/fs/cgroup
umount -l /run/cgroups
rmdir /run/cgroups
ip link set lo up
"""

OUT = "import socket; socket.create_connection(('1.1.1.1', 443), 3)"
PYTHON = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info[1]}"


class Room:
    """A machine in a room without a network, with a fresh clone on it."""

    def __init__(self, pid: int, folder: Path) -> None:
        self.pid = pid
        self.clone = folder / "capas"
        # Nothing of this machine's settings: they may lead to packages on its disk.
        self.environment = {
            "PATH": f"{PYTHON.parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(folder / "user"),
            "CAPAS_HOME": str(folder / "home"),
            "CAPAS_ENGINE": "private",
            "LANG": "C.UTF-8",
        }
        (folder / "user").mkdir()

    def start(self, *command: str, output: IO[str] | int | None = None) -> "subprocess.Popen[str]":
        """Start a command in the clone."""
        return subprocess.Popen(
            ["nsenter", "-t", str(self.pid), "-n", "-m", "-p", f"--wdns={self.clone}", *command],
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            start_new_session=True,
        )

    def run(self, *command: str, code: int = 0) -> float:
        """Run a command in the clone to its end; return the seconds that it took."""
        started = time.monotonic()
        with self.start(*command) as process:
            assert process.wait() == code, command
        seconds = time.monotonic() - started
        print(f"--- {' '.join(command)}: {seconds:.0f} s", flush=True)
        return seconds


@pytest.fixture
def kit(pytestconfig: pytest.Config, tmp_path: Path) -> Path:
    """The kit that is named, or one for this system that is made here."""
    if named := pytestconfig.getoption("--kit"):
        return Path(str(named)).absolute()
    made = tmp_path / "kit.zip"
    system, _dash, python = target().rpartition("-")
    options = ["--system", system, "--python", python]
    # In this machine's own home, where the images are.
    environment = {key: value for key, value in os.environ.items() if key != "CAPAS_HOME"}
    command = [sys.executable, "-m", "capas", "kit", "make", *options, str(made)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return made


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """A room with a fresh clone; in the end, nothing of its engine is left."""
    if why_not := impossible():
        pytest.skip(why_not)
    with _namespaces("--net", "--mount-proc", "--pid") as pid:
        room = Room(pid, tmp_path)
        room.clone.mkdir()
        room.run("sh", "-c", SETUP)
        subprocess.run(["git", "clone", "-q", str(ROOT), str(room.clone)], check=True)
        try:
            yield room
        finally:
            if (room.clone / ".venv/bin/capas").exists():
                room.run(".venv/bin/capas", "engine", "remove")
            shutil.rmtree(tmp_path / "home", ignore_errors=True)


def test_a_class_without_a_network(room: Room, kit: Path, pytestconfig: pytest.Config) -> None:
    room.run("python3", "-c", OUT, code=1)  # really: no way out
    room.run("python3", "-m", "capas", "kit", "use", str(kit))
    lab_starts(room)
    lessons = str(pytestconfig.getoption("--kit-lessons"))
    wanted = r"\d\d" if lessons == "all" else lessons.replace(",", "|")
    notebooks = [
        str(path.relative_to(room.clone))
        for path in sorted((room.clone / "notebooks").glob("*/*.ipynb"))
        if re.match(wanted, path.name)
    ]
    assert notebooks
    room.run(".venv/bin/python", "-m", "pytest", "-q", "--nbval", *notebooks)
    if (room.clone / "exercises").exists():
        solved = ["tests/exercises/test_exercises.py", "-k", "solution_passes"]
        room.run(".venv/bin/python", "-m", "pytest", "-q", *solved)


def lab_starts(room: Room) -> None:
    """`lab` comes up, JupyterLab answers, Ctrl-C ends it."""
    log = room.clone.parent / "lab.log"
    with log.open("w") as output:
        lab = room.start("python3", "-m", "capas", "lab", "--no-browser", output=output)
    try:
        deadline = time.monotonic() + 300
        while not (found := re.search(r"http://127\.0\.0\.1:\d+\S+", log.read_text())):
            assert lab.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        ask = f"import urllib.request as u; assert b'JupyterLab' in u.urlopen({found[0]!r}).read()"
        room.run(".venv/bin/python", "-c", ask)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(lab.pid, signal.SIGINT)
        lab.wait(120)
    assert "Traceback" not in log.read_text(), log.read_text()
