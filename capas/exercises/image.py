"""An image as a check sees it: its settings, its layers, the files in them."""

import json
import re
import tarfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, cast

from docker.errors import NotFound

from capas.engine import history

if TYPE_CHECKING:
    from docker import DockerClient

_INSTALLS = re.compile(r"\b(?:npm|pnpm|yarn)\b.*?\b(?:ci|i|install|add)\b")


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
        self.ran: tuple[str, ...] = ()
        """The instructions that its build carried out; the others came from the cache."""

    @property
    def installed(self) -> list[str]:
        """Of the instructions that its build carried out, those that install packages of npm."""
        return [step for step in self.ran if _INSTALLS.search(step)]

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

    @property
    def files(self) -> list[File]:
        """The files of its layers, but for those of known base images, from the bottom.

        Also those that a later layer hides or removes: they are in the image all the same.
        """
        return self._reading.result()

    def read_ahead(self) -> Self:
        """Begin to read `files`: the engine takes a second or two, in which other checks go on."""
        assert self._reading
        return self

    def read_out(self) -> None:
        """Wait for the end of what `read_ahead` has begun."""
        if "_reading" in vars(self):
            self._reading.exception()

    @cached_property
    def _reading(self) -> Future[list[File]]:
        pool = ThreadPoolExecutor(1)
        try:
            return pool.submit(self._read)
        finally:
            pool.shutdown(wait=False)

    def _read(self) -> list[File]:
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

    def read(self, path: str) -> bytes | None:
        """Return the beginning of a file as a container sees it; None: there is none."""
        container = self._client.api.create_container(self.id, ["none"])
        try:
            chunks, _about = self._client.api.get_archive(container, f"/{path.lstrip('/')}")
            with history.Stream(chunks) as stream, tarfile.open(fileobj=stream, mode="r|") as sent:
                for member in sent:
                    if file := sent.extractfile(member):
                        return file.read(self.READ)
        except NotFound:
            pass
        finally:
            self._client.api.remove_container(container, v=True)
        return None

    @cached_property
    def _history(self) -> list[dict[str, Any]]:
        """How each step was made, with the values of build arguments."""
        return list(self._client.images.get(self.id).history())

    def find(self, text: str) -> list[str]:
        """Return where a text stands: "environment", "settings", "history", then paths of files.

        Of the files of known base images nothing, of each other file its beginning is read.
        """
        settings = {key: value for key, value in self.config.items() if key != "Env"}
        found = {
            "environment": any(text in entry for entry in self.config.get("Env") or []),
            "settings": text in json.dumps(settings, ensure_ascii=False),
            "history": any(text in str(step["CreatedBy"]) for step in self._history),
        }
        return [place for place, true in found.items() if true] + [
            file.path for file in self.files if text in file.path or text.encode() in file.content
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
