"""What the commands of Compose leave behind, counted after each of them.

    left = show.leftovers("capas-10")
    …
    !docker compose stop
    left.after("stop")

Each `after` shows what is there of the project now, and what has changed since the one before;
``left`` itself is the table of all of them.
"""

import contextlib
from collections.abc import Mapping

import docker.errors
import requests

from capas.engine import EngineError, client
from capas.language import _
from capas.show.start_order import PROJECT
from capas.show.table import Table

KINDS = ("running", "stopped", "networks", "volumes", "anonymous", "images")
Found = Mapping[str, frozenset[str]]
"""Of each kind, the names."""


def _titles() -> dict[str, str]:
    return {
        "running": _("containers, running"),
        "stopped": _("containers, stopped"),
        "networks": _("networks"),
        "volumes": _("volumes"),
        "anonymous": _("anonymous volumes"),
        "images": _("images, built here"),
    }


class Leftovers:
    """What there was of a project after each command."""

    def __init__(self, project: str) -> None:
        """Look at what there is of the project now."""
        self.project = project
        self._anonymous: dict[str, str] = {}
        self.steps: list[tuple[str, Found]] = []
        self.trouble = ""
        now = self._look()
        if now is not None:
            self.steps.append((_("before"), now))

    def after(self, command: str) -> "Table | str":
        """Look again, and return what is there and what has changed since the last look."""
        now = self._look()
        if now is None:
            return _Sentence(self.trouble)
        before = self.steps[-1][1] if self.steps else dict.fromkeys(KINDS, frozenset[str]())
        self.steps.append((command, now))
        titles = _titles()
        rows = [
            (titles[kind], _names(now[kind]), _change(before[kind], now[kind]))
            for kind in KINDS
            if now[kind] or before[kind]
        ]
        caption = _("After {command}").format(command=f"docker compose {command}")
        if not rows:
            rows = [(_("of this project"), _("nothing"), "")]
        return Table([_("What"), _("There now"), _("Change")], rows, caption=caption)

    @property
    def anonymous(self) -> list[str]:
        """Names of the anonymous volumes that containers of the project have left or have."""
        self._look()
        return sorted(self._anonymous)

    def table(self) -> Table:
        """Return how many of each kind there were after each command."""
        titles = _titles()
        rows = []
        before: Found | None = None
        for command, found in self.steps:
            cells = [command]
            for kind in KINDS:
                more = len(found[kind]) - len(before[kind]) if before else 0
                cells.append(f"{len(found[kind])} ({more:+d})" if more else f"{len(found[kind])}")
            rows.append(cells)
            before = found
        return Table(["docker compose …", *(titles[kind] for kind in KINDS)], rows)

    def _look(self) -> Found | None:
        try:
            with contextlib.closing(client()) as engine:
                return self._count(engine)
        except EngineError as error:
            self.trouble = str(error)
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            self.trouble = _("The engine did not answer: {reason}").format(reason=error)
        return None

    def _count(self, engine: docker.DockerClient) -> Found:
        ours = {"label": f"{PROJECT}={self.project}"}
        containers = engine.api.containers(all=True, filters=ours)
        running: set[str] = set()
        stopped: set[str] = set()
        for entry in containers:
            labels = entry["Labels"]
            name = entry["Names"][0].lstrip("/").removeprefix(f"{self.project}-")
            service = labels.get("com.docker.compose.service", name)
            if labels.get("com.docker.compose.oneoff") == "True":
                name = f"{service}-run"  # its own name ends by chance
            (running if entry["State"] == "running" else stopped).add(name)
            for mount in entry.get("Mounts", ()):
                if mount.get("Type") == "volume":
                    self._anonymous.setdefault(mount["Name"], f"{service}: {mount['Destination']}")
        volumes = engine.api.volumes()["Volumes"] or []
        named = {
            str(v["Name"]) for v in volumes if (v.get("Labels") or {}).get(PROJECT) == self.project
        }
        there = {str(v["Name"]) for v in volumes}
        for name in {*self._anonymous} - there | named:
            self._anonymous.pop(name, None)
        # Two containers of a service each have one: both count.
        anonymous = [self._anonymous[name] for name in sorted(self._anonymous)]
        marked = {f"{path}{' ' * anonymous[:n].count(path)}" for n, path in enumerate(anonymous)}
        images = {
            tag.removesuffix(":latest")
            for image in engine.api.images(filters=ours)
            for tag in image.get("RepoTags") or ()
        }
        networks = {n["Name"] for n in engine.api.networks(filters=ours)}
        prefix = f"{self.project}_"
        return {
            "running": frozenset(running),
            "stopped": frozenset(stopped),
            "networks": frozenset(name.removeprefix(prefix) for name in networks),
            "volumes": frozenset(name.removeprefix(prefix) for name in named),
            "anonymous": frozenset(marked),
            "images": frozenset(images),
        }

    def _repr_html_(self) -> str | None:
        return self.table()._repr_html_() if self.steps else None

    def __repr__(self) -> str:
        return repr(self.table()) if self.steps else self.trouble


class _Sentence(str):
    """A sentence that a cell shows without quotes."""

    def __repr__(self) -> str:
        return str(self)


def _names(names: frozenset[str]) -> str:
    return ", ".join(sorted(name.strip() for name in names)) or _("none")


def _change(before: frozenset[str], now: frozenset[str]) -> str:
    signs = [f"− {name.strip()}" for name in sorted(before - now)]
    signs += [f"+ {name.strip()}" for name in sorted(now - before)]
    return ", ".join(signs) or "="


def leftovers(project: str) -> Leftovers:
    """Count, after each command, what is there of a Compose project."""
    return Leftovers(project)
