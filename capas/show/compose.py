"""A Compose file as a graph: who needs whom, who meets whom, what is kept, what is let in.

What is drawn is what Compose itself understood: ``docker compose config`` merges the files,
fills in variables and defaults, and checks; no engine is needed for it.

Each service is one row, in the order in which Compose starts them. To the left, arrows lead to
what it waits for. Networks are lanes that pass behind the services, with a dot where one is
attached. To the right are the ports that it publishes and what it mounts.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from capas.errors import CapasError
from capas.language import _, current
from capas.show import metrics
from capas.show.drawing import MARGIN, SMALLEST, WIDTH, Box, Drawing
from capas.show.picture import Picture

_ROW_GAP = 26
_ITEM, _ITEM_GAP = 42, 8
_LANE = 26
_CHANNEL = 16
_LABELS = 104  # room for "completed" between the arrows' channels and the services
_SERVICE = 312
_ITEMS = 60  # from a service to what it mounts and publishes

_CONDITIONS = {
    "service_started": "started",
    "service_healthy": "healthy",
    "service_completed_successfully": "completed",
}


@dataclass(frozen=True)
class Mount:
    """What a service mounts."""

    kind: str
    """``volume`` (named), ``anonymous``, ``bind``, ``tmpfs`` …"""
    source: str
    """Name or path; empty where there is none."""
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class Service:
    """One service, as Compose understood it."""

    name: str
    origin: str
    """``image redis:8`` or ``build ./web``."""
    networks: tuple[str, ...]
    mounts: tuple[Mount, ...]
    ports: tuple[str, ...]
    """``127.0.0.1:8000→80``."""
    needs: Mapping[str, str]
    """Names of services → started, healthy, completed."""
    profiles: tuple[str, ...]
    replicas: int = 1
    mode: str = ""
    """``network_mode``: instead of networks."""

    def remarks(self) -> list[str]:
        """Return what else is to be said of it."""
        said = [f"network_mode: {self.mode}"] if self.mode else []
        if self.profiles:
            said.append(_("only with --profile {name}").format(name=",".join(self.profiles)))
        return said


@dataclass(frozen=True)
class Project:
    """A project, as Compose understood it."""

    name: str
    services: tuple[Service, ...]
    """In the order of their start."""
    external: frozenset[str]
    """Networks and volumes that must be there already."""


def understood(*files: str | Path) -> Project:
    """Return what Compose understands of files, later ones merged over earlier ones.

    A text with a line break is the file itself. Every profile counts.

    Raises:
        CapasError: Compose's own sentence on what is wrong; or there is no Compose.
    """
    from capas.engine import cli

    texts = [str(file) for file in files if "\n" in str(file)]
    if len(texts) > 1:
        raise CapasError(_("Only one of the Compose files can be given as a text."))
    named = [word for file in files for word in ("-f", "-" if "\n" in str(file) else str(file))]
    command = [cli.docker(os.environ.get("PATH")), "compose", *named, "--profile", "*"]
    try:
        done = subprocess.run(
            [*command, "config", "--format", "json", "--no-path-resolution"],
            input=texts[0] if texts else "",
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=30,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CapasError(_("Compose did not answer within 30 s.")) from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if not line.startswith("time=")]
        raise CapasError(" ".join((said or done.stderr.splitlines() or ["docker compose"])[-1:]))
    return _project(json.loads(done.stdout))


def _project(config: Mapping[str, Any]) -> Project:
    services = config.get("services") or {}
    external = {
        name
        for kind in ("networks", "volumes")
        for name, entry in (config.get(kind) or {}).items()
        if (entry or {}).get("external")
    }
    return Project(
        str(config.get("name", "")),
        tuple(_service(name, services[name] or {}) for name in _start_order(services)),
        frozenset(external),
    )


def _service(name: str, entry: Mapping[str, Any]) -> Service:
    if build := entry.get("build"):
        origin = f"build {build.get('context') or '(Dockerfile)'}"
    else:
        origin = f"image {entry.get('image', '?')}"
    deploy = entry.get("deploy") or {}
    return Service(
        name,
        origin,
        tuple(sorted(entry.get("networks") or {})),
        tuple(map(_mount, entry.get("volumes") or ())),
        tuple(map(_port, entry.get("ports") or ())),
        {
            other: _CONDITIONS.get(need.get("condition", ""), "started")
            for other, need in sorted((entry.get("depends_on") or {}).items())
        },
        tuple(entry.get("profiles") or ()),
        int(entry.get("scale") or deploy.get("replicas") or 1),
        str(entry.get("network_mode") or ""),
    )


def _mount(entry: Mapping[str, Any]) -> Mount:
    kind, source = str(entry.get("type", "volume")), str(entry.get("source") or "")
    if kind == "bind":
        # A folder of this machine: as written where it is written as relative.
        path = PurePath(source)
        if path.is_absolute() and len(path.parts) > 4:
            source = f"…/{path.name}"
    elif kind == "volume" and not source:
        kind = "anonymous"
    return Mount(kind, source, str(entry.get("target", "")), bool(entry.get("read_only")))


def _port(entry: Mapping[str, Any]) -> str:
    inside = str(entry.get("target", "?"))
    if entry.get("protocol", "tcp") != "tcp":
        inside += f"/{entry['protocol']}"
    return f"{entry.get('host_ip') or '0.0.0.0'}:{entry.get('published') or '?'}→{inside}"


def _start_order(services: Mapping[str, Any]) -> list[str]:
    """Return the names, each after all that it depends on, otherwise by the alphabet."""
    left, order = sorted(services), list[str]()
    while left:
        ready = next(
            name
            for name in left
            if not set((services[name] or {}).get("depends_on") or {}) & set(left)
        )
        left.remove(ready)
        order.append(ready)
    return order


def shortened(text: str, width: float, size: float, weight: metrics.Weight = "mono") -> str:
    """Return `text`, with dots in its middle where it is wider than `width`."""
    keep = len(text)
    short = text
    while keep > 1 and metrics.width(short, size, weight) > width:
        keep -= 1
        short = text[: (keep + 1) // 2] + "…" + text[len(text) - keep // 2 :]
    return short


def compose_graph(*files: str | Path) -> Picture:
    """Draw a Compose file (a path, or its text); several are merged as by ``-f … -f …``.

    Raises:
        CapasError: the file is not valid: Compose's own sentence.
    """
    return draw(understood(*(files or ("docker-compose.yaml",))))


def draw(project: Project) -> Picture:
    """Draw a project, as Compose understood it."""
    alt = _told(project)
    networks = _networks(project)
    # There is room for five: those that join most. What is beyond, the caption says.
    members = [name for service in project.services for name in service.networks]
    lanes = sorted(sorted(networks, key=lambda name: -members.count(name))[:5])
    heights = [_height(service) for service in project.services]
    header = 92 + 26 * max(len(lanes), 1)
    height = header + sum(heights) + _ROW_GAP * max(0, len(heights) - 1) + 78
    title = _("Project “{name}”").format(name=shortened(project.name, 600, 27, "bold"))
    drawing = Drawing(current(), height, title, alt)

    channels = _channels(project)
    deep = max(channels.values(), default=-1) + 1
    left = MARGIN + (_LABELS + _CHANNEL * deep if deep else 0)
    service_wide = _SERVICE + _LANE * max(0, len(lanes) - 1)
    boxes: dict[str, Box] = {}
    y: float = header
    for service, tall in zip(project.services, heights, strict=True):
        boxes[service.name] = Box(left, y, service_wide, tall)
        y += tall + _ROW_GAP
    bottom = y - _ROW_GAP + 10

    at = {
        name: left + service_wide - 28 - _LANE * (len(lanes) - 1 - place)
        for place, name in enumerate(lanes)
    }
    for place, name in enumerate(lanes):
        # The lane furthest to the right has its name at the top: none crosses another's.
        top = 84 + 26 * (len(lanes) - 1 - place)
        words = f"{name} ({_('external')})" if name in project.external else name
        words = shortened(words, at[name] - MARGIN - 40, SMALLEST)
        drawing.text(
            at[name] - 14,
            top + 9,
            words,
            size=SMALLEST,
            mono=True,
            ink="network",
            anchor="end",
            width=at[name] - MARGIN - 14,
        )
        drawing.path(f"M{at[name]} {top} V{bottom}", "network-stroke")
    for service in project.services:
        _draw_service(drawing, service, boxes[service.name], at)
    _draw_needs(drawing, project, boxes, channels)
    _draw_items(drawing, project, boxes)
    caption = _("Top to bottom: the order of the start. Vertical lines: networks; a dot: attached.")
    if len(networks) > len(lanes):
        caption = _("Top to bottom: the order of the start. Not drawn: {n} more networks.").format(
            n=len(networks) - len(lanes)
        )
    drawing.paragraph(
        MARGIN,
        bottom + 38,
        caption,
        width=WIDTH - 2 * MARGIN,
        lines=1,
    )
    return Picture(drawing.svg(), alt)


def _networks(project: Project) -> list[str]:
    return sorted({name for service in project.services for name in service.networks})


def _height(service: Service) -> int:
    items = len(service.ports) + len(service.mounts)
    return max(
        72 + 22 * len(service.remarks()),
        items * (_ITEM + _ITEM_GAP) - _ITEM_GAP,
        24 * (len(service.needs) + 1) + 4,
    )


def _channels(project: Project) -> dict[str, int]:
    """Return for each service that others wait for the channel of its arrow, 0 the nearest.

    Two arrows share a channel only where they do not pass the same row.
    """
    place = {service.name: n for n, service in enumerate(project.services)}
    last = {
        needed: max(place[s.name] for s in project.services if needed in s.needs)
        for needed in place
        if any(needed in s.needs for s in project.services)
    }
    found: dict[str, int] = {}
    for name in sorted(last, key=lambda name: (last[name] - place[name], place[name])):
        taken = {
            channel
            for other, channel in found.items()
            if place[other] <= last[name] and place[name] <= last[other]
        }
        found[name] = next(n for n in range(len(place)) if n not in taken)
    return found


def _draw_service(drawing: Drawing, service: Service, box: Box, lanes: Mapping[str, float]) -> None:
    drawing.box(box.x, box.y, box.w, box.h, role="container")
    first = min(lanes.values(), default=box.right - 12)
    room = first - 12 - (box.x + 16)
    name = service.name if service.replicas == 1 else f"{service.name} ×{service.replicas}"
    lines = 2 + len(service.remarks())
    base = box.cy + 6 - 11 * (lines - 1)
    drawing.text(box.x + 16, base, shortened(name, room, 18, "bold"), bold=True, width=room)
    drawing.text(
        box.x + 16,
        base + 23,
        shortened(service.origin, room, SMALLEST),
        size=SMALLEST,
        mono=True,
        ink="image",
        width=room,
    )
    for number, remark in enumerate(service.remarks()):
        drawing.text(
            box.x + 16,
            base + 45 + 22 * number,
            shortened(remark, room, SMALLEST, "regular"),
            size=SMALLEST,
            ink="muted",
            width=room,
        )
    for network, x in lanes.items():
        if network in service.networks:
            drawing.path(f"M{x - 7} {box.cy} a7 7 0 1 0 14 0 a7 7 0 1 0 -14 0 z", "network-disc")


def _draw_needs(
    drawing: Drawing, project: Project, boxes: Mapping[str, Box], channels: Mapping[str, int]
) -> None:
    """Draw the arrows from each service to what it waits for, through their channels."""
    for service in project.services:
        box = boxes[service.name]
        # The arrow that comes in has the first place, those that go out the ones below.
        for number, (needed, condition) in enumerate(service.needs.items(), 1):
            target = boxes[needed]
            x = box.x - _LABELS - _CHANNEL * channels[needed]
            y = box.y + 24 * (number + 1) - 2
            drawing.arrow((box.x, y), (x, y), (x, target.y + 16), (target.x, target.y + 16))
            drawing.text(
                box.x - 10,
                y - 5,
                condition,
                size=SMALLEST,
                ink="ok" if condition == "healthy" else "muted",
                anchor="end",
                width=_LABELS - 14,
            )


def _draw_items(drawing: Drawing, project: Project, boxes: Mapping[str, Box]) -> None:
    """Draw ports and mounts; the same volume in two services is joined by a line."""
    named = [m.source for s in project.services for m in s.mounts if m.kind == "volume"]
    shared = sorted({name for name in named if named.count(name) > 1})[:3]
    x = next(iter(boxes.values())).right + _ITEMS if boxes else MARGIN
    wide = WIDTH - MARGIN - x - 14 * len(shared)
    ends: dict[str, list[Box]] = {name: [] for name in shared}
    for service in project.services:
        box = boxes[service.name]
        count = len(service.ports) + len(service.mounts)
        y = box.cy - (count * (_ITEM + _ITEM_GAP) - _ITEM_GAP) / 2
        for port in service.ports:
            item = Box(x, y, wide, _ITEM)
            drawing.box(x, y, wide, _ITEM, role="network", radius=_ITEM / 2)
            _item_text(drawing, item, port, _("port"))
            drawing.arrow((x, item.cy), (box.right, item.cy), role="network")
            y += _ITEM + _ITEM_GAP
        for mount in service.mounts:
            item = _draw_mount(drawing, mount, x, y, wide, mount.source in project.external)
            drawing.line((box.right, item.cy), (x, item.cy), role="volume")
            if mount.kind == "volume" and mount.source in ends:
                ends[mount.source].append(item)
            y += _ITEM + _ITEM_GAP
    for place, (_name, items) in enumerate(ends.items()):
        lane = x + wide + 12 + 14 * place
        for item in items:
            drawing.line((item.right, item.cy), (lane, item.cy), role="volume")
        drawing.line((lane, items[0].cy), (lane, items[-1].cy), role="volume")


def _item_text(drawing: Drawing, item: Box, words: str, kind: str) -> None:
    """Write what an item is, and to the right its kind, where there is room for it."""
    base = item.cy + 5.5
    room = item.w - 40
    beside = metrics.width(kind, SMALLEST) + 12
    wide = metrics.width(words, SMALLEST, "mono")
    if kind == _("external") or wide + beside <= room:
        drawing.text(
            item.right - 20, base, kind, size=SMALLEST, ink="muted", anchor="end", width=room
        )
        room -= beside
    words = shortened(words, room, SMALLEST)
    drawing.text(item.x + 22, base, words, size=SMALLEST, mono=True, width=room)


def _kind(mount: Mount) -> str:
    return {"volume": _("volume"), "anonymous": _("anonymous")}.get(mount.kind, mount.kind)


def _draw_mount(
    drawing: Drawing, mount: Mount, x: float, y: float, wide: float, external: bool
) -> Box:
    """Draw a cylinder that lies, so that there is room for a path."""
    item = Box(x, y, wide, _ITEM)
    half, lid = _ITEM / 2, 8
    body = f"M{x + lid} {y} H{x + wide - lid} a{lid} {half} 0 0 1 0 {_ITEM} H{x + lid}"
    end = f"a{lid} {half} 0 0 1 0 {-_ITEM} a{lid} {half} 0 0 1 0 {_ITEM}"
    drawing.path(f"{body} {end}", "volume-area")
    words = f"{mount.source}→{mount.target}" if mount.source else mount.target
    if mount.read_only:
        words += ":ro"
    _item_text(drawing, item, words, _("external") if external else _kind(mount))
    return item


def _told(project: Project) -> str:
    """Return in words all that the picture shows."""
    sentences = [
        _("Project “{name}”, services in the order of their start.").format(name=project.name)
    ]
    for service in project.services:
        parts = [service.origin]
        if service.replicas > 1:
            parts.append(f"×{service.replicas}")
        parts += service.remarks()
        if service.needs:
            waits = ", ".join(f"{name} ({need})" for name, need in service.needs.items())
            parts.append(_("waits for {services}").format(services=waits))
        parts += _list(_("networks: {names}"), service.networks)
        parts += _list(_("ports: {names}"), service.ports)
        mounts = [
            f"{_kind(m)} {m.source}{'→' if m.source else ''}{m.target}{':ro' * m.read_only}"
            for m in service.mounts
        ]
        parts += _list(_("mounts: {names}"), mounts)
        sentences.append(f"{service.name}: {'; '.join(parts)}.")
    if project.external:
        sentences += _list(_("external: {names}"), sorted(project.external))
    return " ".join(sentences)


def _list(words: str, names: Sequence[str]) -> list[str]:
    return [words.format(names=", ".join(names))] if names else []
