"""The life-cycle of a container as a diagram with buttons; the engine really does each step.

Every button is a ``docker`` command that is run as it stands in the log. Which state lights up
is not what was clicked, but what the engine answers: it is asked after each command, and whenever
it reports an event of this container (its program ended, somebody removed it from outside).
"""

import atexit
import contextlib
import os
import secrets
import shlex
import signal
import subprocess
import threading
import time
from typing import Any

import docker
import docker.errors
import traitlets

from capas.engine import EngineError, client
from capas.engine.cli import docker as docker_program
from capas.errors import CapasError
from capas.language import _, current
from capas.show.drawing import MARGIN, SMALL, SMALLEST, Drawing
from capas.show.picture import Picture
from capas.show.widget import Widget, listen, script

LIMIT = "32m"
"""The container's memory."""

PROGRAM = 'trap "exit 143" TERM; rm -f /do; until [ -s /do ]; do sleep 0.1; done; . /do'
"""Waits for something to do in the file ``/do``, does it and ends; ends when it is asked to."""

# Reads a block of twice the limit. Without a limit it would end well, and harm nobody.
TOO_MUCH = "exec dd if=/dev/zero of=/dev/null bs=64M count=1"

LOG = 40
"""Entries that are kept."""

ABSENT = "absent"
"""There is no container: not yet, or no longer."""

NODES: dict[str, tuple[float, float, float, float]] = {
    ABSENT: (40, 250, 140, 64),
    "created": (215, 136, 130, 64),
    "running": (425, 136, 290, 64),
    "paused": (805, 136, 115, 64),
    "exited": (425, 360, 290, 64),
}
"""Where the states are drawn: x, y, width, height (`Drawing`'s units)."""

EDGES: list[tuple[str, str, tuple[tuple[float, float], ...], tuple[float, float, str]]] = [
    ("create", ABSENT, ((110, 250), (110, 168), (215, 168)), (162, 158, "create")),
    ("rm", "created", ((280, 200), (280, 270), (180, 270)), (230, 262, "rm")),
    ("start", "created", ((345, 168), (425, 168)), (385, 158, "start")),
    ("restart", "running", ((530, 136), (530, 104), (610, 104), (610, 136)), (570, 96, "restart")),
    ("pause", "running", ((715, 156), (805, 156)), (760, 146, "pause")),
    ("unpause", "paused", ((805, 182), (715, 182)), (760, 204, "unpause")),
    ("rm -f", "running", ((425, 188), (390, 188), (390, 298), (180, 298)), (300, 290, "rm -f")),
    ("start", "exited", ((450, 360), (450, 200)), (482, 286, "start")),
    ("stop", "running", ((525, 200), (525, 360)), (552, 286, "stop")),
    ("kill", "running", ((585, 200), (585, 360)), (612, 286, "kill")),
    ("exit", "running", ((645, 200), (645, 360)), (672, 286, "exit")),
    ("oom", "running", ((700, 200), (700, 360)), (724, 286, "OOM")),
    ("stop", "paused", ((862, 200), (862, 392), (715, 392)), (790, 382, "stop, kill")),
    ("rm", "exited", ((425, 392), (110, 392), (110, 314)), (268, 382, "rm")),
]
"""Transitions: action, state that it leaves, path, and its name with its middle."""

POSSIBLE: dict[str, tuple[str, ...]] = {
    ABSENT: ("create",),
    "created": ("start", "rm", "rm -f"),
    "running": ("pause", "stop", "kill", "restart", "rm -f", "exit0", "exit3", "oom"),
    "paused": ("unpause", "stop", "kill", "restart", "rm -f"),
    "exited": ("start", "restart", "rm", "rm -f"),
}
"""What changes something, by state; the rest can be tried, too."""


def commands(name: str) -> dict[str, list[str]]:
    """Return what each action is, as the words after ``docker``, for the container `name`."""

    def tell(what: str) -> list[str]:
        return ["exec", name, "sh", "-c", f'echo "{what}" > /do']

    plain = ("start", "pause", "unpause", "stop", "kill", "restart", "rm")
    create = ["create", "--name", name, "--label", "capas", "--memory", LIMIT]
    return {
        "create": [*create, "busybox", "sh", "-c", PROGRAM],
        **{action: [action, name] for action in plain},
        "rm -f": ["rm", "-f", name],
        "exit0": tell("exit 0"),
        "exit3": tell("exit 3"),
        "oom": tell(TOO_MUCH),
    }


def meaning(code: int, oom: bool = False) -> str:
    """Return what an exit code tells, in a sentence."""
    if oom:
        return _("out of memory: the kernel ended it by the signal KILL (128 + 9)")
    said = {
        0: _("the program ended, and all was well"),
        125: _("docker itself failed: there was no container to run"),
        126: _("the command is there, but it cannot be executed"),
        127: _("there is no such command in the image"),
        137: _("ended by the signal KILL (128 + 9): it was not asked"),
        143: _("ended by the signal TERM (128 + 15): it was asked to, and did"),
    }
    if code in said:
        return said[code]
    with contextlib.suppress(ValueError):
        if code > 128:
            name = signal.Signals(code - 128).name.removeprefix("SIG")
            return _("ended by the signal {name} (128 + {n})").format(name=name, n=code - 128)
    return _("the program itself reports that something went wrong")


class Lifecycle(Widget):
    """A container of its own, and what can be done to it."""

    _esm = script("lifecycle")
    name = traitlets.Unicode().tag(sync=True)
    state = traitlets.Unicode(ABSENT).tag(sync=True)
    """As the engine told it last; `ABSENT` where there is no such container."""
    code = traitlets.Int(None, allow_none=True).tag(sync=True)
    """Exit code, where the container has ended."""
    oom = traitlets.Bool(False).tag(sync=True)
    """Whether the engine says that the kernel ended it for want of memory (OOMKilled)."""
    meaning = traitlets.Unicode().tag(sync=True)
    busy = traitlets.Unicode().tag(sync=True)
    """The action that is going on."""
    log: traitlets.List[Any] = traitlets.List().tag(sync=True)
    """What was run: ``command``, its ``output``, and whether it went well (``ok``)."""
    trouble = traitlets.Unicode().tag(sync=True)
    nodes = traitlets.Dict(NODES).tag(sync=True)
    edges: traitlets.List[Any] = traitlets.List(EDGES).tag(sync=True)
    possible = traitlets.Dict(POSSIBLE).tag(sync=True)
    commands = traitlets.Dict().tag(sync=True)
    """What each button runs, as it would be typed."""

    def __init__(self) -> None:
        """Choose a name for the container; nothing is asked of the engine yet."""
        name = f"capas-lifecycle-{secrets.token_hex(2)}"
        self._lock = threading.RLock()
        self._docker: docker.DockerClient | None = None
        self._watcher: threading.Thread | None = None
        self._events: Any = None
        self._closed = False
        self._commands = commands(name)
        super().__init__(
            name=name,
            commands={a: shlex.join(["docker", *words]) for a, words in self._commands.items()},
            words=_words(),
        )
        atexit.register(self._leave)
        listen(self, lambda message: self.act(str(message.get("act"))))

    # --- acting -----------------------------------------------------------------------

    def act(self, action: str) -> None:
        """Run the command of an action (a key of ``commands``), and ask for the state then."""
        if action not in self._commands or self._closed:
            return
        self.busy = action
        try:
            self._watch()
            self._run(action)
            self.look()
        except CapasError as error:
            self.trouble = str(error)
        finally:
            self.busy = ""

    def _run(self, action: str) -> None:
        """Run a command as in a terminal; what it answers goes to the log."""
        try:
            done = subprocess.run(
                [docker_program(os.environ.get("PATH")), *self._commands[action]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=120,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineError(
                _("The docker command could not be run: {reason}").format(reason=error)
            ) from error
        entry = {
            "command": self.commands[action],
            "output": done.stdout.strip(),
            "ok": done.returncode == 0,
        }
        self.log = [*self.log[1 - LOG :], entry]

    # --- looking ----------------------------------------------------------------------

    def look(self) -> None:
        """Ask the engine for the container's state."""
        with self._lock:
            if self._closed:
                return
            try:
                told = self._client().containers.get(self.name).attrs["State"]
            except docker.errors.NotFound:
                told = {"Status": ABSENT}
            except (docker.errors.DockerException, OSError) as error:
                self._docker = None
                raise EngineError(
                    _("No Docker Engine answers; `python3 -m capas doctor` says what to do.")
                ) from error
            code = int(told.get("ExitCode") or 0)
            status = str(told["Status"])
            over = status in ("exited", "dead") or (status == "created" and code != 0)
            oom = bool(over and told.get("OOMKilled"))
            with self.hold_sync():
                self.trouble = ""
                self.code, self.oom = (code if over else None), oom
                self.meaning = meaning(code, oom) if over else ""
                self.state = status

    def _client(self) -> docker.DockerClient:
        if self._docker is None:
            self._docker = client()
        return self._docker

    def _watch(self) -> None:
        """Look again at each event of the container, from a thread, until `close`."""
        if self._watcher is not None and self._watcher.is_alive():
            return
        events = client().events(
            since=int(time.time()),
            decode=True,
            filters={"type": "container", "container": self.name},
        )

        def follow() -> None:
            with contextlib.suppress(Exception):  # the stream was closed, or the engine is gone
                for event in events:
                    if not str(event.get("Action", "")).startswith("exec_"):
                        self.look()

        self._events = events
        self._watcher = threading.Thread(target=follow, name=self.name, daemon=True)
        self._watcher.start()

    # --- leaving ----------------------------------------------------------------------

    def clear(self) -> None:
        """Remove the container, if there is one; the widget can be operated again."""
        if self._watcher is not None and not self._closed:
            self._remove()
            with contextlib.suppress(CapasError):
                self.look()

    def close(self) -> None:
        """Remove the container, and stop looking."""
        self._leave()
        atexit.unregister(self._leave)
        super().close()

    def _leave(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        with contextlib.suppress(Exception):
            if self._events is not None:
                self._events.close()
        # Only where something was done can there be a container.
        if self._watcher is not None:
            self._remove()
            self._watcher.join(timeout=2)

    def _remove(self) -> None:
        with contextlib.suppress(docker.errors.DockerException, OSError, CapasError):
            self._client().api.remove_container(self.name, force=True, v=True)

    def still(self) -> dict[str, str]:
        """Return the diagram with the commands, and what exit codes mean."""
        picture = diagram()
        return {"text/html": picture.html(), "text/plain": picture.alt}


def _words() -> dict[str, str]:
    return {
        "title": _("The life of a container"),
        "absent": _("no container"),
        "state": _("State"),
        "code": _("exit code"),
        "docker": _("Commands"),
        "inside": _("What the program in it does"),
        "exit0": _("ends: exit 0"),
        "exit3": _("ends: exit 3"),
        "oom": _("takes too much memory"),
        "hint": _(
            "The engine tells the state. Faint buttons can be tried, too: read what it answers."
        ),
        "log": _("What was run"),
        "empty": _("Begin with “create”."),
        "busy": _("running…"),
        "diagram": _("States of a container. Now: {state}."),
        "unlikely": _("not meant for this state"),
    }


def diagram() -> Picture:
    """Draw the states, what leads from one to the other, and what exit codes mean."""
    words = _words()
    codes = [(str(c), meaning(c)) for c in (0, 3, 127, 137, 143)]
    alt = _(
        "States of a container and the docker commands between them: create leads from no "
        "container to created; start to running; pause to paused, and unpause back; stop, kill, "
        "the end of the program or a lack of memory to exited; start back to running; rm to no "
        "container. Exit codes: {codes}."
    ).format(codes="; ".join(f"{code}: {what}" for code, what in codes))
    drawing = Drawing(current(), 640, words["title"], alt)
    for state, (x, y, w, h) in NODES.items():
        if state == ABSENT:
            drawing.hole(x, y, w, h, words["absent"])
        else:
            drawing.box(x, y, w, h, state, "container", dashed=state != "running")
    for _action, _state, points, (x, y, label) in EDGES:
        drawing.arrow(*points)
        drawing.text(x, y, label, size=SMALLEST, mono=True, anchor="middle", width=120)
    for n, (code, what) in enumerate(codes):
        y = 478 + 30 * n
        drawing.text(
            MARGIN + 40, y, code, size=SMALL, mono=True, bold=False, anchor="end", width=40
        )
        drawing.text(MARGIN + 58, y, what, size=SMALL, ink="muted", width=800)
    return Picture(drawing.svg(), alt)


_shown: Lifecycle | None = None


def lifecycle() -> Any:
    """Show a container's life-cycle to operate. One at a time: an earlier one's container goes."""
    global _shown
    if _shown is not None:
        _shown.close()
    _shown = Lifecycle()
    return _shown
