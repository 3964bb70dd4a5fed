"""How tests and notebooks are run, the same for `capas test` and for pytest by hand.

It stands in the root because ``pytest --nbval notebooks`` must find it, too.
"""

import os
from collections.abc import Callable, Generator
from contextlib import ExitStack, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from capas.errors import CapasError
from capas.lessons import SANITIZER, scratch_elsewhere
from tests.holdings import Holdings, somebody_else

if TYPE_CHECKING:
    from capas.engine import Engine

pytest.register_assert_rewrite("tests.browser", "tests.jupyterlab")

CELL_SECONDS = 180.0
"""Time-out of a notebook's cell, where the command line does not say."""

NBVAL_SECONDS = 2000
"""nbval's own default, which only says that nobody has chosen."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --fast and --slow."""
    parser.addoption(
        "--fast", action="store_true", help="leave out what needs a Docker Engine, and notebooks"
    )
    parser.addoption(
        "--slow", action="store_true", help="also what takes many minutes (marked slow)"
    )
    parser.addoption(
        "--kit", help="a classroom kit, for tests/kit/test_offline.py; else it makes one"
    )
    parser.addoption(
        "--kit-lessons", default="06,08", help="lessons to run there: numbers, or all (06,08)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Have nbval use this Python, our sanitiser and a time-out, unless told otherwise."""
    option = config.option
    if option.nbval_sanitize_with is None:
        option.nbval_sanitize_with = str(SANITIZER)
    if option.nbval_cell_timeout == NBVAL_SECONDS:
        option.nbval_cell_timeout = CELL_SECONDS
    if option.nbval_kernel_name is None:
        option.nbval_current_env = True


def _notebook(item: pytest.Item) -> Path | None:
    """Return the notebook that an item is a cell of, or None."""
    return item.path if item.path.suffix == ".ipynb" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out by --fast what needs containers, and without --slow what takes many minutes."""
    for item in items:
        if item.get_closest_marker("slow") and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="takes many minutes: --slow"))
        notebook = _notebook(item)
        slow = notebook or item.get_closest_marker("engine") or item.get_closest_marker("vm")
        if config.getoption("--fast") and slow:
            item.add_marker(pytest.mark.skip(reason="left out by --fast"))


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config) -> "Engine":
    """Give a Docker Engine in which containers run."""
    return _engine(pytestconfig)


@cache
def _engine(config: pytest.Config) -> "Engine":
    from capas.engine import ensure, started_here
    from capas.sharing import ours, sharing

    stack = ExitStack()
    config.add_cleanup(stack.close)
    stack.enter_context(sharing())  # what is started here is stopped in the end
    try:
        engine = ensure(report=_reporter(config))
        if started_here():
            ours()
        return engine
    except CapasError as error:
        pytest.fail(str(error), pytrace=False)


def _reporter(config: pytest.Config) -> Callable[[str], None]:
    """Return a function that writes a line past pytest's capturing."""
    capture = config.pluginmanager.getplugin("capturemanager")

    def report(line: str) -> None:
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            print(f"\r{line}", flush=True)

    return report


@cache
def _ready(config: pytest.Config) -> None:
    """Have the engine and the images before the first lesson: no cell waits for them."""
    from capas.engine import images

    engine = _engine(config)
    os.environ.update(engine.environment())
    try:
        images.ensure(engine, all=True, report=_reporter(config))
    except CapasError as error:
        pytest.fail(str(error), pytrace=False)
    stack = ExitStack()
    config.add_cleanup(stack.close)
    stack.enter_context(somebody_else(engine))


@cache
def _scratch(config: pytest.Config, _notebook: Path) -> str:
    """Give a notebook a place for its files that is neither the student's work/ nor another's."""
    stack = ExitStack()
    config.add_cleanup(stack.close)
    return str(stack.enter_context(scratch_elsewhere()))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Before the kernel of a lesson starts: an engine, and the notebook's own language."""
    if _notebook(item) is None or item.get_closest_marker("skip"):
        return (yield)
    notebook = getattr(item.parent, "nb", {})
    cells = notebook.get("cells", [])
    if any(cell.cell_type == "code" and "import capas" in cell.source for cell in cells):
        _ready(item.config)
        _before(item.config, item.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAPAS_WORK", _scratch(item.config, item.path))
        if course := notebook.get("metadata", {}).get("capas"):
            patch.setenv("CAPAS_LANG", course["lang"])
        return (yield)


@cache
def _before(config: pytest.Config, path: Path) -> Holdings:
    """Remember what the engine holds before a notebook's first cell."""
    return Holdings(_engine(config))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """After a lesson's last cell, when its kernel has ended: the engine is as it was before."""
    result = yield
    path = _notebook(item)
    if path is None or item.get_closest_marker("skip") or (nextitem and nextitem.path == path):
        return result
    if changes := _before(item.config, path).changes():
        pytest.fail(
            "\n".join([f"{path.stem} does not leave the engine as it was:", *changes]), False
        )
    return result
