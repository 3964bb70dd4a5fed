import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from capas import paths
from capas.engine import PrivateEngine, packages
from capas.errors import CapasError
from tests.engine.machine import Machine, impossible

os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache (``$CAPAS_CACHE``) with the engine's packages: fetched once for all tests,
    and not at all where this home's engine is installed."""
    if why_not := PrivateEngine().unsupported():
        pytest.skip(why_not)
    shared = os.environ.get("CAPAS_CACHE")
    cache = Path(shared) if shared else tmp_path_factory.mktemp("cache")
    names = packages.release().engine
    installed = paths.home() / "engine/prefix"
    if packages.has(installed, names):
        packages.share(installed, names, cache)
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CAPAS_CACHE", str(cache))
            packages.unpack(names, cache / "prefix")
    yield cache
    if not shared:
        shutil.rmtree(cache)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prefix with ``docker-registry``: this home's engine's, or else fetched."""
    installed = PrivateEngine().prefix
    if (installed / "usr/bin/docker-registry").exists():
        return installed
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAPAS_CACHE", os.environ.get("CAPAS_CACHE") or str(folder / "cache"))
        try:
            packages.unpack(["docker-registry"], folder / "prefix")
        except CapasError as error:
            pytest.skip(str(error))
    return folder / "prefix"


@pytest.fixture(scope="session")
def busybox(downloads: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root file system (tar) with Debian's busybox, for containers that do something."""
    folder = downloads / "busybox"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAPAS_CACHE", str(downloads))
        try:
            packages.unpack(["busybox-static"], folder)
        except CapasError as error:
            pytest.skip(str(error))
    tar = tmp_path_factory.mktemp("busybox") / "busybox.tar"
    with tarfile.open(tar, "w") as archive:
        archive.add(next(folder.glob("*/*/busybox"), folder / "bin/busybox"), "bin/busybox")
        for applet in ("sh", "sleep", "httpd", "nc", "nslookup", "cat", "echo", "true"):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        page = tarfile.TarInfo("www/index.html")
        text = b"this is a container"
        page.size = len(text)
        archive.addfile(page, io.BytesIO(text))
    return tar


@pytest.fixture(scope="module")
def machine(downloads: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine of the module's own, with nothing on it."""
    if why_not := impossible():
        pytest.skip(why_not)
    with Machine(tmp_path_factory.mktemp("home") / "capas", downloads) as machine:
        try:
            yield machine
        finally:
            machine.do("private.remove()")


@pytest.fixture
def up(machine: Machine, busybox: Path) -> Machine:
    """The machine with its private engine up, busybox in it, and no container."""
    machine.do("ensure('private').name")
    if not machine.docker("images", "--quiet", "busybox").strip():
        machine.docker("import", "--change", "ENV PATH=/bin", str(busybox), "busybox")
    if containers := machine.docker("ps", "--all", "--quiet").split():
        machine.docker("rm", "--force", *containers)
    machine.docker("network", "prune", "--force")
    return machine
