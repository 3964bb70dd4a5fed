"""From a lesson's source to its notebooks.

A lesson is one file, ``notebooks/src/NN-slug.md``, in MyST Markdown as jupytext reads
it: prose in every language side by side, code once. From it one notebook per language
is built, executed, and its outputs are normalised, so that building again without a
change gives the same bytes::

    +++ {"lang": "en", "slideshow": {"slide_type": "slide"}}
    # The recipe
    +++ {"lang": "es", "slideshow": {"slide_type": "slide"}}
    # La receta
    ```{code-cell} ipython3
    !docker build -t notes .
    ```

A lab is written the same way, as ``exercises/NN-slug/src.md``; its notebooks lie beside it,
``lab.<language>.ipynb``.

A Markdown cell without ``lang`` belongs to every language. One with ``"deck": "slide"`` (or
another of `DECK`) is for the slides alone (``capas/slides``): no notebook has it. What may
differ between two runs (ids, times, ports) stands in ``capas/nbval_sanitize.cfg``, which nbval
reads, too.
"""

import hashlib
import json
import os
import re
import subprocess
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode

from capas.errors import CapasError
from capas.language import _
from capas.paths import ROOT

NOTEBOOKS = ROOT / "notebooks"
EXERCISES = ROOT / "exercises"
_MACHINE = re.compile(
    r"(?:unix|npipe)://(?!/var/run/docker\.sock\b|/run/)[\w./-]+"
    r"|(?<![\w.~/-])(?:/private)?(?:/tmp|/var/folders|/home|/Users)/[\w./~-]+"
    r"|\b[A-Za-z]:\\+Users\\+\w+"
)
"""Places of somebody's machine, or of a container: then the lesson's source names them."""

SANITIZER = Path(__file__).with_name("nbval_sanitize.cfg")
CELL_SECONDS = 300
"""How long one cell may take before it counts as hanging."""

IGNORED = "nbval-ignore-output"
"""Tag of a cell whose output nbval does not compare: it is kept while the source stays."""

LIVE = "live"
"""Tag, beside `IGNORED`, of a cell that shows a page of a container: nothing of it is stored,
for the page is gone when the container is."""

FAILS = "raises-exception"
"""Tag of a cell that is meant to end in an error."""

DECK = ("slide", "predict", "lecture", "notes")
"""What a cell for the slides alone can be: a slide, one that asks for a prediction, one of the
lecture's own, the speaker's notes to the slide before."""

LAB = "src.md"
"""File name of a lab's source; its name is that of its folder."""

_NAME = re.compile(r"(?P<number>\d\d)-(?P<slug>[a-z0-9]+(?:-[a-z0-9]+)*)")
_FIGURE = re.compile(r"!\[[^\]]*\]\((?P<path>[^)\s]+)")
_NOT_TEXT = ("image/png", "image/jpeg", "application/pdf", "text/latex")
_WIDGET = "application/vnd.jupyter.widget-view+json"
"""A live widget: without its kernel it would show an error in the place of its still."""
_ANSI = re.compile(r"\x1b\[[0-9;]*m")

Report = Callable[[str], None]


class LessonError(CapasError):
    """A lesson's source is not as it must be, or a cell of it fails."""


@dataclass(frozen=True)
class Cell:
    """A cell of a source."""

    kind: str
    """``code``, ``markdown`` or ``raw``."""
    source: str
    metadata: Mapping[str, Any]
    """Notebook metadata of the cell (slideshow, tags), without ``lang``."""
    language: str | None
    """None: every language."""
    line: int
    """Where it begins in the file, from 1."""

    @property
    def tags(self) -> list[str]:
        """The cell's tags."""
        return list(self.metadata.get("tags", []))

    @property
    def deck(self) -> str | None:
        """Which of `DECK` the cell is; None: a cell of the notebook."""
        kind = self.metadata.get("deck")
        return None if kind is None else str(kind)


@dataclass(frozen=True)
class Lesson:
    """A lesson, as its source has it."""

    path: Path
    number: int
    slug: str
    titles: Mapping[str, str]
    """Title in each language of the lesson; the first is the one it was written in."""
    minutes: int
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """Its name, which a lesson's notebooks have, too: ``06-dockerfile``."""
        return _name(self.path)

    @property
    def is_lab(self) -> bool:
        """Whether it is the notebook of an exercise."""
        return self.path.name == LAB

    @property
    def languages(self) -> list[str]:
        """The languages in which there is this lesson."""
        return list(self.titles)

    def title(self, language: str) -> str:
        """Return the title in `language`, or the first there is."""
        return self.titles.get(language) or next(iter(self.titles.values()))

    def notebook(self, language: str, folder: Path = NOTEBOOKS) -> Path:
        """Return where the notebook of `language` is; that of a lab is beside its source."""
        if self.is_lab:
            return self.path.with_name(f"lab.{language}.ipynb")
        return folder / language / f"{self.name}.ipynb"

    def cells_in(self, language: str) -> list[Cell]:
        """Return the cells of the notebook of `language`, in order."""
        return [cell for cell in self.everything_in(language) if cell.deck is None]

    def everything_in(self, language: str) -> list[Cell]:
        """Return the cells of `language`, those for the slides alone among them."""
        return [cell for cell in self.cells if cell.language in (None, language)]


# --- reading ------------------------------------------------------------------------


def sources(folder: Path = NOTEBOOKS) -> list[Lesson]:
    """Return all lessons in order. Raises `LessonError` for the first malformed source."""
    return [read(path) for path in sorted((folder / "src").glob("*.md"))]


def labs(folder: Path = EXERCISES) -> list[Lesson]:
    """Return the labs of all exercises in order. Raises `LessonError` for the first malformed."""
    return [read(path) for path in sorted(folder.glob(f"*/{LAB}"))]


def _name(path: Path) -> str:
    return path.parent.name if path.name == LAB else path.stem


def read(path: Path) -> Lesson:
    """Read a lesson's source. Raises `LessonError`, with file and line, if it is malformed."""
    from jupytext.myst import MystMetadataParsingError, myst_to_notebook

    named = _NAME.fullmatch(_name(path))
    if not named or path.suffix != ".md":
        raise LessonError(_("{path}: a lesson is called NN-slug.md.").format(path=_shown(path)))
    text = path.read_text(encoding="utf-8")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="All code cells")
            parsed = myst_to_notebook(text, add_source_map=True)
    except (MystMetadataParsingError, yaml.YAMLError, UserWarning) as error:
        found = re.search(r"at line (\d+)", str(error))
        reason = re.sub(r"^.*could not be read: ", "", " ".join(str(error).split()))
        raise LessonError(f"{_shown(path, int(found[1]) if found else 1)}: {reason}") from None
    except nbformat.ValidationError as error:  # which knows the value, not the line
        reason = str(error).splitlines()[0]
        value = json.dumps(getattr(error, "instance", None), ensure_ascii=False).strip('"')
        hits = (n for n, line in enumerate(text.splitlines(), start=1) if value in line)
        raise LessonError(f"{_shown(path, next(hits, 1))}: {reason}") from None
    header = parsed.metadata
    titles, minutes = _course_header(path, header)
    cells = []
    for cell, begin in zip(parsed.cells, header["source_map"], strict=True):
        # Markdown begins behind its break, where jupytext counts from 0; else at the fence, from 1.
        line = begin + 1 if cell.cell_type == "markdown" else begin
        where = _shown(path, line)
        metadata = dict(cell.metadata)
        language = metadata.pop("lang", None)
        if cell.cell_type != "markdown" and language is not None:
            raise LessonError(_("{where}: only Markdown has a “lang”.").format(where=where))
        if language is not None and language not in titles:
            known = ", ".join(titles)
            text = _("{where}: unknown lang “{lang}”; the titles are in: {known}.")
            raise LessonError(text.format(where=where, lang=language, known=known))
        if cell.cell_type == "markdown" and (
            odd := re.search(r"^`{3,}\{code.*", cell.source, re.M)
        ):
            raise LessonError(
                _("{where}: “{fence}” begins no code cell; write ```{{code-cell}}.").format(
                    where=where, fence=odd[0]
                )
            )
        if "deck" in metadata and (cell.cell_type != "markdown" or metadata["deck"] not in DECK):
            raise LessonError(
                _("{where}: “deck” is for Markdown, and one of: {known}.").format(
                    where=where, known=", ".join(DECK)
                )
            )
        cells.append(Cell(cell.cell_type, cell.source, metadata, language, line))
    return Lesson(path, int(named["number"]), named["slug"], titles, minutes, tuple(cells))


def _course_header(path: Path, header: Mapping[str, Any]) -> tuple[dict[str, str], int]:
    course = header.get("capas")
    titles = course.get("title") if isinstance(course, dict) else None
    minutes = course.get("minutes") if isinstance(course, dict) else None
    if not isinstance(titles, dict) or not titles or not isinstance(minutes, int):
        raise LessonError(
            _("{where}: the header needs capas: {{title: {{en: …, es: …}}, minutes: 40}}.").format(
                where=_shown(path, 1)
            )
        )
    return {str(language): str(title) for language, title in titles.items()}, minutes


def _shown(path: Path, line: int | None = None) -> str:
    """Return the path for people, from the repository's root, with the line."""
    short = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
    return short if line is None else f"{short}:{line}"


def correspondence(lesson: Lesson) -> list[str]:
    """Return where the languages of a lesson do not go side by side.

    Between two code cells every language must have the same number of Markdown cells,
    with the same metadata (slides), in the same order.
    """
    first, *others = lesson.languages
    problems = []
    for language in others:
        ours, theirs = _runs(lesson, first), _runs(lesson, language)
        for run, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            for a, b in zip(mine, other, strict=False):
                if a.metadata != b.metadata:
                    problems.append(
                        _("{where}: this cell's metadata is not that of its {lang} cell.").format(
                            where=_shown(lesson.path, b.line), lang=first
                        )
                    )
            if len(mine) != len(other):
                longer = max(mine, other, key=len)
                problems.append(
                    _("{where}: {a} cells in {first}, {b} in {lang}, before code cell {n}.").format(
                        where=_shown(lesson.path, longer[min(len(mine), len(other))].line),
                        a=len(mine),
                        first=first,
                        b=len(other),
                        lang=language,
                        n=run + 1,
                    )
                )
    return problems


def _runs(lesson: Lesson, language: str) -> list[list[Cell]]:
    """Return the Markdown cells before the first code cell, the second, …, and after the last."""
    runs: list[list[Cell]] = [[]]
    for cell in lesson.everything_in(language):
        if cell.kind == "code":
            runs.append([])
        else:
            runs[-1].append(cell)
    return runs


# --- building -----------------------------------------------------------------------


def build(
    numbers: Iterable[int] | None = None,
    langs: Iterable[str] | None = None,
    execute: bool = True,
    report: Report = print,
    *,
    folder: Path = NOTEBOOKS,
    fresh: bool = False,
    cell_seconds: float = CELL_SECONDS,
    exercises: bool = False,
) -> list[Path]:
    """Build notebooks from their sources and return their paths.

    Args:
        numbers: lessons to build; None is all.
        langs: languages to build; None is all that a lesson has.
        execute: run the cells; else outputs are taken from the notebook there is.
        report: takes one line of progress.
        folder: where ``src/`` is, and the languages' folders.
        fresh: keep no stored output: neither those of cells tagged `IGNORED`, nor
            those that differ from the new ones only in what nbval takes for chance.
        cell_seconds: time-out of one cell.
        exercises: build the labs of the exercises, instead of lessons.

    Raises:
        LessonError: a source is malformed, or a cell fails; notebooks that
            were done before that are kept, the failing one is not written.
    """
    lessons = labs() if exercises else sources(folder)
    if numbers is not None:
        wanted = set(numbers)
        if missing := wanted - {lesson.number for lesson in lessons}:
            raise LessonError(
                _("There is no lesson {numbers}; there are: {known}.").format(
                    numbers=", ".join(f"{n:02}" for n in sorted(missing)),
                    known=", ".join(lesson.name for lesson in lessons) or "–",
                )
            )
        lessons = [lesson for lesson in lessons if lesson.number in wanted]
    if langs is not None:
        langs = list(langs)
        spoken = {language for lesson in lessons for language in lesson.languages}
        if unknown := [language for language in langs if language not in spoken]:
            raise LessonError(
                _("No lesson is written in {langs}.").format(langs=", ".join(unknown))
            )
    written = []
    for lesson in lessons:
        for language in lesson.languages:
            if langs is None or language in langs:
                report(_("Building {name} in {lang} …").format(name=lesson.name, lang=language))
                written.append(_build(lesson, language, execute, folder, fresh, cell_seconds))
    return written


def _build(
    lesson: Lesson, language: str, execute: bool, folder: Path, fresh: bool, cell_seconds: float
) -> Path:
    path = lesson.notebook(language, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = assemble(lesson, language)
    metadata = notebook.metadata.copy()
    before = _stored(path)
    if execute:
        _execute(lesson, notebook, language, path.parent, cell_seconds)
        notebook.metadata = metadata  # without this kernel's version
        normalise(notebook)
    for count, cell in enumerate(_code(notebook), start=1):
        old = before.get(cell.id)
        tags = cell.metadata.get("tags", [])
        if old is not None and (
            not execute or (not fresh and (IGNORED in tags or _alike(cell.outputs, old.outputs)))
        ):
            cell.outputs = old.outputs
            cell.execution_count = old.execution_count
        if LIVE in tags:
            cell.outputs = []
        if execute:
            cell.execution_count = count
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
    nbformat.validate(notebook)
    text = nbformat.writes(notebook, version=nbformat.NO_CONVERT)
    _write(path, text if text.endswith("\n") else text + "\n")
    return path


def assemble(lesson: Lesson, language: str) -> NotebookNode:
    """Return the notebook of a lesson in a language, not executed."""
    seen: Counter[str] = Counter()
    cells = []
    for cell in lesson.cells_in(language):
        new = getattr(nbformat.v4, f"new_{cell.kind}_cell")
        made = new(source=cell.source, metadata=nbformat.from_dict(dict(cell.metadata)))
        # By content, so that an id tells whether a stored output is still this code's.
        key = f"{cell.kind}\0{cell.source}"
        seen[key] += 1
        made.id = hashlib.sha256(f"{key}\0{seen[key]}".encode()).hexdigest()[:12]
        cells.append(made)
    notebook: NotebookNode = nbformat.v4.new_notebook(cells=cells)
    notebook.nbformat_minor = 5
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {
                "file_extension": ".py",
                "mimetype": "text/x-python",
                "name": "python",
                "pygments_lexer": "ipython3",
            },
            "capas": {
                "lang": language,
                "exercise" if lesson.is_lab else "lesson": lesson.name,
                "minutes": lesson.minutes,
                "title": lesson.title(language),
            },
        }
    )
    return notebook


def _code(notebook: NotebookNode) -> Iterator[NotebookNode]:
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def _stored(path: Path) -> dict[str, NotebookNode]:
    """Return the code cells of the notebook there is, by id."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError):  # none, or not one: it is about to be written
        return {}
    return {cell.id: cell for cell in _code(notebook) if cell.execution_count is not None}


def _write(path: Path, text: str) -> None:
    """Write a file as a whole or not at all; leave one alone that has this text already."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8", newline="\n")
    new.replace(path)


def _execute(
    lesson: Lesson, notebook: NotebookNode, language: str, folder: Path, cell_seconds: float
) -> None:
    """Run a notebook's cells in a kernel of this very Python, in the notebook's folder."""
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

    at = {"cell": 0}

    def begin(cell: NotebookNode, cell_index: int) -> None:
        at["cell"] = cell_index

    with scratch_elsewhere() as scratch:
        client = NotebookClient(
            notebook,
            km=AsyncKernelManager(
                kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager()
            ),
            timeout=cell_seconds,
            iopub_timeout=30,  # on a busy machine outputs come late: not to be taken for lost
            record_timing=False,
            store_widget_state=False,
            resources={"metadata": {"path": str(folder)}},
            on_cell_start=begin,
        )
        environment = {
            **os.environ,
            "CAPAS_WORK": str(scratch),
            "CAPAS_LANG": language,
            "CAPAS_BUILD": "1",  # what a machine lacks must not become a stored output
        }
        try:
            # As nbval starts it: what a kernel itself says is not the lesson's.
            client.execute(cleanup_kc=True, env=environment, stderr=subprocess.DEVNULL)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            line = lesson.cells_in(language)[at["cell"]].line
            match error:
                case CellExecutionError():
                    reason = f"{error.ename}: {_ANSI.sub('', error.evalue)}"
                case CellTimeoutError():
                    reason = _("it takes longer than {seconds:g} s").format(seconds=cell_seconds)
                case _:
                    reason = _("the kernel died")
            raise LessonError(
                _("{where}: this cell fails in {lang}: {reason}").format(
                    where=_shown(lesson.path, line), lang=language, reason=reason
                )
            ) from None


@contextmanager
def scratch_elsewhere() -> Iterator[Path]:
    """Give a place for scratch folders other than the student's ``work/``, for a while."""
    with tempfile.TemporaryDirectory(prefix="capas-", ignore_cleanup_errors=True) as place:
        scratch = Path(place).resolve() / "work"  # called so in outputs, as the student's is
        scratch.mkdir()
        yield scratch


# --- normalising --------------------------------------------------------------------


def normalise(notebook: NotebookNode) -> None:
    """Take out of the outputs what changes from run to run or tells of this machine, in place."""
    from nbval.plugin import coalesce_streams

    replace = _replacements()
    for cell in _code(notebook):
        outputs: list[NotebookNode] = []
        for output in cell.outputs:
            output.get("metadata", {}).pop("needs_background", None)
            output.get("data", {}).pop(_WIDGET, None)
            last = outputs[-1] if outputs else None
            streams = last is not None and last.output_type == output.output_type == "stream"
            if last is not None and streams and last.name == output.name:
                last.text += output.text
            else:
                outputs.append(output)
        for output in outputs:
            if output.output_type == "stream":
                # nbval's own reading of carriage returns: what they overwrite is gone
                coalesce_streams([output])
        cell.outputs = [output for output in outputs if output.get("text") != ""]
        for output in cell.outputs:
            _replace_in(output, replace)


def _replace_in(output: NotebookNode, replace: Callable[[str], str]) -> None:
    for key in ("text", "evalue"):
        if key in output:
            output[key] = replace(output[key])
    if "traceback" in output:
        output.traceback = [replace(_ANSI.sub("", line)) for line in output.traceback]
    for mime, value in output.get("data", {}).items():
        if mime not in _NOT_TEXT and isinstance(value, str):
            output.data[mime] = replace(value)


def _alike(outputs: list[NotebookNode], stored: list[NotebookNode]) -> bool:
    """Tell whether outputs differ in nothing but what nbval takes for chance."""
    replace = _patterns(SANITIZER.read_text(encoding="utf-8"))

    def compared(outputs: list[NotebookNode]) -> list[NotebookNode]:
        outputs = deepcopy(outputs)
        for output in outputs:
            output.pop("execution_count", None)
            _replace_in(output, replace)
        return outputs

    return compared(outputs) == compared(stored)


def _replacements() -> Callable[[str], str]:
    """Return what nbval will do to a text, but for what concerns only the comparison."""
    replace = _patterns(SANITIZER.read_text(encoding="utf-8").partition("# [comparison]")[0])
    return lambda text: _tables(text, replace)


def _patterns(config: str) -> Callable[[str], str]:
    from nbval.plugin import get_sanitize_patterns

    patterns = [(re.compile(regex), new) for regex, new in get_sanitize_patterns(config)]

    def replace(text: str) -> str:
        for pattern, new in patterns:
            text = pattern.sub(new, text)
        return text

    return replace


_HEADER = re.compile(r"[A-Z]+(?: [A-Z]+)*(?: {2,}[A-Z]+(?: [A-Z]+)*)+ *")


def _tables(text: str, replace: Callable[[str], str]) -> str:
    """Replace in a text; the columns of docker's tables stay columns.

    Such a table begins with titles in capitals, at least two, two spaces apart;
    every cell begins below its title.
    """
    done: list[str] = []
    lines = text.split("\n")
    plain: list[str] = []
    at = 0
    while at < len(lines):
        if not _HEADER.fullmatch(lines[at]):
            plain.append(lines[at])
            at += 1
            continue
        starts = [found.start() for found in re.finditer(r"(?:^|(?<=  ))[A-Z]", lines[at])]
        end = at + 1
        while end < len(lines) and _fits(lines[end], starts):
            end += 1
        if plain:
            done.append(replace("\n".join(plain)))
            plain = []
        done += _table([_cut(line, starts) for line in lines[at:end]], starts, replace)
        at = end
    if plain:
        done.append(replace("\n".join(plain)))
    return "\n".join(done)


def _fits(line: str, starts: list[int]) -> bool:
    return len(line) > starts[1] and all(
        len(line) < start or line[start - 1] == " " for start in starts[1:]
    )


def _cut(line: str, starts: list[int]) -> list[str]:
    return [line[a:b].rstrip() for a, b in zip(starts, [*starts[1:], None], strict=True)]


def _table(
    before: list[list[str]], starts: list[int], replace: Callable[[str], str]
) -> Iterator[str]:
    """Yield a table's lines; a column in which something was replaced gets a new width."""
    after = [[replace(cell) for cell in row] for row in before]
    widths = [end - start for start, end in pairwise(starts)]
    for column in range(len(widths)):
        if any(old[column] != new[column] for old, new in zip(before, after, strict=True)):
            # As docker does it: three spaces between columns, and none narrower than ten.
            widths[column] = max(10, 3 + max(len(row[column]) for row in after))
    for row in after:
        yield "".join(c.ljust(w) for c, w in zip(row, [*widths, 0], strict=True)).rstrip()


# --- checking -----------------------------------------------------------------------


def check(folder: Path = NOTEBOOKS, exercises: Path = EXERCISES) -> list[str]:
    """Compare the sources with the notebooks; return what is wrong, a sentence each.

    Executes nothing. An empty list: every notebook is what `build` would make of its
    source, has been executed, and holds no error that is not meant to be there.
    """
    problems: list[str] = []
    expected: set[Path] = set()
    for path in (*sorted((folder / "src").glob("*.md")), *sorted(exercises.glob(f"*/{LAB}"))):
        try:
            lesson = read(path)
        except LessonError as error:
            problems.append(str(error))
            expected |= {found for found in folder.glob(f"*/{path.stem}.ipynb")}
            continue
        problems += correspondence(lesson)
        for language in lesson.languages:
            expected.add(notebook := lesson.notebook(language, folder))
            problems += _check(lesson, language, notebook, folder)
    for path in sorted(folder.glob("*/[0-9][0-9]-*.ipynb")):
        if path not in expected:
            problems.append(
                _("{path}: there is no source of this notebook: remove it.").format(
                    path=_shown(path)
                )
            )
    return problems


def _check(lesson: Lesson, language: str, path: Path, folder: Path) -> Iterator[str]:
    kind = " --labs" if lesson.is_lab else ""
    again = f"capas build{kind} {lesson.number:02} --lang {language}"
    where = _shown(path)
    for cell in lesson.everything_in(language):
        last = cell.source.rstrip().rpartition("\n")[2]
        if cell.kind == "code" and last.endswith(";") and last.lstrip()[:1] not in "!%":
            yield _("{where}: nbval does not heed the “;” at the end: write “_ = …”.").format(
                where=_shown(lesson.path, cell.line)
            )
        for figure in _FIGURE.finditer(cell.source if cell.kind == "markdown" else ""):
            if (
                ":" not in figure["path"]
                and not Path(os.path.normpath(path.parent / figure["path"])).exists()
            ):
                yield _("{where}: there is no figure {figure}.").format(
                    where=_shown(lesson.path, cell.line), figure=figure["path"]
                )
    if not path.exists():
        yield _("{where}: missing; run {again}.").format(where=where, again=again)
        return
    try:
        built = nbformat.read(path, as_version=nbformat.NO_CONVERT)
        nbformat.validate(built)
    except (ValueError, nbformat.ValidationError) as error:
        reason = str(error).splitlines()[0]
        yield _("{where}: not a notebook ({reason}); run {again}.").format(
            where=where, reason=reason, again=again
        )
        return
    wanted = assemble(lesson, language)
    if difference := _difference(lesson.cells_in(language), wanted, built):
        yield _("{where}: {difference} is not as in the source; run {again}.").format(
            where=where, difference=difference, again=again
        )
        return
    source = "\n".join(cell.source for cell in lesson.cells_in(language))
    quiz = folder / "quizzes" / f"{lesson.name}.yaml"
    if quiz.exists():
        source += quiz.read_text(encoding="utf-8")
    if lesson.is_lab:  # the files that it shows
        for file in sorted(lesson.path.with_name("start").rglob("*")):
            source += file.read_text(encoding="utf-8", errors="ignore") if file.is_file() else ""
    for count, ran in enumerate(_code(built), start=1):
        tags = ran.metadata.get("tags", [])
        if ran.execution_count != count:
            yield _("{where}: code cell {n} has not been executed; run {again}.").format(
                where=where, n=count, again=again
            )
            return
        for output in ran.outputs:
            if output.output_type == "error" and FAILS not in tags:
                yield _("{where}: code cell {n} ends in {error}; mend it, run {again}.").format(
                    where=where, n=count, error=output.ename, again=again
                )
        if _tells_a_path(json.dumps(ran.outputs, ensure_ascii=False), source):
            yield _("{where}: the output of code cell {n} tells a path of this machine.").format(
                where=where, n=count
            )


def _tells_a_path(outputs: str, lesson: str) -> bool:
    """Return whether outputs name a place that there is only on the machine of the build."""
    here = {str(ROOT), str(Path.home())} - {"/", "/root"}  # root's home is in containers, too
    return any(place in outputs for place in here) or any(
        found[0].rstrip(".") not in lesson for found in _MACHINE.finditer(outputs)
    )


def _difference(cells: list[Cell], wanted: NotebookNode, built: NotebookNode) -> str:
    """Return what of a notebook is not as its source says, or an empty text."""
    if (built.nbformat, built.nbformat_minor, built.metadata) != (
        wanted.nbformat,
        wanted.nbformat_minor,
        wanted.metadata,
    ):
        return _("the metadata")
    for n, (source, want, have) in enumerate(
        zip(cells, wanted.cells, built.cells, strict=False), start=1
    ):
        for key in ("cell_type", "source", "metadata", "id"):
            if want[key] != have.get(key):
                return _("cell {n} (line {line})").format(n=n, line=source.line)
    if len(wanted.cells) != len(built.cells):
        return _("the number of cells")
    return ""
