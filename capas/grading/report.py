"""What grading has found, as CSV for a spreadsheet and as one HTML page for people."""

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import mean

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from capas.exercises import Exercise, find
from capas.exercises.catalogue import exercises, spoken
from capas.grading.grader import Class, Graded
from capas.language import _, current, ngettext
from capas.show import chart


@dataclass(frozen=True)
class Row:
    """A student's line in an exercise's table."""

    student: str
    done: int
    of: int
    says: list[tuple[str, str, str]]
    """Title, state and text of each check that is not done."""
    remarks: list[str]
    seconds: float


@dataclass(frozen=True)
class Part:
    """One exercise in the report."""

    name: str
    title: str
    rows: list[Row]
    mean: str
    charts: list[str]
    """HTML of each."""


def write(result: Class, out: Path, not_held: Iterable[str] = ()) -> list[Path]:
    """Write ``report.html``, ``scores.csv`` and ``checks.csv``; return their paths.

    `not_held`: sentences that say what the engine could not enforce.
    """
    out.mkdir(parents=True, exist_ok=True)
    graded = sorted(result.graded, key=lambda one: (one.exercise, one.student.casefold()))
    page = _html(graded, result, out, not_held)
    return [page, _scores(graded, result, out), _checks(graded, out)]


def _table(path: Path, head: list[str], rows: Iterable[list[object]]) -> Path:
    new = path.with_suffix(".new")
    # The mark at the beginning tells spreadsheets that this is UTF-8.
    with new.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows([[_cell(value) for value in row] for row in rows])
    new.replace(path)
    return path


def _cell(value: object) -> object:
    """Return a value that no spreadsheet takes for a formula: submissions choose their names."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def _scores(graded: list[Graded], result: Class, out: Path) -> Path:
    head = ["student", "exercise", "done", "of", "passed", "same_as", "unchanged", "seconds"]
    rows: list[list[object]] = [
        [
            one.student,
            one.exercise,
            one.verdict.done,
            len(one.verdict.outcomes),
            int(one.verdict.passed),
            " ".join(one.alike),
            int(one.unchanged),
            f"{one.verdict.seconds:.1f}",
        ]
        for one in graded
    ]
    rows += [[student, "", 0, 0, 0, "", 0, ""] for student in result.nothing]
    return _table(out / "scores.csv", head, rows)


def _checks(graded: list[Graded], out: Path) -> Path:
    head = ["student", "exercise", "check", "state", "hint", "seconds"]
    rows: Iterable[list[object]] = (
        [one.student, one.exercise, o.check, o.state, o.hint, f"{o.seconds:.2f}"]
        for one in graded
        for o in one.verdict.outcomes
    )
    return _table(out / "checks.csv", head, rows)


def _html(graded: list[Graded], result: Class, out: Path, not_held: Iterable[str]) -> Path:
    names = {exercise.name for exercise in exercises()}
    parts = [
        _part(find(name), [one for one in graded if one.exercise == name])
        for name in dict.fromkeys(one.exercise for one in graded)
        if name in names
    ]
    unreadable = [
        (one.student, _says(one)) for one in graded if one.exercise not in names
    ]  # whose archive cannot be unpacked
    template = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("report.html.jinja")
    students = {one.student for one in graded} | set(result.nothing)
    page = template.render(
        _=_,
        lang=current(),
        date=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        summary=ngettext("{n} hand-in", "{n} hand-ins", len(students)).format(n=len(students)),
        parts=parts,
        unreadable=unreadable,
        nothing=result.nothing,
        alike=_groups(graded),
        unchanged=[(one.student, one.exercise) for one in graded if one.unchanged],
        not_held=list(not_held),
    )
    path = out / "report.html"
    new = path.with_suffix(".new")
    new.write_text(page, encoding="utf-8")
    new.replace(path)
    return path


def _says(one: Graded) -> str:
    from capas.exercises.catalogue import common

    first = one.verdict.outcomes[0]
    return spoken(common()[first.hint][0], **first.values)


def _groups(graded: list[Graded]) -> list[tuple[str, list[str]]]:
    """Return who has handed in the same, by exercise."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in graded:
        if one.alike and not one.unchanged:
            found.setdefault((one.exercise, one.digest), []).append(one.student)
    return [(exercise, students) for (exercise, _digest), students in found.items()]


def _part(exercise: Exercise, graded: list[Graded]) -> Part:
    rows = []
    for one in graded:
        told = [row for row in one.verdict.rows() if row[1] != "done"]
        words = {"todo": _("to do"), "hint": _("hint"), "broken": _("broken")}
        rows.append(
            Row(
                one.student,
                one.verdict.done,
                len(one.verdict.outcomes),
                [(title, words[state], says) for title, state, says in told],
                one.verdict.remarks(),
                one.verdict.seconds,
            )
        )
    share = mean(one.verdict.done / len(one.verdict.outcomes) for one in graded)
    return Part(
        exercise.name,
        f"{exercise.number} · {exercise.title}",
        rows,
        f"{chart.number(100 * share)} %",
        _charts(exercise, graded),
    )


def _charts(exercise: Exercise, graded: list[Graded]) -> list[str]:
    of = len(exercise.checks)
    scores = Counter(one.verdict.done for one in graded)
    pictures = [
        chart.bars(
            {_("{done} of {all}").format(done=n, all=of): scores[n] for n in range(of, -1, -1)},
            _("students"),
            title=_("Checks done"),
        )
    ]
    failed = Counter(
        outcome.check
        for one in graded
        for outcome in one.verdict.outcomes
        if outcome.state != "done"
    )
    if failed:
        titles = {check.name: spoken(check.title) for check in exercise.checks}
        pictures.append(
            chart.bars(
                {titles[name]: count for name, count in failed.most_common()},
                _("students"),
                title=_("Which check fails most"),
                roles=dict.fromkeys(titles.values(), "warn"),
            )
        )
    hints = Counter(hint for one in graded for hint in one.verdict.hints)
    if hints:
        pictures.append(
            chart.bars(
                dict(hints.most_common(12)),
                _("students"),
                title=_("Mistakes by name"),
                roles=dict.fromkeys(hints, "error"),
            )
        )
    return [picture.html() for picture in pictures]
