"""A virtual machine with somebody's own first program: what it says, and what it answers."""

import atexit
import contextlib
import re
import tempfile
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from capas.language import _
from capas.ports import free_port
from capas.vm import accelerator as accelerators
from capas.vm import initramfs
from capas.vm.console import Console, Seen
from capas.vm.guest import LEAST_MB, qemu
from capas.vm.model import VmError
from capas.vm.parts import parts as find_parts

PROBE_PORT = 81
MOST = 2**20
"""Characters on the console after which the machine is ended."""


class Machine:
    """A virtual machine that has its kernel and a file ``/init``; usable as a context manager.

    There are also ``/bin/busybox``, ``/bin/sh``, and ``/etc/network.sh``, which brings up the
    network card. It ends with `stop`, with the ``with`` block, or with this process.

    Args:
        init: the file that becomes ``/init``.
        name: handed to the kernel on its command line, as ``name=…``.
        memory_mb: its memory, in MB.

    Raises:
        VmError: there is no such file, or there can be no machine here.
    """

    def __init__(self, init: str | Path, name: str = "ceibo", memory_mb: int = LEAST_MB) -> None:
        try:
            content = Path(init).read_bytes()
        except OSError as error:
            sentence = _("{file} cannot be read ({reason}): name the file that is to be /init.")
            raise VmError(sentence.format(file=init, reason=error.strerror)) from error
        self.name = name
        """What the kernel hands to ``/init`` as ``$name``."""
        parts = find_parts()
        self.web_port = free_port()
        """The port of 127.0.0.1 that leads to its port 80."""
        self.probe_port = free_port(self.web_port + 1)
        """The port of 127.0.0.1 where ``/etc/network.sh`` lets it tell what it is."""
        self._folder = tempfile.TemporaryDirectory(prefix="capas-vm-")
        self._said = ""
        try:
            files = Path(self._folder.name) / "initramfs.cpio.gz"
            files.write_bytes(
                initramfs.with_init(parts.busybox, parts.modules, content, PROBE_PORT)
            )
            command = qemu(
                parts,
                accelerators.choose(parts),
                files,
                memory_mb,
                [f"name={name}"],
                {self.web_port: 80, self.probe_port: PROBE_PORT},
            )
            self._console: Console | None = Console(command, parts.libraries)
        except BaseException:
            self._folder.cleanup()
            raise
        atexit.register(self.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it at once, as by pulling its plug; nothing is left of it but what it has said."""
        console, self._console = self._console, None
        atexit.unregister(self.stop)
        if console:
            console.close()
        self._folder.cleanup()

    @property
    def running(self) -> bool:
        """Whether it runs: a machine whose kernel has given up does not."""
        self._listen(0.05)
        return self._console is not None and self._console.alive

    @property
    def said(self) -> str:
        """What has appeared on its console."""
        self._listen(0.05)
        return self._said

    @property
    def lines(self) -> list[str]:
        """What has appeared there, of the kernel's own words only how it gave up, if it did."""
        found = []
        for line in self.said.splitlines():
            kernels = re.match(r"\[ *\d+\.\d+\] (.*)", line)
            if not kernels and line.strip():
                found.append(line)
            elif kernels and kernels[1].startswith(("Kernel panic", "Failed to execute")):
                found.append(kernels[1])
            if "Kernel panic" in line:  # what follows is where in the kernel
                break
        return found

    def page(self, path: str = "/") -> str | None:
        """Return the page at its port 80, or None while nobody answers there.

        An error that the web server tells is a page, too.
        """
        connection = HTTPConnection("127.0.0.1", self.web_port, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, HTTPException):
            connection.request("GET", path)
            return connection.getresponse().read(MOST).decode(errors="replace")
        return None

    def until(self, true: Callable[["Machine"], object], seconds: float) -> bool:
        """Wait until something is true of it, or it has ended; return whether it is true."""
        end = time.monotonic() + seconds
        while not (found := true(self)) and self.running and time.monotonic() < end:
            self._listen(0.1)
        return bool(found)

    def _listen(self, seconds: float) -> None:
        if self._console is None:
            return
        # Nobody says this: the console is read for so long, and kept.
        found, said = self._console.until("\0capas\0", seconds=seconds)
        self._said = said or self._said
        if found is Seen.END or len(said) > MOST:
            self.stop()
