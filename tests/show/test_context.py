"""The explorer's sieve is the real builder's, file by file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from capas import language
from capas.engine import Engine
from capas.errors import CapasError
from capas.paths import ROOT
from capas.show.context import Context, sent, sized
from capas.show.dockerignore import BadPattern, decides, files, patterns, survey

FILES = [
    *("Dockerfile", ".dockerignore", ".env", ".env.local", "README.md", "readme.txt", "main.py"),
    *("notes.db", "a/notes.db", "a/b/notes.db", "a/b/c.txt", "a/keep.txt", "a-b/c.txt"),
    *(".venv/lib/x.so", "tests/__pycache__/t.pyc", "__pycache__/m.pyc", "tests/t.py"),
    *("docs/en/a.md", "docs/en/b.md", "docs/es/a.md", "x[1].txt", "x1.txt", "xbar", "a/foobar"),
    *("alembic/__pycache__/env.pyc", "alembic/env.py", "alembic/versions/__pycache__/1.pyc"),
]
LECTURE = (ROOT / "notebooks/lecture/fastapi/dockerignore.lecture").read_text(encoding="utf-8")
OURS = (ROOT / "sample_apps/fastapi_example/.dockerignore").read_text(encoding="utf-8")

CASES = [
    "",
    LECTURE,
    OURS,
    ".env\n.venv",
    "*.db",
    "**/*.db",
    "*/*.db",
    "*/*",
    "**",
    "**\n!a/b/c.txt",
    "*\n!main.py\n!docs\ndocs/es",
    "a\n!a/b",
    "a/\n!a/b/\na/b/notes.db",
    "!a/b\na",
    "/main.py\n./a/b/../keep.txt",
    "README.md\nreadme.*",
    "readme.md",
    "x?.txt",
    "x[12].txt",
    "x[^2].txt",
    r"x\[1\].txt",
    "# a comment\n  main.py  \n#.env",
    "**/b",
    "**bar",
    "**/foobar",
    "a/**",
    "a/**/c.txt",
    "a/**\n!**/c.txt",
    "docs/**/*.md\n!docs/en/a.md",
    ".\n/",
    "Dockerfile\n.dockerignore",
    "a-b\na.b",
    "a/b\n!a",
    "a/b\n!a\n!a/b/*.txt",
    "a\n!a",
    "**/b\n!a/b\na/b/c.txt\n!**/c.txt",
    "*/b\n!a/**",
    "d*s/e?/[a-a].md",
]


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    language.use("en")
    yield
    language.use(None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(FILES):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * number)
    return tmp_path


@pytest.mark.engine
def test_the_sieve_is_the_builders(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    for case in CASES:
        mine = {one.path: one.size for one in files(survey(folder, case)) if not one.files_out}
        assert sent(folder, case) == mine, case


@pytest.mark.engine
@pytest.mark.parametrize("case", ["!", "a[", "[", "x[12", "a\\"])
def test_what_the_builder_refuses(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, folder: Path, case: str
) -> None:
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadPattern):
        patterns(f"ok\n{case}")
    with pytest.raises(CapasError):
        sent(folder, f"ok\n{case}")


def test_the_line_that_decided() -> None:
    rules = patterns("# data\n*.db\n\n!keep.db\nkeep.db\n")
    for path, line in {"x.db": 2, "keep.db": 5, "a/x.db": None}.items():
        found = decides(path, rules)
        assert (found.line if found else None) == line
    back = decides("keep.db", patterns("*.db\n!keep.db"))
    assert back is not None
    assert back.back
    # It had nothing to bring back, neither here nor in the lecture's `!alembic/`.
    assert decides("alembic/x.db", patterns("**/*.db\n!alembic")) is not None
    assert decides("main.py", patterns("!main.py")) is None


def test_bytes_add_up(folder: Path) -> None:
    found = survey(folder, "**/*.db\n.venv")
    assert found.size == sum(range(len(FILES)))
    assert found.files == len(FILES)
    out = [n for n, name in enumerate(FILES) if name.endswith(".db") or ".venv" in name]
    assert (found.out, found.files_out) == (sum(out), len(out))
    states = {one.name: one.kept_out for one in found.entries}
    assert states[".venv"]
    assert not states["a"]


def test_the_widget_follows_its_patterns(folder: Path) -> None:
    (folder / ".dockerignore").write_text(".venv\n")
    explorer = Context(folder)
    assert explorer.text == ".venv\n"
    explorer._act({"do": "edit", "text": "*\n!main.py"})
    assert "1 of 27 files" in explorer.total
    tree = {one["name"]: one for one in explorer.tree["entries"]}
    assert (tree["main.py"]["state"], tree["main.py"]["rule"]) == ("sent", "!main.py")
    assert (tree["a"]["state"], tree["a"]["entries"]) == ("out", [])
    assert (folder / ".dockerignore").read_text() == ".venv\n"
    explorer._act({"do": "edit", "text": "*\n!"})
    assert "Line 2" in explorer.fault
    explorer._act({"do": "edit", "text": "*.db"})
    assert explorer.fault == ""
    explorer._act({"do": "save"})
    assert (folder / ".dockerignore").read_text() == "*.db"


@pytest.mark.engine
def test_the_widget_asks_the_builder(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    explorer = Context(folder)
    explorer._act({"do": "edit", "text": "**/*.db\n.venv"})
    explorer._act({"do": "ask"})
    assert explorer._asking
    explorer._asking.join(60)
    assert "the same 23 files" in explorer.message


def test_the_still(folder: Path) -> None:
    (folder / ".dockerignore").write_text("*.db\n.venv")
    still = Context(folder).still()
    assert "✗ kept out  .venv/" in still["text/plain"]
    assert "◐" not in still["text/plain"]
    assert still == Context(folder).still()


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CapasError, match="no folder"):
        Context(tmp_path / "none")


def test_sizes() -> None:
    assert [sized(n) for n in (0, 999, 1000, 1500, 20_000_000)] == [
        *("0 B", "999 B", "1 kB", "1.5 kB", "20 MB")
    ]
    language.use("es")
    assert sized(1500) == "1,5 kB"
