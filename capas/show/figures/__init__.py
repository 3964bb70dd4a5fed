"""The fixed diagrams of the lessons: one module draws one figure for all languages.

``layer_cache.py`` has ``TITLE``, ``ALT`` and ``draw``; from it come
``notebooks/figures/layer-cache.en.svg``, ``.es.svg`` and so on. After a change:
``python -m capas.show.figures`` (see ``notebooks/figures/README.md``).
"""

import importlib
import pkgutil
from pathlib import Path
from typing import Protocol, cast

from capas.language import SOURCE, languages
from capas.paths import ROOT
from capas.show.drawing import Drawing, TooWide, Words, say

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


def alt(name: str, language: str) -> str:
    """Return the text that stands for the figure ``name`` where it can't be seen."""
    return say(figure(name).ALT, language)


def svg(name: str, language: str) -> str:
    """Return the text of the figure ``name`` in ``language``."""
    source = figure(name)
    drawing = Drawing(language, source.HEIGHT, source.TITLE, source.ALT)
    try:
        source.draw(drawing)
    except TooWide as error:
        raise TooWide(f"{name}.{language}: {error}") from None
    return drawing.svg()


def words() -> list[str]:
    """Return the English words that a further language's catalogue has to translate."""
    known: set[str] = set()

    class Listening(Drawing):
        def say(self, words: Words) -> str:
            if not isinstance(words, str):
                known.add(words[0])
            return super().say(words)

    for name in names():
        source = figure(name)
        source.draw(Listening(SOURCE, source.HEIGHT, source.TITLE, source.ALT))
    return sorted(known)


def build(folder: Path = FOLDER, *, check: bool = False) -> list[Path]:
    """Write all figures in all languages; return the files that were, or would be, changed.

    With ``check`` nothing is written. Files of figures that no longer exist count as
    changed and are removed.
    """
    wanted = {
        folder / f"{name}.{language}.svg": svg(name, language)
        for name in names()
        for language in languages()
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
