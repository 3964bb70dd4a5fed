"""What the checks of an exercise say: done, still to do, or the hint for this very mistake."""

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any, Literal

from capas.engine import Engine
from capas.exercises.bench import Bench
from capas.exercises.catalogue import Exercise, find, spoken
from capas.exercises.limits import Limits
from capas.exercises.wrong import NotYet, Wrong
from capas.language import _, numbers
from capas.show.table import Table, with_code

State = Literal["done", "todo", "hint", "broken"]
"""``broken``: the check itself failed; that is the course's mistake."""


@dataclass(frozen=True)
class Outcome:
    """What one check found."""

    check: str
    state: State
    hint: str = ""
    """Name of the mistake."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What the hint's text needs."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """What all checks of an exercise found, in their order."""

    exercise: str
    outcomes: tuple[Outcome, ...]
    advice: tuple[str, ...] = ()
    seconds: float = 0.0
    steps: Mapping[str, int] = field(default_factory=dict)
    """How many steps of a hint are shown, by its name; else one."""

    @property
    def passed(self) -> bool:
        """Whether all is done."""
        return all(outcome.state == "done" for outcome in self.outcomes)

    @property
    def done(self) -> int:
        """How many checks are done."""
        return sum(outcome.state == "done" for outcome in self.outcomes)

    @property
    def hints(self) -> list[str]:
        """The names of the mistakes, each once, in order."""
        return list(dict.fromkeys(o.hint for o in self.outcomes if o.hint))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON knows it; without texts."""
        found = asdict(self)
        del found["steps"]
        return found

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> "Verdict":
        """Return what `to_dict` gave."""
        return cls(
            found["exercise"],
            tuple(Outcome(**outcome) for outcome in found["outcomes"]),
            tuple(found["advice"]),
            found["seconds"],
        )

    def rows(self) -> list[tuple[str, State, str]]:
        """Return title, state and what to say of each check, in the current language.

        A mistake that several checks met is explained once.
        """
        exercise = find(self.exercise)
        titles = {check.name: check for check in exercise.checks}
        told: set[str] = set()
        rows: list[tuple[str, State, str]] = []
        for outcome in self.outcomes:
            check = titles[outcome.check]
            says = ""
            if outcome.state == "hint" and outcome.hint not in told:
                told.add(outcome.hint)
                steps = exercise.hints[outcome.hint][: self.steps.get(outcome.hint, 1)]
                says = " ".join(spoken(step, **outcome.values) for step in steps)
            elif outcome.state in ("todo", "hint"):
                says = spoken(check.todo)
            elif outcome.state == "broken":
                says = _("This check itself failed: please report it. ({error})").format(
                    error=outcome.values.get("error", "")
                )
            rows.append((spoken(check.title), outcome.state, says))
        return rows

    def remarks(self) -> list[str]:
        """Return the advice, in the current language."""
        advice = find(self.exercise).advice
        return [spoken(advice[name]) for name in self.advice]

    def summary(self) -> str:
        """Return one line: how much is done, and how long it took."""
        text = (
            _("All done.")
            if self.passed
            else _("{done} of {all} done.").format(done=self.done, all=len(self.outcomes))
        )
        return f"{text} {took(self.seconds)}"

    def _table(self) -> Table:
        rows = self.rows()
        return Table(
            [_("Check"), _("Says")],
            [(title, says) for title, _state, says in rows],
            states=[state for _title, state, _says in rows],
        )

    def _repr_html_(self) -> str:
        remarks = "".join(f"<li>{with_code(remark)}</li>" for remark in self.remarks())
        below = f"<p>{escape(_('Advice'))}</p><ul>{remarks}</ul>" if remarks else ""
        summary = f"<p><strong>{escape(self.summary())}</strong></p>"
        return f"{self._table()._repr_html_()}\n{summary}{below}"

    def __repr__(self) -> str:
        lines = [repr(self._table()), "", self.summary()]
        if remarks := self.remarks():
            lines += ["", _("Advice"), *(f"  {remark}" for remark in remarks)]
        return "\n".join(lines)


def took(seconds: float) -> str:
    """Return how long a check took, for people."""
    from babel.numbers import format_decimal

    number = format_decimal(seconds, "0.0", numbers())
    return _("Checked in {seconds} s.").format(seconds=number)


def judge(
    exercise: Exercise,
    engine: Engine,
    files: Path,
    *,
    limits: Limits | None = None,
    report: Callable[[str], None] = lambda line: None,
    identity: str = "",
) -> Verdict:
    """Check a student's files and return the verdict; nothing of it stays on the engine.

    `limits`, `report`, `identity`: as `Bench` takes them.
    """
    begin = time.monotonic()
    outcomes: list[Outcome] = []
    advice: tuple[str, ...] = ()
    try:
        with Bench(engine, files, limits, report, identity) as bench:
            for name, function in exercise.functions().items():
                if bench.disk_full:
                    break
                outcomes.append(_outcome(name, function, bench))
            if bench.disk_full:
                full = {"limit": str(bench.limits.disk // 2**20)}
                outcomes = [o for o in outcomes if o.state == "done"]
                outcomes.append(
                    Outcome(exercise.checks[len(outcomes)].name, "hint", "disk-full", full)
                )
            advice = tuple(bench.advice)
    except Wrong as wrong:  # the files are not to be had
        outcomes = [Outcome(exercise.checks[0].name, "hint", wrong.hint, wrong.values)]
    known = {outcome.check for outcome in outcomes}
    outcomes += [Outcome(c.name, "todo") for c in exercise.checks if c.name not in known]
    order = {check.name: at for at, check in enumerate(exercise.checks)}
    outcomes.sort(key=lambda outcome: order[outcome.check])
    return Verdict(exercise.name, tuple(outcomes), advice, time.monotonic() - begin)


def _outcome(name: str, function: Callable[[Bench], None], bench: Bench) -> Outcome:
    begin = time.monotonic()

    def spent() -> float:
        return time.monotonic() - begin

    try:
        function(bench)
    except Wrong as wrong:
        return Outcome(name, "hint", wrong.hint, wrong.values, spent())
    except NotYet:
        return Outcome(name, "todo", seconds=spent())
    except Exception as error:  # a bug of ours, or the engine's: told as such
        traceback.print_exc()
        what = f"{type(error).__name__}: {error}"
        return Outcome(name, "broken", values={"error": what[:300]}, seconds=spent())
    return Outcome(name, "done", seconds=spent())
