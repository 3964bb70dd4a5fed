"""Programs that a piece of work runs one after the other: logged, and ended when it is given up."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from capas.errors import CapasError

GRACE_SECONDS = 5.0
"""How long a program may take to clean up after itself when the work is given up."""


class GivenUp(CapasError):
    """The work was interrupted."""


class StepFailed(CapasError):
    """A program ended with an error. `output` is the end of what it said."""

    def __init__(self, output: str) -> None:
        super().__init__(output.strip().splitlines()[-1] if output.strip() else "no output")
        self.output = output


class Steps:
    """Runs programs, each in a session of its own, until `stop` is set.

    All that they say goes to the file `log`. When `stop` is set, the program that runs is
    asked to end and then killed, with all its children, and `GivenUp` is raised.
    """

    def __init__(
        self, log: Path, stop: threading.Event, environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        self.stop = stop
        self.environment = {**os.environ, **(environment or {})}
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")

    def run(self, *command: str | Path, **more: Any) -> None:
        """Run a program to its end. `more` is for `subprocess.Popen`. Raises `StepFailed`."""
        with self.log.open("ab") as log:
            begin = self._title(log, command)
            with self._start(command, stdout=log, stderr=log, **more) as process:
                self._await(process)
        if process.returncode:
            raise StepFailed(self._tail(begin))

    def pipe(self, source: Sequence[str | Path], target: Sequence[str | Path]) -> None:
        """Run two programs, the output of the first going into the second."""
        with self.log.open("ab") as log:
            begin = self._title(log, [*source, "|", *target])
            with (
                self._start(source, stdout=subprocess.PIPE, stderr=log) as first,
                self._start(target, stdin=first.stdout, stdout=log, stderr=log) as second,
            ):
                assert first.stdout is not None
                first.stdout.close()  # the second one alone reads it: it must see the end
                self._await(first, second)
        if first.returncode or second.returncode:
            raise StepFailed(self._tail(begin))

    def _title(self, log: IO[bytes], command: Sequence[str | Path]) -> int:
        if self.stop.is_set():
            raise GivenUp("interrupted")
        log.write(f"$ {' '.join(map(str, command))}\n".encode())
        log.flush()
        return log.tell()

    def _start(self, command: Sequence[str | Path], **more: Any) -> "subprocess.Popen[bytes]":
        # Killed before it could end them, this process takes them with it.
        leash = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        try:
            return subprocess.Popen(
                [*leash, *command],
                **{
                    "env": self.environment,
                    "stdin": subprocess.DEVNULL,
                    "start_new_session": True,
                    **more,
                },
            )
        except OSError as error:
            raise StepFailed(f"{command[0]}: {error.strerror}") from error

    def _await(self, *processes: "subprocess.Popen[bytes]") -> None:
        try:
            while any(process.poll() is None for process in processes):
                if self.stop.wait(0.05):
                    raise GivenUp("interrupted")
        except BaseException:
            for process in processes:
                _end(process)
            raise

    def _tail(self, begin: int) -> str:
        with self.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(begin, size - 4000))
            return log.read().decode(errors="replace")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a program and its children: politely, then not."""
    deadline = time.monotonic() + GRACE_SECONDS
    if os.name != "posix":
        process.terminate()
        process.wait()
        return
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
    process.wait()
