"""Tables in a lesson: readable in JupyterLab, on GitHub and as plain text.

The HTML is a plain table with a header row and row headers. Its looks are inline and
made of JupyterLab's own CSS variables, so it follows dark and light; GitHub strips them
and shows a bare, still complete table. A state is told by a sign and a word, never by a
colour alone.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from capas.language import _
from capas.show.style import ICONS, ROLES

if TYPE_CHECKING:
    from capas.doctor import Check

_LOOKS = {
    "ok": (ICONS["ok"], "--jp-success-color1", ROLES["ok"].light),
    "info": ("·", "--jp-info-color1", ROLES["client"].light),
    "warn": (ICONS["warn"], "--jp-warn-color1", ROLES["warn"].light),
    "fail": (ICONS["error"], "--jp-error-color1", ROLES["error"].light),
    # of an exercise's check
    "done": (ICONS["ok"], "--jp-success-color1", ROLES["ok"].light),
    "todo": ("○", "--jp-info-color1", ROLES["client"].light),
    "hint": (ICONS["warn"], "--jp-warn-color1", ROLES["warn"].light),
    "broken": (ICONS["error"], "--jp-error-color1", ROLES["error"].light),
}


def _word(state: str) -> str:
    words = {
        **{"ok": _("ok"), "info": _("info"), "warn": _("attention"), "fail": _("missing")},
        **{"done": _("done"), "todo": _("to do"), "hint": _("hint"), "broken": _("broken")},
    }
    return f"{_LOOKS[state][0]} {words[state]}"


class Table:
    """A table that shows itself as HTML and as text.

    The first column names its row. With ``states`` (one per row: ok, info, warn, fail; or those
    of a check: done, todo, hint, broken), each row gets the state's sign and word after its name.
    """

    def __init__(
        self,
        head: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        states: Iterable[str] | None = None,
        caption: str | None = None,
    ) -> None:
        """Take the column titles and the rows.

        Raises:
            ValueError: a row is not as long as the head, or there is not one state a row.
        """
        self.head = [str(title) for title in head]
        self.rows = [["" if cell is None else str(cell) for cell in row] for row in rows]
        self.states = None if states is None else list(states)
        self.caption = caption
        if any(len(row) != len(self.head) for row in self.rows):
            raise ValueError(f"every row of this table needs {len(self.head)} cells")
        if self.states is not None:
            if len(self.states) != len(self.rows):
                raise ValueError("a table with states needs one for every row")
            self.head.insert(1, _("State"))
            for row, state in zip(self.rows, self.states, strict=True):
                row.insert(1, _word(state))

    def _repr_html_(self) -> str:
        edge = "border-bottom:1px solid var(--jp-border-color2,#9aa3ad)"
        cell = f"text-align:left;vertical-align:top;padding:.5em .9em;{edge}"
        lines = [
            '<table style="border-collapse:collapse;font-size:var(--jp-content-font-size1,1em);'
            'color:var(--jp-content-font-color1,inherit)">'
        ]
        if self.caption:
            lines.append(
                '<caption style="text-align:left;padding:0 0 .5em">'
                f"{escape(self.caption)}</caption>"
            )
        titles = "".join(f'<th scope="col" style="{cell}">{escape(t)}</th>' for t in self.head)
        lines.append(f"<thead><tr>{titles}</tr></thead>")
        lines.append("<tbody>")
        for number, row in enumerate(self.rows):
            bar = ""
            state = self.states[number] if self.states is not None else None
            if state is not None:
                _sign, variable, otherwise = _LOOKS[state]
                bar = f";border-left:5px solid var({variable},{otherwise})"
            cells = [f'<th scope="row" style="{cell}{bar}">{with_code(row[0])}</th>']
            for column, text in enumerate(row[1:], 1):
                whole = ";white-space:nowrap" if state is not None and column == 1 else ""
                cells.append(f'<td style="{cell}{whole}">{with_code(text)}</td>')
            lines.append(f"<tr>{''.join(cells)}</tr>")
        lines += ["</tbody>", "</table>"]
        return "\n".join(lines)

    def __repr__(self) -> str:
        grid = [self.head, *self.rows]
        widths = [max(_cells(row[i]) for row in grid) for i in range(len(self.head))]

        def line(row: Sequence[str]) -> str:
            padded = (text + " " * (w - _cells(text)) for text, w in zip(row, widths, strict=True))
            return "  ".join(padded).rstrip()

        rule = "  ".join("─" * width for width in widths)
        above = [self.caption, ""] if self.caption else []
        return "\n".join([*above, line(self.head), rule, *(line(row) for row in self.rows)])


def with_code(text: str) -> str:
    """Return a text as HTML; what stands between backticks as code."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", escape(text))


def _cells(text: str) -> int:
    """Return how many cells of a terminal ``text`` takes."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def doctor_table(checks: "Iterable[Check]") -> Table:
    """Return what the doctor found as a table for a lesson."""
    checks = list(checks)
    return Table(
        [_("What"), _("Found"), _("What to do")],
        [[check.name, check.found, check.advice] for check in checks],
        states=[check.state for check in checks],
    )
