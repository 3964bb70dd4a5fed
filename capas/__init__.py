"""Capas: virtualization and Docker, taught by notebooks in which everything runs.

Imported in a notebook, it gives the kernel a Docker Engine to talk to, so that
``!docker …`` just works. Imported anywhere else, it does nothing.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from capas.exercises.student import exercise
    from capas.meanwhile import beside
    from capas.notebook import (
        checkup,
        free_port,
        prepare,
        source,
        wait_for_health,
        wait_for_http,
    )

__all__ = [
    "beside",
    "checkup",
    "exercise",
    "free_port",
    "prepare",
    "source",
    "wait_for_health",
    "wait_for_http",
]

_LESSON_API = dict.fromkeys(__all__, "capas.notebook") | {
    "beside": "capas.meanwhile",
    "exercise": "capas.exercises.student",
}
"""What lessons use, and where it is; loaded on first use."""


def __getattr__(name: str) -> Any:
    """Load what lessons use on first use: the bootstrap imports this package without them."""
    if name in _LESSON_API:
        return getattr(import_module(_LESSON_API[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LESSON_API})


def _in_kernel() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


if _in_kernel():
    from capas.notebook import connect

    connect()
