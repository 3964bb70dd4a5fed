"""A command that does not end by itself, beside what a cell does: ``logs -f``, ``watch``.

    with capas.beside("docker compose logs -f web", until="visit 3"):
        …

A notebook cannot open a second terminal and press Ctrl+C in it; this does both.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from types import TracebackType

from capas.language import _
from capas.tidy import Tidy

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_INTERRUPTED = {
    "canceled",
    "context canceled",
    "Gracefully stopping... (press Ctrl+C again to force)",
}


class Beside:
    """A command that runs while the body of a ``with`` does, and is shown at its end."""

    def __init__(self, command: str, ready: str, until: str, seconds: float, quiet: bool) -> None:
        """See `beside`."""
        self.command = command
        self.output = ""
        self._ready, self._until, self._seconds, self._quiet = ready, until, seconds, quiet
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> "Beside":
        words = shlex.split(self.command)
        program = shutil.which(words[0])
        if program is None:
            print(_("There is no command “{name}” on this machine.").format(name=words[0]))
            return self
        windows = sys.platform == "win32"
        self._process = subprocess.Popen(
            [program, *words[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ},
            # Of its own: an interrupt of the kernel is not one of the command, and the reverse.
            start_new_session=not windows,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) if windows else 0,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._wait(self._ready)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None:
            return
        if error is None:
            self._wait(self._until)
        self._end()
        if self._reader:
            self._reader.join(timeout=5)
        if self._quiet:
            return
        out = io.StringIO()
        tidy = Tidy(out)
        tidy.write(self.output)
        tidy.finish()
        shown = [line.rpartition("\r")[2] for line in out.getvalue().split("\n")]
        print("\n".join(line for line in shown if line.strip()))

    def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            text = _ESCAPE.sub("", line.decode(errors="replace"))
            if text.strip() not in _INTERRUPTED:
                self.output += text

    def _wait(self, text: str) -> None:
        """Wait until the command has printed `text`; one sentence when it does not."""
        assert self._process is not None
        end = time.monotonic() + self._seconds
        while text and text not in self.output:
            ended = self._process.poll() is not None
            if ended and self._reader:
                self._reader.join(timeout=5)
            if text in self.output:
                return
            if ended or time.monotonic() > end:
                print(
                    _("“{command}” did not print “{text}”.").format(command=self.command, text=text)
                )
                return
            time.sleep(0.05)

    def _end(self) -> None:
        """End it as Ctrl+C does; by force when it does not listen."""
        assert self._process is not None
        gentle = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT)
        with contextlib.suppress(OSError):
            self._process.send_signal(gentle)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def beside(
    command: str,
    *,
    ready: str = "",
    until: str = "",
    seconds: float = 30,
    quiet: bool = False,
) -> Beside:
    """Run a command while the body of a ``with`` runs; then end it and show what it printed.

    Args:
        command: as in a terminal, without pipes.
        ready: the body begins when this has been printed.
        until: the command is ended when this has been printed, too.
        seconds: how long to wait for each of them, at most.
        quiet: show nothing in the end; ``output`` has what the command printed.
    """
    return Beside(command, ready, until, seconds, quiet)
