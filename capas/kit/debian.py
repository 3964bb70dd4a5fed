"""Debian packages: those that builds install in containers, and those of the engine and the VM."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from capas import paths
from capas.engine import packages
from capas.engine.locking import lock
from capas.engine.model import Report
from capas.kit.boxes import box
from capas.vm import parts

if TYPE_CHECKING:
    from capas.engine.model import Engine

BASE = "debian:trixie-slim"
"""The base of the others: what is missing in them is missing here, too."""

_FETCH = """
set -e
mkdir -p /out /tmp/state && cd /out
apt-get -qq update
apt-get -qq -y --no-install-recommends --print-uris install "$@" | cut -d "'" -f 3 \
  | sed 's/^ //; s/ .*//; s/_.*//' | sort -u > /tmp/names
test ! -s /tmp/names || xargs apt-get -qq -o APT::Sandbox::User=root download < /tmp/names
for file in *.deb; do
  test -e "$file" || continue
  dpkg-deb -f "$file" | sed '/^$/d'
  printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' "$file" "$(stat -c %s "$file")" \
    "$(sha256sum "$file" | cut -d ' ' -f 1)"
done > Packages
"""


def for_containers(engine: "Engine", names: Sequence[str], folder: Path) -> None:
    """Fetch what ``apt-get install`` of these names takes in the base images, and its index."""
    wanted = hashlib.sha256(json.dumps([BASE, sorted(names)]).encode()).hexdigest()
    done = folder.parent / "debian.done"
    if done.exists() and done.read_text() == wanted and (folder / "Packages").exists():
        return
    with box(engine, BASE) as container:
        container.run("sh", "-c", _FETCH, "sh", *names)
        container.take("/out", folder)
    done.write_text(wanted)


def of_engine(folder: Path, report: Report) -> dict[str, list[str]]:
    """Fetch the packages of the private engine and of the virtual machine for this release.

    Returns:
        By the name that `packages.fetch` is asked for: its files.

    Raises:
        EngineError: there is no way to them; or none on this system.
    """
    release = packages.release()
    note = folder.parent / "engine.json"
    with contextlib.suppress(OSError, ValueError):
        found: dict[str, list[str]] = json.loads(note.read_text())
        if all((folder.parent / file).exists() for files in found.values() for file in files):
            return found
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    kernel = parts.KERNEL["debian" if release.components == "main" else "ubuntu"]
    plain = [*dict.fromkeys((*release.engine, *release.cli, *kernel))]
    with lock(paths.home() / "packages.lock", report):
        files = packages.fetch(plain, report, "Docker Engine, Compose, buildx, Linux")
        for name in plain:
            begin = name.rpartition("/")[2].rstrip("*")
            file = next(
                file
                for file in files
                if file.name.partition("_")[0] == begin
                or ("*" in name and file.name.startswith(begin))
            )
            found[name] = [f"engine/{file.name}"]
        more = packages.fetch(parts.QEMU, report, "QEMU", dependencies=True, bare=True)
        found[parts.QEMU[0]] = [f"engine/{file.name}" for file in more]
        for file in {*files, *more}:
            new = folder / (file.name + ".new")
            shutil.copyfile(file, new)
            new.replace(folder / file.name)
        store, lasting = packages.cache()
        if not lasting:
            shutil.rmtree(store, ignore_errors=True)
    note.write_text(json.dumps(found))
    return found
