"""The course's own dashboard: what an engine holds, live, with the command behind each button.

The core is `capas.engine.overview` (what there is, what may be done) and `capas.engine.watch`
(what changes); this is the widget around them. It follows the engine only while somebody
looks: each view in a browser reports itself, and when none has for a while all threads end.
"""

import atexit
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import docker
import traitlets

from capas.engine import overview
from capas.engine.model import EngineError, client
from capas.engine.watch import Watch
from capas.language import _
from capas.show.table import Table
from capas.show.widget import Widget, listen, script

FORGET_SECONDS = 100.0
"""A view that has said nothing for so long is gone. (A tab in the background wakes once a minute.)
"""
HISTORY = 50

_open: "weakref.WeakSet[Dashboard]" = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for dashboard in list(_open):
        dashboard.watch.close(1)


class Dashboard(Widget):
    """Containers, images, volumes and networks of the engine, and what can be done to them."""

    _esm = script("dashboard")
    only = traitlets.Unicode().tag(sync=True)
    """What the field *filter* holds at first: the beginning of names."""
    others = traitlets.Bool(False).tag(sync=True)
    """Whether objects that are not the course's own may be changed."""

    def __init__(
        self,
        only: str = "",
        connect: Callable[[], docker.DockerClient] = client,
        environment: dict[str, str] | None = None,
    ) -> None:
        """Show what is called `only…` (a filter that can be changed); follow nothing yet."""
        self._connect = connect
        self._environment = environment
        self._views: dict[str, float] = {}
        self._busy = threading.Lock()
        self.history: list[dict[str, Any]] = []
        """What has been run, or refused: command, complaint, the newest at the end."""
        super().__init__(only=only, words=_words())
        self.watch = Watch(self._tell, connect)
        listen(self, self.hear)
        _open.add(self)

    # --- what the JavaScript says ---------------------------------------------------------------

    def hear(self, message: dict[str, Any]) -> None:
        """Take a message of a view; what lasts is done in a thread."""
        kind = message.get("type")
        view = str(message.get("view", ""))
        if kind == "hello":
            self._views[view] = time.monotonic()
            self.watch.start()
            for news in self.watch.everything():
                self.send(news)
            self.send({"type": "history", "runs": self.history})
        elif kind == "here":
            self._views[view] = time.monotonic()
            if not self.watch.running:  # forgotten, for the machine slept: go on
                self.watch.start()
                self.watch.choose(str(message.get("id", "")))
        elif kind == "bye":
            self._views.pop(view, None)
            self._rest()
        elif kind == "choose":
            self.watch.choose(str(message.get("id", "")))
        elif kind == "act":
            what = [str(message.get(name, "")) for name in ("kind", "act", "name")]
            threading.Thread(target=self.act, args=what, daemon=True, name="capas-act").start()

    def act(self, kind: str, act: str, name: str) -> str:
        """Do something to an object, if that is allowed; return what went wrong, or nothing."""
        run: dict[str, Any] = {"command": f"{act} {name}", "state": "error"}
        try:
            engine = self._connect()
            try:
                todo = overview.allow(engine, kind, act, name, self.others)
            finally:
                engine.close()
            run = {"command": todo.command, "state": "running"}
            self._remember(run)
            complaint = todo.run(self._environment)
        except EngineError as error:
            complaint = str(error)
        except (docker.errors.DockerException, OSError):
            complaint = _("The engine does not answer. The dashboard goes on when it is back.")
        run["complaint"] = complaint
        run["state"] = "error" if complaint else "ok"
        self._remember(run)
        return complaint

    def _remember(self, run: dict[str, Any]) -> None:
        with self._busy:
            if not any(run is one for one in self.history):
                self.history.append(run)
                del self.history[:-HISTORY]
            self.send({"type": "history", "runs": [dict(one) for one in self.history]})

    # --- what it says ---------------------------------------------------------------------------

    def _tell(self, message: dict[str, Any]) -> None:
        self._rest()
        if self.watch.running:
            self.send(message)

    def _rest(self) -> None:
        """End all threads when nobody looks any more."""
        now = time.monotonic()
        self._views = {v: at for v, at in list(self._views.items()) if now - at < FORGET_SECONDS}
        if not self._views:
            self.watch.close(0)

    def close(self) -> None:
        """End its threads, and the widget."""
        self._views.clear()
        self.watch.close()
        super().close()

    def still(self) -> dict[str, str]:
        """Return the containers of this moment as a table, each with one button's command."""
        try:
            engine = self._connect()
            try:
                rows = overview.snapshot(engine)["containers"]
            finally:
                engine.close()
        except (EngineError, docker.errors.DockerException, OSError):
            sentence = _("No engine answers: there is nothing to show.")
            return {"text/plain": sentence, "text/html": f"<p>{sentence}</p>"}
        shown = [row for row in rows if row["name"].startswith(self.only)]
        table = Table(
            [_("Container"), _("Image"), _("State"), _("Ports"), _("A button, and its command")],
            [
                [
                    row["name"],
                    row["image"],
                    _state(row),
                    ", ".join(row["ports"]) or "–",
                    row["acts"][0]["command"] if row["acts"] else "–",
                ]
                for row in shown
            ],
            caption=_("The dashboard at this moment. Run the cell, and it lives."),
        )
        return {"text/plain": repr(table), "text/html": table._repr_html_()}


def _state(row: overview.Row) -> str:
    code = "" if row["exit"] is None else f" ({row['exit']})"
    return f"{row['state']}{code}"


def _words() -> dict[str, str]:
    return {
        "title": _("Dashboard"),
        "containers": _("Containers"),
        "images": _("Images"),
        "volumes": _("Volumes"),
        "networks": _("Networks"),
        "filter": _("Names that begin with"),
        "others": _("Allow changes to what is not the course's own"),
        "name": _("Name"),
        "image": _("Image"),
        "state": _("State"),
        "memory": _("Memory"),
        "ports": _("Ports"),
        "size": _("Size"),
        "used": _("Used by"),
        "driver": _("Driver"),
        "subnet": _("Subnet"),
        "foreign": _("not the course's own"),
        "none": _("Nothing here."),
        "hidden": _("Hidden by the filter: {n}."),
        "waiting": _("Asking the engine …"),
        "list": _("This list is:"),
        "figures": _("CPU and memory are:"),
        "button": _("This button runs:"),
        "hint": _("Point at a button, or move to it with Tab: its command appears here."),
        "choose": _("Choose a container by its name: its log and its details appear here."),
        "log": _("Log of {name}"),
        "details": _("Details of {name}"),
        "empty": _("It has printed nothing yet."),
        "history": _("What has been run"),
        "nothing": _("Nothing yet."),
        "refused": _("Not the course's own: the switch above allows changes."),
        "confirm": _("Remove for good?"),
        "start": _("start"),
        "stop": _("stop"),
        "restart": _("restart"),
        "pause": _("pause"),
        "unpause": _("unpause"),
        "remove": _("remove"),
        "actions": _("Actions"),
        "history_cpu": _("CPU of the last measurements"),
    }


def dashboard(only: str = "") -> Any:
    """Show what the engine holds, live; `only` is the beginning of the names to show."""
    return Dashboard(only)
