"""The same shell in three worlds: a process, a container, a virtual machine.

`three()` gives those that this machine can have, each a `World`: started, typed into, copied,
measured in the same way, so that what differs in a measurement is the world and nothing else.
"""

import secrets
import shutil
import statistics
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from capas import vm
from capas.engine import client
from capas.errors import CapasError
from capas.language import _
from capas.show.chart import number
from capas.show.table import Table
from capas.vm.model import Accelerator, Parts

T = TypeVar("T")

IMAGE = "capas/world"
"""What a container is made of; lesson 2 builds it: busybox and nothing else."""
MEMORY_MB = 128
"""A guest's memory."""
PATIENCE = 10.0
"""Seconds in which a shell must have ended that was asked to."""


class World(ABC):
    """Somewhere a shell runs and waits for commands; usable as a context manager."""

    start_seconds = float("nan")
    """From asking for it until its shell had answered a first command."""

    def start(self) -> Self:
        """Start it and wait until its shell answers. Raises `CapasError` if it does not."""
        began = time.perf_counter()
        self._open()
        try:
            self.run("echo")
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.perf_counter() - began
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @abstractmethod
    def _open(self) -> None:
        """Start it."""

    @abstractmethod
    def stop(self) -> None:
        """End it; nothing is left of it."""

    @abstractmethod
    def run(self, command: str, seconds: float = 60) -> str:
        """Type a command into its shell and return what it prints."""

    @abstractmethod
    def copy(self) -> "World":
        """Return another one like it, not started."""

    @property
    @abstractmethod
    def running(self) -> bool:
        """Whether it runs."""

    @property
    @abstractmethod
    def memory_mb(self) -> float:
        """What it takes of this machine's memory right now, in MB (resident)."""

    @property
    @abstractmethod
    def disk_mb(self) -> float:
        """What a copy of it has to carry along on the disk, in MB."""


class _Piped(World):
    """A shell at the other end of a pipe."""

    def __init__(self) -> None:
        self._shell: subprocess.Popen[str] | None = None
        self._typing = threading.Lock()

    def _pipe(self, command: list[str]) -> None:
        try:
            self._shell = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                # A Ctrl-C is for the one who waits, not for all the shells.
                start_new_session=True,
            )
        except OSError as error:
            raise CapasError(
                _("{program} could not be started ({reason}).").format(
                    program=Path(command[0]).name, reason=error.strerror or error
                )
            ) from error

    def run(self, command: str, seconds: float = 60) -> str:
        """Type a command into its shell and return what it prints."""
        with self._typing:
            shell = self._shell
            if shell is None or shell.stdin is None or shell.stdout is None:
                raise CapasError(_("It is not running: start it first."))
            mark = f"capas-{secrets.token_hex(6)}"
            # Nothing but ending it helps against a command that does not end.
            timer = threading.Timer(seconds, shell.kill)
            timer.start()
            lines: list[str] = []
            try:
                with suppress(OSError):  # it has ended: what it said tells why
                    print(command, f"printf '\\n%s\\n' {mark}", sep="\n", file=shell.stdin)
                    shell.stdin.flush()
                for line in shell.stdout:
                    if line.rstrip("\n") == mark:
                        return "".join(lines).strip("\n")
                    lines.append(line)
            except BaseException:  # interrupted: what it still says would be the next answer
                shell.kill()
                self.stop()
                raise
            finally:
                timer.cancel()
        said = "".join(lines).strip()
        self.stop()
        raise CapasError(
            _("The shell ended before it answered: {reason}").format(
                reason=said.splitlines()[0] if said else _("it said nothing")
            )
        )

    def stop(self) -> None:
        """End it; nothing is left of it."""
        shell, self._shell = self._shell, None
        if shell is None:
            return
        with suppress(OSError, ValueError, subprocess.TimeoutExpired):
            shell.communicate("exit\n", timeout=PATIENCE)
        if shell.poll() is None:
            shell.kill()
            shell.wait()

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._shell is not None and self._shell.poll() is None

    @property
    def pid(self) -> int:
        """The number of the process that was started for it."""
        if self._shell is None:
            raise CapasError(_("It is not running: start it first."))
        return self._shell.pid


class Process(_Piped):
    """A shell as any other process of this machine. `program`: busybox, or a shell."""

    def __init__(self, program: Path) -> None:
        super().__init__()
        self._program = program

    def __str__(self) -> str:
        return _("process")

    def _open(self) -> None:
        self._pipe([str(self._program), *(["sh"] if "busybox" in self._program.name else [])])

    def copy(self) -> "Process":
        """Return another one like it, not started."""
        return Process(self._program)

    @property
    def memory_mb(self) -> float:
        """What it takes of this machine's memory right now, in MB."""
        return resident_mb(self.pid)

    @property
    def disk_mb(self) -> float:
        """What it brings along on the disk, in MB."""
        return self._program.stat().st_size / 1e6


class Container(_Piped):
    """A shell in a container of `image`, as ``docker run -i --rm`` starts it."""

    def __init__(self, image: str) -> None:
        super().__init__()
        self._image = image
        self.name = f"capas-world-{secrets.token_hex(3)}"
        """The container's."""

    def __str__(self) -> str:
        return _("container")

    def _open(self) -> None:
        named = ["--name", self.name, "--label", "capas"]
        # Errors on the same stream: on one of their own they may come after the answer's end.
        shell = ["sh", "-c", "exec sh 2>&1"]
        self._pipe(["docker", "run", "-i", "--rm", "--pull", "never", *named, self._image, *shell])

    def copy(self) -> "Container":
        """Return another one like it, not started."""
        return Container(self._image)

    def stop(self) -> None:
        """End it; nothing is left of it."""
        began = self._shell is not None
        super().stop()
        if began:
            # Of a container whose client was killed, somebody has to take care.
            _asked(lambda engine: engine.api.remove_container(self.name, force=True), None)

    @property
    def memory_mb(self) -> float:
        """What its shell and its guardian hold: containerd's shim, one for each container.

        Where the engine runs in a virtual machine of its own, those are not to be seen: then
        it is what the engine says of the container.
        """
        import psutil  # type: ignore[import-untyped]

        def ask(engine: Any) -> float:
            container = engine.containers.get(self.name)
            with suppress(psutil.Error):
                process = psutil.Process(int(container.attrs["State"]["Pid"]))
                shim = process.parent()
                if shim is not None and "shim" in shim.name():
                    return resident_mb(process.pid) + resident_mb(shim.pid)
            return float(container.stats(stream=False)["memory_stats"]["usage"]) / 1e6

        return _asked(ask, float("nan"))

    @property
    def disk_mb(self) -> float:
        """What it brings along on the disk, in MB."""

        def ask(engine: Any) -> float:
            return float(engine.images.get(self._image).attrs["Size"]) / 1e6

        return _asked(ask, float("nan"))


class Machine(World):
    """The shell of a virtual machine; see `vm.Guest` for the arguments."""

    def __init__(self, parts: Parts, accelerator: Accelerator, memory_mb: int = MEMORY_MB) -> None:
        self._parts = parts
        self._accelerator = accelerator
        self.guest = vm.Guest(memory_mb, accelerator=accelerator, parts=parts)

    def __str__(self) -> str:
        return f"VM, {self._accelerator}"

    def _open(self) -> None:
        self.guest.start()

    def stop(self) -> None:
        """End it; nothing is left of it."""
        self.guest.stop()

    def run(self, command: str, seconds: float = 60) -> str:
        """Type a command into its shell and return what it prints."""
        return self.guest.run(command, seconds)

    def copy(self) -> "Machine":
        """Return another one like it, not started."""
        return Machine(self._parts, self._accelerator, self.guest.memory_mb)

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self.guest.running

    @property
    def memory_mb(self) -> float:
        """What it takes of this machine's memory right now, in MB."""
        return self.guest.resident_mb

    @property
    def disk_mb(self) -> float:
        """What it brings along on the disk, in MB."""
        return (
            sum(path.stat().st_size for path in (self._parts.kernel, self._parts.initramfs)) / 1e6
        )


def three() -> dict[str, World]:
    """Return the worlds that this machine can have, none of them started, by their names.

    ``process``, ``container``, and ``VM, kvm`` or ``VM, tcg``: never a virtual machine without
    the word that says who runs its instructions. Where one cannot be had, prints one sentence.
    """
    from capas.vm import accelerator
    from capas.vm.parts import parts

    found: dict[str, World] = {}
    made: Parts | None = None
    try:
        made = parts()
    except CapasError as error:
        print(error)
    program = made.busybox if made else next(map(Path, filter(None, [shutil.which("sh")])), None)
    if program:
        found["process"] = Process(program)
    if shutil.which("docker") and _asked(lambda engine: bool(engine.images.get(IMAGE)), False):
        found["container"] = Container(IMAGE)
    else:
        print(_("Without a Docker Engine there is no container to compare with."))
    if made:
        machine = Machine(made, accelerator.choose(made))
        found[str(machine)] = machine
    return found


def _asked(question: Callable[[Any], T], otherwise: T) -> T:
    """Return the engine's answer to a question, or `otherwise` when it has none."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        with closing(client()) as engine:
            return question(engine)
    except (CapasError, DockerException, RequestException, KeyError):
        return otherwise


def seconds(world: World, command: str, runs: int = 5) -> list[float]:
    """Return how many seconds each of `runs` runs of a command took."""
    found = []
    for _run in range(runs):
        began = time.perf_counter()
        world.run(command)
        found.append(time.perf_counter() - began)
    return found


def starts(world: World, runs: int = 5) -> list[float]:
    """Return how many seconds each of `runs` fresh copies of a world took to start."""
    found = []
    for _run in range(runs):
        with world.copy() as copy:
            found.append(copy.start_seconds)
    return found


def copies(world: World, n: int = 5) -> list[World]:
    """Start `n` copies of a world, all at once, and return them when the last one answers."""
    made = [world.copy() for _n in range(n)]
    try:
        with ThreadPoolExecutor(n) as pool:
            list(pool.map(World.start, made))
    except BaseException:
        stop(made)
        raise
    return made


def stop(worlds: Iterable[World]) -> None:
    """Stop all of them."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda world: world.stop(), worlds))


def medians(runs: Mapping[str, Iterable[float]]) -> dict[str, float]:
    """Return the median of what was measured, by name."""
    return {name: statistics.median(values) for name, values in runs.items()}


def relative(values: Mapping[str, float]) -> dict[str, float]:
    """Return values as multiples of the first one, the process's where there is one."""
    return {name: value / next(iter(values.values())) for name, value in values.items()}


def table(rows: Mapping[str, Mapping[str, float]]) -> Table:
    """Return what was measured as a table: a row for each quantity, a column for each world."""
    said = {
        "start, s": _("start, s"),
        "start of five, s": _("start of five, s"),
        "memory, MB": _("memory, MB"),
        "memory of five, MB": _("memory of five, MB"),
        "one more copy, MB": _("one more copy, MB"),
        "disk, MB": _("disk, MB"),
        "computing, ×": _("computing, ×"),
        "system calls, ×": _("system calls, ×"),
    }
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    worlds = {"process": _("process"), "container": _("container")}
    return Table(
        ["", *(worlds.get(name, name) for name in names)],
        [
            [said.get(what, what), *(number(row[name]) if name in row else "—" for name in names)]
            for what, row in rows.items()
        ],
    )


def resident_mb(pid: int) -> float:
    """Return how many MB of memory a process holds (resident; what it shares counts, too).

    Raises `CapasError` when there is no such process.
    """
    import psutil

    try:
        return float(psutil.Process(pid).memory_info().rss) / 1e6
    except psutil.Error as error:
        raise CapasError(
            _("There is no process {pid} here any more: run the cells above again.").format(pid=pid)
        ) from error
