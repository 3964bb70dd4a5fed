"""An image as a check sees it: its settings, its layers, the files in them."""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from capas.engine import history

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True)
class File:
    """A file of one layer."""

    path: str
    """From the root, without a slash before it."""
    size: int
    layer: int
    """Which layer, from 0 at the bottom."""
    content: bytes
    """The first `Image.READ` bytes."""


class Image:
    """An image of the engine."""

    READ = 2**20
    """Bytes of a file that are kept for looking into it."""

    def __init__(
        self, client: "DockerClient", reference: str, known: frozenset[str] = frozenset()
    ) -> None:
        """Look at an image; `known`: digests of layers of base images."""
        self._client = client
        self._known = known
        self.attributes: dict[str, Any] = client.images.get(reference).attrs
        self.id: str = self.attributes["Id"]

    @property
    def config(self) -> dict[str, Any]:
        """Its settings, as the OCI image specification names them (User, Env, Cmd …)."""
        return cast("dict[str, Any]", self.attributes["Config"] or {})

    @property
    def user(self) -> str:
        """The user that its containers run as; empty is root."""
        return str(self.config.get("User") or "")

    @property
    def environment(self) -> dict[str, str]:
        """Its variables."""
        return dict(entry.split("=", 1) for entry in self.config.get("Env") or [])

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return dict(self.config.get("Labels") or {})

    @property
    def exposed(self) -> set[int]:
        """The ports that it notes (EXPOSE)."""
        return {int(port.split("/")[0]) for port in self.config.get("ExposedPorts") or {}}

    @property
    def size(self) -> int:
        """Bytes of all layers."""
        return int(self.attributes["Size"])

    @property
    def layers(self) -> list[str]:
        """The digest of each layer's contents, from the bottom."""
        return list(self.attributes["RootFS"].get("Layers") or [])

    @cached_property
    def instructions(self) -> list[str]:
        """The instructions that made it, from the bottom, those of its base too."""
        return [step.instruction for step in history.read(self._client, self.id).steps]

    def shared(self, other: "Image") -> int:
        """Return how many layers both have, from the bottom."""
        pairs = zip(self.layers, other.layers, strict=False)
        return next(
            (n for n, (a, b) in enumerate(pairs) if a != b),
            min(len(self.layers), len(other.layers)),
        )

    @cached_property
    def files(self) -> list[File]:
        """The files of its layers, but for those of known base images, from the bottom.

        Also those that a later layer hides or removes: they are in the image all the same.
        """
        # `docker save` writes layers in any order, and their order only at the end.
        found: dict[str, list[tuple[str, int, bytes]]] = {}
        order: list[str] = []
        with (
            history.Stream(self._client.api.get_image(self.id)) as stream,
            tarfile.open(fileobj=stream, mode="r|") as saved,
        ):
            for member in saved:
                if not member.isfile() or f"sha256:{Path(member.name).name}" in self._known:
                    continue
                file = saved.extractfile(member)
                assert file
                if member.name == "manifest.json":
                    order = json.load(file)[0]["Layers"]
                else:
                    found[member.name] = list(_entries(file))
        return [
            File(path, size, number, content)
            for number, name in enumerate(order)
            for path, size, content in found.get(name, ())
        ]


def _entries(file: IO[bytes]) -> Iterator[tuple[str, int, bytes]]:
    """Yield path, size and beginning of each file of a layer; nothing if it is no layer."""
    try:
        with tarfile.open(fileobj=file, mode="r|*") as layer:
            for member in layer:
                if member.isfile() and (read := layer.extractfile(member)):
                    content = read.read(Image.READ)
                    yield member.name.removeprefix("./"), member.size, content
    except tarfile.ReadError:
        return
