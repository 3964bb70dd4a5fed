"""From nothing to an engine that answers: find one, else start the private one."""

import sys

from capas.engine import cli
from capas.engine.discovery import choice, search
from capas.engine.model import Engine, EngineError, Report, quiet
from capas.engine.private import PrivateEngine
from capas.kit import local
from capas.language import _

_started: list[PrivateEngine] = []


def ensure(which: str | None = None, report: Report = quiet) -> Engine:
    """Return an engine that answers; install and start the private one when there is none.

    `which` as for `find`. About 0.5 s when an engine is there, 1.5 s when the private one is
    installed, 10 s when it must be fetched. Raises `EngineError`, one sentence, when
    there is no engine and none can be had.
    """
    which = choice(which)
    if which != "private":
        engine, reasons = search(which)
        if engine:
            cli.provide(report)
            local.up(engine)
            return engine
        if which != "auto":
            raise EngineError(_none(reasons))
    else:
        reasons = []
    private = PrivateEngine()
    if why_not := private.unsupported():
        if which == "private":
            raise EngineError(f"{why_not}.")
        raise EngineError(_none([*reasons, *([why_not] if sys.platform == "linux" else [])]))
    engine = private.up(report)
    if private.started_here:
        _started.append(private)
    local.up(engine)
    return engine


def started_here() -> PrivateEngine | None:
    """Return the private engine if `ensure` started it in this process, to be stopped; or None."""
    return _started[-1] if _started else None


def _none(reasons: list[str]) -> str:
    """Return the sentence for a user who has no engine: what was wrong, and what to do."""
    words = "; ".join([_("No Docker Engine answers"), *reasons])
    if sys.platform == "win32":
        todo = _(
            "install Docker Desktop (with WSL 2) or an alternative such as Rancher Desktop "
            "or Podman Desktop, start it, then try again"
        )
    elif sys.platform == "darwin":
        todo = _(
            "install Docker Desktop or an alternative such as Colima, OrbStack or Rancher Desktop, "
            "start it, then try again"
        )
    elif not reasons:
        todo = _("install Docker Engine and start it, then try again")
    else:
        return f"{words}."
    return f"{words}: {todo}."
