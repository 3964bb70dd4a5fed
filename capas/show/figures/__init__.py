"""The fixed diagrams of the lessons: one module draws one figure for both languages.

``layer_cache.py`` has ``TITLE``, ``ALT`` and ``draw``; from it come
``notebooks/figures/layer-cache.en.svg`` and ``.es.svg``. After a change:
``python -m capas.show.figures`` (see ``notebooks/figures/README.md``).
"""

import importlib
import pkgutil
from pathlib import Path
from typing import Protocol, cast

from capas.paths import ROOT
from capas.show.drawing import LANGUAGES, Drawing, Language, TooWide, Words

FOLDER = ROOT / "notebooks" / "figures"


class Figure(Protocol):
    """What a module of this package must have."""

    TITLE: Words
    ALT: Words
    HEIGHT: int

    def draw(self, d: Drawing, /) -> None:
        """Draw everything below the title."""


def names() -> list[str]:
    """Return the names of all figures, as lessons link them: ``layer-cache``."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))


def figure(name: str) -> Figure:
    """Return the figure called ``name``."""
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    return cast(Figure, module)


def alt(name: str, language: Language) -> str:
    """Return the text that stands for the figure ``name`` where it can't be seen."""
    words = figure(name).ALT
    return words if isinstance(words, str) else words[LANGUAGES.index(language)]


def svg(name: str, language: Language) -> str:
    """Return the text of the figure ``name`` in ``language``."""
    source = figure(name)
    drawing = Drawing(language, source.HEIGHT, source.TITLE, source.ALT)
    try:
        source.draw(drawing)
    except TooWide as error:
        raise TooWide(f"{name}.{language}: {error}") from None
    return drawing.svg()


def build(folder: Path = FOLDER, *, check: bool = False) -> list[Path]:
    """Write all figures in both languages; return the files that were, or would be, changed.

    With ``check`` nothing is written. Files of figures that no longer exist count as
    changed and are removed.
    """
    wanted = {
        folder / f"{name}.{language}.svg": svg(name, language)
        for name in names()
        for language in LANGUAGES
    }
    there = {path: path.read_text(encoding="utf-8") for path in folder.glob("*.svg")}
    changed = sorted(p for p in wanted.keys() | there.keys() if wanted.get(p) != there.get(p))
    if not check:
        folder.mkdir(parents=True, exist_ok=True)
        for path in changed:
            if path in wanted:
                path.write_text(wanted[path], encoding="utf-8", newline="\n")
            else:
                path.unlink()
    return changed
