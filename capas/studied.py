"""Which lessons were begun, and which were run to the end.

A lesson is begun when its first cell has run (`capas.prepare`), and studied when, in the same
kernel, its last code cell has run without an error. That says no more than it says: whoever
clicks through is counted, too. It is kept in ``work/.studied.json`` and sent nowhere.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from capas import paths
from capas.language import current

State = Literal["begun", "studied"]


def record() -> dict[str, State]:
    """Return how far each lesson was run, by its name (``06-dockerfile``); others are missing."""
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or somebody has edited it
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(name): state for name, state in found.items() if state in ("begun", "studied")}


def note(lesson: str, state: State) -> None:
    """Write down that a lesson was begun or studied; once studied, it stays so.

    Where nothing can be written, nothing is: that is no reason to stop a lesson.
    """
    path = _file()
    with suppress(OSError):
        paths.make(path.parent)
        with FileLock(path.with_suffix(".lock"), timeout=5):
            known = record()
            if known.get(lesson) in (state, "studied"):
                return
            new = path.with_suffix(".new")
            new.write_text(json.dumps({**known, lesson: state}, indent=1), encoding="utf-8")
            os.replace(new, path)  # noqa: PTH105


def begin(lesson: str) -> None:
    """Note that a lesson begins in this kernel, and note its end when its last cell has run."""
    last = _last_cell(paths.ROOT / "notebooks" / current() / f"{lesson}.ipynb")
    if last is None:  # not a lesson of the course
        return
    note(lesson, "begun")
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return

    def look(result: Any) -> None:
        cell = result.info
        if result.success and (cell.cell_id == last[0] or cell.raw_cell.strip() == last[1]):
            note(lesson, "studied")

    if before := getattr(shell, "capas_studied", None):
        shell.events.unregister("post_run_cell", before)
    shell.events.register("post_run_cell", look)
    shell.capas_studied = look  # type: ignore[attr-defined]


def _last_cell(notebook: Path) -> tuple[str, str] | None:
    """Return id and source of a notebook's last code cell; None where there is none.

    JupyterLab tells a kernel the cell's id; other front ends have ids of their own.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        last = [cell for cell in cells if cell["cell_type"] == "code"][-1]
        return str(last["id"]), "".join(last["source"]).strip()
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _file() -> Path:
    return paths.work() / ".studied.json"
