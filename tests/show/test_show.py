"""What a lesson takes from `capas.show` is a function or a class, however it was imported."""

import subprocess
import sys
from types import ModuleType

from capas import show
from capas.paths import ROOT


def test_no_name_is_a_module() -> None:
    """A module of the same name, imported before, must not take the function's place."""
    ask = (
        "import importlib, pkgutil\nfrom types import ModuleType\nimport capas.show as show\n"
        "for found in pkgutil.iter_modules(show.__path__, 'capas.show.'):\n"
        "    importlib.import_module(found.name)\n"
        "print([n for n in show.__all__ if isinstance(getattr(show, n), ModuleType)])"
    )
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
    assert not any(isinstance(getattr(show, name), ModuleType) for name in show.__all__)
