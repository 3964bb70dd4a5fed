"""What the front page says, in a language: lessons and labs in order, and how far one has come."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from capas import language, paths, studied
from capas.exercises import progress
from capas.language import _


def slides() -> Path:
    """Return the folder in which `capas slides` leaves decks, one folder a language."""
    return paths.work() / "slides"


def contents(root: Path = paths.ROOT) -> dict[str, Any]:
    """Return what the page says, in the current language, ready for JSON.

    Args:
        root: the folder that JupyterLab shows: paths of notebooks begin there.
    """
    spoken = language.current()
    lessons, labs = _lessons(spoken), _labs(spoken)
    for one in (*lessons, *labs):
        one["path"] = _below(one["path"], root)
    return {
        "language": spoken,
        "languages": [{"id": one, "name": language.name(one)} for one in language.languages()],
        "words": _words(),
        "lessons": lessons,
        "labs": labs,
        "folder": _below(paths.ROOT / "notebooks" / spoken, root),
    }


def _lessons(spoken: str) -> list[dict[str, Any]]:
    record = studied.record()
    found = []
    for path in sorted((paths.ROOT / "notebooks" / spoken).glob("*.ipynb")):
        if one := _entry(path, path.stem):
            one["state"] = record.get(path.stem, "")
            source = paths.ROOT / "notebooks/src" / f"{path.stem}.md"
            one["slides"] = f"capas/slides/{spoken}/{path.stem}.html" if source.is_file() else ""
            found.append(one)
    return found


def _labs(spoken: str) -> list[dict[str, Any]]:
    found = []
    record = progress.done()
    for path in sorted((paths.ROOT / "exercises").glob(f"*/lab.{spoken}.ipynb")):
        name = path.parent.name
        if one := _entry(path, name):
            far = record.get(name)
            one["state"] = "" if far is None else "done" if far.finished else "begun"
            one["checks"] = [far.done, far.checks] if far and far.checks else None
            one["after"] = _lesson_before(path.parent)
            found.append(one)
    return found


def _lesson_before(exercise: Path) -> int | None:
    """Return the number of the lesson that an exercise follows."""
    try:
        settings = yaml.safe_load((exercise / "exercise.yaml").read_text(encoding="utf-8"))
        return int(str(settings["lesson"]).partition("-")[0])
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        return None


def _entry(path: Path, name: str) -> dict[str, Any] | None:
    """Return what a built notebook says of itself; None if it is not one of the course."""
    try:
        course = json.loads(path.read_text(encoding="utf-8"))["metadata"]["capas"]
        number, minutes = int(name.partition("-")[0]), int(course["minutes"])
        title = str(course["title"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return {"name": name, "number": number, "title": title, "minutes": minutes, "path": path}


def _below(path: Path, root: Path) -> str:
    """Return a path as JupyterLab writes it: from the folder that it shows."""
    with suppress(ValueError):
        return path.relative_to(root).as_posix()
    return path.as_posix()


def _words() -> dict[str, str]:
    """Return the texts that the page's JavaScript writes."""
    return {
        "title": _("Capas: contents"),
        "tab": _("Contents"),
        "heading": _("Virtualization and Docker"),
        "about": _("Lessons in which everything runs, and labs in which you build it."),
        "open": _("Open the course's contents"),
        "language": _("Language"),
        "clear": _("Clear outputs"),
        "clear why": _("Clear the stored outputs: first you predict, then you run"),
        "lessons": _("Lessons"),
        "labs": _("Labs"),
        "minutes": _("{n} min"),
        "studied": _("run to the end"),
        "begun": _("begun"),
        "done": _("finished"),
        "checks": _("{n} of {all} checks"),
        "after": _("after lesson {n}"),
        "start": _("Begin: {title}"),
        "resume": _("Go on: {title}"),
        "slides": _("slides"),
        "slides of": _("Slides of lesson {title}"),
        "lessons so far": _("{n} of {all} run to the end"),
        "labs so far": _("{n} of {all} done"),
        "kept": _(
            "How far you are is kept in work/ on this machine. Nothing is sent. "
            "A lesson counts as run to the end when its last cell has run."
        ),
        "offline": _("JupyterLab does not answer: is `capas lab` still running?"),
    }
