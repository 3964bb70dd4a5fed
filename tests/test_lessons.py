"""From source to notebook, and what catches a notebook that is not right."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import nbformat
import pytest
from nbformat import NotebookNode
from nbval.plugin import get_sanitize_patterns

from capas import lessons
from capas.engine import Engine
from capas.lessons import LessonError
from capas.paths import ROOT

SAMPLE = Path(__file__).parent / "data" / "99-sample.md"

HEADER = """\
---
kernelspec: {display_name: Python 3 (ipykernel), language: python, name: python3}
capas: {minutes: 5, title: {en: A, es: Una}}
---
"""


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPAS_LANG", "en")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample lesson, built once; tests change copies of it."""
    folder = tmp_path_factory.mktemp("built") / "notebooks"
    (folder / "src").mkdir(parents=True)
    shutil.copy(SAMPLE, folder / "src")
    lessons.build(folder=folder, report=lambda line: None)
    return folder


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """A copy of the built sample."""
    return Path(shutil.copytree(built, tmp_path / "notebooks"))


def source(folder: Path, text: str, name: str = "01-x.md", header: str = HEADER) -> Path:
    path = folder / "src" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(header + text, encoding="utf-8")
    return path


def notebook(folder: Path, language: str = "en") -> NotebookNode:
    read: NotebookNode = nbformat.read(folder / language / "99-sample.ipynb", as_version=4)
    return read


def change(folder: Path, edit: Callable[[NotebookNode], None], language: str = "en") -> None:
    """Edit a built notebook, as somebody who does not know about the source would."""
    content = notebook(folder, language)
    edit(content)
    nbformat.write(content, folder / language / "99-sample.ipynb")


# --- what is built --------------------------------------------------------------------


def test_each_language_has_its_prose_and_the_same_code(built: Path) -> None:
    en, es = notebook(built, "en"), notebook(built, "es")
    prose = [
        [cell.source for cell in content.cells if cell.cell_type == "markdown"]
        for content in (en, es)
    ]
    assert prose[0] == ["# A sample", "`import capas` in *every* language.", "Watch the error."]
    assert prose[1] == ["# Una muestra", "`import capas` in *every* language.", "Mirá el error."]
    code = [
        [
            (cell.id, cell.source, cell.metadata)
            for cell in content.cells
            if cell.cell_type == "code"
        ]
        for content in (en, es)
    ]
    assert code[0] == code[1]


def test_slides_and_tags_travel_through(built: Path) -> None:
    first, *_, error = notebook(built).cells[:5]
    assert first.metadata == {"slideshow": {"slide_type": "slide"}}
    assert error.metadata == {
        "slideshow": {"slide_type": "fragment"},
        "tags": ["raises-exception"],
    }


def test_metadata_holds_nothing_that_changes_by_itself(built: Path) -> None:
    content = notebook(built, "es")
    assert content.metadata["capas"] == {
        "lang": "es",
        "lesson": "99-sample",
        "minutes": 5,
        "title": "Una muestra",
    }
    assert "version" not in content.metadata["language_info"]
    assert set(content.metadata) == {"capas", "kernelspec", "language_info"}


def test_outputs_are_normalised_and_counted(built: Path) -> None:
    code = [cell for cell in notebook(built).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4]
    assert code[1].outputs[0].ename == "ZeroDivisionError"
    by_kind = {output.get("name", output.output_type): output for output in code[2].outputs}
    assert by_kind["stdout"].text == "it is ‹time›\n", "no progress, no time of this build"
    assert by_kind["stderr"].text == "warned\n"
    assert by_kind["execute_result"].execution_count == 3


def test_building_again_changes_no_byte(folder: Path) -> None:
    paths = sorted(folder.glob("*/*.ipynb"))
    before = [path.read_bytes() for path in paths]
    pid = notebook(folder).cells[-1].outputs[0].data["text/plain"]
    lessons.build(folder=folder, report=lambda line: None)
    assert [path.read_bytes() for path in paths] == before
    assert notebook(folder).cells[-1].outputs[0].data["text/plain"] == pid, "ignored: kept"


def test_an_ignored_output_is_made_anew_on_request_or_when_its_source_changes(
    folder: Path,
) -> None:
    def pid() -> str:
        return str(notebook(folder).cells[-1].outputs[0].data["text/plain"])

    first = pid()
    lessons.build(langs=["en"], folder=folder, fresh=True, report=lambda line: None)
    second = pid()
    assert second != first
    path = folder / "src/99-sample.md"
    path.write_text(path.read_text().replace("os.getpid()", "os.getpid() + 1_000_000"))
    lessons.build(langs=["en"], folder=folder, report=lambda line: None)
    assert int(pid()) > 1_000_000


def test_of_a_page_that_is_gone_with_its_container_nothing_is_stored(tmp_path: Path) -> None:
    tags = ":tags: [live, nbval-ignore-output]"
    source(tmp_path, f"```{{code-cell}} ipython3\n{tags}\n\n1 + 1\n```\n", "99-sample.md")
    lessons.build(langs=["en"], folder=tmp_path, report=lambda line: None)
    (cell,) = notebook(tmp_path).cells
    assert (cell.execution_count, cell.outputs) == (1, [])


def test_without_execution_the_stored_outputs_stay(folder: Path) -> None:
    before = notebook(folder)
    path = folder / "src/99-sample.md"
    path.write_text(path.read_text().replace("# A sample", "# The sample"))
    lessons.build(execute=False, folder=folder, report=lambda line: None)
    after = notebook(folder)
    assert after.cells[0].source == "# The sample"
    assert after.cells[2:] == before.cells[2:]
    assert lessons.check(folder) == []


def test_building_is_by_number_and_language(folder: Path) -> None:
    said: list[str] = []
    written = lessons.build([99], ["es"], execute=False, folder=folder, report=said.append)
    assert [path.relative_to(folder).as_posix() for path in written] == ["es/99-sample.ipynb"]
    assert said == ["Building 99-sample in es …"]
    with pytest.raises(LessonError, match="no lesson 07; there are: 99-sample"):
        lessons.build([7], folder=folder)
    with pytest.raises(LessonError, match="No lesson is written in fr"):
        lessons.build(langs=["fr"], folder=folder)


def test_lessons_know_what_they_are() -> None:
    lesson = lessons.read(SAMPLE)
    assert (lesson.number, lesson.slug, lesson.name) == (99, "sample", "99-sample")
    assert (lesson.languages, lesson.title("es"), lesson.minutes) == (
        ["en", "es"],
        "Una muestra",
        5,
    )


def test_the_kernel_speaks_the_notebooks_language(tmp_path: Path) -> None:
    source(tmp_path, "```{code-cell}\nimport os\nprint(os.environ['CAPAS_LANG'])\n```\n")
    for path in lessons.build(folder=tmp_path, report=lambda line: None):
        content = nbformat.read(path, as_version=4)
        assert content.cells[0].outputs[0].text == f"{path.parent.name}\n"


# --- malformed sources ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('+++ {"lang": "fr"}\n\nBonjour\n', r":6: unknown lang “fr”; the titles are in: en, es"),
        ('one\n\n+++ {"lang": "en"\n\nHello\n', r":7: Expecting ',' delimiter"),
        ('+++ ["lang"]\n\nHello\n', r":5: .*is not a dict"),
        ("```{code-cell}\n:lang: en\n\n1\n```\n", r":5: only Markdown has a “lang”"),
        ("```{code-cell}\n:tags: [a\n\n1\n```\n", r":5: Invalid YAML"),
        ("```{code-cell}\n:tags: skip\n\n1\n```\n", r":6: 'skip' is not of type 'array'"),
        ("```{code}\n1\n```\n", r":5: “```\{code\}” begins no code cell"),
    ],
)
def test_a_malformed_source_is_told_with_file_and_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = source(tmp_path, text)
    with pytest.raises(LessonError, match=re.escape(str(path)) + message):
        lessons.read(path)
    assert re.search(message, lessons.check(tmp_path)[0])


def test_a_source_needs_a_name_and_a_header(tmp_path: Path) -> None:
    with pytest.raises(LessonError, match=r"a lesson is called NN-slug\.md"):
        lessons.read(source(tmp_path, "", name="first.md"))
    with pytest.raises(LessonError, match=r":1: the header needs capas"):
        lessons.read(source(tmp_path, "", header="---\ntitle: x\n---\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('+++ {"lang": "en"}\n\nHello\n', r"1 cells in en, 0 in es, before code cell 1"),
        (
            '+++ {"lang": "en", "slideshow": {"slide_type": "slide"}}\n\nHello\n\n'
            '+++ {"lang": "es"}\n\nHola\n',
            r":10: this cell's metadata is not that of its en cell",
        ),
        (
            '+++ {"lang": "en"}\n\nHello\n\n```{code-cell}\n1\n```\n\n+++ {"lang": "es"}\n\nHola\n',
            r"0 in es, before code cell 1",
        ),
    ],
)
def test_languages_go_side_by_side(tmp_path: Path, text: str, message: str) -> None:
    path = source(tmp_path, text)
    assert re.search(message, lessons.correspondence(lessons.read(path))[0])
    assert re.search(message, lessons.check(tmp_path)[0])


# --- cells that fail ------------------------------------------------------------------


def test_a_failing_cell_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    source(tmp_path, 'Text\n\n```{code-cell}\n1\n```\n\n```{code-cell}\nint("x")\n```\n')
    with pytest.raises(LessonError, match=r"01-x\.md:11: this cell fails in en: ValueError: inv"):
        lessons.build(folder=tmp_path, report=lambda line: None)
    assert list(tmp_path.glob("*/*.ipynb")) == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import time\ntime.sleep(60)", "it takes longer than 2 s"),
        ("import os\nos._exit(1)", "the kernel died"),
    ],
)
def test_a_hanging_and_a_dead_kernel_are_ended(tmp_path: Path, code: str, reason: str) -> None:
    source(tmp_path, f"```{{code-cell}}\n{code}\n```\n")
    with pytest.raises(LessonError, match=f":5: this cell fails in en: {reason}"):
        lessons.build(langs=["en"], folder=tmp_path, report=lambda line: None, cell_seconds=2)


# --- check ----------------------------------------------------------------------------


def test_a_semicolon_that_nbval_would_not_heed_is_told(tmp_path: Path) -> None:
    source(tmp_path, "```{code-cell}\nx = 1\nx;\n```\n\n```{code-cell}\n!ls;\n```\n")
    semicolons = [problem for problem in lessons.check(tmp_path) if "“;”" in problem]
    assert [re.findall(r":(\d+): nbval", problem) for problem in semicolons] == [["5"], ["5"]]


def test_all_is_well(folder: Path) -> None:
    assert lessons.check(folder) == []


def _append_text(content: NotebookNode) -> None:
    content.cells[0].source += " by hand"


def _edit_code(content: NotebookNode) -> None:
    content.cells[2].source = "print('two')"


def _retag(content: NotebookNode) -> None:
    del content.cells[4].metadata["tags"]


def _new_id(content: NotebookNode) -> None:
    content.cells[2].id = "other"


def _swap(content: NotebookNode) -> None:
    content.cells[0], content.cells[1] = content.cells[1], content.cells[0]


def _drop(content: NotebookNode) -> None:
    del content.cells[-1]


def _kernel(content: NotebookNode) -> None:
    content.metadata.language_info["version"] = "3.13.5"


def _not_run(content: NotebookNode) -> None:
    content.cells[2].execution_count = None
    content.cells[2].outputs = []


def _error(content: NotebookNode) -> None:
    content.cells[2].outputs = content.cells[4].outputs


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_append_text, r"cell 1 \(line 18\) is not as in the source"),
        (_edit_code, r"cell 3 \(line \d+\) is not as in the source"),
        (_retag, r"cell 5 \(line \d+\) is not as in the source"),
        (_new_id, r"cell 3 \(line \d+\) is not as in the source"),
        (_swap, r"cell 1 \(line 18\) is not as in the source"),
        (_drop, "the number of cells is not as in the source"),
        (_kernel, "the metadata is not as in the source"),
        (_not_run, "code cell 1 has not been executed"),
        (_error, "code cell 1 ends in ZeroDivisionError"),
    ],
)
def test_a_notebook_that_drifts_is_caught(
    folder: Path, edit: Callable[[NotebookNode], None], message: str
) -> None:
    change(folder, edit)
    [problem] = lessons.check(folder)
    assert re.search(message, problem)
    assert re.search(r"run capas build 99 --lang en\.$", problem)


def test_a_source_that_changes_is_caught_in_each_language(folder: Path) -> None:
    path = folder / "src/99-sample.md"
    path.write_text(path.read_text().replace('print("one")', 'print("uno")'))
    problems = lessons.check(folder)
    assert [re.findall(r"--lang (\w+)", problem) for problem in problems] == [["en"], ["es"]]


def test_missing_and_forgotten_notebooks_are_caught(folder: Path) -> None:
    (folder / "es/99-sample.ipynb").rename(folder / "es/98-old.ipynb")
    (folder / "en/99-sample.ipynb").write_text("<<<<<<< not JSON")
    problems = lessons.check(folder)
    assert [re.sub(r"^\S+/notebooks/", "", problem)[:32] for problem in problems] == [
        "en/99-sample.ipynb: not a notebo",
        "es/99-sample.ipynb: missing; run",
        "es/98-old.ipynb: there is no sou",
    ]


def test_a_missing_figure_and_a_path_of_this_machine_are_caught(folder: Path) -> None:
    path = folder / "src/99-sample.md"
    path.write_text(path.read_text() + "\n+++\n\n![a picture](../figures/absent.svg)\n")
    (folder / "figures").mkdir()
    problems = lessons.check(folder)
    assert "there is no figure ../figures/absent.svg" in problems[0]
    (folder / "figures/absent.svg").touch()
    lessons.build(execute=False, folder=folder, report=lambda line: None)
    assert lessons.check(folder) == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"{ROOT}/capas", True),
        ("connected to unix:///tmp/x/docker.sock.", True),
        ("File /tmp/ipykernel_7/1.py", True),
        ("/home/ana/capas", True),
        (r"C:\Users\Ana", True),
        ("unix:///var/run/docker.sock, unix:///run/user/1000/docker.sock", False),
        ("cat: can't open '/tmp/note'", False),
        ("https://example.org/home/ana /var/tmp/x", False),
    ],
)
def test_a_path_of_this_machine_is_caught(said: str, told: bool) -> None:
    assert lessons._tells_a_path(json.dumps([said]), "!docker run busybox touch /tmp/note") is told


def test_a_path_of_this_machine_in_a_notebook_is_told(folder: Path) -> None:
    def tell(content: NotebookNode) -> None:
        content.cells[2].outputs[0].text = "unix:///elsewhere/docker.sock"

    change(folder, tell)
    assert "tells a path of this machine" in lessons.check(folder)[0]


# --- what nbval catches ---------------------------------------------------------------


def nbval(folder: Path, *more: str) -> dict[str, str]:
    """Run `pytest --nbval` as by hand, with the course's own conftest; return what each cell did.

    As "en 0" (language, code cell from 0): "PASSED"; and "output": all that pytest said.
    """
    shutil.copy(ROOT / "conftest.py", folder)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "-rA"]
    done = subprocess.run(
        [*command, "--rootdir", str(folder), "--nbval", *more, "en", "es"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    cells = re.findall(r"^(\w+) (\w\w)/99-sample\.ipynb::Cell (\d+)", done.stdout, re.MULTILINE)
    return {f"{lang} {n}": did for did, lang, n in cells} | {"output": done.stdout + done.stderr}


def test_nbval_passes_what_is_right_twice(folder: Path) -> None:
    for _ in range(2):
        done = nbval(folder)
        assert "8 passed" in done["output"], done["output"]


def test_nbval_catches_wrong_outputs_and_failing_cells(folder: Path) -> None:
    def wrong(content: NotebookNode) -> None:
        content.cells[2].outputs[0].text = "two\n"
        content.cells[4].source = "1 / 1"
        [result] = [o for o in content.cells[5].outputs if o.output_type == "execute_result"]
        result.data["text/plain"] = "{'answer': 43}"

    def fails(content: NotebookNode) -> None:
        content.cells[2].source = "print(undefined)"
        content.cells[5].outputs = content.cells[5].outputs[:1]

    change(folder, wrong)
    change(folder, fails, "es")
    done = nbval(folder)
    assert done.pop("output").count("Cell outputs differ") >= 4
    assert done == {
        "en 0": "FAILED",  # wrong text
        "en 1": "FAILED",  # was to fail, and does not
        "en 2": "FAILED",  # wrong number
        "en 3": "PASSED",
        "es 0": "FAILED",  # a NameError
        "es 1": "PASSED",
        "es 2": "FAILED",  # an output is missing
        "es 3": "PASSED",
    }


def test_nbval_ends_a_dead_and_a_hanging_kernel(folder: Path) -> None:
    def die(content: NotebookNode) -> None:
        content.cells[2].source = "import os\nos._exit(1)"

    def hang(content: NotebookNode) -> None:
        content.cells[2].source = "import time\ntime.sleep(600)"

    change(folder, die)
    change(folder, hang, "es")
    done = nbval(folder, "--nbval-cell-timeout", "2")
    assert done["output"].count("Timeout of 2 seconds exceeded") >= 2
    assert (done["en 0"], done["es 0"]) == ("FAILED", "FAILED")
    assert "en 1" not in done or done["en 1"] != "PASSED"


@pytest.mark.engine
def test_a_lesson_that_leaves_something_behind_is_caught(folder: Path, engine: Engine) -> None:
    left = f"capas-left-{uuid4().hex[:8]}"

    def leave(content: NotebookNode) -> None:
        content.cells[2].source = f"import capas\nmade = !docker volume create {left}"
        content.cells[2].outputs = []

    change(folder, leave)
    try:
        done = nbval(folder)
    finally:
        engine.run("volume", "rm", left)
    assert "99-sample does not leave the engine as it was:" in done["output"]
    assert f"left behind: volume {left}" in done["output"]
    assert "PASSED" in done["es 0"], "the next notebook begins anew"
    assert done["output"].count("ERROR at teardown") == 1


def test_fast_leaves_notebooks_out(folder: Path) -> None:
    assert "8 skipped" in nbval(folder, "--fast")["output"]


# --- what the sanitiser does and does not ---------------------------------------------


def sanitise(text: str) -> str:
    """Do what nbval does to a text."""
    for regex, new in get_sanitize_patterns(lessons.SANITIZER.read_text(encoding="utf-8")):
        text = re.sub(regex, new, text)
    return text


ID = "3f2a9c81d7e0"
LONG = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (f"Digest: sha256:{LONG}", "Digest: sha256:‹digest›"),
        (LONG, "‹id›"),
        (f"removed {ID}", "removed ‹id›"),
        (f"root@{ID}:/app#", "root@‹id›:/app#"),
        ("123456789012", "‹id›"),
        ("of ref 3003bf98-69ca-429f-b0fa-dbea871c28a1::1k9514ukzq4ibv0jkefhzgbqq:", "of ref ‹id›:"),
        ("<capas.Note at 0x7f5c3a1b2d90>", "<capas.Note at 0x‹id›>"),
        ("Started server process [8]", "Started server process [‹pid›]"),
        ('"Created": "2026-11-23T19:15:46.1234Z",', '"Created": "‹time›",'),
        ("2026-11-23 19:15:46 +0000 UTC", "‹time›"),
        ("2026-11-23 19:15:46,123 INFO", "‹time› INFO"),
        ("date: Mon, 23 Nov 2026 19:15:46 GMT", "date: ‹time›"),
        ("Mon Nov 23 19:15:46 UTC 2026", "‹time›"),
        ('- - [23/Nov/2026 19:17:51] "GET', '- - [‹time›] "GET'),
        ("-rw-r--r-- 1 root root 177 Nov 23 19:17 x", "-rw-r--r-- 1 root root 177 ‹time› x"),
        ('172.18.0.1:51234 - "GET /', '‹address› - "GET /'),
        ("web has address 172.18.0.3", "web has address ‹address›"),
        ("http://172.18.0.3:8000", "http://‹address›:8000"),
        ('npm notice\nnpm notice New version!\n"notes"', '"notes"'),
        ("/home/ana/capas/work/06-dockerfile/app", "‹course›/work/06-dockerfile/app"),
    ],
)
def test_what_chance_decides_is_replaced(text: str, stored: str) -> None:
    assert sanitise(text) == stored
    assert lessons._replacements()(text) == stored, "the builder stores what nbval compares"


@pytest.mark.parametrize(
    ("text", "compared"),
    [
        ("Exited (137) 5 seconds ago", "Exited (137) ‹time› ago"),
        ("Up About a minute (healthy)", "Up ‹time› (healthy)"),
        ("[4/6] RUN pip install x  6.2s", "[4/6] RUN pip install x  ‹time›"),
        ("[api 4/6] RUN npm ci  0.2s", "[api 4/6] RUN npm ci  ‹time›"),
        ("2 failed, 3 passed in 0.12s", "2 failed, 3 passed in ‹time›"),
        ("VITE v7.1.0  ready in 512 ms", "VITE v7.1.0  ready in ‹time›"),
        ("[2/6] WORKDIR /app  CACHED", "[2/6] WORKDIR /app"),
        ("[2/6] WORKDIR /app  0.1s", "[2/6] WORKDIR /app"),
        ("notes   264MB", "notes   ‹size›"),
        ("WARN[0001] version is obsolete", "WARN[‹time›] version is obsolete"),
        ("http://127.0.0.1:8000/health", "http://127.0.0.1:‹port›/health"),
        ("127.0.0.1:43211->8000/tcp", "127.0.0.1:‹port›->8000/tcp"),
        ("19772\t.", "‹size›\t."),
    ],
)
def test_what_is_measured_is_stored_and_not_compared(text: str, compared: str) -> None:
    assert sanitise(text) == compared
    assert lessons._replacements()(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "42",
        "0.123 mean, 0.456 deviation",
        "264 megabytes",
        "[3/6] COPY . .  CACHED",
        "3 containers, 12 layers, exit code 137",
        "Python 3.13.5",
        "[4/6] RUN pip install x  CACHED",
        "[4/6] RUN sleep 6.2s and more",
        "tables: ['notes']",
        "HTTP/1.1 404 Not Found",
        "0.0.0.0:8000->8000/tcp",
        "8.8.8.8 and 192.0.2.1",
        "waited 30 seconds",
        "deadbeef",
        "version 1.2.3.4-172.18",
        "Up and running",
        "2026-11-23",
        "Container web  Healthy",
        "/usr/local/work/of/art",
        "a  table   of    words",
    ],
)
def test_what_a_lesson_claims_is_not(text: str) -> None:
    assert sanitise(text) == text
    assert lessons._replacements()(text) == text


PS = """\
CONTAINER ID   IMAGE     COMMAND                  CREATED         STATUS                   PORTS                      NAMES
3f2a9c81d7e0   busybox   "sleep 1000"             5 seconds ago   Up 4 seconds (healthy)   127.0.0.1:8000->80/tcp     web
4f2a9c81d7e0   api       "python -m http.serv…"   2 hours ago     Exited (0) 1 hour ago                               api
not part of it
"""  # noqa: E501


def test_dockers_tables_stay_tables_and_compare_by_content() -> None:
    stored = lessons._replacements()(PS)
    assert stored.splitlines() == [
        "CONTAINER ID   IMAGE     COMMAND                  CREATED         STATUS"
        "                   PORTS                      NAMES",
        '‹id›           busybox   "sleep 1000"             5 seconds ago   Up 4 seconds (healthy)'
        "   127.0.0.1:8000->80/tcp     web",
        '‹id›           api       "python -m http.serv…"   2 hours ago     Exited (0) 1 hour ago'
        "                               api",
        "not part of it",
    ]
    later = PS.replace("8000->80/tcp ", "43210->80/tcp").replace(
        "5 seconds ago  ", "31 seconds ago "
    )
    assert sanitise(stored) == sanitise(later) == sanitise(PS)
    assert sanitise(PS.replace("busybox", "busybux")) != sanitise(stored)
    assert sanitise(PS.replace("Exited (0)", "Exited (1)")) != sanitise(stored)


def test_a_rebuild_keeps_what_was_measured_unless_something_else_changed(tmp_path: Path) -> None:
    code = "import time\nprint(f'1 passed in {time.perf_counter()}s', {value})"
    path = source(tmp_path, f"```{{code-cell}}\n{code}\n```\n")
    built = tmp_path / "en/01-x.ipynb"

    def printed() -> str:
        return str(nbformat.read(built, as_version=4).cells[0].outputs[0].text)

    # The value comes from outside, so that the source, and with it the cell's id, stays.
    path.write_text(path.read_text().replace("{value}", "open('../value').read()"))
    (tmp_path / "value").write_text("42")
    lessons.build(langs=["en"], folder=tmp_path, report=lambda line: None)
    first = printed()
    lessons.build(langs=["en"], folder=tmp_path, report=lambda line: None)
    assert printed() == first
    (tmp_path / "value").write_text("43")
    lessons.build(langs=["en"], folder=tmp_path, report=lambda line: None)
    assert printed().endswith("s 43\n")
    assert printed()[:-3] != first[:-3]


IMAGES = """\
REPOSITORY   TAG       IMAGE ID       CREATED         SIZE
notes        latest    3f2a9c81d7e0   5 seconds ago   264MB
"""


def test_a_column_that_is_replaced_does_not_move_the_others() -> None:
    stored = lessons._replacements()(IMAGES)
    assert stored.splitlines()[1] == "notes        latest    ‹id›       5 seconds ago   264MB"
    assert sanitise(stored) == sanitise(IMAGES)


def test_a_table_in_which_nothing_is_replaced_stays_as_it_is() -> None:
    table = "PID   USER     COMMAND\n    1 root     ps"
    assert lessons._replacements()(table) == table


def test_the_sanitiser_file_is_read_as_it_is_meant() -> None:
    text = lessons.SANITIZER.read_text(encoding="utf-8")
    patterns: list[tuple[str, str]] = get_sanitize_patterns(text)
    assert len(patterns) == text.count("\nregex: ") == len(dict(patterns))
    for regex, _ in patterns:
        re.compile(regex)
    assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_pictures_are_left_alone() -> None:
    picture: dict[str, Any] = {"image/png": f"{ID}iVBORw0KGgo", "text/plain": f"id {ID}"}
    output = nbformat.v4.new_output("display_data", data=picture)
    lessons._replace_in(output, lessons._replacements())
    assert json.loads(json.dumps(output.data)) == {
        "image/png": f"{ID}iVBORw0KGgo",
        "text/plain": "id ‹id›",
    }
