"""A guest's serial console: QEMU in a terminal of ours, into which we type (pexpect)."""

import contextlib
import os
import re
import signal
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pexpect import spawn


class Seen(Enum):
    """What was seen of a guest before anything that was waited for."""

    END = "its process ended"
    NOTHING = "the time was up"


class Console:
    """Runs `command` in a terminal; it ends with this process, however that ends.

    When this process is gone, the kernel hangs its terminals up, and QEMU ends on SIGHUP.
    """

    def __init__(self, command: list[str], libraries: str = "") -> None:
        import pexpect  # not on Windows

        environment = {**os.environ, "LC_ALL": "C"}
        if libraries:
            environment["LD_LIBRARY_PATH"] = libraries
        self._child: spawn[str] = pexpect.spawn(
            command[0],
            command[1:],
            env=environment,
            encoding="utf-8",
            codec_errors="replace",
            dimensions=(50, 500),
        )
        # The guest does not echo what is typed: there is nothing to wait for.
        self._child.delaybeforesend = None
        self.pid: int = self._child.pid or 0

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return bool(self._child.isalive())

    def type(self, line: str) -> None:
        """Type a line and Enter."""
        self._child.sendline(line)

    def interrupt(self) -> None:
        """Type Ctrl-C."""
        self._child.sendcontrol("c")

    def until(self, *texts: str, seconds: float) -> tuple[str | Seen, str]:
        """Wait for one of these texts; return which it was and what stood before it."""
        import pexpect

        try:
            found: str | Seen = texts[self._child.expect_exact([*texts], timeout=seconds)]
        except pexpect.EOF:
            found = Seen.END
        except pexpect.TIMEOUT:
            found = Seen.NOTHING
        before = self._child.before
        return found, plain(before) if isinstance(before, str) else ""

    def close(self) -> None:
        """End the process: asked first (SIGTERM), killed after three seconds."""
        import pexpect

        with contextlib.suppress(pexpect.ExceptionPexpect, OSError):
            self._child.kill(signal.SIGTERM)
            self._child.expect(pexpect.EOF, timeout=3)
        terminal = self._child.ptyproc  # type: ignore[attr-defined]
        terminal.delayafterclose = terminal.delayafterterminate = 0.02
        self._child.close(force=True)


def plain(text: str) -> str:
    """Return a terminal's text without carriage returns and colours."""
    text = re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[78c])", "", text)
    return re.sub(r"\r+\n", "\n", text).replace("\r", "\n").strip("\n")
