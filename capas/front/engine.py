"""The state of the engine behind the lab, in one line.

What `capas lab` does meanwhile it tells (`hear`); whether the engine answers just now is asked.
"""

import os
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

from capas.language import _, current

ASK_SECONDS = 3
"""How long an engine may take to answer."""


@dataclass
class Told:
    """What `capas lab` has said of the engine last."""

    stage: Literal["starting", "images", "ready", "failed", "unknown"] = "unknown"
    """``images``: the engine is there, the lessons' images are being prepared."""
    line: str = ""
    """What happens now, or what went wrong; in `language`."""
    language: str = ""
    kind: str = ""
    """As `capas.engine.Engine.kind`; empty while there is none."""


_told = Told()


def hear(said: dict[str, Any]) -> None:
    """Take what `capas lab` says; it always says all there is."""
    global _told
    _told = Told(**said)


def state() -> dict[str, Any]:
    """Return ``state`` (ready, starting or none), a ``line`` for people, and ``busy``.

    ``busy``: something is still being prepared, so that the line will soon be another.

    Asks the engine, for at most a few seconds.
    """
    told = _told
    detail = told.line if told.language == current() else ""
    if version := _version():
        line = _("Docker Engine {version} answers.").format(version=version)
        if told.kind == "private":
            line = _("The course's own Docker Engine {version} answers.").format(version=version)
        if told.stage == "images":
            more = detail or _("the lessons' images are being prepared")
            return {"state": "ready", "line": f"{line} {_sentence(more)}", "busy": True}
        return {"state": "ready", "line": line, "busy": False}
    if told.stage == "starting":
        more = detail or _("looking for a Docker Engine")
        return {"state": "starting", "line": _sentence(more), "busy": True}
    none = _("No Docker Engine answers; `python3 -m capas doctor` says what to do.")
    line = detail if told.stage == "failed" and detail else none
    return {"state": "none", "line": line, "busy": False}


def _sentence(progress: str) -> str:
    """Return a line of progress as it stands beside sentences."""
    return f"{progress[:1].upper()}{progress[1:].rstrip(' .…')} …"


def _version() -> str:
    """Return the version of the engine that new kernels get; an empty text if none answers."""
    if _told.stage in ("starting", "failed") and "DOCKER_HOST" not in os.environ:
        return ""  # the default address is not what lessons use
    from capas.engine import EngineError, client  # late: JupyterLab's start does not wait for it

    try:
        with closing(client(ASK_SECONDS)) as engine:
            return str(engine.version().get("Version", ""))
    except (EngineError, OSError):
        return ""
