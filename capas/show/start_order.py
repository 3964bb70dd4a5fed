"""In which order a project came up, or went down: recorded from the engine's own events.

Around the real command::

    with show.startup("capas-09") as order:
        !docker compose up -d --wait

    order

The live widget plays the recording at its own pace, and by steps. Its still keeps the order
and leaves the times out: they differ from run to run.
"""

import contextlib
import threading
from dataclasses import dataclass
from datetime import datetime
from html import escape
from types import TracebackType
from typing import Any

import docker
import docker.errors
import requests
import traitlets
from babel.numbers import get_decimal_symbol

from capas.engine import EngineError, client
from capas.language import _, current, numbers
from capas.show import metrics
from capas.show.compose import shortened
from capas.show.drawing import MARGIN, SMALLEST, WIDTH, Drawing
from capas.show.picture import Picture
from capas.show.widget import Widget, script

PROJECT = "com.docker.compose.project"
_WHAT = {
    "create": "created",
    "start": "started",
    "health_status: healthy": "healthy",
    "health_status: unhealthy": "unhealthy",
    "die": "ended",
    "destroy": "removed",
}
"""Events of the Engine API that are shown, and what they are called here."""
_ROLE = {
    "created": "image",
    "started": "container",
    "healthy": "ok",
    "unhealthy": "error",
    "ended": "warn",
    "removed": "client",
}
_STEPS = 18
"""With more steps than this the picture would be crowded: the words below tell the rest."""


@dataclass(frozen=True)
class Event:
    """What happened to a container of the project."""

    lane: str
    """The service, or ``worker 2`` where it has several containers."""
    what: str
    """A value of `_ROLE`."""
    at: float
    """Seconds since the first event."""
    code: str = ""
    """Exit code, of what ended."""


def _words() -> dict[str, str]:
    return {
        "created": _("created"),
        "started": _("started"),
        "healthy": "healthy",
        "unhealthy": "unhealthy",
        "ended": _("ended"),
        "removed": _("removed"),
    }


def read(raw: list[dict[str, Any]]) -> list[Event]:
    """Return what is worth showing of the Engine API's events, in the order of their time."""
    kept: dict[tuple[str, int, str], tuple[str, str, int, str, str]] = {}
    for entry in raw:
        what = _WHAT.get(str(entry.get("Action", entry.get("status", ""))))
        attributes = (entry.get("Actor") or {}).get("Attributes") or {}
        service = attributes.get("com.docker.compose.service")
        if what and service:
            container = str((entry.get("Actor") or {}).get("ID", ""))
            if attributes.get("com.docker.compose.oneoff") == "True":
                number = "run"
            else:
                number = str(attributes.get("com.docker.compose.container-number", ""))
            at = int(entry.get("timeNano", 0))
            code = str(attributes.get("exitCode", "")) if what == "ended" else ""
            kept[container, at, what] = (service, number, at, what, code)
    found = sorted(kept.values(), key=lambda event: event[2])
    numbers: dict[str, set[str]] = {}
    for service, number, *_rest in found:
        numbers.setdefault(service, set()).add(number)
    first = found[0][2] if found else 0
    return [
        Event(
            f"{service} {number}".strip() if len(numbers[service]) > 1 else service,
            what,
            round((at - first) / 1e9, 3),
            code,
        )
        for service, number, at, what, code in found
    ]


class Startup(Widget):
    """The recording of a project's events; a context manager around what causes them."""

    _esm = script("start_order")
    lanes: traitlets.List[Any] = traitlets.List().tag(sync=True)
    events: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(self, project: str) -> None:
        """Get ready to record the events of a project, by its name."""
        self.project = project
        self.recorded: list[Event] = []
        self.trouble = ""
        self._raw: list[dict[str, Any]] = []
        self._client: docker.DockerClient | None = None
        self._stream: Any = None
        self._since: Any = ""  # the SDK's own types know of whole seconds only
        self._thread: threading.Thread | None = None
        super().__init__(
            words={
                **_words(),
                "title": _("What the engine reported: {project}").format(project=project),
                "play": _("Play"),
                "pause": _("Pause"),
                "back": _("One event back"),
                "on": _("One event on"),
                "place": _("Event"),
                "begins": _("before the first event"),
                "nothing": _("not there yet"),
                "seconds": _("{n} s"),
                "point": get_decimal_symbol(numbers()),
                "none": _("Nothing was recorded."),
            }
        )

    # --- recording ------------------------------------------------------------------

    def __enter__(self) -> "Startup":
        try:
            self._client = client()
            self._since = _now(self._client)
            self._stream = self._client.events(
                since=self._since, filters=self._filters(), decode=True
            )
        except EngineError as error:
            self.trouble = str(error)
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            self.trouble = str(error)
        else:
            self._thread = threading.Thread(target=self._listen, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client is None or self._stream is None:
            return
        late: list[dict[str, Any]] = []
        with contextlib.suppress(docker.errors.DockerException, requests.RequestException, OSError):
            # The engine keeps its last 256 events: what the stream has not brought yet.
            until: Any = _now(self._client)
            late = list(
                self._client.events(
                    since=self._since, until=until, filters=self._filters(), decode=True
                )
            )
        self._stream.close()
        if self._thread:
            self._thread.join(timeout=5)
        self._client.close()
        self._client = self._stream = self._thread = None
        self.take([*self._raw, *late])

    def _filters(self) -> dict[str, Any]:
        return {"type": "container", "label": f"{PROJECT}={self.project}"}

    def _listen(self) -> None:
        # Closing the stream from outside ends this in one of several errors.
        with contextlib.suppress(Exception):
            for event in self._stream:
                self._raw.append(event)

    def take(self, raw: list[dict[str, Any]]) -> None:
        """Show these events of the Engine API."""
        self.recorded = read(raw)
        self.lanes = list(dict.fromkeys(event.lane for event in self.recorded))
        self.events = [vars(event) | {"role": _ROLE[event.what]} for event in self.recorded]

    # --- showing --------------------------------------------------------------------

    def still(self) -> dict[str, str]:
        """Return a picture of the order, without times."""
        if not self.recorded:
            said = self.trouble or _("Nothing was recorded.")
            return {"text/plain": said, "text/html": f"<p>{escape(said)}</p>"}
        return self.picture()._repr_mimebundle_()

    def picture(self) -> Picture:
        """Draw the order: a row for each service, a column for each event."""
        words = _words()
        told = ", ".join(
            f"{number} {event.lane} {words[event.what]}"
            for number, event in enumerate(self.recorded, 1)
        )
        alt = _("Events of project {project}, in order: {events}.").format(
            project=self.project, events=told
        )
        shown = self.recorded[:_STEPS]
        names = {name: shortened(name, 250, 18, "bold") for name in self.lanes}
        room = max((metrics.width(name, 18, "bold") for name in names.values()), default=0) + 4
        left, lane = MARGIN + max(room, 130) + 34, 84
        height = 104 + lane * len(self.lanes) + 52
        title = _("What the engine reported: {project}").format(
            project=shortened(self.project, 420, 27, "bold")
        )
        drawing = Drawing(current(), height, title, alt)
        step = (WIDTH - MARGIN - 40 - left) / max(len(shown) - 1, 6)
        for row, name in enumerate(self.lanes):
            y = 104 + lane * row + lane / 2
            drawing.text(MARGIN, y + 6, names[name], bold=True, width=room)
            drawing.line((left - 20, y), (WIDTH - MARGIN, y))
            own = [(n, event) for n, event in enumerate(shown) if event.lane == name]
            for place, (n, event) in enumerate(own):
                end = own[place + 1][0] if place + 1 < len(own) else len(shown) - 0.4
                if event.what in ("started", "healthy", "unhealthy"):
                    width = max(4.0, (end - n) * step)
                    width = min(width, WIDTH - MARGIN - left - n * step)
                    role = _ROLE[event.what]
                    with drawing.step(n + 1):
                        drawing.box(left + n * step, y - 9, width, 18, role=role, radius=4)
            for place, (n, event) in enumerate(own):
                with drawing.step(n + 1):
                    drawing.number(left + n * step, y, n + 1, role=_ROLE[event.what])
                    if step >= 45:
                        drawing.text(
                            left + n * step,
                            y - 24 if place % 2 == 0 else y + 34,
                            words[event.what],
                            size=SMALLEST,
                            anchor="middle",
                            width=116,
                        )
        caption = _("The numbers are the order; what lies between is not to scale.")
        if len(self.recorded) > len(shown):
            caption = _("The first {n} of {all} events.").format(n=_STEPS, all=len(self.recorded))
        drawing.text(MARGIN, height - 24, caption, size=16, ink="muted")
        return Picture(drawing.svg(), alt)


def _now(engine: docker.DockerClient) -> str:
    """Return the engine's own time: its clock may be another than this machine's."""
    time = str(engine.info()["SystemTime"])
    whole, _dot, rest = time.partition(".")
    nanoseconds = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(nanoseconds) :]
    if not nanoseconds:
        return f"{datetime.fromisoformat(time.replace('Z', '+00:00')).timestamp():.0f}"
    seconds = datetime.fromisoformat(f"{whole}{zone.replace('Z', '+00:00')}").timestamp()
    return f"{seconds:.0f}.{nanoseconds.ljust(9, '0')}"


def startup(project: str) -> Startup:
    """Record, around a command, in which order a project's containers come up or go down."""
    return Startup(project)
