"""Charts of what a lesson measures: units, medians, and how many runs they stand on.

Drawn by matplotlib in the course's colours (`style`), as a `Picture`: one SVG that is light or
dark as the reader's system is.
"""

import io
import re
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from capas.errors import CapasError
from capas.language import _, current
from capas.show.picture import Picture
from capas.show.style import ROLES, SURFACES, chart_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORLDS = {"process": "application", "container": "container"}
"""What a process and a container are coloured by; ``VM, …`` is a guest."""


def _known(name: str) -> str:
    """Return a name in the reader's language, where the course compares such things often."""
    return {"process": _("process"), "container": _("container")}.get(name, name)


Runs = Mapping[str, Sequence[float]]
"""What was measured, run by run, by the name of what it was measured of."""


def spread(
    runs: Runs,
    unit: str,
    *,
    title: str = "",
    roles: Mapping[str, str] | None = None,
    log: bool = False,
) -> Picture:
    """Return a chart with one row for each name: a dot for each run, a bar up to the median.

    Args:
        runs: at least one value each.
        unit: of all values: ``s``, ``MB``.
        title: what is shown, in the reader's language.
        roles: the meaning of each name in `style.ROLES`, which colours its row.
        log: logarithmic axis, for values of different orders of magnitude (all above 0).
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    if not runs:
        raise CapasError(_("Nothing was measured on this machine: see the stored outputs."))
    runs = {_known(name): values for name, values in runs.items()}
    roles = {_known(name): role for name, role in (roles or WORLDS).items()}
    names = list(runs)
    medians = {name: statistics.median(values) for name, values in runs.items()}
    with rc_context(chart_style() | {"axes.grid.axis": "x"}):  # type: ignore[arg-type]
        figure = Figure(figsize=(9.6, 1.3 + 0.62 * len(names)), layout="constrained")
        axes = figure.subplots()
        smallest = min(min(values) for values in runs.values())
        for row, name in enumerate(names):
            colour = ROLES[roles.get(name, "guest" if name.startswith("VM") else "client")].light
            values = list(runs[name])
            if not log:  # from where would a bar begin?
                axes.barh(row, medians[name], height=0.46, color=colour, alpha=0.28)
            axes.plot([medians[name]] * 2, [row - 0.3, row + 0.3], color=colour, linewidth=3)
            axes.plot(values, [row] * len(values), "o", color=colour, markersize=5, alpha=0.75)
            axes.annotate(
                f"{number(medians[name])} {unit}  (n = {len(values)})",
                (max(values), row),
                xytext=(10, 0),
                textcoords="offset points",
                va="center",
                color=SURFACES["light"].ink,
            )
        biggest = max(max(values) for values in runs.values())
        if log:
            axes.set_xscale("log")
            axes.set_xlim(smallest / 3, biggest * 8)
        else:
            axes.set_xlim(0, biggest * 1.35 or 1)
        axes.xaxis.set_major_formatter(lambda value, _place: number(value))
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        scale = f"{unit}, " + _("logarithmic scale") if log else unit
        axes.set_xlabel(f"{scale}. " + _("Line: median; dots: single runs."))
        axes.set_title(title)
        told = "; ".join(
            _("{name}: median {median} {unit}, from {low} to {high}, {n} runs").format(
                name=name,
                median=number(medians[name]),
                unit=unit,
                low=number(min(runs[name])),
                high=number(max(runs[name])),
                n=len(runs[name]),
            )
            for name in names
        )
        return Picture(_svg(figure), f"{title}: {told}." if title else f"{told}.")


def bars(
    values: Mapping[str, float],
    unit: str,
    *,
    title: str = "",
    roles: Mapping[str, str] | None = None,
) -> Picture:
    """Return a chart with one horizontal bar for each name, for what does not vary (bytes)."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    if not values:
        raise CapasError(_("Nothing was measured on this machine: see the stored outputs."))
    values = {_known(name): value for name, value in values.items()}
    roles = {_known(name): role for name, role in (roles or WORLDS).items()}
    names = list(values)
    with rc_context(chart_style() | {"axes.grid.axis": "x"}):  # type: ignore[arg-type]
        figure = Figure(figsize=(9.6, 1.3 + 0.5 * len(names)), layout="constrained")
        axes = figure.subplots()
        for row, name in enumerate(names):
            colour = ROLES[roles.get(name, "guest" if name.startswith("VM") else "image")].light
            axes.barh(row, values[name], height=0.6, color=colour)
            axes.annotate(
                f"{number(values[name])} {unit}",
                (values[name], row),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                color=SURFACES["light"].ink,
            )
        axes.set_xlim(0, max(values.values()) * 1.2 or 1)
        if all(isinstance(value, int) for value in values.values()):  # a count has no halves
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.xaxis.set_major_formatter(lambda value, _place: number(value))
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(unit)
        axes.set_title(title)
        told = "; ".join(f"{name}: {number(values[name])} {unit}" for name in names)
        return Picture(_svg(figure), f"{title}: {told}." if title else f"{told}.")


def number(value: float) -> str:
    """Return a number with three significant digits, in the reader's way of writing them."""
    from babel.numbers import format_decimal

    digits = f"{value:.3g}"
    return str(format_decimal(float(digits), locale=current(), decimal_quantization=False))


def _svg(figure: "Figure") -> str:
    """Return a figure as SVG in which every colour of the light palette turns dark by itself."""
    figure.get_layout_engine().set(w_pad=0.2, h_pad=0.2)  # type: ignore[union-attr, call-arg]
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    pairs = [
        *zip(vars(SURFACES["light"]).values(), vars(SURFACES["dark"]).values(), strict=True),
        *((role.light, role.dark) for role in ROLES.values()),
    ]
    used = {light: dark for light, dark in pairs if light in text}
    names = {light: f"--c{n}" for n, light in enumerate(used)}
    text = re.sub(
        "|".join(map(re.escape, names)) or r"(?!)", lambda found: f"var({names[found[0]]})", text
    )
    light = ";".join(f"{names[colour]}:{colour}" for colour in used)
    dark = ";".join(f"{names[colour]}:{used[colour]}" for colour in used)
    style = f"<style>svg{{{light}}}@media (prefers-color-scheme:dark){{svg{{{dark}}}}}</style>"
    head, _end, rest = text.partition(">")
    return f"{head}>{style}{rest}"
