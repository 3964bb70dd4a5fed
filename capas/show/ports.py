"""The port map: which address of this machine leads to which port of which container."""

from contextlib import closing
from dataclasses import dataclass
from typing import Any

from capas.engine import client
from capas.errors import CapasError
from capas.language import _, current
from capas.show import metrics
from capas.show.drawing import MARGIN, SMALL, WIDTH, Drawing
from capas.show.picture import Picture

MOST = 8
"""Containers that are drawn."""


@dataclass(frozen=True)
class Port:
    """A port of a container; `outside` is where this machine lets one in: address, port."""

    inside: str
    """As the engine writes it: ``80/tcp``."""
    outside: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Container:
    """A container that runs, and the ports that it publishes or only EXPOSEs."""

    name: str
    ports: tuple[Port, ...]


def read(attributes: dict[str, Any]) -> Container:
    """Return what the engine's answer to `inspect` says of a container's ports."""
    found = attributes["NetworkSettings"].get("Ports") or {}
    listed = []
    for inside in sorted(found, key=lambda port: (int(port.partition("/")[0]), port)):
        bound = {(place["HostIp"] or "0.0.0.0", place["HostPort"]) for place in found[inside] or []}
        # All of IPv4 and all of IPv6 are bound together: one address for people.
        bound = {(ip, port) for ip, port in bound if ip != "::" or ("0.0.0.0", port) not in bound}
        listed.append(Port(inside.removesuffix("/tcp"), tuple(sorted(bound))))
    return Container(attributes["Name"].removeprefix("/"), tuple(listed))


def containers(label: str = "capas", name: str = "") -> list[Container]:
    """Return the running containers with this label whose name contains `name`, by name.

    Raises:
        CapasError: no engine answers.
    """
    filters = {"label": label} if label else {}
    with closing(client()) as engine:
        # Not the SDK's list(): it asks for one after the other and fails when one has just gone.
        ids = [
            one["Id"]
            for one in engine.api.containers(filters=filters | ({"name": name} if name else {}))
        ]
        return sorted(
            (read(engine.api.inspect_container(one)) for one in ids), key=lambda found: found.name
        )


def _fit(text: str, width: float, size: float, weight: metrics.Weight) -> str:
    """Shorten `text` until it fits."""
    known = "".join(c if c.isascii() else "?" for c in text)
    while len(known) > 1 and metrics.width(known, size, weight) > width:
        known = known.removesuffix("…")[:-1] + "…"
    return known


def _address(ip: str, port: str) -> str:
    return f"{ip}:{port}" if ":" not in ip else f"[{ip}]:{port}"


def draw(found: list[Container]) -> Picture:
    """Draw the map of these containers."""
    shown = found[:MOST]
    told, row = [], 54
    tall = [
        max(1, sum(max(1, len(port.outside)) for port in one.ports)) * row + 56 for one in shown
    ]
    height = 118 + sum(tall) + 16 * max(0, len(shown) - 1) + 50 if shown else 160
    lines = []
    for one in shown:
        if not one.ports:
            told.append(_("{name}: no ports").format(name=one.name))
        for port in one.ports:
            where = ", ".join(_address(*place) for place in port.outside)
            told.append(
                f"{where} → {one.name}:{port.inside}"
                if where
                else _("{name}: {port} exposed, not published").format(
                    name=one.name, port=port.inside
                )
            )
    title = _("Which port leads where")
    alt = f"{title}: {'; '.join(told)}" if told else _("No container of these is running.")
    drawing = Drawing(current(), height, title, alt)
    if not shown:
        drawing.text(MARGIN, 110, alt, ink="muted")
        return Picture(drawing.svg(), alt)
    left, wide = MARGIN + 20, 300
    middle, right = 560, WIDTH - MARGIN
    drawing.region(MARGIN, 78, wide + 40, height - 78 - 30, _("this machine"), "client")
    y = 78.0
    for one, high in zip(shown, tall, strict=True):
        drawing.region(
            middle,
            y,
            right - middle,
            high - 4,
            _fit(one.name, right - middle - 44, 18, "bold"),
            "container",
        )
        at = y + 44
        if not one.ports:
            drawing.text(middle + 20, at + 24, _("no ports"), size=SMALL, ink="muted")
        for port in one.ports:
            for place in port.outside or (None,):
                inside = drawing.box(
                    middle + 20,
                    at,
                    130,
                    42,
                    port.inside,
                    "network" if place else None,
                    mono=True,
                    dashed=place is None,
                )
                if place is None:
                    drawing.paragraph(
                        middle + 166,
                        at + 21,
                        _("EXPOSE only: not published"),
                        width=right - middle - 180,
                        lines=2,
                        middle=True,
                    )
                else:
                    # The blanks keep the port a word of its own in the picture's address, where
                    # what differs between two runs is looked for.
                    text = f" {_fit(_address(*place), wide - 44, 17, 'mono')} "
                    outside = drawing.box(left, at, wide, 42, text, "network", mono=True, size=17)
                    drawing.arrow(outside.east(), inside.west(), role="network")
                    if place[0] in ("0.0.0.0", "::"):
                        drawing.badge(outside.right, at, "warn", r=11)
                        lines.append(place)
                at += row
        y += high + 16
    if lines:
        drawing.text(
            MARGIN,
            height - 10,
            _("! 0.0.0.0 is every address: whoever reaches this machine gets in."),
            size=15,
            ink="warn",
        )
    return Picture(drawing.svg(), alt)


def ports(label: str = "capas", name: str = "") -> Picture:
    """Draw the ports of the running containers with `label` (and, if given, such a `name`)."""
    try:
        return draw(containers(label, name))
    except CapasError as error:
        drawing = Drawing(current(), 160, _("Which port leads where"), str(error))
        drawing.paragraph(MARGIN, 100, str(error), width=WIDTH - 2 * MARGIN, lines=3)
        return Picture(drawing.svg(), str(error))
