"""Base images out of the engine, as a registry has them: compressed layers by their digests."""

import contextlib
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from capas.errors import CapasError
from capas.kit.contents import Contents
from capas.kit.server import MANIFEST
from capas.language import _

if TYPE_CHECKING:
    from capas.engine.catalogue import BaseImage
    from capas.engine.images import Images

LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
CONFIG = "application/vnd.docker.container.image.v1+json"
LEVEL = 5
"""Of compression: about 40 MB/s on one core."""
CHUNK = 1 << 20
CLIENTS = "command -v apt-get || command -v pip || command -v npm"


def save(
    images: "Images", image: "BaseImage", folder: Path, progress: Callable[[int], None]
) -> dict[str, Any]:
    """Write an image of the engine below ``folder/images``, unless that is done; return its facts.

    Raises:
        CapasError: the engine does not have it, or cannot save it.
    """
    present = images.present(image.name)
    if present is None:
        raise CapasError(_("{image} is not on the engine: run `capas images --all`, then try again.").format(image=image.name))  # noqa: E501  # fmt: skip
    note = _note(folder, image.name)
    note.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError, ValueError):
        facts: dict[str, Any] = json.loads(note.read_text())
        if facts["id"] == present.id and all((folder / path).exists() for path in facts["files"]):
            return facts
    with tempfile.TemporaryDirectory(prefix=".save-", dir=folder) as name:
        tar = Path(name) / "image.tar"
        done = images.engine.run("save", "--output", str(tar), image.name)
        if done.returncode:
            if "no space left" in done.stderr:
                raise OSError(28, "No space left on device", str(tar))
            raise CapasError(
                _("The Docker Engine does not answer as it should: {why}.").format(
                    why=(done.stderr.strip().splitlines() or ["docker save"])[-1].rstrip(".")
                )
            )
        with tarfile.open(tar) as archive:
            digest, files = _blobs(archive, folder, progress)
    facts = {
        "id": present.id,
        "manifest": digest,
        "files": files,
        "aliases": [
            alias
            for alias in image.aliases
            if (other := images.present(alias)) is not None and other.id == present.id
        ],
        "clients": _has_clients(images, image.name),
    }
    note.write_text(json.dumps(facts))
    return facts


def remember(contents: Contents, folder: Path) -> None:
    """Write down that the images of an earlier kit, whose blobs are in the folder, are saved."""
    (folder / "saved").mkdir(parents=True, exist_ok=True)
    for name, image in contents.get("images").items():
        manifest = json.loads((folder / _path(image["manifest"])).read_bytes())
        digests = [image["manifest"], manifest["config"]["digest"]]
        digests += [layer["digest"] for layer in manifest["layers"]]
        facts = {**image, "id": digests[1], "files": [_path(digest) for digest in digests]}
        _note(folder, name).write_text(json.dumps(facts))


def _note(folder: Path, name: str) -> Path:
    return folder / "saved" / f"{re.sub(r'[^a-z0-9.-]', '-', name)}.json"


def _path(digest: str) -> str:
    return f"images/{digest.replace(':', '/')}"


def _blobs(
    archive: tarfile.TarFile, folder: Path, progress: Callable[[int], None]
) -> tuple[str, list[str]]:
    """Write the blobs of what ``docker save`` gave; return the manifest's digest and all paths."""
    [entry] = json.loads(_read(archive, "manifest.json"))
    config = _read(archive, entry["Config"])
    layers = []
    for layer, content in zip(
        entry["Layers"], json.loads(config)["rootfs"]["diff_ids"], strict=True
    ):
        stream = archive.extractfile(layer)
        assert stream
        with stream:
            layers.append(_layer(stream, content, folder, progress))
    described: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, **_put(config, folder)},
        "layers": [{"mediaType": LAYER, **layer} for layer in layers],
    }
    manifest = _put(json.dumps(described).encode(), folder)
    digests = [manifest["digest"], described["config"]["digest"], *(b["digest"] for b in layers)]
    return manifest["digest"], [_path(digest) for digest in digests]


def _layer(
    stream: IO[bytes], content: str, folder: Path, progress: Callable[[int], None]
) -> dict[str, Any]:
    """Write a layer, compressed; `content` is its digest uncompressed. Images share layers."""
    note = folder / "saved" / f"{content.replace(':', '-')}.json"
    with contextlib.suppress(OSError, ValueError):
        known: dict[str, Any] = json.loads(note.read_text())
        if (folder / _path(known["digest"])).exists():
            return known
    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".layer-", delete=False) as file:
        new = Path(file.name)
        try:
            if packed:
                shutil.copyfileobj(stream, file, CHUNK)
            else:
                with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=LEVEL, mtime=0) as target:
                    while chunk := stream.read(CHUNK):
                        target.write(chunk)
                        progress(len(chunk))
            file.flush()
            with new.open("rb") as written:
                digest = hashlib.file_digest(written, "sha256").hexdigest()
            blob = _place(folder, digest)
            new.chmod(0o644)
            new.replace(blob)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
    known = {"digest": f"sha256:{digest}", "size": blob.stat().st_size}
    note.write_text(json.dumps(known))
    return known


def _put(data: bytes, folder: Path) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    _place(folder, digest).write_bytes(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def _place(folder: Path, digest: str) -> Path:
    place = folder / "images/sha256"
    place.mkdir(parents=True, exist_ok=True)
    return place / digest


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    assert stream
    with stream:
        return stream.read()


def _has_clients(images: "Images", name: str) -> bool:
    """Say whether pip, npm or apt is in an image."""
    options = ["--rm", "--network=none", "--label=capas=check", "--entrypoint=sh"]
    done: subprocess.CompletedProcess[str] = images.engine.run("run", *options, name, "-c", CLIENTS)
    return done.returncode == 0
