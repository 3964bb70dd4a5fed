"""Whoever fills the disk is stopped: the engine's overlay has no quota of its own.

Free space is looked at often, which costs nothing; only when it has shrunk by more than is allowed
is the engine asked whose it is.
"""

import contextlib
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from docker import DockerClient
from docker.errors import DockerException
from requests.exceptions import RequestException

EVERY = 0.5
"""Seconds between two looks."""


class Guard:
    """Watches the engine's disk while a bench is in use.

    Args:
        client: of the engine.
        label: the label ``key=value`` of the bench's containers and volumes.
        most: bytes by which the disk may fill.
        blame: called once, when containers of the bench have taken more than that and were killed.
    """

    def __init__(
        self, client: DockerClient, label: str, most: int, blame: Callable[[], None]
    ) -> None:
        self._client = client
        self._filters = {"label": label}
        self._most = most
        self._blame = blame
        root = Path(client.info()["DockerRootDir"])
        self._root = root if root.is_dir() else None
        self._before = self._free()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        if self._root:
            self._thread.start()

    def _free(self) -> int:
        return shutil.disk_usage(self._root).free if self._root else 0

    def shrunk(self) -> bool:
        """Return whether the disk has filled by more than is allowed, whoever did it."""
        return self._before - self._free() > self._most

    def end(self) -> None:
        """Watch no longer."""
        self._ended.set()
        if self._root:
            self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(EVERY):
            with contextlib.suppress(DockerException, RequestException):
                if self.shrunk() and self._taken() > self._most:
                    for container in self._client.api.containers(filters=self._filters):
                        with contextlib.suppress(DockerException):
                            self._client.api.kill(container["Id"])
                    self._blame()
                    return

    def _taken(self) -> int:
        """Return the bytes that the bench's containers and volumes hold."""
        api = self._client.api
        size = sum(
            container.get("SizeRw") or 0
            for container in api.containers(all=True, size=True, filters=self._filters)
        )
        key, _, value = self._filters["label"].partition("=")
        for volume in api.df()["Volumes"] or []:
            if (volume["Labels"] or {}).get(key) == value:
                size += max(0, volume["UsageData"]["Size"])
        return size
