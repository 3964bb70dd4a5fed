"""Which slides a lesson has, and how a source says so."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

from capas import lessons
from capas.errors import CapasError
from capas.lessons import Lesson, LessonError
from capas.slides.deck import Slide, chosen, read
from capas.slides.page import deck_page, picture

COURSE = lessons.sources()
BOTH = [(lesson, language) for lesson in COURSE for language in lesson.languages]
IDS = [f"{language}-{lesson.name}" for lesson, language in BOTH]
HEADER = """\
---
kernelspec: {display_name: Python 3 (ipykernel), language: python, name: python3}
capas: {minutes: 5, title: {en: A}}
---
"""
BEGIN = '+++ {"lang": "en", "slideshow": {"slide_type": "slide"}}\n'


@pytest.mark.parametrize(("lesson", "language"), BOTH, ids=IDS)
def test_a_lesson_has_enough_slides_and_not_too_many_and_notes_to_each(
    lesson: Lesson, language: str
) -> None:
    slides = read(lesson, language).slides
    assert 15 <= len(slides) <= 30
    assert slides[0].title.startswith(f"{lesson.number} · ")
    assert [slide.line for slide in slides if not slide.notes or not slide.minutes] == []
    spoken = sum(slide.minutes for slide in slides)
    assert lesson.minutes * 2 / 3 <= spoken <= lesson.minutes * 1.1


@pytest.mark.parametrize("lesson", COURSE, ids=lambda lesson: lesson.name)
def test_both_languages_show_the_same(lesson: Lesson) -> None:
    shown = [
        [(s.kind, s.code, s.outputs and s.outputs[1], s.minutes) for s in read(lesson, name).slides]
        for name in lesson.languages
    ]
    assert all(each == shown[0] for each in shown)


def test_the_lectures_own_slides_are_marked() -> None:
    for lesson in COURSE:
        if 1 <= lesson.number <= 11:  # 12 and 13 go beyond it (and 00 before)
            assert any(slide.kind == "lecture" for slide in read(lesson, "es").slides), lesson.name


@pytest.mark.parametrize(("lesson", "language"), BOTH, ids=IDS)
def test_no_notebook_has_a_deck_cell(lesson: Lesson, language: str) -> None:
    built = nbformat.read(lesson.notebook(language), as_version=4)
    texts = {cell.source for cell in built.cells}
    deck = [cell.source for cell in lesson.everything_in(language) if cell.deck]
    assert deck and not texts & set(deck)
    assert not any("deck" in cell.metadata for cell in built.cells)


def lesson(tmp_path: Path, text: str) -> Lesson:
    """A lesson, built: its one code cell prints four lines."""
    source = tmp_path / "src/01-x.md"
    source.parent.mkdir(exist_ok=True)
    source.write_text(HEADER + text, encoding="utf-8")
    made = lessons.read(source)
    notebook = lessons.assemble(made, "en")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", text="one\ntwo\nthree\nfour\n")]
            cell.execution_count = 1
    path = made.notebook("en", tmp_path)
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, path)
    return made


CODE = "```{code-cell} ipython3\nfirst = 1\nsecond = 2\n```\n"


def slides(tmp_path: Path, text: str) -> list[Slide]:
    return read(lesson(tmp_path, text), "en", tmp_path).slides


def test_a_section_is_shown_by_its_deck_cells_else_by_itself(tmp_path: Path) -> None:
    text = (
        f"{BEGIN}\n# A\n\nwhat\n{BEGIN}\n## B\n\nlong\n"
        f'+++ {{"lang": "en", "deck": "slide"}}\n## Short\n{CODE}'
        '+++ {"lang": "en", "slideshow": {"slide_type": "skip"}}\n## C\n'
        f"{BEGIN}\n## D\n\nhere\n\n## E\n\nnot here\n"
    )
    shown = slides(tmp_path, text)
    assert [slide.title for slide in shown] == ["A", "Short", "D"]
    assert "not here" not in shown[-1].above


def test_a_deck_cell_shows_the_next_code_cell(tmp_path: Path) -> None:
    head = '"lang": "en", "deck": "slide", "code": "2", "output": "1-2,4"'
    text = f"{BEGIN}\n# A\n+++ {{{head}}}\n## B\n\nabove\n\n***\nbelow\n{CODE}"
    made = lesson(tmp_path, text)
    [slide] = read(made, "en", tmp_path).slides
    assert (slide.above, slide.below) == ("## B\n\nabove", "below")
    page = deck_page(read(made, "en", tmp_path))
    before, _, after = page.partition('<pre class="terminal output">')
    assert "second" in before and "first" not in before.partition("<section")[2]
    assert after.startswith('one\ntwo\n<span class="cut">⋮</span>\nfour</pre><p>below</p>')


def test_notes_hold_for_the_slides_since_the_notes_before(tmp_path: Path) -> None:
    text = (
        f"{BEGIN}\n# A\n{BEGIN}\n## B\n"
        '+++ {"lang": "en", "deck": "notes", "minutes": 3}\nsay this\n'
        f'{BEGIN}\n## C\n+++ {{"lang": "en", "deck": "notes", "minutes": 2}}\nand that\n'
    )
    shown = [(slide.notes, slide.minutes) for slide in slides(tmp_path, text)]
    assert shown == [("say this", 1.5), ("say this", 1.5), ("and that", 2)]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ('+++ {"lang": "en", "deck": "slid"}\n## B\n', "“deck” is for Markdown"),
        ('+++ {"lang": "en", "deck": "notes"}\nsay\n', "say their “minutes”"),
        ('+++ {"lang": "en", "deck": "slide", "code": "1"}\n## B\n', "no code cell follows"),
        (
            f'+++ {{"lang": "en", "deck": "slide", "code": "1..2"}}\n## B\n{CODE}',
            "“1..2” is not like 1-3,7",
        ),
        ('+++ {"lang": "en", "deck": "slide", "part": "1 2 3"}\n## B\n', "“1 2 3” is not like"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, cell: str, said: str) -> None:
    with pytest.raises(LessonError, match=r"01-x\.md:\d+: ") as error:
        slides(tmp_path, f"{BEGIN}\n# A\n{cell}")
    assert said in str(error.value)


def test_a_notebook_that_is_not_its_sources_is_refused(tmp_path: Path) -> None:
    made = lesson(tmp_path, f"{BEGIN}\n# A\n{CODE}")
    notebook = made.notebook("en", tmp_path)
    notebook.write_text(notebook.read_text().replace("first = 1", "first = 2"))
    with pytest.raises(CapasError, match="run capas build 01"):
        read(made, "en", tmp_path)
    notebook.unlink()
    with pytest.raises(CapasError, match="missing; run capas build 01"):
        read(made, "en", tmp_path)


@pytest.mark.parametrize(
    ("which", "lines"),
    [
        ("", ["a", "", "c", "d"]),
        ("1", ["a"]),
        ("1,4", ["a", "⋮", "d"]),
        ("1-2,4", ["a", "⋮", "d"]),  # no empty line beside what is left out
        ("3-9", ["c", "d"]),
    ],
)
def test_chosen_lines(which: str, lines: list[str]) -> None:
    assert chosen(["a", "", "c", "d"], which) == lines


def test_of_a_picture_a_slide_shows_all_but_its_title_or_a_part() -> None:
    svg = (
        '<svg viewBox="0 0 960 500" width="960"><text class="ink bold" x="40" y="54" '
        'font-size="27">Title</text><text font-size="15">word</text></svg>'
    )
    shown = unquote(picture(svg, 'a "word"'))
    assert "Title" not in shown and "word" in shown
    assert 'alt="a &quot;word&quot;"' in shown
    assert 'viewBox="34 74 892 408"' in shown
    assert 'viewBox="0 60 400 200"' in unquote(picture(svg, "a", "0 60 400 200"))


def test_a_slide_shows_a_part_of_its_picture(tmp_path: Path) -> None:
    figure = "![a](../figures/vm-layers.en.svg)"
    head = '"lang": "en", "deck": "slide", "part": "40 80 300 200"'
    made = lesson(tmp_path, f"{BEGIN}\n# A\n+++ {{{head}}}\n## B\n\n{figure}\n")
    assert 'viewBox="40 80 300 200"' in unquote(deck_page(read(made, "en", tmp_path)))


def test_a_line_of_code_that_is_broken_goes_on_further_right(tmp_path: Path) -> None:
    head = '"lang": "en", "deck": "slide", "code": "1,3"'
    code = "```{code-cell} ipython3\nif 1:\n    2\n    3\n```\n"
    made = lesson(tmp_path, f"{BEGIN}\n# A\n+++ {{{head}}}\n## B\n{code}")
    indents = re.findall(
        r"--in: (\d+)|line (cut)", deck_page(read(made, "en", tmp_path)).partition("<section")[2]
    )
    assert [number or cut for number, cut in indents] == ["0", "cut", "4"]


def test_a_deck_asks_nobody_for_anything() -> None:
    page = deck_page(read(COURSE[5], "en"))
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline';"
    assert policy in page
    assert json.dumps("sourceMappingURL")[1:-1] not in page
