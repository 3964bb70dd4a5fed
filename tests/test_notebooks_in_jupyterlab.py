"""Lessons and labs as a student runs them: in the JupyterLab of ``capas lab``, in a browser.

nbval compares what the cells put out; this says that the lesson runs where it is read, without
an error, that what is drawn is drawn, and that axe-core finds nothing serious against what is
ours. Three always; all of them with ``--slow``.
"""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from capas.paths import ROOT
from capas.testing import notebooks
from tests.jupyterlab import Show, errors, run_all, to_cell, violations

if TYPE_CHECKING:
    from playwright.sync_api import Error, Page

pytest_plugins = ["tests.jupyterlab"]
pytestmark = pytest.mark.engine

ALWAYS = (
    "notebooks/en/00-start-here.ipynb",
    "notebooks/en/06-dockerfile.ipynb",
    "exercises/06-dockerfile/lab.es.ipynb",
)

OURS = ".jp-OutputArea-output:is([data-mime-type='text/html'], :has(.capas))"
"""Outputs that the course draws, and not JupyterLab: tables, figures, widgets."""

BROKEN = """() => {
  const panel = window.jupyterapp.shell.currentWidget.node;
  const faults = [...panel.querySelectorAll("img")]
    .filter((image) => image.complete && !image.naturalWidth)
    .map((image) => `no picture: ${image.alt || image.src}`);
  const text = panel.innerText;
  for (const sign of ["Error displaying widget", "Loading widget...", "Error creating widget"]) {
    if (text.includes(sign)) faults.push(sign);
  }
  return faults;
}"""
"""Returns what of the cells in sight is not drawn."""


def own(error: "Error", url: str) -> list[str]:
    """Return an error's message, unless it is that of an app in a frame, which ends before it."""
    here = urlsplit(url).netloc
    places = re.findall(r"https?://([\w.]+:\d+)", f"{error.message} {error.stack}")
    return [] if places and here not in places else [error.message]


@pytest.mark.parametrize(
    "notebook",
    [
        pytest.param(path, id=path, marks=[] if path in ALWAYS else [pytest.mark.slow])
        for path in (one.as_posix() for one in notebooks())
    ],
)
def test_it_runs_to_its_end(notebook: str, show: Show, seen: Callable[["Page", str], None]) -> None:
    stored = (ROOT / notebook).read_bytes()
    page = show(notebook)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.extend(own(error, page.url)))
    page.locator(".jp-NotebookPanel h1").first.wait_for()
    cells = run_all(page)
    assert errors(cells) == []
    looked = 0
    # Cell by cell, as one scrolls: each is drawn only when it comes into sight.
    for number in range(page.evaluate("window.jupyterapp.shell.currentWidget.model.cells.length")):
        cell = to_cell(page, number)
        with contextlib.suppress(Exception):  # what is not drawn after that is told below
            page.wait_for_function(f"() => ({BROKEN})().length === 0", timeout=5_000)
        found = page.evaluate(BROKEN)
        if cell.locator(OURS).count():
            looked += 1
            found += violations(page, f".jp-Cell[data-windowed-list-index='{number}'] {OURS}")
        if found:
            faults += [f"cell {number}: {fault}" for fault in found]
            seen(page, f"{Path(notebook).parent.name}-{Path(notebook).stem}-{number}")
    seen(page, f"{Path(notebook).parent.name}-{Path(notebook).stem}-end")
    assert faults == []
    assert looked  # a quiz, a verdict: each has something of ours
    assert (ROOT / notebook).read_bytes() == stored  # nothing is written but by who saves
