"""The course as a whole: its lessons follow one another, and the README names them all."""

from itertools import pairwise

import pytest

from capas import lessons
from capas.exercises import exercises, find
from capas.language import languages
from capas.paths import ROOT
from capas.show import figures

COURSE = lessons.sources()
LABS = lessons.labs()
READMES = {"en": "README.md", "es": "README.es.md"}


def test_every_notebook_is_what_its_source_makes() -> None:
    assert lessons.check() == []


@pytest.mark.parametrize(("lesson", "following"), list(pairwise(COURSE)), ids=lambda it: it.name)
def test_a_lesson_leads_to_the_following_one(
    lesson: lessons.Lesson, following: lessons.Lesson
) -> None:
    for language in lesson.languages:
        last = lesson.cells_in(language)[-1].source
        title = f"{following.number} · {following.title(language)}"
        assert f"[{title}]({following.name}.ipynb)" in last


@pytest.mark.parametrize("lesson", COURSE, ids=lambda lesson: lesson.name)
def test_a_lesson_says_its_title_and_how_long_it_takes(lesson: lessons.Lesson) -> None:
    for language in lesson.languages:
        first = lesson.cells_in(language)[0].source.replace("`", "")
        assert first.startswith(f"# {lesson.number} · {lesson.title(language)}\n")
        assert f"**{lesson.minutes} minut" in first
    assert lesson.minutes <= 45


@pytest.mark.parametrize("lesson", COURSE, ids=lambda lesson: lesson.name)
def test_a_lesson_ends_with_a_self_check(lesson: lessons.Lesson) -> None:
    code = [cell.source for cell in lesson.cells if cell.kind == "code"]
    assert any(f'show.quiz("{lesson.name}")' in source for source in code[-2:])


@pytest.mark.parametrize("language", READMES)
def test_the_readme_names_every_lesson(language: str) -> None:
    readme = (ROOT / READMES[language]).read_text(encoding="utf-8")
    for lesson in COURSE:
        assert f"| {lesson.number:02} | {lesson.title(language)} |" in readme
        for spoken in lesson.languages:
            assert f"(notebooks/{spoken}/{lesson.name}.ipynb)" in readme


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_a_lab_says_its_title_its_time_and_its_lesson(lab: lessons.Lesson) -> None:
    words = {"en": "Exercise", "es": "Ejercicio"}
    lesson = find(lab.name).lesson
    assert lesson in {it.name for it in COURSE}
    for language in lab.languages:
        first = lab.cells_in(language)[0].source
        assert first.startswith(f"# {words[language]} {lab.number} · {lab.title(language)}\n")
        assert f"**{lab.minutes} minut" in first
        assert f"](../../notebooks/{language}/{lesson}.ipynb)" in first
    assert lab.languages == languages()
    code = [cell.source for cell in lab.cells if cell.kind == "code"]
    assert f'capas.exercise("{lab.number:02}")' in code[0]
    assert "lab.check()" in code
    assert "lab.hint()" in code


@pytest.mark.parametrize("language", READMES)
def test_the_readme_names_every_exercise(language: str) -> None:
    readme = (ROOT / READMES[language]).read_text(encoding="utf-8")
    for lab in LABS:
        assert f"| {lab.number:02} | {lab.title(language)} |" in readme
        for spoken in lab.languages:
            assert f"(exercises/{lab.name}/lab.{spoken}.ipynb)" in readme


def test_every_lesson_from_the_first_on_has_an_exercise() -> None:
    assert {it.lesson for it in exercises()} >= {it.name for it in COURSE if it.number}
    assert len(LABS) >= 14
    assert sum(it.kind == "bug-hunt" for it in exercises()) >= 5
    assert sum(it.kind == "project" for it in exercises()) >= 2


def test_every_figure_is_shown_in_a_lesson() -> None:
    shown = "\n".join(cell.source for lesson in COURSE for cell in lesson.cells)
    assert [name for name in figures.names() if f"../figures/{name}.en.svg" not in shown] == []
