"""``capas grade``: the command, its progress and its closing lines."""

import sys
from pathlib import Path

from capas.errors import CapasError
from capas.exercises import exercises, find
from capas.exercises.limits import not_held
from capas.grading import report
from capas.grading.grader import SECONDS, Far, Here, grade, jobs_by_default
from capas.grading.worker import limits_for
from capas.language import _
from capas.sharing import ours, sharing
from capas.terminal import progress


def run(
    folder: Path,
    out: Path,
    *,
    exercise: str | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    seconds: float | None = None,
    again: bool = False,
    engine: str | None = None,
) -> None:
    """Grade a class; see `capas.grading.grader.grade`."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from capas.engine import ensure, images, started_here

    if out.resolve() == folder.resolve() or folder.resolve() in out.resolve().parents:
        raise CapasError(_("Put the results elsewhere: not into the folder of the submissions."))
    only = find(exercise).name if exercise else None
    wanted = [find(only)] if only else exercises()
    held: list[str] = []
    with sharing():
        if scheduler is None:
            try:
                answering = ensure(engine, progress)
            finally:
                if started_here():
                    ours()
            needed = {name for one in wanted for name in one.images} | {"busybox"}
            images.ensure(answering, sorted(needed), report=progress)
            for one in wanted:
                held += [s for s in not_held(answering, limits_for(one)) if s not in held]
        workers = Here(jobs or jobs_by_default()) if scheduler is None else Far(scheduler)
        console = Console(stderr=True)
        with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeRemainingColumn(), console=console, disable=not console.is_terminal,
        ) as bar:  # fmt: skip
            task = bar.add_task(_("grading"), total=None)

            def step(done: int, of: int, what: str) -> None:
                bar.update(task, completed=done, total=of, description=what or _("grading"))
                if not console.is_terminal and what:
                    progress(f"{done}/{of}  {what}")

            result = grade(
                folder,
                out,
                workers,
                only=only,
                seconds=seconds or SECONDS,
                again=again,
                step=step,
            )
    paths = report.write(result, out, held)
    print(
        _("{judged} judged, {kept} kept from before. See:").format(
            judged=result.judged, kept=result.kept
        )
    )
    for path in paths:
        print(f"  {path}")
    for sentence in held:
        print(sentence, file=sys.stderr)
