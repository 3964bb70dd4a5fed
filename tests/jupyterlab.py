"""The JupyterLab that ``capas lab`` starts, for tests: over HTTP, and in a browser.

A test module asks for it by ``pytest_plugins = ["tests.jupyterlab"]``; then the fixture
`jupyterlab` is one that runs, with the engine of the tests, and `show` opens it in a browser::

    page = show("notebooks/en/00-start-here.ipynb")
    run_all(page)

Nothing of it is the user's: a home, a work folder and settings of its own. Notebooks are not
saved by themselves there: those of the course stay as they are.
"""

import ast
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, quote, urlsplit

import psutil  # type: ignore[import-untyped]
import pytest

from capas import paths
from capas.engine import Engine
from tests import browser as browsers

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

pytest_plugins = ["tests.browser"]

CELL_SECONDS = 180
"""How long a cell of a lesson may take, as in conftest.py."""

SIZES = {"small": (1366, 768), "large": (1920, 1080)}
"""Windows to look at the lab in, in CSS pixels: a small laptop's, a lecture room's."""

Show = Callable[..., "Page"]


class Running:
    """A ``capas lab`` of a home of its own, of the course in the folder `root`."""

    def __init__(
        self, home: Path, *arguments: str, root: Path = paths.ROOT, **environment: str
    ) -> None:
        self.home = home
        environment = {**os.environ, "CAPAS_HOME": str(home), "CAPAS_LANG": "en"} | environment
        for name in ("CAPAS_ENGINE", "DOCKER_HOST"):  # `capas test` has set them
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "capas.cli", "lab", "--no-browser", *arguments],
            cwd=root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=(home / "stderr").open("w"),
            text=True,
        )
        self.url = ""

    def wait(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if found := re.search(r"http://\S+", line):
                self.url = found[0]
                return
        pytest.fail(f"lab has ended: {self.said()}")

    def said(self) -> str:
        return (self.home / "stderr").read_text()

    def wait_until_it_says(self, text: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.said():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def ask(
        self, method: str, path: str, token: str | None = None, body: Any = None
    ) -> tuple[int, Any]:
        address = urlsplit(self.url)
        token = parse_qs(address.query)["token"][0] if token is None else token
        connection = http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=30)
        connection.request(
            method,
            path,
            body=None if body is None else json.dumps(body),
            headers={"Authorization": f"token {token}"},
        )
        answer = connection.getresponse()
        said = answer.read()
        return answer.status, json.loads(said) if answer.status < 300 and said else None

    def end_kernels(self) -> None:
        for session in self.ask("GET", "/api/sessions")[1]:
            self.ask("DELETE", f"/api/sessions/{session['id']}")

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def left(self) -> list[str]:
        """Return the processes that still know this home."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("CAPAS_HOME") == str(self.home):
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue
        return found


@contextmanager
def started(engine: Engine, folder: Path, work: Path, root: Path = paths.ROOT) -> Iterator[Running]:
    """Start ``capas lab`` of the course in `root`, with a home and settings in `folder`.

    Notebooks are not saved by themselves there.
    """
    home, config = folder / "home", folder / "config"
    for place in (home, config, work):
        place.mkdir(exist_ok=True)
    (config / "jupyter_lab_config.json").write_text(
        json.dumps({"LabApp": {"expose_app_in_browser": True}})
    )
    (config / "jupyter_server_config.json").write_text(
        json.dumps({"AsyncFileCheckpoints": {"root_dir": str(folder / "checkpoints")}})
    )
    settings = home / "jupyter/user-settings/@jupyterlab/docmanager-extension"
    settings.mkdir(parents=True)
    (settings / "plugin.jupyterlab-settings").write_text(json.dumps({"autosave": False}))
    one = Running(
        home,
        *("--engine", engine.host),
        root=root,
        JUPYTER_CONFIG_DIR=str(config),
        CAPAS_WORK=str(work),
        PYTHONPATH=str(root),
    )
    try:
        one.wait()
        one.wait_until_it_says("images are ready")
        yield one
    finally:
        if one.process.poll() is None:
            one.stop()


@pytest.fixture(scope="session")
def jupyterlab(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A JupyterLab that ``capas lab`` has started, with the engine of the tests."""
    folder = tmp_path_factory.mktemp("lab")
    with started(engine, folder, folder / "work") as one:
        yield one


@pytest.fixture(scope="session")
def work(jupyterlab: Running) -> Path:
    """The work folder of the `jupyterlab`."""
    return jupyterlab.home.parent / "work"


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Callable[["Page", str], None]:
    """Keep a picture of a page, to be looked at: in ``$CAPAS_SHOTS``, else a temporary folder."""
    named = os.environ.get("CAPAS_SHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("seen")

    def seen(page: "Page", name: str) -> None:
        page.screenshot(path=folder / f"{name}.png")

    return seen


@pytest.fixture(scope="session")
def profile(browser: "Browser") -> "Iterator[BrowserContext]":
    """One profile of the browser for all tests: JupyterLab's scripts are loaded once."""
    context = browser.new_context()
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def show(jupyterlab: Running, profile: "BrowserContext") -> Iterator[Show]:
    """Open the lab in the browser; at the end its pages are closed and its kernels ended."""
    yield from _show(jupyterlab, profile)


@pytest.fixture(scope="module")
def show_for_all(jupyterlab: Running, profile: "BrowserContext") -> Iterator[Show]:
    """As `show`, for all tests of a module together."""
    yield from _show(jupyterlab, profile)


def _show(jupyterlab: Running, profile: "BrowserContext") -> Iterator[Show]:
    pages: list[Page] = []
    # The language is the whole lab's, and a test may have chosen another.
    assert jupyterlab.ask("POST", "/capas/api/language", body={"language": "en"})[0] == 200

    def show(
        path: str = "",
        theme: Literal["light", "dark"] = "light",
        size: str = "small",
        keep: bool = False,
    ) -> "Page":
        """Open a notebook, or the lab's first page; `keep`: with what was open before."""
        width, height = SIZES[size]
        page = profile.new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=theme)
        # A request is lost when a network comes or goes; JupyterLab asks again by itself.
        lost = page.get_by_role("dialog").filter(has_text="Server Connection Error")
        page.add_locator_handler(lost, lambda: lost.get_by_role("button").last.click())
        address = urlsplit(jupyterlab.url)
        place = f"/lab/tree/{quote(path)}" if path else "/lab"
        reset = "" if keep else "reset&"
        browsers.goto(page, f"http://{address.netloc}{place}?{reset}{address.query}")
        page.wait_for_function("window.jupyterapp")
        page.evaluate("window.jupyterapp.restored.then(() => {})")
        # JupyterLab's address follows what is in front only when it has forgotten what was open.
        page.wait_for_url(lambda url: "reset" not in parse_qs(urlsplit(url).query, True))
        return page

    try:
        yield show
    finally:
        for page in pages:
            page.close()
        jupyterlab.end_kernels()


STATES = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  if (!panel?.content?.model || !panel.sessionContext?.session?.kernel) return null;
  return [...panel.content.model.cells]
    .filter((cell) => cell.type === "code" && cell.sharedModel.getSource().trim())
    .map((cell) => ({
      done: cell.executionCount !== null && cell.executionState !== "running",
      source: cell.sharedModel.getSource(),
      tags: cell.getMetadata("tags") ?? [],
      outputs: cell.outputs.toJSON(),
    }));
}"""
"""Returns what the code cells of the notebook in front have come to."""


def until_idle(page: "Page") -> None:
    """Wait until the kernel of the notebook in front has nothing to do."""
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status"
        " === 'idle'"
    )


def run_all(page: "Page", seconds: float = 600) -> list[dict[str, Any]]:
    """Run the notebook in front from the first cell to the last; return its code cells.

    Fails the test if one of them does not end within `CELL_SECONDS`, or all within `seconds`.
    """
    until_idle(page)
    page.evaluate(
        """() => {
          const { commands } = window.jupyterapp;
          window.ran = "no";
          commands.execute("notebook:clear-all-cell-outputs")
            .then(() => commands.execute("notebook:run-all-cells"))
            .then(() => { window.ran = "yes"; });
        }"""
    )
    end = last = time.monotonic()
    end += seconds
    done = -1
    while page.evaluate("window.ran") != "yes":
        cells = page.evaluate(STATES) or []
        now = sum(cell["done"] for cell in cells)
        if now != done:
            done, last = now, time.monotonic()
        if time.monotonic() > min(end, last + CELL_SECONDS):
            waiting = next((cell["source"] for cell in cells if not cell["done"]), "?")
            pytest.fail(f"this cell does not end:\n{waiting}")
        page.wait_for_timeout(250)
    cells = page.evaluate(STATES)
    assert cells
    return list(cells)


def value(page: "Page", expression: str) -> Any:
    """Return what a Python expression is in the kernel of the notebook in front: a literal."""
    said = page.evaluate(
        """async (expression) => {
          const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
          const asked = { code: "", silent: true, user_expressions: { it: expression } };
          const { it } = (await kernel.requestExecute(asked).done).content.user_expressions;
          return it.status === "ok" ? it.data["text/plain"] : `${it.ename}: ${it.evalue}`;
        }""",
        expression,
    )
    return ast.literal_eval(said)


def to_cell(page: "Page", number: int) -> "Locator":
    """Bring a cell of the notebook in front (from 0) into sight, as by scrolling; return it."""
    page.evaluate(
        """async (number) => {
          const { content } = window.jupyterapp.shell.currentWidget;
          content.mode = "command";
          content.activeCellIndex = number;
          await content.scrollToItem(number, "start");
        }""",
        number,
    )
    cell = page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{number}']")
    cell.wait_for()
    return cell


def errors(cells: list[dict[str, Any]]) -> list[str]:
    """Return the errors among the outputs of cells, but those that the lesson means."""
    return [
        f"{cell['source']}\n{output['ename']}: {output['evalue']}"
        for cell in cells
        for output in cell["outputs"]
        if output["output_type"] == "error" and "raises-exception" not in cell["tags"]
    ]


def violations(page: "Page", within: str, **options: Any) -> list[str]:
    """Return what axe-core finds against accessibility in a part of the page, if serious.

    https://www.deque.com/axe/core-documentation/api-documentation/
    """
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=within, options=options).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
