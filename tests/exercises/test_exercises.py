"""Every exercise: what is begun fails, our solution passes, known mistakes meet their hints."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest

from capas import vm
from capas.engine import Engine, images
from capas.exercises import Exercise, Verdict, judge
from capas.exercises.catalogue import spoken
from capas.language import languages
from tests.exercises.variants import EXERCISES, Variant, left_by, variants

pytestmark = pytest.mark.engine


AT_ONCE = 2
"""Checks mostly wait for an engine: two of them at once take less time than one by one."""


def judged(engine: Engine, answer: Variant, folder: Path) -> tuple[Verdict, list[str]]:
    """Return the verdict on an answer, and what its check has left on the engine."""
    identity = uuid4().hex[:10]
    found = judge(answer.exercise, engine, answer.make(folder), identity=identity)
    return found, left_by(engine, identity)


Verdicts = Callable[[Variant], Verdict]


@pytest.fixture(scope="module")
def verdict(
    request: pytest.FixtureRequest, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Verdicts]:
    """Give what judges an answer; those of the tests to come are judged meanwhile."""
    images.ensure(engine, [*{name for it in EXERCISES for name in it.images}, "busybox"])
    place = tmp_path_factory.mktemp("answers")
    wanted: list[Variant] = [
        cast("Variant", item.callspec.params["answer"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path
        if hasattr(item, "callspec") and "answer" in item.callspec.params
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        judging = {
            str(answer): pool.submit(judged, engine, answer, place / str(answer))
            for answer in wanted
            if not answer.exercise.vm  # whose start, a fork, is not for a thread
        }

        def give(answer: Variant) -> Verdict:
            if answer.exercise.vm:
                try:
                    vm.prepare()
                except vm.VmError as error:
                    pytest.skip(str(error))
                found, left = judged(engine, answer, place / str(answer))
            else:
                found, left = judging[str(answer)].result()
            assert left == []
            assert "broken" not in {outcome.state for outcome in found.outcomes}, found
            for _title, _state, says in found.rows():
                assert not re.search(r"{\w+}", says), says
            return found

        try:
            yield give
        finally:
            pool.shutdown(cancel_futures=True)


def answers(kind: str) -> list[object]:
    """Return the answers of a kind as parameters; those that boot a machine are marked."""
    return [
        pytest.param(it, id=str(it), marks=[pytest.mark.vm] if it.exercise.vm else [])
        for it in variants(kind)
    ]


@pytest.mark.parametrize("answer", answers("start"))
def test_what_is_begun_is_not_done(answer: Variant, verdict: Verdicts) -> None:
    found = verdict(answer)
    assert not found.passed
    if answer.exercise.kind == "bug-hunt":  # there, the mistake is known
        assert found.hints


@pytest.mark.parametrize("answer", answers("solution"))
def test_the_solution_passes(answer: Variant, verdict: Verdicts) -> None:
    found = verdict(answer)
    assert found.passed, found
    assert not found.advice, found


@pytest.mark.parametrize("answer", answers("wrong"))
def test_a_mistake_meets_its_hint(answer: Variant, verdict: Verdicts) -> None:
    found = verdict(answer)
    assert not found.passed
    assert found.hints[:1] == [answer.hint], found


@pytest.mark.parametrize("answer", answers("right"))
def test_another_right_answer_passes(answer: Variant, verdict: Verdicts) -> None:
    found = verdict(answer)
    assert found.passed, found


def _lines(folder: Path) -> set[str]:
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="ignore")
            found |= {" ".join(line.split()) for line in text.splitlines()}
    return {line for line in found if len(line) > 13}


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda it: it.name)
def test_hints_come_in_every_language_and_never_print_the_solution(exercise: Exercise) -> None:
    secret = _lines(exercise.solution) - _lines(exercise.start)
    for name, steps in exercise.hints.items():
        for step in steps:
            assert set(step) >= set(languages()), name
            assert len({tuple(re.findall(r"{\w+}", text)) for text in step.values()}) == 1, name
            for said in step.values():
                assert not [line for line in secret if line in " ".join(said.split())], name
    for check in exercise.checks:
        for text in (check.title, check.todo):
            assert set(text) >= set(languages()), check.name
            assert spoken(text)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda it: it.name)
def test_an_exercise_has_its_answers(exercise: Exercise) -> None:
    mine = [a for a in variants("wrong") if a.exercise == exercise]
    assert len({answer.hint for answer in mine}) >= 4
    assert {answer.hint for answer in mine} <= set(exercise.hints)
    assert len([a for a in variants("right") if a.exercise == exercise]) >= 2
    assert list(exercise.functions()) == [check.name for check in exercise.checks]
