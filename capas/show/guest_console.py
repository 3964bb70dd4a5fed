"""A terminal in the notebook, into which a student types commands for a virtual machine."""

from typing import Any, Protocol

import traitlets

from capas.errors import CapasError
from capas.language import _, current
from capas.show.drawing import MARGIN, Drawing
from capas.show.picture import Picture
from capas.show.widget import Widget, listen, script

SECONDS = 10.0
"""A command that takes longer is interrupted: the kernel waits for it."""
KEPT = 200
"""So many of the last commands stay on the screen."""
LONGEST = 20_000
"""So many characters of a command's output are shown."""

SAMPLE = [
    "$ hostname",
    "guest",
    "$ cat /proc/1/comm",
    "init",
    "$ cat /sys/class/dmi/id/sys_vendor",
    "QEMU",
]


class Machine(Protocol):
    """What can be typed into: `capas.vm.Guest`."""

    @property
    def running(self) -> bool:
        """Whether it runs."""

    def run(self, command: str, seconds: float = ...) -> str:
        """Run a command and return its output."""

    def start(self) -> object:
        """Start it."""


class Console(Widget):
    """The terminal; it holds what was typed and what was answered."""

    _esm = script("guest_console")
    entries: traitlets.List[Any] = traitlets.List().tag(sync=True)
    """{command, output, failed} of each command, the newest last."""
    running = traitlets.Bool().tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)

    def __init__(self, machine: Machine) -> None:
        """Show the console of a machine, which may be running or not."""
        self._machine = machine
        super().__init__(
            running=machine.running,
            words={
                "title": _("The guest's console"),
                "prompt": _("command for the guest"),
                "run": _("Run"),
                "start": _("Start the guest"),
                "clear": _("Clear"),
                "off": _("The guest is not running."),
                "hint": _("Enter runs it; ↑ and ↓ bring back what you typed."),
                "screen": _("what the guest answered"),
            },
        )
        listen(self, self._act)

    def _act(self, message: dict[str, Any]) -> None:
        if message.get("look"):
            self.running = self._machine.running
            return
        self.busy = True
        try:
            if message.get("start"):
                self._start()
            elif message.get("clear"):
                self.entries = []
            else:
                self.type(str(message.get("run", "")))
        finally:
            self.running = self._machine.running
            self.busy = False

    def type(self, command: str) -> None:
        """Run a command in the machine and show what it says."""
        if not command.strip():
            return
        try:
            output, failed = self._machine.run(command, SECONDS), False
        except CapasError as error:
            output, failed = str(error), True
        if len(output) > LONGEST:
            output = output[:LONGEST] + "\n…"
        self._add(command, output, failed)
        self.running = self._machine.running

    def _start(self) -> None:
        try:
            self._machine.start()
        except CapasError as error:
            self._add("", str(error), True)

    def _add(self, command: str, output: str, failed: bool) -> None:
        entry = {"command": command, "output": output, "failed": failed}
        self.entries = [*self.entries, entry][-KEPT:]

    def still(self) -> dict[str, str]:
        """Return a short session as a picture."""
        title = _("The guest's console")
        alt = _(
            "A terminal in the guest: its name is guest, its first process init, its maker QEMU."
        )
        drawing = Drawing(current(), 292, title, alt)
        drawing.terminal(MARGIN, 80, 880, SAMPLE)
        picture = Picture(drawing.svg(), alt)
        return {"text/html": picture.html(), "text/plain": alt}


def console(machine: Machine) -> Console:
    """Show the console of a virtual machine, to type into."""
    return Console(machine)
