"""The repository's address, undecided while the course is written: one command sets it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from capas.paths import ROOT
from docs import address


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """All files in which an address may stand."""
    for pattern in address.FILES:
        for file in ROOT.glob(pattern):
            target = tmp_path / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    return tmp_path


def texts(root: Path) -> dict[Path, str]:
    return {p: p.read_text("utf-8") for p in root.rglob("*") if p.is_file()}


def test_it_stands_everywhere_afterwards(copy: Path) -> None:
    owner, name = address.current(copy)
    before = texts(copy)
    changed = address.write("ana-b", "curso", copy)
    assert {Path("README.md"), Path("README.es.md"), Path("pyproject.toml")} <= set(changed)
    assert address.current(copy) == ("ana-b", "curso")
    after = texts(copy)
    assert not any(f"{owner}/{name}" in text for text in after.values())
    readme = (copy / "README.md").read_text("utf-8")
    assert "https://codespaces.new/ana-b/curso)" in readme
    assert "https://mybinder.org/v2/gh/ana-b/curso/main?" in readme
    assert "git clone https://github.com/ana-b/curso\ncd curso\n" in readme
    address.write(owner, name, copy)
    assert texts(copy) == before


def test_no_other_file_has_it() -> None:
    owner, name = address.current()
    found = subprocess.run(
        ["git", "grep", "--files-with-matches", "--fixed-strings", f"{owner}/{name}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    known = {file.relative_to(ROOT).as_posix() for p in address.FILES for file in ROOT.glob(p)}
    assert "docs/classroom/classroom.yml" in found
    assert set(found) <= known


def test_nothing_else_is_touched(copy: Path) -> None:
    address.write("ana-b", "curso", copy)
    others = re.compile(r"https://github\.com/(?!OWNER/|ana-b/)[\w.-]+/[\w.-]+")
    for file in ROOT.glob("*.md"):
        mine = (copy / file.name).read_text("utf-8")
        assert others.findall(file.read_text("utf-8")) == others.findall(mine)


@pytest.mark.parametrize(
    "given", ["https://github.com/a/b", "https://github.com/a/b.git", "git@github.com:a/b.git"]
)
def test_forms_of_an_address(given: str) -> None:
    assert address.parse(given) == ("a", "b")


@pytest.mark.parametrize("given", ["capas", "https://gitlab.com/a/b", "https://github.com/a", ""])
def test_no_repository_is_a_sentence(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert address.main([given]) == 1
    assert "https://github.com/somebody/capas" in capsys.readouterr().err
