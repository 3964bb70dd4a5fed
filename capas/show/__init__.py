"""What lessons show: figures, charts, tables, files, widgets, in one visual language (`style`).

A lesson writes ``from capas import show`` and then ``show.quiz("06-dockerfile")``. What it
takes from here is listed below and loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from capas.show.chart import bars, spread
    from capas.show.context import context
    from capas.show.layer_cache import layer_cache
    from capas.show.picture import Picture
    from capas.show.ports import ports
    from capas.show.quiz import quiz
    from capas.show.run_command import run_command
    from capas.show.source import Source
    from capas.show.table import Table, doctor_table

_WHERE = {
    "Picture": "picture",
    "Source": "source",
    "Table": "table",
    "bars": "chart",
    "context": "context",
    "doctor_table": "table",
    "layer_cache": "layer_cache",
    "ports": "ports",
    "quiz": "quiz",
    "run_command": "run_command",
    "spread": "chart",
}

__all__ = [
    "Picture",
    "Source",
    "Table",
    "bars",
    "context",
    "doctor_table",
    "layer_cache",
    "ports",
    "quiz",
    "run_command",
    "spread",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for: a lesson that shows no chart does not wait for matplotlib."""
    if name in _WHERE:
        found = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
        # Importing a module of this name has put the module here: ``show.quiz`` is the function.
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
