"""Grading of a class: every answer judged once, what is done is kept, the rest goes on.

``results/verdicts/STUDENT/EXERCISE.json`` is written as soon as an answer has been judged: after an
interruption, or when a few students hand in again, only what is new is judged.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from capas.errors import CapasError
from capas.exercises import Exercise, Limits, Outcome, Verdict, exercises, find
from capas.grading import worker
from capas.grading.submissions import Answer, Entry, digest, entries, pack, unpack
from capas.language import _

SECONDS = 900.0
"""How long one answer may take, in all."""

DOUBTFUL = {
    *("disk-full", "build-slow", "does-not-end", "no-answer", "service-not-ready"),
    "took-too-long",
}
"""Hints that may be another answer's fault when several are judged at once: judged again, alone."""


@dataclass(frozen=True)
class Graded:
    """An answer and its verdict."""

    student: str
    exercise: str
    verdict: Verdict
    digest: str = ""
    alike: tuple[str, ...] = ()
    """Students whose answer is the same."""
    unchanged: bool = False
    """Whether it is what everybody begins with."""


@dataclass
class Class:
    """What grading has found."""

    graded: list[Graded] = field(default_factory=list)
    nothing: list[str] = field(default_factory=list)
    """Students in whose submission no exercise was found."""
    kept: int = 0
    """Verdicts of an earlier run."""
    judged: int = 0
    """Verdicts of this run; answers that are the same are judged once."""


class Workers(Protocol):
    """Who judges: `submit` gives a future of a verdict as a dictionary."""

    at_once: int

    def submit(self, exercise: str, packed: bytes, limits: Limits, seconds: float) -> Future[Any]:
        """Judge an answer: `capas.grading.worker.run`."""

    def cancel(self) -> None:
        """Begin nothing more."""


class Here:
    """Judges on this machine, several at once."""

    def __init__(self, jobs: int) -> None:
        self.at_once = jobs
        self._pool = ThreadPoolExecutor(jobs)

    def submit(self, exercise: str, packed: bytes, limits: Limits, seconds: float) -> Future[Any]:
        """Judge an answer in a process of its own."""
        return self._pool.submit(worker.run, exercise, packed, limits, seconds)

    def cancel(self) -> None:
        """Begin nothing more; what is being judged ends."""
        self._pool.shutdown(cancel_futures=True)


class Far:
    """Judges on the workers of a Dask scheduler, each on an engine of its own.

    Args:
        address: of the scheduler, ``tcp://…:8786``.

    Raises:
        CapasError: it does not answer, or has no workers, or Dask is not installed.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ModuleNotFoundError as error:
            raise CapasError(
                _("--scheduler needs Dask: pip install -r requirements-grading.txt")
            ) from error
        try:
            self._client = Client(address, timeout=10)
            workers = self._client.scheduler_info()["workers"]
        except (OSError, TimeoutError, ValueError) as error:
            raise CapasError(
                _("No Dask scheduler answers at {address}: start `dask scheduler` there.").format(
                    address=address
                )
            ) from error
        if not workers:
            self._client.close()
            raise CapasError(
                _(
                    "The scheduler at {address} has no workers: start `dask worker {address}`."
                ).format(address=address)
            )
        self.at_once = len(workers)

    def submit(self, exercise: str, packed: bytes, limits: Limits, seconds: float) -> Any:
        """Judge an answer on a worker."""
        return self._client.submit(
            worker.run, exercise, packed, limits, seconds, pure=False, resources={}
        )

    def cancel(self) -> None:
        """Leave the scheduler; what is being judged there ends by itself."""
        self._client.close()


def grade(
    folder: Path,
    out: Path,
    workers: Workers,
    *,
    only: str | None = None,
    seconds: float = SECONDS,
    again: bool = False,
    limits: Limits | None = None,
    step: Callable[[int, int, str], None] = lambda done, of, what: None,
) -> Class:
    """Judge what a class has handed in.

    Args:
        folder: the submissions, see `capas.grading.submissions`.
        out: where the verdicts are kept.
        workers: who judges.
        only: the exercise; else all that are found.
        seconds: how long one answer may take.
        again: judge also what has a verdict already.
        limits: instead of each exercise's own.
        step: called as answers are done: how many, of how many, and whose the last was.
    """
    handed_in = entries(folder)
    result = Class()
    with tempfile.TemporaryDirectory(prefix="capas-grade-", ignore_cleanup_errors=True) as place:
        answers = [
            answer
            for at, entry in enumerate(handed_in)
            for answer in _unpacked(entry, Path(place).resolve() / str(at), only, result)
        ]
        same: dict[tuple[str, str], list[Answer]] = {}
        verdicts: dict[tuple[str, str], Verdict] = {}
        todo: list[Answer] = []
        for answer in answers:
            if answer.folder is None:
                continue
            group = same.setdefault((answer.exercise, answer.digest), [])
            group.append(answer)
            kept = None if again else _kept(out, answer)
            if kept and (answer.exercise, answer.digest) not in verdicts:
                verdicts[answer.exercise, answer.digest] = kept
        for (name, content), group in same.items():
            if (name, content) in verdicts:
                result.kept += len(group)
            else:
                todo.append(group[0])
        with _judging(workers):
            done = _judge(todo, workers, seconds, limits, step, out, same)
        result.judged = len(done)
        verdicts |= done
        for answer in answers:
            verdict = (
                _unreadable(answer)
                if answer.folder is None
                else verdicts[answer.exercise, answer.digest]
            )
            alike = tuple(
                other.student
                for other in same.get((answer.exercise, answer.digest), ())
                if other.student != answer.student
            )
            exercise = answer.exercise if answer.exercise != "–" else ""
            unchanged = bool(exercise and answer.folder) and answer.digest == _begun(exercise)
            _keep(out, answer, verdict)
            result.graded.append(
                Graded(answer.student, answer.exercise, verdict, answer.digest, alike, unchanged)
            )
    return result


def _unpacked(entry: Entry, place: Path, only: str | None, result: Class) -> list[Answer]:
    limits = worker.limits_for(find(only)) if only else Limits(context=100 * 2**20)
    found = unpack(entry, place, limits, only)
    if not found:
        result.nothing.append(entry.student)
    return found


def _unreadable(answer: Answer) -> Verdict:
    """Return the verdict of an answer whose files could not be had."""
    known = [it for it in exercises() if it.name == answer.exercise]
    checks = [check.name for check in known[0].checks] if known else ["–"]
    first = Outcome(checks[0], "hint", answer.problem, dict(answer.values))
    return Verdict(answer.exercise, (first, *(Outcome(name, "todo") for name in checks[1:])))


def _judge(
    todo: Sequence[Answer],
    workers: Workers,
    seconds: float,
    limits: Limits | None,
    step: Callable[[int, int, str], None],
    out: Path,
    same: dict[tuple[str, str], list[Answer]],
) -> dict[tuple[str, str], Verdict]:
    """Judge several at once; then alone, whose verdict may be another's fault."""
    found: dict[tuple[str, str], Verdict] = {}
    doubtful: list[Answer] = []

    def begin(answer: Answer) -> Any:
        assert answer.folder
        own = limits or worker.limits_for(find(answer.exercise))
        return workers.submit(answer.exercise, pack(answer.folder), own, seconds)

    def end(answer: Answer, future: Any) -> None:
        verdict = Verdict.from_dict(future.result())
        found[answer.exercise, answer.digest] = verdict
        if workers.at_once > 1 and not second and DOUBTFUL & set(verdict.hints):
            doubtful.append(answer)
            return
        for each in same[answer.exercise, answer.digest]:
            _keep(out, each, verdict)
        step(len(found) - len(doubtful), len(todo), f"{answer.student} {answer.exercise}")

    second = False
    step(0, len(todo), "")
    waiting = {begin(answer): answer for answer in todo}
    try:
        for future in _finished(waiting, workers):
            end(waiting[future], future)
    except BaseException:
        for future, answer in waiting.items():
            if (answer.exercise, answer.digest) not in found and _succeeded(future):
                end(answer, future)
        raise
    second, again, doubtful = True, doubtful, []
    for answer in again:
        end(answer, begin(answer))
    return found


def _finished(waiting: dict[Any, Answer], workers: Workers) -> Iterator[Any]:
    if isinstance(workers, Far):
        from distributed import as_completed as far_completed

        yield from far_completed(list(waiting))
    else:
        yield from as_completed(waiting)


def _succeeded(future: Any) -> bool:
    """Say whether a future, also Dask's, has a verdict already."""
    return future.done() and not future.cancelled() and future.exception() is None


@contextmanager
def _judging(workers: Workers) -> Iterator[None]:
    try:
        yield
    finally:
        workers.cancel()


# --- what is kept ---


def _file(out: Path, answer: Answer) -> Path:
    safe = re.sub(r"[^\w.@+-]", "_", answer.student)
    return out / "verdicts" / safe / f"{answer.exercise.replace('–', 'submission')}.json"


def _keep(out: Path, answer: Answer, verdict: Verdict) -> None:
    file = _file(out, answer)
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = {
        "student": answer.student,
        "digest": answer.digest,
        "check": _version(answer.exercise),
        "verdict": verdict.to_dict(),
    }
    new = file.with_suffix(".new")
    new.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(file)


def _kept(out: Path, answer: Answer) -> Verdict | None:
    """Return the verdict of an earlier run, of these very files by this very check."""
    try:
        kept = json.loads(_file(out, answer).read_text(encoding="utf-8"))
        if (kept["digest"], kept["check"]) == (answer.digest, _version(answer.exercise)):
            verdict = Verdict.from_dict(kept["verdict"])
            return None if any(o.state == "broken" for o in verdict.outcomes) else verdict
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


@cache
def _version(exercise: str) -> str:
    """Return a digest of an exercise's check: verdicts of an older one are not kept."""
    whole = hashlib.sha256()
    for name in ("check.py", "exercise.yaml"):
        path = _folder(exercise) / name
        whole.update(path.read_bytes() if path.exists() else b"")
    return whole.hexdigest()


@cache
def _begun(exercise: str) -> str:
    return digest(_folder(exercise) / "start")


def _folder(exercise: str) -> Path:
    from capas.lessons import EXERCISES

    return EXERCISES / exercise


def jobs_by_default() -> int:
    """Return how many answers are judged at once where nobody says: one for two CPUs."""
    return max(1, (os.cpu_count() or 2) // 2)


def named(exercise: str | None) -> Exercise | None:
    """Return the exercise that a command names, if it names one."""
    return find(exercise) if exercise else None
