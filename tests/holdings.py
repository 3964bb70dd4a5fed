"""What an engine holds: a lesson leaves it as it was, whatever else runs there."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from uuid import uuid4

from docker import DockerClient

from capas.engine import Engine, images

_COPIED = re.compile(r"127\.0\.0\.1:\d+/library/")


def holdings(client: DockerClient) -> set[str]:
    """Return all containers with their states, images with their names, volumes and networks.

    But for the containers of the tests themselves (a browser), which end when the tests do, and
    for the names under which images are being copied to the engine's own mirror meanwhile.
    """
    api = client.api
    found = {
        f"container {name}, {container['State']}, {container['Id'][:12]}"
        for container in api.containers(all=True)
        if (container["Labels"] or {}).get("capas") != "tests"
        for name in container["Names"]
    }
    for image in api.images(all=True):
        for name in image.get("RepoTags") or ["<none>"]:
            if _COPIED.match(name):
                continue
            found.add(f"image {name} {image['Id'].removeprefix('sha256:')[:12]}")
    found |= {f"volume {volume['Name']}" for volume in api.volumes()["Volumes"] or []}
    return found | {f"network {network['Name']}" for network in api.networks()}


class Holdings:
    """What an engine held when this was made."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._before = self._now()

    def _now(self) -> set[str]:
        with closing(self._engine.client()) as client:
            return holdings(client)

    def changes(self) -> list[str]:
        """Return what is there that was not, and what is gone; a line each."""
        now = self._now()
        new = [f"left behind: {thing}" for thing in sorted(now - self._before)]
        return new + [f"gone: {thing}" for thing in sorted(self._before - now)]


@contextmanager
def somebody_else(engine: Engine) -> Iterator[str]:
    """Have a container run that is not the course's; yield its name."""
    images.ensure(engine, ["busybox"])
    name = f"somebody-else-{uuid4().hex[:8]}"
    engine.run("run", "--detach", "--name", name, "busybox", "sleep", "infinity", check=True)
    try:
        yield name
    finally:
        engine.run("rm", "--force", name)
