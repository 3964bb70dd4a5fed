"""Every exercise: what is begun fails, our solution passes, known mistakes meet their hints."""

import re
import shutil
from pathlib import Path
from uuid import uuid4

import pytest

from capas.engine import Engine, images
from capas.exercises import Exercise, Verdict, judge
from capas.exercises.catalogue import spoken
from capas.language import languages
from tests.exercises.variants import EXERCISES, Variant, left_by, variants

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module", autouse=True)
def images_are_there(engine: Engine) -> None:
    images.ensure(engine, [*{name for it in EXERCISES for name in it.images}, "busybox"])


def verdict(exercise: Exercise, engine: Engine, files: Path) -> Verdict:
    identity = uuid4().hex[:10]
    found = judge(exercise, engine, files, identity=identity)
    assert left_by(engine, identity) == []
    assert "broken" not in {outcome.state for outcome in found.outcomes}, found
    for _title, _state, says in found.rows():
        assert "{" not in says, says
    return found


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda it: it.name)
def test_what_is_begun_is_not_done(exercise: Exercise, engine: Engine, tmp_path: Path) -> None:
    begun = Path(shutil.copytree(exercise.start, tmp_path / "files"))
    found = verdict(exercise, engine, begun)
    assert not found.passed
    if exercise.kind == "bug-hunt":  # there, the mistake is known
        assert found.hints


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda it: it.name)
def test_the_solution_passes(exercise: Exercise, engine: Engine, tmp_path: Path) -> None:
    solved = Path(shutil.copytree(exercise.solution, tmp_path / "files"))
    found = verdict(exercise, engine, solved)
    assert found.passed, found
    assert not found.advice, found


@pytest.mark.parametrize("answer", variants("wrong"), ids=str)
def test_a_mistake_meets_its_hint(answer: Variant, engine: Engine, tmp_path: Path) -> None:
    found = verdict(answer.exercise, engine, answer.make(tmp_path / "files"))
    assert not found.passed
    assert found.hints[:1] == [answer.hint], found


@pytest.mark.parametrize("answer", variants("right"), ids=str)
def test_another_right_answer_passes(answer: Variant, engine: Engine, tmp_path: Path) -> None:
    found = verdict(answer.exercise, engine, answer.make(tmp_path / "files"))
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
