"""Taking a kit: what this machine needs of it is copied into the course's folder.

Every file is verified by its checksum; what is there already is not taken again, so that an
interrupted run is gone on with. ``kit.json`` is written last: its presence means "in use".
Standard library only: the bootstrap installs from here before anything is installed.
"""

import contextlib
import errno
import hashlib
import http.client
import os
import platform
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from capas import paths
from capas.errors import CapasError
from capas.kit.contents import NAME, Contents, Folder, Item, Site, Source, damaged
from capas.language import _

Report = Callable[[str], None]

SPARE = 100_000_000
"""Bytes that are to stay free on the disk."""
CHUNK = 1 << 20
REPORT_SECONDS = 3.0
MACHINES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}
SYSTEMS = {"win32": "windows", "darwin": "macos"}
STATE = ("server.json", "server.log", "port")
"""What `local.py` keeps beside a kit's files."""
CONTAINER = "container"
"""Key of what containers need."""


def folder(home: Path | None = None) -> Path:
    """Return where this machine keeps its kit."""
    return (home or paths.home()) / "kit"


def in_use(home: Path | None = None) -> Folder | None:
    """Return the kit that this machine uses, or None."""
    place = folder(home)
    if not (place / NAME).exists():
        return None
    kit = Folder(place)
    try:
        _unused = kit.contents
    except CapasError:
        return None  # of another version: as if there were none
    return kit


def machine() -> str:
    """Return this machine's processor, by the names that Linux has for them."""
    name = platform.machine().lower()
    return MACHINES.get(name, name)


def target() -> str:
    """Return the key of this system with this Python: ``linux-x86_64-3.13``."""
    system = SYSTEMS.get(sys.platform, sys.platform)
    return f"{system}-{machine()}-{sys.version_info[0]}.{sys.version_info[1]}"


def distribution(codename: str) -> str:
    """Return the key of a release of Debian or Ubuntu on this processor."""
    return f"{codename}-{machine()}"


def keys() -> set[str]:
    """Return the keys of all that this machine may need."""
    found = {target(), CONTAINER}
    with contextlib.suppress(OSError):
        release = platform.freedesktop_os_release()
        found.add(distribution(release.get("VERSION_CODENAME", "")))
    return found


def wanted(contents: Contents, machines: Collection[str]) -> list[Item]:
    """Return the files that machines with one of these keys need."""
    return [
        item
        for item in contents.items.values()
        if not item.needed or set(item.needed) & set(machines)
    ]


def take(source: Source, items: Iterable[Item], report: Report, place: Path | None = None) -> None:
    """Copy files of a kit into the course's folder, unless they are there.

    Raises:
        CapasError: damaged, no room, no connection.
    """
    place = place or folder()
    missing = [item for item in items if not item.is_whole(place / item.path)]
    total = sum(item.size for item in missing)
    paths.make(place)
    free = shutil.disk_usage(place).free
    if free < total + SPARE:
        raise CapasError(
            _(
                "The kit needs {size} MB more on the disk of {folder}, and {free} MB are free: "
                "make room, or set CAPAS_HOME to a folder on a larger disk."
            ).format(size=round((total + SPARE) / 1e6), folder=place.parent, free=round(free / 1e6))
        )
    if not missing:
        return
    report(
        _("taking {count} files ({size} MB) from {place}").format(
            count=len(missing), size=round(total / 1e6), place=source.place
        )
    )
    done, told = 0, time.monotonic()

    def progress(count: int) -> None:
        nonlocal done, told
        done += count
        if time.monotonic() - told > REPORT_SECONDS:
            told = time.monotonic()
            report(
                _("{done} of {total} MB").format(done=round(done / 1e6), total=round(total / 1e6))
            )

    for item in missing:
        try:
            copy(source, item, place / item.path, progress)
        except OSError as error:
            if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
                raise CapasError(
                    _(
                        "There is no room left on the disk of {folder}: make room, then run the "
                        "same command again; it goes on from here."
                    ).format(folder=place.parent)
                ) from error
            if isinstance(source, Site):
                raise source.silent(error) from error
            raise


def copy(source: Source, item: Item, file: Path, progress: Callable[[int], None]) -> None:
    """Copy one file, going on where an earlier run was interrupted; whole, or not at all."""
    paths.make(file.parent)
    part = file.with_name(file.name + ".part")
    digest, start = hashlib.sha256(), 0
    with contextlib.suppress(FileNotFoundError):
        if part.stat().st_size >= item.size:
            part.unlink()
    with part.open("ab+") as target:
        target.seek(0)
        while chunk := target.read(CHUNK):
            digest.update(chunk)
            start += len(chunk)
        progress(start)
        try:
            with source.open(item, start) as stream:
                while chunk := stream.read(CHUNK):
                    target.write(chunk)
                    digest.update(chunk)
                    start += len(chunk)
                    progress(len(chunk))
                    if start > item.size:
                        break
        except http.client.HTTPException as error:
            raise OSError(str(error) or type(error).__name__) from error
    if start < item.size and isinstance(source, Site):
        raise OSError("incomplete")  # cut off: what has come is kept
    if start != item.size or digest.hexdigest() != item.sha256:
        part.unlink()
        raise damaged(source.place, item.path)
    part.replace(file)


def take_wheels(source: Source, report: Report) -> None:
    """Take what `.venv` is installed from.

    Raises:
        CapasError: the kit has nothing for this system and this Python.
    """
    items = [item for item in source.contents.items.values() if target() in item.needed]
    if not items:
        has = sorted({key for item in source.contents.items.values() for key in item.needed})
        raise CapasError(
            _(
                "This kit has no packages for {target}, only for {known}: use one of these "
                "versions of Python, or ask for a kit with yours."
            ).format(target=target(), known=", ".join(k for k in has if k.count("-") == 2) or "-")
        )
    take(source, items, report)


def wheels() -> Path | None:
    """Return the folder with the wheels that were taken, or None."""
    found = folder() / "wheels"
    return found if found.is_dir() and any(found.glob("uv-*.whl")) else None


def provide_uv(scripts: Path) -> Path | None:
    """Put uv from the kit's wheel into a folder of programs; None where the kit has none."""
    name = "uv.exe" if os.name == "nt" else "uv"
    place = wheels()
    for wheel in sorted(place.glob("uv-*.whl")) if place else ():
        with contextlib.suppress(OSError, zipfile.BadZipFile, StopIteration):
            with zipfile.ZipFile(wheel) as archive:
                names = archive.namelist()
                member = next(entry for entry in names if entry.endswith(f"/scripts/{name}"))
                (scripts / name).write_bytes(archive.read(member))
            (scripts / name).chmod(0o755)
            return scripts / name
    return None


def settle(source: Source) -> None:
    """Say that the kit is in use; remove what an earlier one had."""
    place = folder()
    new = place / (NAME + ".new")
    new.write_bytes(source.contents.text())
    new.replace(place / NAME)
    kept = {place / path for path in (*source.contents.items, NAME, *STATE)}
    for file in [path for path in place.rglob("*") if path.is_file()]:
        if file not in kept:
            file.unlink()
    paths.give_back(paths.home(), but=("engine", "mirror"))


def use(source: Source, report: Report) -> None:
    """Take all that this machine needs and use it from now on."""
    take(source, wanted(source.contents, keys()), report)
    settle(source)


def drop() -> bool:
    """Use the kit no longer and remove what was taken; False when there was none."""
    place = folder()
    if not place.exists():
        return False
    (place / NAME).unlink(missing_ok=True)
    shutil.rmtree(place)
    return True
