"""Which slides a lesson has: from its source, with code and outputs of its built notebook.

A lesson is a row of sections; each begins at a prose cell with Jupyter's ``slide_type``
``slide``. A section that has ``deck`` cells (`capas.lessons.DECK`) is shown by them; any other
by its first cell, up to a second heading. A section that begins with ``slide_type`` ``skip`` is
left out. A deck cell may show the *next* code cell of the lesson::

    +++ {"lang": "en", "deck": "slide", "code": "1-3", "output": true}
    ## What the layers hold

``code`` and ``output`` are ``true`` or the lines to show, counted from 1 (``"1-3,7"``); of a
table, its rows; ``"picture"`` is all of an output but its text. The notebook is not touched.
``part`` is what to show of the slide's picture: left, top, width, height in its own units.
What follows a line ``***`` stands below the output.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from capas.errors import CapasError
from capas.language import _
from capas.lessons import NOTEBOOKS, Cell, Lesson, LessonError
from capas.paths import ROOT

_LINES = re.compile(r"picture|\d+(-\d+)?(,\d+(-\d+)?)*")
_PART = re.compile(r"\d+( \d+){3}")
_BEGINS = ("slide", "skip")


@dataclass
class Slide:
    """One slide, in Markdown and in a notebook's own cells."""

    kind: str
    """``slide``, ``predict`` or ``lecture``."""
    above: str
    """Markdown: the heading, and what stands before code and output."""
    below: str = ""
    """Markdown: what stands after them."""
    code: tuple[str, str] | None = None
    """Source of the code cell, and which lines of it."""
    outputs: tuple[list[NotebookNode], str] | None = None
    """Outputs of the code cell, and which lines of them."""
    part: str = ""
    """What is shown of its picture, ``left top width height`` in its own units; empty: all."""
    notes: str = ""
    """The speaker's notes, Markdown: those of the run of slides that it is one of."""
    minutes: float = 0
    """How long the slide takes: its share of what the run takes."""
    line: int = 0
    """Where it begins in the lesson's source."""

    @property
    def title(self) -> str:
        """Its heading, or an empty text."""
        found = re.search(r"^#+ +(.+)$", self.above, re.M)
        return found[1] if found else ""


@dataclass(frozen=True)
class _Notes:
    text: str
    minutes: float


@dataclass
class Deck:
    """The slides of a lesson in a language."""

    lesson: Lesson
    language: str
    slides: list[Slide] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The lesson's title, with its number."""
        return f"{self.lesson.number} · {self.lesson.title(self.language)}"


def read(lesson: Lesson, language: str, folder: Path = NOTEBOOKS) -> Deck:
    """Return the deck of a lesson.

    Raises:
        CapasError: the notebook is missing or not that of its source.
        LessonError: a deck cell cannot be made a slide.
    """
    deck = Deck(lesson, language)
    outputs = _outputs(lesson, language, folder)
    for section in _sections(lesson.everything_in(language)):
        for each in _slides(lesson, section, outputs):
            if isinstance(each, Slide):
                deck.slides.append(each)
                continue
            # What is said holds from the notes before to these: each slide of that run has it.
            run = [slide for slide in deck.slides if not slide.minutes]
            for slide in run:
                slide.notes = each.text
                slide.minutes = each.minutes / len(run)
    return deck


def _outputs(lesson: Lesson, language: str, folder: Path) -> dict[int, NotebookNode]:
    """Return the built code cells, by the line where the source has them."""
    path = lesson.notebook(language, folder)
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    again = f"capas build {lesson.number:02}"
    try:
        built = nbformat.read(path, as_version=4)
    except (OSError, ValueError):
        raise CapasError(
            _("{where}: missing; run {again}.").format(where=shown, again=again)
        ) from None
    code = [cell for cell in lesson.cells_in(language) if cell.kind == "code"]
    ran = [cell for cell in built.cells if cell.cell_type == "code"]
    if [cell.source for cell in code] != [cell.source for cell in ran]:
        raise CapasError(
            _("{where} is not as in its source; run {again}.").format(where=shown, again=again)
        )
    return {cell.line: done for cell, done in zip(code, ran, strict=True)}


def _sections(cells: list[Cell]) -> Iterator[list[Cell]]:
    """Yield runs of cells, each from one that begins a slide to the next."""
    section: list[Cell] = []
    for cell in cells:
        if section and cell.deck is None and _slide_type(cell) in _BEGINS:
            yield section
            section = []
        section.append(cell)
    if section:
        yield section


def _slide_type(cell: Cell) -> str:
    slideshow: Mapping[str, Any] = cell.metadata.get("slideshow", {})
    return str(slideshow.get("slide_type", "")) if cell.kind == "markdown" else ""


def _slides(
    lesson: Lesson, section: list[Cell], outputs: Mapping[int, NotebookNode]
) -> list["Slide | _Notes"]:
    first = section[0]
    slides: list[Slide | _Notes] = []
    if not any(cell.deck not in (None, "notes") for cell in section):
        if _slide_type(first) != "slide":
            return []
        slides.append(Slide("slide", _one_section(first.source), line=first.line))
    for at, cell in enumerate(section):
        if cell.deck == "notes":
            slides.append(_notes(lesson, cell))
        elif cell.deck is not None:
            slides.append(_deck_slide(lesson, cell, section[at:], outputs))
    return slides


def _one_section(source: str) -> str:
    """Return a cell's text up to its second heading."""
    second = list(re.finditer(r"^##? ", source, re.M))[1:2]
    return source[: second[0].start()] if second else source


def _notes(lesson: Lesson, cell: Cell) -> _Notes:
    minutes = cell.metadata.get("minutes")
    if not isinstance(minutes, int | float) or minutes <= 0:
        raise LessonError(
            _("{where}: speaker's notes say their “minutes”.").format(
                where=f"{lesson.path.name}:{cell.line}"
            )
        )
    return _Notes(cell.source, minutes)


def _deck_slide(
    lesson: Lesson, cell: Cell, following: list[Cell], outputs: Mapping[int, NotebookNode]
) -> Slide:
    above, _rule, below = f"\n{cell.source}\n".partition("\n***\n")
    part = cell.metadata.get("part", "")
    if part and not _PART.fullmatch(str(part)):
        raise LessonError(
            _("{where}: which part? “{part}” is not like 0 60 960 400.").format(
                where=f"{lesson.path.name}:{cell.line}", part=part
            )
        )
    slide = Slide(str(cell.deck), above.strip(), below.strip(), part=str(part), line=cell.line)
    code, output = cell.metadata.get("code"), cell.metadata.get("output")
    if not code and not output:
        return slide
    for which in (code, output):
        if which not in (None, True) and not _LINES.fullmatch(str(which)):
            raise LessonError(
                _("{where}: which lines? “{which}” is not like 1-3,7.").format(
                    where=f"{lesson.path.name}:{cell.line}", which=which
                )
            )
    shown = next((each for each in following if each.kind == "code"), None)
    if shown is None:
        raise LessonError(
            _("{where}: no code cell follows in this section.").format(
                where=f"{lesson.path.name}:{cell.line}"
            )
        )
    if code:
        slide.code = (shown.source, "" if code is True else str(code))
    if output:
        slide.outputs = (outputs[shown.line].outputs, "" if output is True else str(output))
    return slide


def chosen(lines: list[str], which: str) -> list[str]:
    """Return the chosen lines (``"1-3,7"``, from 1; empty: all), ``⋮`` for those between."""
    if not which:
        return lines
    taken: list[str] = []
    end = 0
    for part in which.split(","):
        first, _dash, last = part.partition("-")
        begin = int(first)
        stop = min(int(last or first), len(lines))
        if taken and begin > end + 1:
            taken.append("⋮")
        taken += lines[begin - 1 : stop]
        end = stop
    # An empty line beside what is left out, or at an end, tells nothing.
    around = ["⋮", *taken, "⋮"]
    return [
        line
        for before, line, after in zip(around, taken, around[2:], strict=False)
        if line.strip() or "⋮" not in (before, after)
    ]
