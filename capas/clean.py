"""``capas clean``: removes what carries the label ``capas``, and nothing else.

But for the volumes without a name (anonymous volumes) in such containers: nobody labelled
them, and once their container is gone, nobody could tell whose they were.

The engine itself selects by that label; each thing's own labels are looked at once more
before it is removed. What somebody else's container still uses stays, and is told.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from docker import DockerClient
from docker.errors import APIError, NotFound
from requests.exceptions import RequestException

from capas.errors import CapasError
from capas.language import _
from capas.terminal import progress, table

LABEL = "capas"
"""Label key of everything that the course creates on an engine."""

ANONYMOUS = re.compile(r"[0-9a-f]{64}")
"""The engine's name for a volume that nobody named."""

Kind = Literal["container", "network", "volume", "image"]
Outcome = Literal["removed", "gone", "kept", "failed"]


@dataclass(frozen=True)
class Leftover:
    """A thing on an engine that the course left."""

    kind: Kind
    id: str
    name: str
    size: int | None = None
    """Bytes on disk that are its own; None where the engine does not say."""
    labelled: bool = True
    """Not so: an anonymous volume of one of our containers."""


def leftovers(client: DockerClient) -> list[Leftover]:
    """Return what carries the course's label, in an order in which it can be removed."""
    return [*_containers(client), *_networks(client), *_volumes(client), *_images(client)]


def remove(client: DockerClient, leftover: Leftover) -> tuple[Outcome, str]:
    """Remove one thing; return what became of it and, if it is still there, why."""
    api = client.api
    try:
        if leftover.kind == "container":
            # v: with its anonymous volumes, which nobody else can name
            api.remove_container(leftover.id, v=True, force=True)
        elif leftover.kind == "network":
            api.remove_network(leftover.id)
        elif leftover.kind == "volume":
            api.remove_volume(leftover.id)
        else:
            tags = client.images.get(leftover.id).tags
            for name in tags or [leftover.id]:
                api.remove_image(name)
    except NotFound:
        return "gone", ""
    except APIError as error:
        if error.status_code == 409:  # in use, or already being removed
            return "kept", str(error.explanation)
        return "failed", str(error.explanation)
    except RequestException as error:  # no answer within a minute: a busy disk
        return "failed", str(error)
    return "removed", ""


def clean(which: str | None = None, dry_run: bool = False, images: bool = False) -> int:
    """Remove the course's leftovers from an engine and print what was removed.

    Args:
        which: the engine, as for `capas.engine.find`.
        dry_run: only print what would be removed; nothing is started for that.
        images: remove the course's base images, too.

    Returns:
        The exit code: 1 if something could not be removed although nobody uses it.
    """
    from capas.engine import PrivateEngine, ensure, find, started_here
    from capas.sharing import ours, sharing

    with sharing():
        engine = find(which)
        if engine is None and PrivateEngine().status() == "down":
            if dry_run:
                print(_("The course's own engine is not running, so nothing was looked at."))
                return 0
            try:
                engine = ensure(which, progress)  # its leftovers are there although it is not
            finally:
                if started_here():
                    ours()
        if engine is None:
            raise CapasError(_("No Docker Engine answers, so there is nothing to clean."))
        failed = _clean(engine.client(), dry_run)
        if images:
            _base_images(engine, dry_run)
    return 1 if failed else 0


def _clean(client: DockerClient, dry_run: bool) -> bool:
    """Remove all leftovers and print a table of them; return whether one could not be removed."""
    told = {
        "removed": _("would be removed") if dry_run else _("removed"),
        "kept": _("stays"),
        "failed": _("could not be removed"),
    }
    outcomes: set[Outcome] = set()
    rows = []
    freed = 0
    for leftover in leftovers(client):
        outcome: Outcome = "removed"
        reason = ""
        if not dry_run:
            outcome, reason = remove(client, leftover)
        outcomes.add(outcome)
        if outcome == "gone":  # with its container, or by somebody else
            continue
        if outcome == "removed":
            freed += leftover.size or 0
        what = leftover.name if leftover.labelled else leftover.name[:12]
        end = (
            told[outcome]
            if leftover.labelled
            else _("{outcome}, with its container").format(outcome=told[outcome])
        )
        rows.append(
            (
                _kind(leftover.kind),
                what,
                megabytes(leftover.size),
                f"{end}: {reason}" if reason else end,
            )
        )
    if rows:
        table((_("what"), _("name"), _("size"), ""), rows)
        print(_("{size} in all.").format(size=megabytes(freed)))
    else:
        print(_("Nothing here carries the label “capas”: there is nothing to remove."))
    return "failed" in outcomes


def _base_images(engine: Any, dry_run: bool) -> None:
    from capas.engine import images as base

    if not dry_run:
        base.remove(engine, report=progress)
        return
    for image in base.status(engine):
        if image.state == "ready":
            print(
                _("The base image {name} would be removed if the course brought it here.").format(
                    name=image.name
                )
            )


def megabytes(size: int | None) -> str:
    """Return a size as people say it, in the decimal units that Docker uses."""
    if size is None:
        return ""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000  # type: ignore[assignment]
    return f"{size:.1f} GB"


def _containers(client: DockerClient) -> Iterator[Leftover]:
    filters = {"label": LABEL}
    for found in client.api.containers(all=True, size=True, filters=filters):
        if _labelled(found):
            name = (found.get("Names") or [found["Id"][:12]])[0].lstrip("/")
            yield Leftover("container", found["Id"], name, found.get("SizeRw", 0))


def _networks(client: DockerClient) -> Iterator[Leftover]:
    for found in client.api.networks(filters={"label": LABEL}):
        if _labelled(found):
            yield Leftover("network", found["Id"], found["Name"])


def _volumes(client: DockerClient) -> Iterator[Leftover]:
    used = _used_by_ours(client)
    volumes = [
        volume
        for volume in client.api.volumes()["Volumes"] or []
        if _labelled(volume) or (volume["Name"] in used and ANONYMOUS.fullmatch(volume["Name"]))
    ]
    sizes: dict[str, int] = {}
    if volumes:  # measuring takes the engine a while: not without need
        for volume in client.api.df().get("Volumes") or []:
            sizes[volume["Name"]] = (volume.get("UsageData") or {}).get("Size", 0)
    for volume in volumes:
        name = volume["Name"]
        yield Leftover("volume", name, name, sizes.get(name), _labelled(volume))


def _used_by_ours(client: DockerClient) -> set[str]:
    """Return the names of the volumes in our containers.

    Removing a container removes the anonymous volumes made for it, but not those that
    Compose handed on to it from the container before.
    """
    found = client.api.containers(all=True, filters={"label": LABEL})
    return {
        mount["Name"]
        for container in found
        if _labelled(container)
        for mount in container.get("Mounts", [])
        if mount["Type"] == "volume"
    }


def _images(client: DockerClient) -> Iterator[Leftover]:
    found = client.api.images(all=True, filters={"label": LABEL})
    # The newest first: the classic builder's intermediate images go before their parents.
    for image in sorted(found, key=lambda image: -int(image["Created"])):
        if _labelled(image):
            tags = [tag for tag in image.get("RepoTags") or [] if tag != "<none>:<none>"]
            name = ", ".join(tags) or image["Id"].removeprefix("sha256:")[:12]
            shared = max(image.get("SharedSize", 0), 0)
            yield Leftover("image", image["Id"], name, image["Size"] - shared)


def _labelled(thing: dict[str, Any]) -> bool:
    return LABEL in (thing.get("Labels") or {})


def _kind(kind: Kind) -> str:
    kinds = {
        "container": _("container"),
        "network": _("network"),
        "volume": _("volume"),
        "image": _("image"),
    }
    return kinds[kind]
