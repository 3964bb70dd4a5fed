"""Commands with a limit to their time and output."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Literal

Stop = Literal["", "time", "output", "disk"]


@dataclass(frozen=True)
class Done:
    """A command that has ended, or was ended."""

    code: int
    output: bytes
    """stdout and stderr as they came, or stdout alone."""
    stopped: Stop = ""
    """Why it was ended before its own end."""

    @property
    def text(self) -> str:
        """The output as text."""
        return self.output.decode(errors="replace")


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    seconds: float,
    most: int,
    folder: Path | None = None,
    standard_input: bytes = b"",
    errors: bool = True,
    watch: Callable[[], Stop] = lambda: "",
) -> Done:
    """Run a command to its end, or end it with all that it started.

    Args:
        command: program and arguments; no shell.
        environment: the whole environment.
        seconds: after this time it is ended.
        most: bytes of output after which it is ended.
        folder: where it runs.
        standard_input: what it reads; short.
        errors: whether stderr is part of the output; else it is dropped.
        watch: asked about four times a second; a reason other than "" ends the command.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if errors else subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin and process.stdout
    end = time.monotonic() + seconds
    kept: list[bytes] = []
    size = 0
    stopped: Stop = ""
    try:
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(standard_input)
        for piece in _pieces(process, end, watch):
            if isinstance(piece, str):
                stopped = piece
                break
            kept.append(piece)
            size += len(piece)
            if size > most:
                stopped = "output"
                break
    finally:
        if stopped or sys.exc_info()[0]:
            _end(process)
    return Done(process.wait(), b"".join(kept)[:most], stopped)


def _pieces(
    process: "subprocess.Popen[bytes]", end: float, watch: Callable[[], Stop]
) -> Iterator[bytes | Stop]:
    """Yield output as it comes; or, at last, the reason to stop."""
    pieces: Queue[bytes] = Queue(maxsize=64)

    def read() -> None:
        with contextlib.suppress(OSError, ValueError):  # closed: nobody listens any more
            while piece := os.read(descriptor, 65536):
                pieces.put(piece)
        pieces.put(b"")

    assert process.stdout
    descriptor = process.stdout.fileno()
    threading.Thread(target=read, daemon=True).start()
    while True:
        if time.monotonic() > end:
            yield "time"
            return
        asked = time.monotonic()
        if why := watch():
            yield why
            return
        with contextlib.suppress(Empty):
            while piece := pieces.get(timeout=0.25):
                yield piece
                if time.monotonic() > min(end, asked + 0.25):
                    break
            else:
                return


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a command and its children: it may tell the engine, then it is killed."""
    if sys.platform == "win32":
        process.kill()
        return
    for number, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return
