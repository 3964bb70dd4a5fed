"""What an image is made of: which instruction made each of its layers, and how large it is.

The Engine tells the instructions with their sizes (``docker image history``) and, elsewhere,
the layers (``RootFS``); it does not tell which belongs to which. An instruction as ``CMD`` only
changes a setting and has no layer; ``RUN rm file`` has one although its size is 0. Where counting
does not decide, the image's own configuration does: its ``empty_layer`` (OCI image specification,
https://github.com/opencontainers/image-spec/blob/main/config.md).
"""

import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import docker
import docker.errors

from capas.engine.model import EngineError
from capas.errors import CapasError
from capas.language import _

_SETTINGS = frozenset(
    {"ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD"}
    | {"SHELL", "STOPSIGNAL", "USER", "VOLUME"}
)
"""Instructions that never have a layer."""

_LARGEST_CONFIG = 4_000_000
"""Bytes; an image's configuration is a few kilobytes."""


@dataclass(frozen=True)
class Step:
    """One instruction of the Dockerfile that made an image."""

    instruction: str
    """As in a Dockerfile, on one line."""
    size: int
    """Bytes that its layer adds, unpacked."""
    layer: str | None
    """Digest of its layer's content; None where it only changed a setting."""


@dataclass(frozen=True)
class Image:
    """An image, oldest instruction first."""

    name: str
    steps: tuple[Step, ...]

    @property
    def layers(self) -> tuple[Step, ...]:
        """The steps that have a layer."""
        return tuple(step for step in self.steps if step.layer is not None)

    @property
    def size(self) -> int:
        """Bytes of all layers, unpacked."""
        return sum(step.size for step in self.layers)


def read(client: docker.DockerClient, name: str) -> Image:
    """Return the image called `name`.

    Raises:
        CapasError: the engine does not have it, or does not tell its layers.
        EngineError: the engine does not answer.
    """
    try:
        image = client.images.get(name)
        layers = image.attrs["RootFS"].get("Layers") or []
        history = image.history()[::-1]
        flags = has_layer(history, len(layers))
        if flags is None:
            empty = _empty_layers(client.api.get_image(name), layers)
            flags = empty and [not e for e in empty]
    except docker.errors.NotFound:
        raise CapasError(
            _("There is no image “{name}” in this engine: build it, or pull it.").format(name=name)
        ) from None
    except (docker.errors.DockerException, OSError) as error:
        raise EngineError(
            _("The engine does not tell of what “{name}” is made: {reason}").format(
                name=name, reason=error
            )
        ) from error
    if not flags or len(flags) != len(history) or sum(flags) != len(layers):
        raise CapasError(
            _("“{name}” does not tell which instruction made which layer.").format(name=name)
        )
    digests = iter(layers)
    return Image(
        name,
        tuple(
            Step(instruction(entry), int(entry["Size"] or 0), next(digests) if has else None)
            for entry, has in zip(history, flags, strict=True)
        ),
    )


def instruction(entry: dict[str, Any]) -> str:
    """Return an entry of the history as the Dockerfile's line that it comes from."""
    line = re.sub(r"\s+", " ", entry.get("CreatedBy") or entry.get("Comment") or "").strip()
    line = line.removesuffix("# buildkit").strip()
    if found := re.match(r"(?:/bin/sh -c )?#\(nop\) *", line):  # the classic builder's settings
        return line[found.end() :]
    # Arguments of the build stand in front as "|2 NAME=value OTHER=value".
    if found := re.match(r"(?:RUN )?(?:\|\d+ .*?)?/bin/sh -c ", line):
        return f"RUN {line[found.end() :].strip()}"
    return line


def has_layer(history: Sequence[dict[str, Any]], layers: int) -> list[bool] | None:
    """Return for each entry whether it has a layer, or None where counting does not tell."""
    sure = [bool(entry["Size"]) for entry in history]
    maybe = [
        s or instruction(entry).partition(" ")[0].upper() not in _SETTINGS
        for entry, s in zip(history, sure, strict=True)
    ]
    return next((flags for flags in (maybe, sure) if sum(flags) == layers), None)


def _empty_layers(chunks: Iterable[bytes], layers: Sequence[str]) -> list[bool] | None:
    """Return ``empty_layer`` of each entry, out of what ``docker image save`` gives."""
    with tarfile.open(fileobj=Stream(iter(chunks)), mode="r|") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.size < _LARGEST_CONFIG else None
            if file is None:
                continue
            with closing(file):
                try:
                    config = json.load(file)
                except ValueError:  # a layer, a signature
                    continue
            rootfs = config.get("rootfs") if isinstance(config, dict) else None
            if rootfs and rootfs.get("diff_ids") == list(layers):
                return [bool(entry.get("empty_layer")) for entry in config.get("history", [])]
    return None


class Stream(io.RawIOBase):
    """Pieces of bytes as a file to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return how many bytes, 0 at the end."""
        while not self._rest:
            piece = next(self._chunks, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count
