"""One virtual machine: started, typed into, stopped."""

import atexit
import re
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from capas import paths
from capas.language import _
from capas.vm import accelerator as accelerators
from capas.vm.console import Console, Seen
from capas.vm.initramfs import CONTINUED, PROMPT
from capas.vm.model import Accelerator, Parts, VmError
from capas.vm.parts import parts as find_parts

LEAST_MB = 128
"""With less memory the kernel does not come up, and says nothing."""

LONGEST = 1000
"""Bytes of a line that busybox's shell takes at once from a terminal without echo."""


class Guest:
    """A virtual machine with a shell on its serial console; usable as a context manager.

    It has no disk: what is written in it is gone with it. It ends with `stop`, with the
    ``with`` block, or with the process that started it, however that ends.

    Args:
        memory_mb: the guest's memory, in MB.
        web_port: TCP port of 127.0.0.1 that leads to port 80 in the guest, where a web server
            answers. Without it, the guest has no network; with it, no other connection.
        accelerator: "kvm" or "tcg"; None takes what works on this machine.
        parts: what it is made of; None finds that out.
        patience: seconds in which it must have come up.
    """

    def __init__(
        self,
        memory_mb: int = 256,
        *,
        web_port: int | None = None,
        accelerator: Accelerator | None = None,
        parts: Parts | None = None,
        patience: float = 90,
    ) -> None:
        self.memory_mb = memory_mb
        self.web_port = web_port
        self.accelerator: Accelerator | None = accelerator
        """Who runs its instructions: "kvm" or "tcg" (emulation); None before the first start."""
        self.boot_seconds = float("nan")
        """From starting QEMU until the guest's shell waited for a command."""
        self._parts = parts
        self._patience = patience
        self._console: Console | None = None
        self._typing = threading.Lock()

    # --- its life -----------------------------------------------------------------------------

    def start(self) -> Self:
        """Boot it and wait for its shell.

        Raises `VmError`, one sentence, if it does not come up.
        """
        if self.running:
            return self
        if self.memory_mb < LEAST_MB:
            raise VmError(
                _("A virtual machine of this course needs {size} MB of memory or more.").format(
                    size=LEAST_MB
                )
            )
        parts = self._parts or find_parts()
        self.accelerator = self.accelerator or accelerators.choose(parts)
        command = self._command(parts, self.accelerator)
        began = time.perf_counter()
        self._console = console = Console(command, parts.libraries)
        atexit.register(self.stop)
        try:
            found, said = console.until(PROMPT, seconds=self._patience)
            if found != PROMPT:
                raise VmError(_not_up(said))
        except BaseException:
            self.stop()
            raise
        self.boot_seconds = time.perf_counter() - began
        return self

    def stop(self) -> None:
        """End it at once, as by pulling its plug; nothing is left of it."""
        console, self._console = self._console, None
        atexit.unregister(self.stop)
        if console:
            console.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # --- what one does with it ----------------------------------------------------------------

    def run(self, command: str, seconds: float = 30) -> str:
        """Type a command into its shell and return what appears on its console.

        A command that takes longer than `seconds` is interrupted (Ctrl-C) and told of by a
        `VmError`, as is one that is not complete. When the command ends the guest itself
        (``poweroff -f``), that is no error: `running` is False from then on.
        """
        lines = command.strip().splitlines() or [""]
        if any(len(line.encode()) > LONGEST for line in lines):
            raise VmError(
                _("A line for the virtual machine may have {n} bytes at most.").format(n=LONGEST)
            )
        with self._typing:
            console = self._running()
            output = []
            found: str | Seen = PROMPT
            line = ""
            for line in lines:
                console.type(line)
                found, said = console.until(PROMPT, CONTINUED, seconds=seconds)
                output += [said] if said else []
                if isinstance(found, Seen):
                    break
            if found is Seen.END:
                self.stop()
            elif found is Seen.NOTHING:
                self._interrupt(console)
                sentence = _("“{command}” did not end within {seconds:g} s and was interrupted.")
                raise VmError(sentence.format(command=line, seconds=seconds))
            elif found == CONTINUED:
                self._interrupt(console)
                sentence = _("“{command}” is not complete: a quote or a loop is still open.")
                raise VmError(sentence.format(command=line))
            return "\n".join(output)

    def _interrupt(self, console: Console) -> None:
        """Type Ctrl-C; a guest that does not react even to that is ended."""
        console.interrupt()
        found, _said = console.until(PROMPT, seconds=5)
        if found != PROMPT:
            self.stop()

    def _running(self) -> Console:
        if self._console is None or not self._console.alive:
            raise VmError(_("The virtual machine is not running: start one first."))
        return self._console

    # --- what it is ---------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether it runs: from `start` until it is stopped, or stops by itself."""
        return self._console is not None and self._console.alive

    @property
    def pid(self) -> int:
        """The number of the process on this machine that *is* the guest: QEMU's."""
        return self._running().pid

    @property
    def resident_mb(self) -> float:
        """What it takes of this machine's memory right now, in MB (QEMU's resident set)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)
        return int(found[1]) * 1024 / 1e6 if found else 0.0

    def __str__(self) -> str:
        if not self.running:
            return _("a virtual machine that is not running")
        how = {
            "kvm": _("its instructions run on the processor itself, by KVM"),
            "tcg": _("its processor is emulated by QEMU (TCG), which is slow"),
        }[self.accelerator or "tcg"]
        text = _("a virtual machine with {size} MB, up in {seconds:.1f} s; {how}")
        return text.format(size=self.memory_mb, seconds=self.boot_seconds, how=how)

    def __repr__(self) -> str:
        return f"<{self}>"

    # --- QEMU ---------------------------------------------------------------------------------

    def _command(self, parts: Parts, accelerator: Accelerator) -> list[str]:
        ports = {} if self.web_port is None else {self.web_port: 80}
        words = ["capas.web"] if ports else []
        return qemu(parts, accelerator, parts.initramfs, self.memory_mb, words, ports)


def qemu(
    parts: Parts,
    accelerator: Accelerator,
    initramfs: Path,
    memory_mb: int,
    words: Iterable[str] = (),
    ports: Mapping[int, int] | None = None,
) -> list[str]:
    """Return the command that boots a guest with its console on standard input and output.

    Args:
        parts: what it is made of.
        accelerator: who runs its instructions.
        initramfs: its whole file system.
        memory_mb: its memory.
        words: more for the kernel's command line.
        ports: which TCP port of 127.0.0.1 leads to which of the guest's; it reaches nobody itself.
    """
    line = ["console=ttyS0", "quiet", "panic=-1", *words]
    command = [
        *parts.qemu,
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-machine", "q35", "-m", str(memory_mb), "-accel", accelerator),
        *(("-cpu", "host") if accelerator == "kvm" else ()),
        # Without signals: Ctrl-C is the guest's, it does not end QEMU.
        *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
        *("-kernel", str(parts.kernel), "-initrd", str(initramfs)),
    ]
    if ports:
        if not parts.network:
            raise VmError(_("This machine's kernel has no network card for a guest."))
        forward = "".join(
            f",hostfwd=tcp:127.0.0.1:{outside}-:{inside}" for outside, inside in ports.items()
        )
        command += ["-netdev", f"user,id=net,restrict=on{forward}"]
        command += ["-device", "virtio-net-pci,netdev=net,romfile="]
    return [*command, "-append", " ".join(line)]


def start(memory_mb: int = 256, *, web_port: int | None = None) -> Guest:
    """Boot a virtual machine and return it, its shell waiting for commands.

    ``with vm.start() as guest:`` stops it at the end of the block. For the arguments, and
    what else it can do, see `Guest`.
    """
    return Guest(memory_mb, web_port=web_port).start()


def _not_up(said: str) -> str:
    """Return the sentence for a guest that did not come up, after keeping what it said."""
    path: Path | str = paths.home() / "log/vm.log"
    try:
        paths.make(Path(path).parent)
        Path(path).write_text(said + "\n")
    except OSError as error:
        path = error.strerror or str(error)
    last = (said.splitlines() or [_("it said nothing")])[-1]
    return _("The virtual machine did not come up ({reason}); what it said is in {log}.").format(
        reason=re.sub(r"^\S*qemu-system-x86_64: ", "", last)[:200], log=path
    )
