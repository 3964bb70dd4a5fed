"""npm packages: fetched by npm in a container, with the metadata that `npm ci` asks for."""

import base64
import hashlib
import json
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capas.errors import CapasError
from capas.kit.boxes import box
from capas.kit.needs import NpmPackage
from capas.language import _

if TYPE_CHECKING:
    from capas.engine.model import Engine

IMAGE = "node:24-slim"
AT_ONCE = 20
GUESS = 400_000
"""Bytes of a package: npm's lock files do not tell sizes."""
FIELDS = (
    *("name", "version", "bin", "engines", "os", "cpu", "libc", "directories", "hasInstallScript"),
    *("dependencies", "optionalDependencies", "peerDependencies", "peerDependenciesMeta"),
    *("bundleDependencies", "bundledDependencies"),
)
"""What npm reads of a package before it fetches it."""


def file_name(package: NpmPackage) -> str:
    """Return the name that ``npm pack`` gives to the package's file."""
    return f"{package.name.removeprefix('@').replace('/', '-')}-{package.version}.tgz"


def is_whole(package: NpmPackage, folder: Path) -> bool:
    """Say whether its file is in the folder, as the lock file wants it."""
    try:
        content = (folder / file_name(package)).read_bytes()
    except FileNotFoundError:
        return False
    for word in package.integrity.split():
        kind, _dash, value = word.partition("-")
        if hashlib.new(kind, content).digest() == base64.b64decode(value):
            return True
    return False


def fetch(
    engine: "Engine",
    packages: Sequence[NpmPackage],
    folder: Path,
    progress: Callable[[int], None],
) -> None:
    """Fetch what is not yet there; raise `CapasError` when that cannot be."""
    missing = [package for package in packages if not is_whole(package, folder)]
    progress(len(packages) - len(missing))
    for start in range(0, len(missing), AT_ONCE):
        batch = missing[start : start + AT_ONCE]
        with box(engine, IMAGE) as container:
            container.run("mkdir", "/out")
            pack = ["npm", "pack", "--loglevel=error", "--ignore-scripts"]
            container.run(*pack, "--pack-destination=/out", *(p.spec for p in batch))
            container.take("/out", folder)
        for package in batch:
            if not is_whole(package, folder):
                raise CapasError(
                    _("{file} did not arrive whole: try again.").format(file=file_name(package))
                )
        progress(len(batch))


def index(packages: Sequence[NpmPackage], folder: Path) -> dict[str, Any]:
    """Return what a registry tells of the packages: by name, by version."""
    found: dict[str, Any] = {}
    for package in packages:
        file = folder / file_name(package)
        with tarfile.open(file) as archive:
            # Its first folder is nearly always called "package".
            member = next(
                m for m in archive if m.name.count("/") == 1 and m.name.endswith("/package.json")
            )
            stream = archive.extractfile(member)
            assert stream
            described = json.loads(stream.read())
        facts = {key: described[key] for key in FIELDS if key in described}
        if {"preinstall", "install", "postinstall"} & described.get("scripts", {}).keys():
            facts["hasInstallScript"] = True
        found.setdefault(package.name, {})[package.version] = {
            "file": f"npm/{file.name}",
            "integrity": package.integrity,
            "package": facts,
        }
    return found
