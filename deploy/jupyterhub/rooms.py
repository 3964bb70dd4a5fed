"""Networks and a volume for each student of the hub, and their removal.

Each student has a network of his own, which only the hub and the proxy share: students'
containers do not reach each other. It leads nowhere else; for the internet there is a second
one, in which the student is alone. The proxy must not be in that: a network with a way out may
become its default route, and then all that pass through it are cut off for a moment.
All of it bears Docker Compose's label of the project.

`rooms.py enter` puts hub and proxy into all of them; `rooms.py remove` removes all students'
containers and networks, and with `--work` also the volumes with their work.
"""

import contextlib
import ipaddress
import os
import sys
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import docker
from docker.errors import APIError, NotFound

PROJECT_LABEL = "com.docker.compose.project"
STUDENT_LABEL = "capas.student"
ADDRESSES = 28
"""Prefix length of a student's network: 16 addresses, of which a container each of the hub,
the proxy and the student has one."""
TRIES = 50
"""How many networks of the range are tried, where others are in use."""


class Rooms:
    """The networks and volumes of one Compose project's students."""

    def __init__(self, project: str, networks: str, internet: bool) -> None:
        self.project = project
        self.networks = networks
        self.internet = internet
        self.labels = {PROJECT_LABEL: project, STUDENT_LABEL: "yes"}

    @cached_property
    def _client(self) -> Any:
        return docker.from_env()

    def open(self, student: str, number: int) -> list[str]:
        """Make the networks and the volume of the `number`th student; return the networks' names.

        The first is the one that hub and proxy share.

        Raises:
            RuntimeError: no free network in the range.
        """
        with contextlib.suppress(APIError):  # it is there
            self._client.volumes.create(f"{self.project}-work-{student}", labels=self.labels)
        room, out = self._names(student)
        names = [room, out] if self.internet else [room]
        for place, name in enumerate(names):
            if not self._client.networks.list(names=[f"^{name}$"]):
                self._create(name, 2 * number + place, internal=name == room)
        self._enter(room)
        return names

    def close(self, student: str) -> None:
        """Remove a student's networks."""
        for name in self._names(student):
            self._remove(name)

    def enter_all(self) -> None:
        """Put hub and proxy into every student's network."""
        for network in self._networks():
            if network.attrs["Internal"]:
                self._enter(network.name)

    def remove(self, work: bool) -> Iterator[str]:
        """Remove all students' containers and networks, and with `work` volumes; yield names."""
        chosen = {"label": [f"{key}={value}" for key, value in self.labels.items()]}
        for container in self._client.containers.list(all=True, filters=chosen):
            with contextlib.suppress(NotFound):
                container.remove(force=True)
            yield container.name
        for network in self._networks():
            self._remove(network.name)
            yield network.name
        for volume in self._client.volumes.list(filters=chosen) if work else []:
            volume.remove()
            yield volume.name

    def _names(self, student: str) -> tuple[str, str]:
        return f"{self.project}-room-{student}", f"{self.project}-out-{student}"

    def _networks(self) -> Any:
        chosen = {"label": [f"{key}={value}" for key, value in self.labels.items()]}
        return self._client.networks.list(filters=chosen)

    def _create(self, name: str, number: int, internal: bool) -> None:
        pool = ipaddress.ip_network(self.networks)
        size = 2 ** (32 - ADDRESSES)
        count = pool.num_addresses // size
        for step in range(min(TRIES, count)):
            start = pool.network_address + size * ((number + step) % count)
            subnet = docker.types.IPAMPool(subnet=f"{start}/{ADDRESSES}")
            try:
                self._client.networks.create(
                    name,
                    driver="bridge",
                    internal=internal,
                    labels=self.labels,
                    ipam=docker.types.IPAMConfig(pool_configs=[subnet]),
                )
                return
            except APIError as error:
                if "overlap" not in str(error):
                    raise
        raise RuntimeError(f"No free network in {self.networks}: set STUDENT_NETWORKS in .env.")

    def _enter(self, name: str) -> None:
        network = self._client.networks.get(name)
        for service in ("hub", "proxy"):
            for container in self._ours(service):
                with contextlib.suppress(APIError):  # it is in there
                    network.connect(container, aliases=[service])

    def _remove(self, name: str) -> None:
        with contextlib.suppress(NotFound):
            network = self._client.networks.get(name)
            network.reload()
            for container in network.attrs["Containers"]:
                with contextlib.suppress(APIError):  # it went meanwhile
                    network.disconnect(container, force=True)
            network.remove()

    def _ours(self, service: str) -> Any:
        chosen = {
            "label": [f"{PROJECT_LABEL}={self.project}", f"com.docker.compose.service={service}"]
        }
        return self._client.containers.list(filters=chosen)


if __name__ == "__main__":
    rooms = Rooms(os.environ["PROJECT"], "", False)
    match sys.argv[1:]:
        case ["enter"]:
            rooms.enter_all()
        case ["remove", *rest] if rest in ([], ["--work"]):
            for removed in rooms.remove(work=bool(rest)):
                print(removed)
        case _:
            sys.exit("Usage: rooms.py enter | remove [--work]")
