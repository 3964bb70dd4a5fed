"""What lessons show: figures, charts, tables, files, widgets, in one visual language (`style`).

A lesson writes ``from capas import show`` and then ``show.quiz("06-dockerfile")``. What it
takes from here is listed below and loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from capas.show.chart import bars, spread
    from capas.show.console import console
    from capas.show.namespaces import namespaces
    from capas.show.picture import Picture
    from capas.show.quiz import quiz
    from capas.show.source import Source
    from capas.show.table import Table, doctor_table

_WHERE = {
    "Picture": "picture",
    "Source": "source",
    "Table": "table",
    "bars": "chart",
    "console": "console",
    "doctor_table": "table",
    "namespaces": "namespaces",
    "quiz": "quiz",
    "spread": "chart",
}

__all__ = [
    "Picture",
    "Source",
    "Table",
    "bars",
    "console",
    "doctor_table",
    "namespaces",
    "quiz",
    "spread",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for: a lesson that shows no chart does not wait for matplotlib."""
    if name in _WHERE:
        return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
