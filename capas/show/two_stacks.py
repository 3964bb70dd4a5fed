"""Two ways to run the same apps, side by side: virtual machines, and containers.

A model, not a measurement: it counts what is there how often, and says what happens to the
apps when a layer is taken away.
"""

from dataclasses import dataclass
from typing import Any, Literal, cast

import traitlets

from capas.language import _, current
from capas.show.drawing import MARGIN, SMALL, SMALLEST, WIDTH, Drawing
from capas.show.picture import Picture
from capas.show.widget import Widget, script

Side = Literal["vm", "docker"]
Host = Literal["linux", "other"]
MOST = 4
"""More apps than this do not fit side by side."""


@dataclass(frozen=True)
class Row:
    """A layer of one side, and how many there are of it."""

    id: str
    role: str
    name: str
    count: int


def rows(side: Side, apps: int = 3, host: Host = "linux", shared: bool = True) -> list[Row]:
    """Return the layers of one side, from the hardware up.

    Args:
        side: virtual machines or containers.
        apps: how many run.
        host: the machine's own system is Linux, or another (Windows, macOS).
        shared: all apps' images start from the same base image.
    """
    own = "Linux" if host == "linux" else _("Windows or macOS")
    found = [Row("hardware", "hardware", _("Hardware"), 1), Row("host", "kernel", own, 1)]
    if side == "vm":
        found += [
            Row("hypervisor", "hypervisor", _("Hypervisor"), 1),
            Row("guest", "guest", _("Guest kernel"), apps),
            Row("files", "image", _("OS files"), apps),
        ]
    else:
        if host == "other":
            found += [
                Row("hypervisor", "hypervisor", _("Hypervisor"), 1),
                Row("guest", "guest", _("Linux kernel of a VM"), 1),
            ]
        found += [
            Row("engine", "daemon", _("Engine"), 1),
            Row("files", "image", _("Base image"), 1 if shared else apps),
        ]
    return [
        *found,
        Row("libraries", "library", _("Libraries"), apps),
        Row("apps", "application", _("App"), apps),
    ]


def kernels(side: Side, apps: int, host: Host) -> int:
    """Return how many kernels run."""
    return sum(row.count for row in rows(side, apps, host) if row.id in ("host", "guest"))


def verdict(side: Side, away: str, host: Host = "linux") -> tuple[str, str]:
    """Say what becomes of the apps without a layer: a state (ok, warn, error) and a sentence."""
    if not away:
        return "ok", _("All apps run.")
    if away not in {row.id for row in rows(side, host=host)}:
        return "ok", {
            "hypervisor": _("There is none here. All apps run."),
            "guest": _("There is none here: containers call the host's kernel. All apps run."),
        }.get(away, _("There is none here. All apps run."))
    nothing = _("Nothing runs.")
    return {
        "hardware": ("error", nothing),
        "host": ("error", nothing),
        "hypervisor": ("error", _("The machines that it makes are gone. No app runs.")),
        "guest": ("error", _("The apps' calls reach no kernel. No app runs.")),
        "engine": (
            "warn",
            _(
                "Nobody starts, stops or watches containers. Those that run can go on "
                "(live-restore): they call the kernel, not the engine."
            ),
        ),
        "files": (
            "error",
            _("Loader, C library and shell are missing: only static programs start."),
        ),
        "libraries": ("error", _("The apps start, and fail at their first import.")),
        "apps": ("warn", _("All is ready, and nobody does anything.")),
    }[away]


class Stacks(Widget):
    """Both stacks: the student chooses the apps, the host and the images, and takes layers away."""

    _esm = script("stacks")
    apps = traitlets.Int(3, min=1, max=MOST).tag(sync=True)
    host = traitlets.Enum(["linux", "other"], "linux").tag(sync=True)
    shared = traitlets.Bool(True).tag(sync=True)
    away = traitlets.Unicode("").tag(sync=True)
    """The layer that is taken away (`Row.id`), or nothing."""
    view = traitlets.Dict().tag(sync=True)
    """What is drawn, computed from the above."""

    def __init__(self) -> None:
        """Start with three apps on Linux, with one base image, all layers there."""
        super().__init__(
            words={
                "title": _("Virtual machines and containers: what is there, and how often?"),
                "apps": _("Apps"),
                "host": _("Host"),
                "linux": "Linux",
                "other": _("Windows or macOS"),
                "shared": _("one base image for all"),
                "hint": _("Press a layer to take it away, and press it again to put it back."),
                "back": _("Put it back"),
                "away": _("taken away"),
                "kernels": _("Kernels that run"),
                "files": _("Copies of an operating system's files"),
                "all": _("What all apps share"),
            }
        )
        self._draw()

    @traitlets.observe("apps", "host", "shared", "away")
    def _draw(self, _change: object = None) -> None:
        self.view = {
            "vm": {"title": _("Virtual machines")} | self._side("vm"),
            "docker": {"title": _("Containers")} | self._side("docker"),
        }

    def _side(self, side: Side) -> dict[str, Any]:
        host = cast(Host, self.host)
        layers = rows(side, self.apps, host, self.shared)
        state, told = verdict(side, self.away, host)
        left = [row for row in layers if row.id != self.away]
        return {
            "rows": [vars(row) for row in layers],
            "state": state,
            "verdict": told,
            "kernels": sum(row.count for row in left if row.id in ("host", "guest")),
            "files": sum(row.count for row in left if row.id == "files"),
            # With a single app "shared" would be said of everything.
            "all": ", ".join(row.name for row in left if row.count == 1 < self.apps) or "–",
        }

    def still(self) -> dict[str, str]:
        """Return both stacks with three apps on Linux, as a picture."""
        picture = _picture()
        return {"text/html": picture.html(), "text/plain": picture.alt}


def _picture() -> Picture:
    sides: list[tuple[Side, str]] = [("vm", _("Virtual machines")), ("docker", _("Containers"))]
    told = {
        side: _("{title}: {layers}; {n} kernels run.").format(
            title=title,
            layers=", ".join(f"{row.count} × {row.name}" for row in rows(side)),
            n=kernels(side, 3, "linux"),
        )
        if side == "vm"
        else _("{title}: {layers}; one kernel runs.").format(
            title=title, layers=", ".join(f"{row.count} × {row.name}" for row in rows(side))
        )
        for side, title in sides
    }
    title = _("Three apps in virtual machines and in containers")
    alt = " ".join([f"{title}.", *told.values()])
    high, gap, wide = 44.0, 6.0, 424.0
    bottom = 116 + 7 * (high + gap)
    drawing = Drawing(current(), round(bottom) + 60, title, alt)
    for number, (side, name) in enumerate(sides):
        x = MARGIN + number * (WIDTH - 2 * MARGIN - wide)
        drawing.text(x, 98, name, bold=True, width=wide)
        for place, row in enumerate(rows(side), 1):
            each = (wide - (row.count - 1) * gap) / row.count
            for one in range(row.count):
                drawing.box(
                    x + one * (each + gap),
                    bottom - place * (high + gap),
                    each,
                    high,
                    row.name,
                    row.role,
                    solid=row.id in ("host", "guest"),
                    size=SMALLEST,
                    radius=8,
                )
        count = kernels(side, 3, "linux")
        line = _("{n} kernels run") if count > 1 else _("1 kernel runs")
        drawing.text(x, bottom + 26, line.format(n=count), size=SMALL, ink="kernel", bold=True)
    return Picture(drawing.svg(), alt)


def stacks() -> Any:
    """Show the stack of virtual machines beside that of containers, to take apart."""
    return Stacks()
