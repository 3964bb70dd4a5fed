"""``capas test``: everything that must hold, in one run of pytest.

Unit tests, code style and types, lessons against their sources, every notebook in every
language, the sample apps. The engine and the base images are made ready before, so that
no test has to wait for them; the engine is stopped afterwards if it was started for this.
The last line printed on stdout is pytest's own.
"""

import os
import subprocess
import sys
from pathlib import Path

from capas.language import _, languages
from capas.paths import ROOT
from capas.sharing import ours, sharing
from capas.terminal import progress


def run(fast: bool = False, engine: str | None = None, arguments: list[str] | None = None) -> int:
    """Run the tests and return pytest's exit code.

    Args:
        fast: only what needs no containers.
        engine: as for `capas.engine.find`.
        arguments: more for pytest; paths among them replace "everything".
    """
    environment = dict(os.environ)
    # The texts that tests compare are English, whoever runs them.
    environment["CAPAS_LANG"] = "en"
    command = [sys.executable, "-m", "pytest", *pytest_arguments(fast, arguments or [])]
    if fast:
        return subprocess.call(command, cwd=ROOT, env=environment)
    with sharing():
        environment |= prepare(engine)
        return subprocess.call(command, cwd=ROOT, env=environment)


def prepare(which: str | None) -> dict[str, str]:
    """Have an engine and all images; return what tells the tests of the engine."""
    from capas.engine import ensure, images, started_here

    try:
        engine = ensure(which, progress)
    finally:
        if started_here():
            ours()
    progress(
        _("{name} {version} answers; a container ran in {seconds:.1f} s").format(
            name=engine.name, version=engine.version, seconds=engine.probe_seconds
        )
    )
    images.ensure(engine, all=True, report=progress)
    progress(_("engine and images are ready: the tests begin"))
    return engine.environment() | {"CAPAS_ENGINE": engine.host}


def pytest_arguments(fast: bool, more: list[str]) -> list[str]:
    """Return pytest's arguments: what to run, how, and what the caller adds."""
    more = [word for word in more if word != "--"]
    named = any((ROOT / word.split("::")[0]).exists() for word in more if word[:1] != "-")
    arguments: list[str] = ["--fast"] if fast else []
    if not fast:
        arguments.append("--nbval")  # how, says conftest.py
    arguments += more
    if not named:
        arguments.append("tests")
        if not fast:
            arguments += map(str, notebooks())
    return arguments


def notebooks() -> list[Path]:
    """Return the built lessons and labs of every language, by path from the repository."""
    return [
        path.relative_to(ROOT)
        for language in languages()
        for pattern in (f"notebooks/{language}/*.ipynb", f"exercises/*/lab.{language}.ipynb")
        for path in sorted(ROOT.glob(pattern))
    ]
