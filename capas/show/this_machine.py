"""Pictures of this machine: what its containers stand on, and who started their processes."""

import itertools
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import PurePosixPath

from capas import stack
from capas.engine import EngineError, client
from capas.errors import CapasError
from capas.language import _, current
from capas.show import metrics
from capas.show.drawing import BODY, MARGIN, SMALL, SMALLEST, WIDTH, Drawing
from capas.show.picture import Picture

_OWN, _OTHER, _GAP = 304, 130, 11
_HIGH, _BETWEEN = 54, 6


def machine(report: stack.Report | None = None) -> Picture:
    """Draw what containers stand on here, beside what they stand on elsewhere.

    `report` is what the machine says of itself (default: ask it, and its engine).
    """
    if report is None:
        report = stack.observe(_info())
    here = stack.describe(report)
    others = [other for other in stack.examples() if other.kind != here.kind][:4]
    rows = max(len(one.layers) for one in (here, *others))
    top, high = 150, rows * (_HIGH + _BETWEEN)
    bottom = top + high
    alt = " ".join(
        [
            _("What containers stand on here, from the bottom: {layers}.").format(
                layers=", ".join(_told(layer) for layer in here.layers)
            ),
            here.sentence,
            *(
                _("{name}: {layers}.").format(
                    name=other.name, layers=", ".join(layer.name for layer in other.layers)
                )
                for other in others
            ),
        ]
    )
    title = _("What do containers stand on?")
    drawing = Drawing(current(), bottom + 78, title, alt)
    drawing.text(MARGIN, 96, _("This machine"), bold=True, width=_OWN)
    drawing.text(MARGIN, 122, _short(here.name, SMALL, _OWN), size=SMALL, ink="muted")
    _pile(drawing, MARGIN, bottom, _OWN, here.layers, details=True)
    x = float(WIDTH - MARGIN - len(others) * _OTHER - (len(others) - 1) * _GAP)
    drawing.text(x, 96, _("Others"), bold=True)
    for other in others:
        name = _short(other.name, SMALL, _OTHER)
        drawing.text(x, 122, name, size=SMALL, ink="muted", width=_OTHER)
        _pile(drawing, x, bottom, _OTHER, other.layers, details=False)
        x += _OTHER + _GAP
    drawing.paragraph(MARGIN, bottom + 34, here.sentence, width=WIDTH - 2 * MARGIN, lines=2)
    return Picture(drawing.svg(), alt)


def _told(layer: stack.Layer) -> str:
    return f"{layer.name} ({layer.detail})" if layer.detail else layer.name


def _pile(
    drawing: Drawing,
    x: float,
    bottom: float,
    wide: float,
    layers: Sequence[stack.Layer],
    *,
    details: bool,
) -> None:
    """Pile up layers, the first one at the bottom; the kernel that counts is filled."""
    size = BODY if details else SMALLEST
    for number, layer in enumerate(layers, 1):
        y = bottom - number * (_HIGH + _BETWEEN)
        drawing.box(
            x,
            y,
            wide,
            _HIGH,
            _short(layer.name, size, wide - 20, "bold"),
            layer.role,
            sub=_short(layer.detail, SMALL, wide - 20) if details and layer.detail else None,
            solid=layer.gives,
            dashed=layer.role == "container",
            size=size,
        )


def _short(text: str, size: float, room: float, weight: metrics.Weight = "regular") -> str:
    """Return `text`, cut off with “…” where there is no room for all of it."""
    if metrics.width(text, size, weight) <= room:
        return text
    while text and metrics.width(f"{text}…", size, weight) > room:
        text = text[:-1].rstrip()
    return f"{text}…"


def _info() -> dict[str, object]:
    try:
        with closing(client(timeout=10)) as engine:
            return dict(engine.info())
    except EngineError:
        return {}


# ---- processes ----


@dataclass(frozen=True)
class Process:
    """A process as the engine's kernel counts it."""

    pid: int
    parent: int
    command: str

    @property
    def program(self) -> str:
        """The name of its file, without folder and arguments."""
        return PurePosixPath((self.command.split() or [""])[0]).name


@dataclass(frozen=True)
class Chain:
    """Who had a hand in a container's first process. None: not to be seen, or not certain."""

    process: Process
    shim: Process | None
    containerd: Process | None
    dockerd: Process | None


def processes(container: str) -> Picture:
    """Draw the processes behind a running container, from the daemon down.

    They are read by a container of its own that sees the engine's processes
    (``docker run --pid host``): inside a virtual machine, too.

    Raises:
        CapasError: there is no such container, or it does not run, or the engine's processes
            cannot be seen; one sentence.
    """
    from docker.errors import DockerException, NotFound

    try:
        with closing(client(timeout=30)) as engine:
            found = engine.containers.get(container)
            pid = int(found.attrs["State"]["Pid"])
            if not pid:
                raise CapasError(_("“{name}” is not running.").format(name=container))
            told = engine.containers.run(
                "busybox",
                ["ps", "-o", "pid,ppid,args"],
                pid_mode="host",
                network_mode="none",
                remove=True,
                labels={"capas": "processes"},
            )
            inside = engine.containers.get(container).exec_run(["ps", "-o", "pid,args"])
    except NotFound as error:
        raise CapasError(_("There is no container “{name}”.").format(name=container)) from error
    except DockerException as error:
        raise CapasError(_("This engine does not show its processes.")) from error
    chain = _chain(_processes(told.decode(errors="replace")), pid)
    if chain is None:
        raise CapasError(_("This engine does not show its processes."))
    number = 1 if chain.process.program in _text(inside.output) else None
    return _draw_chain(chain, container, number)


def _text(output: object) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else ""


def _processes(told: str) -> list[Process]:
    """Read what ``ps -o pid,ppid,args`` prints."""
    found = []
    for line in told.splitlines():
        pid, parent, *command = [*line.split(None, 2), "", ""]
        if pid.isdigit() and parent.isdigit():
            found.append(Process(int(pid), int(parent), command[0]))
    return found


def _chain(all_: Iterable[Process], pid: int) -> Chain | None:
    """Find who is behind the process `pid`; None if it is not among `all_`."""
    by_pid = {process.pid: process for process in all_}
    if pid not in by_pid:
        return None
    shim = by_pid.get(by_pid[pid].parent)
    if shim and not shim.program.startswith("containerd-shim"):
        shim = None
    return Chain(
        by_pid[pid],
        shim,
        _served(by_pid.values(), "containerd", shim),
        _served(by_pid.values(), "dockerd", shim),
    )


def _served(all_: Iterable[Process], program: str, shim: Process | None) -> Process | None:
    """Return the one `program`; of several, the one whose paths are nearest to the shim's.

    A machine may run several engines, each with its folder: the shim says by its path and
    its ``-address`` to which it belongs.
    """
    candidates = [process for process in all_ if process.program == program]
    if len(candidates) < 2 or shim is None:
        return candidates[0] if len(candidates) == 1 else None
    nearest = sorted(candidates, key=lambda one: _common(one.command, shim.command))
    if _common(nearest[-1].command, shim.command) == _common(nearest[-2].command, shim.command):
        return None
    return nearest[-1]


def _common(one: str, other: str) -> int:
    """Return how many folders the two most similar paths of two commands share."""
    return max(
        (sum(1 for _pair in _same_start(a, b)) for a in _paths(one) for b in _paths(other)),
        default=0,
    )


def _paths(command: str) -> list[tuple[str, ...]]:
    words = (word.rpartition("=")[2] for word in command.split())
    return [PurePosixPath(word).parts for word in words if word.startswith("/")]


def _same_start(a: Sequence[str], b: Sequence[str]) -> Iterable[str]:
    for one, other in zip(a, b, strict=False):
        if one != other:
            return
        yield one


def _draw_chain(chain: Chain, container: str, inside: int | None) -> Picture:
    unseen = _("not seen")

    def numbered(process: Process | None) -> str:
        return _("process {pid}").format(pid=process.pid) if process else unseen

    steps = [
        ("client", "docker", _("you type: run")),
        ("daemon", "dockerd", numbered(chain.dockerd)),
        ("daemon", "containerd", numbered(chain.containerd)),
        ("daemon", "containerd-shim", numbered(chain.shim)),
    ]
    title = _("Who started this process?")
    program = chain.process.program
    alt = _(
        "The command docker asks dockerd ({dockerd}), which asks containerd ({containerd}), which "
        "starts a shim ({shim}). The shim calls runc, which makes the container and ends; the "
        "shim stays as the parent of {program}: {process} for the kernel."
    ).format(
        dockerd=numbered(chain.dockerd),
        containerd=numbered(chain.containerd),
        shim=numbered(chain.shim),
        program=program,
        process=numbered(chain.process),
    )
    if inside:
        alt += " " + _("Inside the container the same process is number 1.")
    drawing = Drawing(current(), 356, title, alt)
    wide, gap, y = 184.0, 48.0, 92.0
    boxes = []
    for number, (role, name, sub) in enumerate(steps):
        x = MARGIN + number * (wide + gap)
        boxes.append(
            drawing.box(
                x,
                y,
                wide,
                70,
                name,
                role,
                sub=_short(sub, SMALL, wide - 20),
                size=SMALL if len(name) > 12 else BODY,
            )
        )
    for before, after in itertools.pairwise(boxes):
        drawing.arrow(before.east(), after.west())
    shim = boxes[-1]
    place = drawing.region(
        boxes[1].x,
        222,
        shim.right - boxes[1].x - wide - gap,
        106,
        _short(_("container {name}").format(name=container), BODY, wide + 200),
        "container",
    )
    ends = drawing.box(
        shim.x, 240, wide, 70, "runc", "daemon", sub=_("makes it, then ends"), dashed=True
    )
    seen = numbered(chain.process)
    if inside:
        seen += _("; number 1 inside")
    process = drawing.box(
        place.x + 20,
        place.y + 44,
        place.w - 40,
        50,
        None,
        "application",
    )
    wide_name = drawing.text(
        process.x + 16, process.cy + 6, _short(program, BODY, 120, "bold"), bold=True
    )
    left = process.x + 30 + wide_name
    room = process.right - 12 - left
    drawing.text(left, process.cy + 6, _short(seen, SMALL, room), size=SMALL, ink="muted")
    drawing.arrow(shim.south(), ends.north(), dashed=True)
    drawing.arrow(ends.west(), (place.right, ends.cy), dashed=True)
    return Picture(drawing.svg(), alt)
