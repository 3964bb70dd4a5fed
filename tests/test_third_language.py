"""A further language is a catalogue and prose: no line of code changes.

In a copy of the repository there is a language "xx", of which no other program has heard: its
catalogue puts every text into « », and one small lesson is written in it.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import requests
from babel.messages.pofile import read_po, write_po

from capas.engine import Engine
from capas.grading.submissions import extract
from capas.show import figures
from tests.deploy.checkout import archive
from tests.show.test_protocol import EACH
from tests.test_lab import NOWHERE

LESSON = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3 (ipykernel), language: python, name: python3}
capas: {minutes: 1, title: {en: Start here, xx: «Start here»}}
---

+++ {"lang": "en"}

# Start here

+++ {"lang": "xx"}

# «Start here»

```{code-cell} ipython3
from capas import show
from capas.language import current
from capas.show.two_stacks import Stacks

print(current(), Stacks().still()["text/plain"][:1])
```
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copy")
    extract(archive(), root)
    with (root / "capas/locale/es.po").open("rb") as file:
        catalogue = read_po(file)
    for message in catalogue:
        if message.id:
            pair = isinstance(message.id, tuple | list)
            message.string = tuple(f"«{t}»" for t in message.id) if pair else f"«{message.id}»"
    for text in figures.words():
        catalogue.add(text, f"«{text}»")
    catalogue.header_comment = ""
    with (root / "capas/locale/xx.po").open("wb") as new:
        write_po(new, catalogue, width=0)
    for source in (root / "notebooks/src").glob("*.md"):
        source.unlink()
    (root / "notebooks/src/00-start-here.md").write_text(LESSON, encoding="utf-8")
    return root


def run(copy: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("CAPAS_", "DOCKER_"))}
    environment |= {"PYTHONPATH": str(copy), "CAPAS_HOME": str(copy / "home"), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env={**environment, **more},
        capture_output=True,
        text=True,
        timeout=170,
    )


def test_help_and_options_know_it(copy: Path) -> None:
    done = run(copy, "-m", "capas.cli", "lab", "--help", CAPAS_LANG="xx")
    assert done.returncode == 0, done.stderr
    assert "«Open the course in JupyterLab" in done.stdout
    assert "<en|es|xx>" in done.stdout or "en|es|xx" in done.stdout
    refused = run(copy, "-m", "capas.cli", "lab", "--lang", "yy")
    assert "en, es, xx" in " ".join(refused.stderr.replace("│", " ").split())


def test_what_lessons_show_speaks_it(copy: Path) -> None:
    """Numbers of a language that nobody knows are written as in English."""
    code = (
        "from types import SimpleNamespace\n"
        "from capas import doctor, show; from capas.show import chart\n"
        "from capas.show.context import sized\n"
        "print(doctor.language().found); print(chart.number(1.5), sized(1500))\n"
        f"for shown in ({', '.join(EACH.values())}):\n"
        "    print(type(shown).__name__, '«' in ''.join(shown.still().values()))\n"
    )
    done = run(copy, "-c", code, CAPAS_LANG="xx")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["«xx; there is also: English, español (`--lang` chooses)»", "1.5 1.5 kB"]
    assert len(lines) > 5
    assert [line for line in lines[2:] if not line.endswith(" True")] == []


def test_figures_are_drawn_in_it(copy: Path) -> None:
    done = run(copy, "-m", "capas.show.figures")
    assert done.stdout.split() == [f"{name}.xx.svg" for name in figures.names()], done.stderr
    drawn = (copy / "notebooks/figures/build-context.xx.svg").read_text(encoding="utf-8")
    assert 'lang="xx"' in drawn
    assert ">«your folder»<" in drawn
    assert ">your folder<" not in drawn
    assert run(copy, "-m", "capas.show.figures", "--check").returncode == 0


def test_the_labs_front_page_leads_to_its_notebooks(copy: Path) -> None:
    code = (
        "from capas import lessons\n"
        "print(*lessons.build([0], ['xx'], execute=False, report=lambda line: None))\n"
    )
    done = run(copy, "-c", code)
    built = done.stdout.strip()
    assert built == str(copy / "notebooks/xx/00-start-here.ipynb")
    assert nbformat.read(built, 4).cells[0].source == "# «Start here»"
    lab = subprocess.Popen(
        [sys.executable, "-m", "capas.cli", "lab", "--lang", "xx", "--no-browser", *NOWHERE],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "CAPAS_HOME": str(copy / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert lab.stdout
        found = next(filter(None, (re.search(r"http://\S+", line) for line in lab.stdout)))
        address = found[0].replace("/lab?", "/capas/api/contents?")
        front = requests.get(address, timeout=30).json()
        assert front["language"] == "xx"
        assert [one["id"] for one in front["languages"]] == ["en", "es", "xx"]
        assert [one["path"] for one in front["lessons"]] == ["notebooks/xx/00-start-here.ipynb"]
        assert front["words"]["lessons"] == "«Lessons»"
    finally:
        lab.terminate()
        lab.wait(60)


@pytest.mark.engine
def test_a_lesson_is_built_in_it(copy: Path, engine: Engine) -> None:
    done = run(
        copy,
        *("-m", "capas.cli", "build", "00", "--lang", "xx", "--engine", engine.host),
        PATH=os.environ["PATH"],
    )
    assert done.returncode == 0, done.stderr
    notebook = nbformat.read(copy / "notebooks/xx/00-start-here.ipynb", 4)
    (output,) = notebook.cells[-1].outputs
    assert output.text == "xx «\n"
