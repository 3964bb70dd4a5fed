"""Where a text stands in an image: in its settings, its history, or the files of its layers.

It reads what anybody gets who pulls the image, here by ``docker save``: each layer for itself,
so also the files that a later layer removes.
"""

import json
import tarfile
from contextlib import closing
from tempfile import TemporaryFile
from typing import IO

from capas.errors import CapasError
from capas.language import _

PIECE = 16 * 1024 * 1024
"""Files of a layer are read in pieces of so many bytes."""


def find_in_image(image: str, text: str) -> list[str]:
    """Return the places of `image` (``capas/api:lecture``) where `text` stands, in words.

    Raises:
        CapasError: the engine has no such image, or does not answer.
    """
    from docker.errors import DockerException, ImageNotFound

    from capas.engine import client

    with closing(client()) as engine, TemporaryFile() as saved:
        try:
            for piece in engine.images.get(image).save():
                saved.write(piece)
        except ImageNotFound:
            raise CapasError(_("There is no image “{name}” here.").format(name=image)) from None
        except DockerException as error:
            raise CapasError(str(error)) from error
        saved.seek(0)
        return find_in_archive(saved, text)


def find_in_archive(saved: IO[bytes], text: str) -> list[str]:
    """Return the places where `text` stands in what ``docker save`` wrote of one image."""
    found: list[str] = []
    with tarfile.open(fileobj=saved) as archive:
        manifest = json.loads(_member(archive, "manifest.json").read())[0]
        config = json.loads(_member(archive, manifest["Config"]).read())
        settings = config.get("config") or {}
        if any(text in variable for variable in settings.pop("Env", None) or []):
            found.append(_("environment"))
        if text in json.dumps(settings, ensure_ascii=False):
            found.append(_("settings"))
        if any(text in str(step.get("created_by")) for step in config.get("history") or []):
            found.append(_("history"))
        for name in manifest["Layers"]:
            # Compressed or not: that is up to how the engine stores images.
            with tarfile.open(fileobj=_member(archive, name)) as layer:
                found += [
                    _("layer with /{path}").format(path=entry.name.removeprefix("./"))
                    for entry in layer
                    if text in entry.name or _holds(layer, entry, text.encode())
                ]
    return found


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    member = archive.extractfile(name)
    if member is None:
        raise CapasError(_("This is not an image that “docker save” wrote."))
    return member


def _holds(layer: tarfile.TarFile, entry: tarfile.TarInfo, text: bytes) -> bool:
    """Return whether a file has `text` in it."""
    if not entry.isfile():
        return False
    content = layer.extractfile(entry)
    assert content is not None  # it is a file
    before = b""
    while piece := content.read(PIECE):
        before += piece
        if text in before:
            return True
        before = before[-len(text) :]  # it may begin in one piece and end in the next
    return False
