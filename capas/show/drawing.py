"""The course's pencil: a fixed diagram, drawn once, with its words in both languages.

A figure is a function that draws on a :class:`Drawing` with a few shapes (box, layer,
cylinder, terminal, file, region, arrow, badge). What it gets back are :class:`Box` es,
and arrows start and end on their edges, so a thing that moves takes its arrows along.

Text that does not fit where it is put raises :class:`TooWide` with the number of units
that are missing, so that a crowded figure is never written.

Units: one unit is one pixel when a figure is shown at its full width of 960.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

from capas.language import _, speaking
from capas.show import metrics
from capas.show.style import FONT, MODES, MONO, ROLES, SURFACES, Mode

Words = str | tuple[str, str]
"""What is written: the same in all languages, or (English, Spanish).

A further language has its words in its catalogue, `capas/locale/`, under the English ones.
"""
LANGUAGES = ("en", "es")
Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]

WIDTH = 960
MARGIN = 40
"""Nothing is drawn nearer to the figure's edge, left or right."""
SMALLEST = 15
"""Text smaller than this can't be read from the last row."""
RADIUS = 10
TITLE, BODY, SMALL, CODE = 27, 18, 16, 17

_SVG = "http://www.w3.org/2000/svg"


class TooWide(ValueError):
    """A text is wider than the place it was given."""


@dataclass(frozen=True)
class Box:
    """A rectangle; its points are where arrows begin and end."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        """The x of the right edge."""
        return self.x + self.w

    @property
    def bottom(self) -> float:
        """The y of the lower edge."""
        return self.y + self.h

    @property
    def cx(self) -> float:
        """The x of the centre."""
        return self.x + self.w / 2

    @property
    def cy(self) -> float:
        """The y of the centre."""
        return self.y + self.h / 2

    def west(self, at: float = 0.5) -> Point:
        """A point of the left edge; ``at`` 0 is its top, 1 its bottom."""
        return self.x, self.y + self.h * at

    def east(self, at: float = 0.5) -> Point:
        """A point of the right edge."""
        return self.right, self.y + self.h * at

    def north(self, at: float = 0.5) -> Point:
        """A point of the upper edge; ``at`` 0 is its left end, 1 its right."""
        return self.x + self.w * at, self.y

    def south(self, at: float = 0.5) -> Point:
        """A point of the lower edge."""
        return self.x + self.w * at, self.bottom


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def say(words: Words, language: str) -> str:
    """Return ``words`` in a language; in English where its catalogue does not have them."""
    if isinstance(words, str):
        return words
    if language in LANGUAGES:
        return words[LANGUAGES.index(language)]
    with speaking(language):
        return _(words[0])


class Drawing:
    """One figure in one language."""

    def __init__(self, language: str, height: int, title: Words, alt: Words) -> None:
        """Start a figure with its title written at the top; ``alt`` tells all that it shows."""
        self.language = language
        # A further language's words come from its catalogue, which nobody has measured here: a
        # lesson shows them smaller, where the two languages of the figures raise `TooWide`.
        self._shrinks = language not in LANGUAGES
        self.height = height
        self._classes: set[str] = set()
        self._step: int | None = None
        self.root = ET.Element(
            "svg",
            {
                "xmlns": _SVG,
                "viewBox": f"0 0 {WIDTH} {height}",
                "width": str(WIDTH),
                "height": str(height),
                "role": "img",
                "aria-labelledby": "title desc",
                "lang": language,
            },
        )
        ET.SubElement(self.root, "title", {"id": "title"}).text = self.say(title)
        ET.SubElement(self.root, "desc", {"id": "desc"}).text = self.say(alt)
        self._style = ET.SubElement(self.root, "style")
        self._put("rect", "paper", x=0.75, y=0.75, width=WIDTH - 1.5, height=height - 1.5, rx=20)
        self.text(MARGIN, 54, title, size=TITLE, bold=True)

    # ---- ground ----

    def say(self, words: Words) -> str:
        """Return ``words`` in this figure's language."""
        return say(words, self.language)

    def _put(
        self, tag: str, classes: str = "", parent: ET.Element | None = None, **attributes: object
    ) -> ET.Element:
        self._classes.update(classes.split())
        element = ET.SubElement(self.root if parent is None else parent, tag)
        if self._step is not None and parent is None:
            element.set("data-step", str(self._step))
        if classes:
            element.set("class", classes)
        for name, value in attributes.items():
            if value is not None:
                written = _number(value) if isinstance(value, (int, float)) else str(value)
                element.set(name.rstrip("_").replace("_", "-"), written)
        return element

    @contextmanager
    def step(self, number: int) -> Iterator[None]:
        """Have what is drawn inside belong to a step, from 1: slides show them one by one."""
        self._step = number
        try:
            yield
        finally:
            self._step = None

    def svg(self) -> str:
        """Return the file's text: always the same bytes for the same drawing."""
        self._style.text = _stylesheet(self._classes)
        ET.indent(self.root, space=" ")
        for text in self.root.iter("text"):  # in code, white space counts
            for part in text:
                part.tail = None
            if len(text):
                text.text = None
        return ET.tostring(self.root, encoding="unicode") + "\n"

    # ---- writing ----

    def text(
        self,
        x: float,
        y: float,
        words: Words,
        *,
        size: float = BODY,
        bold: bool = False,
        mono: bool = False,
        ink: str = "ink",
        anchor: Anchor = "start",
        width: float | None = None,
    ) -> float:
        """Write one line with its baseline at ``y``; return how wide it is at most.

        ``ink`` is "ink", "muted", "term-ink", "term-muted", a role ("image") for its
        text colour, or "on-<role>" for text upon its accent. ``width`` is what there is
        room for; without it, the figure's margin is the limit.
        """
        if size < SMALLEST and not self._shrinks:
            raise ValueError(f"{size} is smaller than {SMALLEST}: {words!r}")
        said = self.say(words)
        weight: metrics.Weight = "mono" if mono else "bold" if bold else "regular"
        wide = metrics.width(said, size, weight)
        if width is None:
            room = {"start": WIDTH - 24 - x, "end": x - 24}
            width = room.get(anchor, 2 * min(x - 24, WIDTH - 24 - x))
        if wide > width + 0.5 and self._shrinks:
            size, wide = size * width / wide, width
        elif wide > width + 0.5:
            raise TooWide(f"{said!r} needs {wide:.0f}, has {width:.0f}")
        classes = [ink if ink not in ROLES else f"{ink}-text"]
        classes += ["mono"] if mono else []
        classes += ["bold"] if bold else []
        element = self._put("text", " ".join(classes), x=x, y=y, font_size=size)
        if anchor != "start":
            element.set("text-anchor", anchor)
        if mono:
            element.set("xml:space", "preserve")
        element.text = said
        return wide

    def paragraph(
        self,
        x: float,
        y: float,
        words: Words,
        *,
        width: float,
        lines: int,
        size: float = SMALL,
        bold: bool = False,
        ink: str = "muted",
        anchor: Anchor = "start",
        leading: float = 1.3,
        middle: bool = False,
    ) -> None:
        """Write up to ``lines`` lines, broken to ``width``.

        ``y`` is the first baseline, or with ``middle`` what the lines are centred on.
        """
        weight: metrics.Weight = "bold" if bold else "regular"
        broken = metrics.wrap(self.say(words), size, width, weight)
        while len(broken) > lines and self._shrinks and size > 1:
            size *= 0.95
            broken = metrics.wrap(self.say(words), size, width, weight)
        if len(broken) > lines:
            raise TooWide(f"{self.say(words)!r} takes {len(broken)} lines, has {lines}")
        if middle:
            y += size * 0.36 - (len(broken) - 1) * size * leading / 2
        for number, line in enumerate(broken):
            self.text(
                x,
                y + number * size * leading,
                line,
                size=size,
                bold=bold,
                ink=ink,
                anchor=anchor,
                width=width,
            )

    def spans(
        self, x: float, y: float, parts: Iterable[tuple[str, str]], *, size: float = CODE
    ) -> float:
        """Write one line of code in several inks, ``(text, ink)`` each; return its width."""
        element = self._put("text", "mono", x=x, y=y, font_size=size)
        element.set("xml:space", "preserve")
        whole = ""
        for text, ink in parts:
            whole += text
            name = ink if ink not in ROLES else f"{ink}-text"
            self._put("tspan", name, parent=element).text = text
        wide = metrics.width(whole, size, "mono")
        if x + wide > WIDTH - 24:
            raise TooWide(f"{whole!r} ends at {x + wide:.0f}")
        return wide

    # ---- things ----

    def box(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        words: Words | None = None,
        role: str | None = None,
        *,
        sub: Words | None = None,
        solid: bool = False,
        dashed: bool = False,
        mono: bool = False,
        size: float = BODY,
        align: Anchor = "middle",
        radius: float = RADIUS,
    ) -> Box:
        """Draw a thing: its name, and a second, quieter line ``sub`` below it.

        Without ``role`` it is a plain card. ``solid`` fills it with the role's accent;
        ``dashed`` is for what is writable and goes away (a container's layer).
        """
        box = Box(x, y, w, h)
        look = "card" if role is None else f"{role}-solid" if solid else f"{role}-area"
        rect = self._put("rect", look, x=x, y=y, width=w, height=h, rx=min(radius, h / 2))
        if dashed:
            rect.set("stroke-dasharray", "7 5")
        ink = f"on-{role}" if solid else "ink"
        quiet = f"on-{role}" if solid else "muted"
        at = {"start": x + 16, "middle": box.cx, "end": box.right - 16}[align]
        room = w - (20 if align == "middle" else 28)
        if words is not None:
            base = box.cy + size * 0.36 - (12 if sub is not None else 0)
            self.text(
                at,
                base,
                words,
                size=size,
                bold=not mono,
                mono=mono,
                ink=ink,
                anchor=align,
                width=room,
            )
        if sub is not None:
            self.text(at, box.cy + 18, sub, size=SMALL, ink=quiet, anchor=align, width=room)
        return box

    def layers(
        self,
        x: float,
        bottom: float,
        w: float,
        rows: Sequence[tuple[Words, str]],
        *,
        h: float = 44,
        gap: float = 6,
        mono: bool = False,
        align: Anchor = "middle",
        size: float = BODY,
    ) -> list[Box]:
        """Pile up ``rows`` of (words, role), the first one at the bottom; return their boxes.

        A container's layer is drawn dashed: it can be written to and goes with it.
        """
        boxes = []
        for number, (words, role) in enumerate(rows):
            y = bottom - (number + 1) * h - number * gap
            boxes.append(
                self.box(
                    x,
                    y,
                    w,
                    h,
                    words,
                    role,
                    dashed=role == "container",
                    mono=mono,
                    align=align,
                    size=size,
                    radius=8,
                )
            )
        return boxes

    def region(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        words: Words,
        role: str | None = None,
        *,
        mono: bool = False,
        sub: Words | None = None,
    ) -> Box:
        """Draw a place that holds things (a machine, a network), its name inside at the top."""
        self._put(
            "rect",
            "region" if role is None else f"{role}-region",
            x=x,
            y=y,
            width=w,
            height=h,
            rx=16,
        )
        ink = "muted" if role is None else role
        wide = self.text(
            x + 20, y + 31, words, size=BODY, bold=not mono, mono=mono, ink=ink, width=w - 40
        )
        if sub is not None:
            left = x + 20 + wide + 14
            self.text(left, y + 31, sub, size=SMALL, ink="muted", width=x + w - 14 - left)
        return Box(x, y, w, h)

    def hole(self, x: float, y: float, w: float, h: float, words: Words) -> Box:
        """Draw where something is missing, hidden or still to come."""
        rect = self._put("rect", "hole", x=x, y=y, width=w, height=h, rx=RADIUS)
        rect.set("stroke-dasharray", "2 6")
        self.text(
            x + w / 2,
            y + h / 2 + 6,
            words,
            size=17,
            ink="muted",
            anchor="middle",
            width=w - 20,
        )
        return Box(x, y, w, h)

    def cylinder(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        words: Words,
        role: str = "volume",
        *,
        sub: Words | None = None,
        dashed: bool = False,
        mono: bool = False,
    ) -> Box:
        """Draw where data stays: a volume, a database."""
        lid = 11
        path = (
            f"M{_number(x)} {_number(y + lid)} v{_number(h - 2 * lid)} "
            f"a{_number(w / 2)} {lid} 0 0 0 {_number(w)} 0 v{_number(-(h - 2 * lid))} "
            f"a{_number(w / 2)} {lid} 0 0 0 {_number(-w)} 0 "
            f"a{_number(w / 2)} {lid} 0 0 0 {_number(w)} 0"
        )
        shape = self._put("path", f"{role}-area", d=path)
        if dashed:
            shape.set("stroke-dasharray", "7 5")
        middle = y + h / 2 + lid / 2 + 1
        base = middle + BODY * 0.36 - (11 if sub is not None else 0)
        self.text(
            x + w / 2,
            base,
            words,
            bold=not mono,
            mono=mono,
            anchor="middle",
            width=w - 16,
            size=CODE if mono else BODY,
        )
        if sub is not None:
            self.text(
                x + w / 2,
                middle + 19,
                sub,
                size=SMALL,
                ink="muted",
                anchor="middle",
                width=w - 12,
            )
        return Box(x, y, w, h)

    def terminal(
        self,
        x: float,
        y: float,
        w: float,
        lines: Sequence[str | Sequence[tuple[str, str]]],
        *,
        size: float = CODE,
        leading: float = 28,
    ) -> Box:
        """Draw a terminal with ``lines``; one that begins with ``$`` is a command."""
        h = 24 + leading * len(lines) - 4
        self._put("rect", "term", x=x, y=y, width=w, height=h, rx=RADIUS)
        for number, line in enumerate(lines):
            base = y + 32 + number * leading - 1
            if not isinstance(line, str):
                parts = list(line)
            elif line.startswith("$ "):
                parts = [("$ ", "term-muted"), (line[2:], "term-ink")]
            else:
                parts = [(line, "term-muted")]
            wide = self.spans(x + 18, base, parts, size=size)
            if wide > w - 30:
                raise TooWide(f"{line!r} needs {wide:.0f}, has {w - 30:.0f}")
        return Box(x, y, w, h)

    def file(
        self,
        x: float,
        y: float,
        w: float,
        name: Words | None,
        lines: Sequence[tuple[str, str | None]],
        *,
        leading: float = 36,
        size: float = CODE,
        indent: float = 28,
    ) -> list[Box]:
        """Draw a text file, ``(line, role)`` each; return the boxes of its lines.

        A line's role gives it a bar in the colour of what the line makes; ``indent`` leaves
        room for something else there.
        """
        top = 48 if name is not None else 12
        tall = top + leading * len(lines) + 10
        fold = 22
        outline = (
            f"M{_number(x + RADIUS)} {_number(y)} H{_number(x + w - fold)} l{fold} {fold} "
            f"V{_number(y + tall - RADIUS)} q0 {RADIUS} -{RADIUS} {RADIUS} "
            f"H{_number(x + RADIUS)} q-{RADIUS} 0 -{RADIUS} -{RADIUS} "
            f"V{_number(y + RADIUS)} q0 -{RADIUS} {RADIUS} -{RADIUS} z"
        )
        self._put("path", "card", d=outline)
        self._put(
            "path",
            "fold",
            d=f"M{_number(x + w - fold)} {_number(y)} v{fold - 6} q0 6 6 6 h{fold - 6}",
        )
        if name is not None:
            self.text(x + 20, y + 33, name, size=SMALL, bold=True, ink="muted", width=w - 60)
        boxes = []
        for number, (line, role) in enumerate(lines):
            row = Box(x, y + top + number * leading, w, leading)
            if role is not None:
                self._put(
                    "rect",
                    f"{role}-solid",
                    x=x + 12,
                    y=row.y + 5,
                    width=5,
                    height=leading - 10,
                    rx=2.5,
                )
            if line:
                self.text(
                    x + indent,
                    row.cy + size * 0.35,
                    line,
                    size=size,
                    mono=True,
                    width=w - indent - 10,
                )
            boxes.append(row)
        return boxes

    def browser(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        address: str,
        words: Words | None = None,
    ) -> Box:
        """Draw a browser's window with its address, ``words`` in the page."""
        self._put("rect", "client-window", x=x, y=y, width=w, height=h, rx=RADIUS)
        self._put("path", "client-line", d=f"M{_number(x)} {_number(y + 34)} h{_number(w)}")
        for number in range(3):
            self._put("circle", "client-dot", cx=x + 18 + 14 * number, cy=y + 17, r=4)
        self.text(x + 62, y + 22.5, address, size=SMALLEST, mono=True, ink="muted", width=w - 72)
        if words is not None:
            self.text(
                x + w / 2,
                y + 34 + (h - 34) / 2 + 6,
                words,
                bold=True,
                anchor="middle",
                width=w - 24,
            )
        return Box(x, y, w, h)

    # ---- between things ----

    def arrow(
        self,
        *points: Point,
        role: str | None = None,
        dashed: bool = False,
        both: bool = False,
        head: bool = True,
        crossed: bool = False,
    ) -> None:
        """Draw an arrow through ``points``, corners rounded, its tip exactly on the last one.

        ``crossed`` marks it as not getting through, with a badge at its middle.
        """
        name = role or "arrow"
        path = list(points)
        tips = []
        if head:
            path[-1], tip = _head(path[-2], path[-1])
            tips.append(tip)
        if both:
            path[0], tip = _head(path[1], path[0])
            tips.append(tip)
        line = self._put("path", f"{name}-stroke", d=_rounded(path))
        if dashed:
            line.set("stroke-dasharray", "2 7")
        for tip in tips:
            self._put("path", f"{name}-tip", d=tip)
        if crossed:
            (x1, y1), (x2, y2) = points[0], points[-1]
            self.badge((x1 + x2) / 2, (y1 + y2) / 2, "error")

    def badge(self, x: float, y: float, state: str, r: float = 13) -> None:
        """Draw a state (ok, warn, error) as a disc with its sign, centred on a point."""
        self._put("circle", f"{state}-disc", cx=x, cy=y, r=r)
        k = r / 13
        sign = {
            "ok": f"M{_number(x - 5.5 * k)} {_number(y + 0.5 * k)} l{_number(4 * k)} "
            f"{_number(4.5 * k)} l{_number(7.5 * k)} {_number(-9.5 * k)}",
            "error": f"M{_number(x - 4.5 * k)} {_number(y - 4.5 * k)} l{_number(9 * k)} "
            f"{_number(9 * k)} m0 {_number(-9 * k)} l{_number(-9 * k)} {_number(9 * k)}",
            "warn": f"M{_number(x)} {_number(y - 6.5 * k)} v{_number(7.5 * k)} "
            f"m0 {_number(5 * k)} v0.1",
        }[state]
        self._put("path", f"{state}-sign", d=sign)

    def number(self, x: float, y: float, n: int, role: str | None = None) -> None:
        """Draw a step's number in a disc centred on a point."""
        self._put("circle", "step" if role is None else f"{role}-disc", cx=x, cy=y, r=15)
        ink = "step-ink" if role is None else f"on-{role}"
        self.text(x, y + 5.8, str(n), size=SMALL, bold=True, ink=ink, anchor="middle", width=30)

    def station(self, x: float, y: float, words: str, role: str) -> None:
        """Draw a stop of a path: a larger disc, with up to two characters."""
        self._put("circle", f"{role}-disc", cx=x, cy=y, r=21)
        self.text(
            x, y + 6.2, words, size=17, bold=True, ink=f"on-{role}", anchor="middle", width=38
        )

    def line(self, *points: Point, role: str | None = None, dashed: bool = False) -> None:
        """Draw a hairline, or one in a role's colour."""
        element = self._put("path", f"{role}-stroke" if role else "hair", d=_rounded(list(points)))
        if dashed:
            element.set("stroke-dasharray", "2 7")

    def path(self, d: str, classes: str) -> None:
        """Draw what the shapes above can't: SVG path data with the style's classes."""
        self._put("path", classes, d=d)


def _head(start: Point, end: Point) -> tuple[Point, str]:
    """Return where an arrow's line stops, and the outline of its head."""
    (x1, y1), (x2, y2) = start, end
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    long, half = 13, 6.5
    bx, by = x2 - ux * long, y2 - uy * long
    corners = [(x2, y2), (bx - uy * half, by + ux * half), (bx + uy * half, by - ux * half)]
    outline = " L".join(f"{_number(x)} {_number(y)}" for x, y in corners)
    return (x2 - ux * (long - 2), y2 - uy * (long - 2)), f"M{outline} z"


def _rounded(points: Sequence[Point], radius: float = RADIUS) -> str:
    """Return path data through ``points`` with rounded corners."""
    parts = [f"M{_number(points[0][0])} {_number(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        pair = []
        for other in (before, after):
            dx, dy = other[0] - corner[0], other[1] - corner[1]
            length = (dx * dx + dy * dy) ** 0.5
            cut = min(radius, length / 2) / length
            pair.append((corner[0] + dx * cut, corner[1] + dy * cut))
        (ax, ay), (bx, by) = pair
        parts.append(
            f"L{_number(ax)} {_number(ay)} Q{_number(corner[0])} {_number(corner[1])} "
            f"{_number(bx)} {_number(by)}"
        )
    parts.append(f"L{_number(points[-1][0])} {_number(points[-1][1])}")
    return " ".join(parts)


def _rule(name: str, mode: Mode) -> str:
    """Return the declarations of one class in one mode; the same for both when fixed."""
    s = SURFACES[mode]
    plain = {
        "paper": f"fill:{s.paper};stroke:{s.edge}",
        "card": f"fill:{s.card};stroke:{s.edge};stroke-width:1.5",
        "fold": f"fill:{s.paper};stroke:{s.edge};stroke-width:1.5",
        "region": f"fill:none;stroke:{s.line};stroke-width:1.5",
        "hole": f"fill:none;stroke:{s.line};stroke-width:2;stroke-linecap:round",
        "hair": f"fill:none;stroke:{s.edge};stroke-width:1.5",
        "ink": f"fill:{s.ink}",
        "muted": f"fill:{s.muted}",
        "term": f"fill:{s.terminal};stroke:{s.edge if mode == 'dark' else s.terminal}",
        "term-ink": f"fill:{s.terminal_ink}",
        "term-muted": f"fill:{s.terminal_muted}",
        "arrow-stroke": f"fill:none;stroke:{s.line};stroke-width:2.5;stroke-linecap:round",
        "arrow-tip": f"fill:{s.line}",
        "sieve": f"stroke:{s.ink};stroke-width:5;stroke-linecap:round",
        "step": f"fill:{s.ink}",
        "step-ink": f"fill:{s.paper}",
        "bold": "font-weight:700",
        "mono": f"font-family:{MONO}",
    }
    if name in plain:
        return plain[name]
    if name.startswith("term-"):  # a role's colour inside a terminal, dark in both modes
        return f"fill:{ROLES[name.removeprefix('term-')].tone('dark').accent}"
    if name.startswith("on-"):
        return f"fill:{ROLES[name.removeprefix('on-')].tone(mode).on}"
    role, _, look = name.rpartition("-")
    tone = ROLES[role].tone(mode)
    return {
        "area": f"fill:{tone.fill};stroke:{tone.accent};stroke-width:2",
        "solid": f"fill:{tone.accent}",
        "text": f"fill:{tone.text}",
        "region": f"fill:{tone.fill};fill-opacity:.45;stroke:{tone.accent};stroke-width:2",
        "stroke": f"fill:none;stroke:{tone.accent};stroke-width:2.5;stroke-linecap:round",
        "tip": f"fill:{tone.accent}",
        "disc": f"fill:{tone.accent};stroke:{s.paper};stroke-width:2",
        "sign": f"fill:none;stroke:{tone.on};stroke-width:2.8;stroke-linecap:round;"
        "stroke-linejoin:round",
        "window": f"fill:{s.paper};stroke:{tone.accent};stroke-width:2",
        "line": f"fill:none;stroke:{tone.accent};stroke-width:2",
        "dot": f"fill:{tone.accent}",
    }[look]


def _stylesheet(classes: set[str]) -> str:
    """Return the CSS of ``classes``: light first, then what differs in the dark."""
    light, dark = ({name: _rule(name, mode) for name in sorted(classes)} for mode in MODES)
    rules = [f"text{{font-family:{FONT}}}"]
    rules += [f".{name}{{{rule}}}" for name, rule in light.items()]
    changed = [f".{name}{{{rule}}}" for name, rule in dark.items() if rule != light[name]]
    rules.append("@media (prefers-color-scheme:dark){" + "".join(changed) + "}")
    return "\n" + "\n".join(rules) + "\n"


def texts(svg: str) -> list[str]:
    """Return every text that a figure's file shows, in order (for tests and searching)."""
    root = ET.fromstring(svg)
    found = ("".join(e.itertext()) for e in root.iter(f"{{{_SVG}}}text"))
    return [re.sub(r"\s+", " ", text).strip() for text in found]
