"""The course's visual language: one colour, one meaning.

Figures, charts, tables and widgets all take their colours from here. A colour is
never the only sign: words, shapes (a volume is a cylinder, a container has a
dashed edge) and icons say the same, and ``tests/show/test_style.py`` computes that
text can be read on every fill (WCAG 2.2 AA) and that colours which meet in one
picture stay apart for colour-blind readers.
"""

from dataclasses import dataclass
from typing import Any, Literal

Mode = Literal["light", "dark"]
MODES: tuple[Mode, ...] = ("light", "dark")

FONT = 'system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",Arial,sans-serif'
MONO = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace'

TEXT_CONTRAST = 4.5
"""WCAG 2.2 AA, success criterion 1.4.3: text."""
SHAPE_CONTRAST = 3.0
"""WCAG 2.2 AA, success criterion 1.4.11: parts of a picture that carry meaning."""


@dataclass(frozen=True)
class Surface:
    """What everything is drawn on and written with, in one mode."""

    paper: str  # the figure's own background: it works on a page of any colour
    edge: str  # hairline around the paper and around plain cards
    card: str  # a plain thing: a file, a machine, a region
    ink: str  # text
    muted: str  # text of second rank
    line: str  # arrows, axes
    terminal: str  # a terminal is dark in both modes
    terminal_ink: str
    terminal_muted: str


SURFACES: dict[Mode, Surface] = {
    "light": Surface(
        paper="#fcfbf9",
        edge="#dcd9d2",
        card="#f1efea",
        ink="#1b2027",
        muted="#565e6a",
        line="#5f6773",
        terminal="#20262f",
        terminal_ink="#f2f4f7",
        terminal_muted="#9fabb9",
    ),
    "dark": Surface(
        paper="#171b21",
        edge="#39414c",
        card="#222831",
        ink="#eef1f5",
        muted="#aab4c0",
        line="#98a3b1",
        terminal="#0b0e12",
        terminal_ink="#f2f4f7",
        terminal_muted="#9fabb9",
    ),
}


def _channels(colour: str) -> tuple[float, float, float]:
    return (
        int(colour[1:3], 16) / 255,
        int(colour[3:5], 16) / 255,
        int(colour[5:7], 16) / 255,
    )


def linear(colour: str) -> tuple[float, float, float]:
    """Return the linear-light sRGB channels of ``#rrggbb`` (IEC 61966-2-1), 0 to 1."""
    r, g, b = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _channels(colour)
    )
    return r, g, b


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb`` (WCAG 2.2), 0 to 1."""
    r, g, b = linear(colour)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2), 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mix(colour: str, other: str, share: float) -> str:
    """Return ``colour`` with ``share`` (0 to 1) of ``other`` stirred in, as ``#rrggbb``."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(255 * (a + (b - a) * share)):02x}" for a, b in pairs)


@dataclass(frozen=True)
class Tone:
    """One meaning's colours in one mode: an accent, and what follows from it."""

    accent: str
    mode: Mode

    @property
    def fill(self) -> str:
        """A quiet area in this colour; ink is written on it."""
        surface = SURFACES[self.mode]
        return mix(surface.paper, self.accent, 0.16 if self.mode == "light" else 0.22)

    @property
    def on(self) -> str:
        """The ink for text on the accent itself: light or dark, whichever reads better."""
        return max("#ffffff", "#12161b", key=lambda ink: contrast(ink, self.accent))

    @property
    def text(self) -> str:
        """The accent as a colour to write with: moved towards ink until it can be read."""
        surface = SURFACES[self.mode]
        for step in range(21):
            colour = mix(self.accent, surface.ink, step / 20)
            grounds = (surface.paper, surface.card, self.fill)
            if all(contrast(colour, ground) >= TEXT_CONTRAST for ground in grounds):
                return colour
        return surface.ink


@dataclass(frozen=True)
class Role:
    """One meaning and its colour in both modes."""

    name: str
    meaning: str
    light: str
    dark: str

    def tone(self, mode: Mode) -> Tone:
        """Return this meaning's colours in ``mode``."""
        return Tone(self.light if mode == "light" else self.dark, mode)


_ROLES = (
    # what a program stands on
    Role("hardware", "the physical machine", "#434b54", "#b9c2cc"),
    Role("kernel", "an operating system's kernel", "#3028a1", "#7b87fa"),
    Role("hypervisor", "what runs virtual machines", "#764286", "#bd42a2"),
    Role("guest", "a guest operating system", "#9378ca", "#9e88d0"),
    Role("library", "libraries and dependencies", "#5a7227", "#76883f"),
    Role("application", "a program that somebody wrote, its source", "#bc3e79", "#f5539d"),
    # Docker's objects
    Role("image", "an image and its read-only layers", "#2769b7", "#78b3f9"),
    Role("container", "a container and its writable layer", "#a88631", "#facd5c"),
    Role("network", "a network, its names, published ports", "#1a9ba5", "#7ee1ee"),
    Role("volume", "a volume, a mount, a database's data", "#6e441b", "#d6905f"),
    Role("registry", "a registry of images", "#503d7a", "#9076dc"),
    # who asks and who does
    Role("client", "who asks: you, a command, a browser", "#292d33", "#a9b1bb"),
    Role("daemon", "who does it: the daemon, the engine", "#25624f", "#459179"),
    # states; always with their icon
    Role("ok", "works", "#1f7043", "#7fe39a"),
    Role("warn", "look out", "#c07a00", "#ff9f2e"),
    Role("error", "fails", "#b3101c", "#f0444f"),
)
ROLES: dict[str, Role] = {role.name: role for role in _ROLES}

FAMILIES: tuple[frozenset[str], ...] = (
    frozenset(
        {"hardware", "kernel", "hypervisor", "guest", "library", "application", "image"}
        | {"container"}
    ),
    frozenset({"client", "daemon", "registry", "image", "container", "network", "volume"}),
    frozenset({"kernel", "application", "image", "container", "network", "volume", "daemon"}),
    frozenset({"ok", "warn", "error"}),
)
"""Meanings that meet in one picture: their colours must stay apart for every reader."""

ICONS: dict[str, str] = {"ok": "✓", "warn": "!", "error": "✗"}
"""The sign that goes with a state's colour in text, for those who don't see the colour."""


def css_variables(mode: Mode, prefix: str = "--capas") -> str:
    """Return CSS declarations of the whole palette in ``mode``, for widgets and HTML.

    ``--capas-image`` (accent), ``--capas-image-fill``, ``--capas-image-text`` and so on
    for each role; ``--capas-paper``, ``--capas-ink`` … for the surface.
    """
    parts = [f"{prefix}-{k.replace('_', '-')}:{v}" for k, v in vars(SURFACES[mode]).items()]
    for role in ROLES.values():
        tone = role.tone(mode)
        parts += [
            f"{prefix}-{role.name}:{tone.accent}",
            f"{prefix}-{role.name}-fill:{tone.fill}",
            f"{prefix}-{role.name}-text:{tone.text}",
            f"{prefix}-{role.name}-on:{tone.on}",
        ]
    return ";".join(parts)


def chart_style(mode: Mode = "light") -> dict[str, Any]:
    """Return matplotlib ``rcParams`` that make a chart look like the figures.

    Use as ``with matplotlib.rc_context(chart_style()):``; give each series the accent
    of what it shows (``ROLES["container"].tone(mode).accent``), not a colour of a cycle.
    """
    surface = SURFACES[mode]
    return {
        "axes.axisbelow": True,
        "axes.edgecolor": surface.line,
        "axes.facecolor": surface.paper,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.labelcolor": surface.muted,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": surface.ink,
        "axes.titlelocation": "left",
        "axes.titlesize": 15,
        "axes.titleweight": "bold",
        "figure.facecolor": surface.paper,
        "figure.figsize": (9.6, 4.8),
        "font.size": 13,
        "grid.color": surface.edge,
        "legend.frameon": False,
        "lines.linewidth": 2.5,
        "savefig.facecolor": surface.paper,
        "svg.fonttype": "none",
        "svg.hashsalt": "capas",
        "text.color": surface.ink,
        "xtick.color": surface.muted,
        "ytick.color": surface.muted,
    }
