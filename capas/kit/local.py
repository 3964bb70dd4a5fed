"""The kit beside a Docker Engine: base images out of it, and packages for its containers.

A small server (`server.py`) listens where containers reach this machine: on the gateway of the
engine's default network; with Docker Desktop on 127.0.0.1, which containers there call
``host.docker.internal``. Base images in which pip, npm or apt are get one more layer, which
tells these where to ask; so no Dockerfile of a lesson has to know of it.
"""

import contextlib
import hashlib
import json
import subprocess
import sys
import tarfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]
from docker.errors import DockerException

from capas import paths
from capas.errors import CapasError
from capas.kit import using
from capas.kit.contents import Folder
from capas.language import _

if TYPE_CHECKING:
    from capas.engine.catalogue import BaseImage
    from capas.engine.model import Engine

LABEL = "capas.kit"
"""Label of a base image whose clients ask a kit."""
START_SECONDS = 15.0
STOP_SECONDS = 5.0
DESKTOP = "host.docker.internal"


@dataclass(frozen=True)
class Local:
    """The kit that an engine's containers ask."""

    kit: Folder
    url: str
    """As containers call it: ``http://10.200.255.1:8642``."""

    @property
    def mark(self) -> str:
        """Value of `LABEL`: where the image's clients ask, and how they are told."""
        settings = json.dumps([self.settings(), self.variables()])
        told = hashlib.sha256(settings.encode()).hexdigest()[:8]
        return f"{self.url}/#{told}"

    def has(self, image: "BaseImage", machine: str) -> bool:
        """Say whether it has this base image for this processor."""
        contents = self.kit.contents
        return contents.data.get("machine") == machine and image.name in contents.get("images")

    def tells(self, image: "BaseImage") -> bool:
        """Say whether the image has clients that are to be told of the kit."""
        return bool(self.kit.contents.get("images").get(image.name, {}).get("clients"))

    def archive(self, image: "BaseImage", name: str, file: Path) -> None:
        """Write an image as ``docker load`` reads it, under the given name."""
        contents = self.kit.contents
        layers = contents.get("images")[image.name]["manifest"]
        manifest = json.loads((self.kit.folder / _blob(layers)).read_bytes())
        config = manifest["config"]["digest"]
        digests = [layer["digest"] for layer in manifest["layers"]]
        written = f"{config.partition(':')[2]}.json"
        index = [
            {
                "Config": written,
                "RepoTags": [name],
                "Layers": [f"{digest.partition(':')[2]}.tar.gz" for digest in digests],
            }
        ]
        text = file.with_suffix(".json")
        text.write_text(json.dumps(index))
        with tarfile.open(file, "w") as archive:
            archive.add(self.kit.folder / _blob(config), written)
            for digest in dict.fromkeys(digests):
                path = self.kit.folder / _blob(digest)
                archive.add(path, f"{digest.partition(':')[2]}.tar.gz")
            archive.add(text, "manifest.json")
        text.unlink()

    def settings(self) -> dict[str, str]:
        """Return the files that tell npm and apt in an image of the kit, by their paths."""
        return {
            "usr/local/etc/npmrc": (
                f"registry={self.url}/npm/\naudit=false\nfund=false\nupdate-notifier=false\n"
            ),
            "etc/apt/sources.list.d/debian.sources": (
                f"Types: deb\nURIs: {self.url}/debian/\nSuites: ./\nTrusted: yes\n"
            ),
        }

    def variables(self) -> dict[str, str]:
        """Return the variables that tell pip.

        To it the kit is a page of links, not an index: Pipenv counts an index of pip's settings
        as part of the Pipfile, and would refuse its lock file as out of date. And they are no
        ``pip.conf``, since Pipenv keeps that from the pip that it runs.
        """
        host = self.url.removeprefix("http://").partition(":")[0]
        links = f"{self.url}/links/"
        return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": links, "PIP_TRUSTED_HOST": host}


def _blob(digest: str) -> str:
    return f"images/{digest.replace(':', '/')}"


def using_here(home: Path | None = None) -> Local | None:
    """Return the kit that the engine's containers ask now, or None."""
    kit = using.in_use(home)
    url = _state(using.folder(home)).get("url")
    return Local(kit, str(url)) if kit and url else None


def up(engine: "Engine") -> None:
    """Have the kit's server beside this engine, if a kit is in use.

    Raises:
        CapasError: it does not start.
    """
    kit = using.in_use()
    if kit is None:
        return
    address, name = _where(engine)
    state = _state(kit.folder)
    fresh = state.get("kit") == kit.contents.id and state.get("address") == address
    if fresh and _answers(address, state.get("port")):
        return
    down()
    port = _start(kit, address, int(state.get("port") or 8642), engine)
    facts = {
        "kit": kit.contents.id,
        "address": address,
        "port": port,
        "url": f"http://{name}:{port}",
        "engine": engine.kind,
    }
    new = kit.folder / "server.new"
    new.write_text(json.dumps(facts))
    new.replace(kit.folder / "server.json")


def engine_kind(folder: Path) -> str:
    """Return the kind of engine that a kit in a folder is served beside; empty without."""
    return str(_state(folder).get("engine", ""))


def down(kind: str | None = None) -> None:
    """Stop the server; with `kind`, only one beside an engine of this kind."""
    folder = using.folder()
    if kind and engine_kind(folder) != kind:
        return
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "capas.kit.server" in words and str(folder) in words:
            with contextlib.suppress(psutil.Error):
                process.terminate()
                process.wait(STOP_SECONDS)


def _start(kit: Folder, address: str, port: int, engine: "Engine") -> int:
    told = kit.folder / "port"
    told.unlink(missing_ok=True)
    watched = [engine.host.removeprefix("unix://")] if engine.host.startswith("unix://") else []
    command = [sys.executable, "-m", "capas.kit.server", str(kit.folder), address, str(port)]
    with (kit.folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, str(told), *watched],
            cwd=paths.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for those who wait
        )
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            found = int(told.read_text())
            _children.append(process)
            return found
        time.sleep(0.02)
    process.kill()
    process.wait()
    raise CapasError(
        _("The kit's server does not start: see {log}.").format(log=kit.folder / "server.log")
    )


_children: list[subprocess.Popen[bytes]] = []
"""Servers that this process started: kept, so that Python reaps them when they end."""


def _where(engine: "Engine") -> tuple[str, str]:
    """Return the address to listen on, and the name by which containers reach it."""
    with (
        contextlib.suppress(DockerException, KeyError, IndexError, OSError),
        contextlib.closing(engine.client()) as client,
    ):
        desktop = "Docker Desktop" in str(client.info().get("OperatingSystem"))
        if sys.platform == "linux" and not desktop:
            network = client.networks.get("bridge").attrs
            gateway = str(network["IPAM"]["Config"][0]["Gateway"])
            return gateway, gateway
    return "127.0.0.1", DESKTOP


def _answers(address: str, port: Any) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address}:{port}/v2/", timeout=2):
            return True
    except (OSError, ValueError):
        return False


def _state(folder: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        state = json.loads((folder / "server.json").read_text())
        if isinstance(state, dict):
            return state
    return {}
