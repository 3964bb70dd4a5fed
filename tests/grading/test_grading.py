"""A class is graded: once each, going on after an interruption, with a report for people."""

import csv
import re
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from capas.exercises import Limits
from capas.grading import Class, grade, report
from tests.grading.handing_in import EXERCISE, NAME, solved, zipped


class Judge:
    """Stands in for the workers: tells what it was asked, and what it was told to answer."""

    at_once = 2

    def __init__(self, *hints: str, fail_after: int = 99) -> None:
        self.asked: list[bytes] = []
        self.hints = list(hints)
        self.fail_after = fail_after

    def submit(self, exercise: str, packed: bytes, limits: Limits, seconds: float) -> Future[Any]:
        future: Future[Any] = Future()
        self.asked.append(packed)
        if len(self.asked) > self.fail_after:
            future.set_exception(KeyboardInterrupt())
            return future
        hint = self.hints.pop(0) if self.hints else ""
        state = "hint" if hint else "done"
        outcomes = [
            {
                "check": c.name,
                "state": state,
                "hint": hint,
                "values": {"limit": "1"},
                "seconds": 1.0,
            }
            for c in EXERCISE.checks
        ]
        future.set_result({"exercise": exercise, "outcomes": outcomes, "advice": [], "seconds": 5})
        return future

    def cancel(self) -> None:
        pass


@pytest.fixture
def handed_in(tmp_path: Path) -> Path:
    folder = tmp_path / "handed in"
    folder.mkdir()
    solved(folder / "ana" / NAME)
    zipped(folder / "bruno.zip")
    solved(folder / "carla" / NAME, app__py="# other\n")
    (folder / "dario").mkdir()
    (folder / "elena.zip").write_bytes(b"no zip")
    return folder


def run(handed_in: Path, judge: Judge, **more: Any) -> Class:
    return grade(handed_in, handed_in.parent / "results", judge, **more)


def test_equal_answers_are_judged_once_and_noticed(handed_in: Path) -> None:
    judge = Judge()
    found = run(handed_in, judge)
    assert len(judge.asked) == found.judged == 2
    assert {one.student: one.alike for one in found.graded} == {
        **{"ana": ("bruno",), "bruno": ("ana",)},
        **{"carla": (), "elena": ()},
    }
    assert found.nothing == ["dario"]


def test_what_is_judged_is_kept(handed_in: Path) -> None:
    run(handed_in, Judge())
    assert run(handed_in, judge := Judge()).kept == 3
    assert judge.asked == []
    solved(handed_in / "fede" / NAME, app__py="# third\n")
    assert run(handed_in, judge := Judge()).judged == 1
    assert run(handed_in, judge := Judge(), again=True).judged == 3


def test_after_an_interruption_it_goes_on(handed_in: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(handed_in, Judge(fail_after=1))
    found = run(handed_in, judge := Judge())
    assert len(judge.asked) == 1
    assert len(found.graded) == 4


def test_what_may_be_anothers_fault_is_judged_again_alone(handed_in: Path) -> None:
    found = run(handed_in, judge := Judge("no-answer"))
    assert len(judge.asked) == 3
    assert not [one for one in found.graded if "disk-full" in one.verdict.hints]


def test_the_report_says_it_all_and_trusts_nothing(handed_in: Path, tmp_path: Path) -> None:
    (handed_in / "ana").rename(handed_in / "=1+1 <script>alert(1)</script>".replace("/", "∕"))
    found = run(handed_in, Judge("runs-as-root", ""))
    page, scores, checks = report.write(found, tmp_path / "out", ["<not held>"])
    html = page.read_text(encoding="utf-8")
    assert "<script" not in html and "&lt;not held&gt;" in html
    assert not re.search(r'(?:src|href)="(?!data:|#)', html)
    for words in ("runs as root", "dario", "elena", "Checks done", "Which check fails most"):
        assert words in html
    for _image in (images := re.findall(r"<img [^>]*>", html)):
        assert 'alt="' in _image
    assert len(images) == 3
    with scores.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["student"][:5] for row in rows} == {"'=1+1", "bruno", "carla", "dario", "elena"}
    with checks.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 3 * len(EXERCISE.checks) + 1


def test_a_start_that_nobody_changed_is_told(tmp_path: Path) -> None:
    import shutil

    shutil.copytree(EXERCISE.start, tmp_path / "in" / "ana" / NAME)
    (one,) = run(tmp_path / "in", Judge("no-dockerfile")).graded
    assert one.unchanged
