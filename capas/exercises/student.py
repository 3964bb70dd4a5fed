"""An exercise as its student has it: files in ``work/``, a verdict, and hints in steps."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from capas.engine import Engine
from capas.errors import CapasError
from capas.exercises import progress
from capas.exercises.catalogue import Exercise, find, spoken
from capas.exercises.verdict import Verdict, judge
from capas.language import _


def folder(exercise: Exercise) -> Path:
    """Return where the student works on it."""
    return progress.place() / "exercises" / exercise.name


def begin(exercise: Exercise) -> Path:
    """Copy ``start/`` to the student's folder, unless there is one; return that folder."""
    own = folder(exercise)
    if own.is_dir():
        return own
    new = own.with_name(f".{own.name}.new")  # whole, or not at all
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(exercise.start, new)
    new.rename(own)
    return own


def check(
    exercise: Exercise, engine: Engine, report: Callable[[str], None], files: Path | None = None
) -> Verdict:
    """Judge the student's files, and note the progress.

    `files`: another folder than the student's own; then nothing is noted.
    """
    verdict = judge(exercise, engine, files or begin(exercise), report=report)
    if files is not None:
        return verdict
    with progress.changing(exercise.name) as own:
        own.done, own.checks = verdict.done, len(verdict.outcomes)
        own.hints = {o.hint: dict(o.values) for o in reversed(verdict.outcomes) if o.hint}
        own.hints = dict(reversed(own.hints.items()))
        own.steps = {name: step for name, step in own.steps.items() if name in verdict.hints}
        if verdict.passed and not own.finished:
            own.finished = progress.now()
        steps = dict(own.steps)
    return replace(verdict, steps=steps)


def more(exercise: Exercise) -> str:
    """Return a sentence: the next step of the first hint of the last check."""
    with progress.changing(exercise.name) as own:
        if not own.checks:
            return _("Check first: then there are hints for what is wrong.")
        if not own.hints:
            return _("There is no hint: the last check named no mistake.")
        for name, values in own.hints.items():
            steps = exercise.hints[name]
            shown = own.steps.get(name, 1)
            if shown < len(steps):
                own.steps[name] = shown + 1
                return spoken(steps[shown], **values)
    return _("No hint goes further than what you see: read the lesson again, or ask.")


class Lab:
    """An exercise in a notebook: ``lab.check()`` and ``lab.hint()``."""

    def __init__(self, exercise: Exercise) -> None:
        self._exercise = exercise
        self.folder = begin(exercise)
        os.chdir(self.folder)

    def check(self) -> Verdict:
        """Look at what really happens with your files, and say it."""
        from capas.notebook import connected, progress_line

        engine = connected()
        if engine is None:
            raise CapasError(_("No engine answers here: nothing can be checked."))
        with progress_line() as report:
            return check(self._exercise, engine, report)

    def hint(self) -> None:
        """Say a little more about the first mistake that the last check has named."""
        print(more(self._exercise))


def exercise(name: str) -> Lab:
    """Begin an exercise, or go on with it: its files are in ``work/exercises/``.

    What is there already is yours, and is never overwritten.
    """
    from capas.notebook import connected, progress_line

    found = find(name)
    if (engine := connected()) is not None and found.images:
        from capas.engine import images

        with progress_line() as report:
            images.wait(engine, found.images, report)
    lab = Lab(found)
    print(_("Your files: {folder}").format(folder=f"work/exercises/{found.name}"))
    for path in sorted(lab.folder.rglob("*")):
        if path.is_file():
            print(f"  {path.relative_to(lab.folder).as_posix()}")
    return lab
