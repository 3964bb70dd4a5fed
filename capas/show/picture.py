"""A picture that a cell computes: it looks the same in JupyterLab, in VS Code and on GitHub.

It is an SVG on its own paper (`drawing`, `chart`), dark where the reader's system is dark,
inside an ``<img>`` with a text for who cannot see it. As a ``data:`` address it shows also in a
notebook that Jupyter does not trust yet, where SVG itself and scripts are held back.
"""

from html import escape
from urllib.parse import quote


class Picture:
    """An SVG with the words that stand for it."""

    def __init__(self, svg: str, alt: str) -> None:
        """Take the text of an SVG file and its alternative text, which says all that it shows."""
        self.svg = svg
        self.alt = alt

    def html(self) -> str:
        """Return an ``<img>`` of it, at most as wide as its place."""
        address = "data:image/svg+xml," + quote(self.svg.replace("\n", " "), safe=" =:;/,.()-")
        return f'<img alt="{escape(self.alt)}" style="max-width:100%" src="{address}">'

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.alt}
