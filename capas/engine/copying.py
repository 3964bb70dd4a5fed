"""Stand-ins and a kit's images are copied to the engine's own mirror, to be pulled from it.

Compressing what weighs some 100 MB takes half a minute, for which nobody should wait: a
process of its own does it (`start`), which needs nobody and says nothing. It ends by itself,
and with the engine when that is stopped; the next `capas.engine.images.ensure` goes on with
what is not yet copied.
"""

import contextlib
import os
import subprocess
import sys
import threading
from functools import cached_property
from typing import TYPE_CHECKING

from docker.errors import DockerException
from filelock import FileLock, Timeout

from capas import paths
from capas.engine import mirror
from capas.engine.catalogue import BaseImage
from capas.engine.model import Engine, EngineError
from capas.engine.steps import StepFailed, Steps
from capas.ports import HOST

if TYPE_CHECKING:
    from capas.engine.images import Images


class Copies:
    """What one engine's own mirror holds of its images; nothing, where it has no mirror."""

    def __init__(self, images: "Images") -> None:
        self.images = images

    @cached_property
    def registry(self) -> str | None:
        """``host:port`` of the mirror when it is up; asked once."""
        port = self.images.mirror.port if self.images.mirror else None
        return f"{HOST}:{port}" if port else None

    def holds(self, image: BaseImage) -> bool:
        """Whether the mirror can give the image back."""
        return self.registry is not None and mirror.has(self.registry, image.name)

    def missing(self) -> list[BaseImage]:
        """Return the images that are still to be copied, small ones first."""
        return sorted(
            (image for image in self.images.images.values() if self._missing(image)),
            key=lambda image: image.size,
        )

    def copy(self, image: BaseImage) -> None:
        """Copy a stand-in under all its names, unless that is done.

        Raises `EngineError` when it cannot be, `GivenUp` as `Steps` does.
        """
        own = self.images.mirror
        for name in self._missing(image):
            assert own
            own.push(self.images.engine, name, self._run(image))
            note = self.images.read_note(image)
            present = self.images.present(image.name)
            if present is not None and note.get("id") in (None, present.id):
                note["mirrored"] = {**note.get("mirrored", {}), name: present.id}
                self.images.note(image, **note)

    def lock(self) -> FileLock:
        """Return the lock of the process that copies in the background."""
        return self.images.file_lock("copies")

    def _missing(self, image: BaseImage) -> list[str]:
        """Return the names under which an image is to be copied."""
        if self.registry is None:
            return []
        present = self.images.present(image.name)
        if present is None or self.images.origin(image, present) not in ("stand-in", "kit"):
            return []
        held = self.images.read_note(image).get("mirrored", {})
        names = []
        for name in image.names:
            done = held.get(name) == present.id and mirror.has(self.registry, name)
            same = self.images.present(name)
            # A name that somebody else has taken meanwhile is none of ours.
            if not done and same is not None and same.id == present.id:
                names.append(name)
        return names

    def _run(self, image: BaseImage) -> mirror.Run:
        """Return what runs the docker CLI as `Engine.run` does, but gives up when told to."""
        log = self.images.home / "log/copies" / f"{image.file_name}.log"

        def run(*args: str) -> "subprocess.CompletedProcess[str]":
            steps = Steps(log, self.images.stop, self.images.engine.environment())
            code = 0
            try:
                steps.run(self.images.docker, *args)
            except StepFailed:
                code = 1
            return subprocess.CompletedProcess(args, code, "", log.read_text(errors="replace"))

        return run


def start(images: "Images") -> None:
    """Copy what is not yet copied in a process of its own; return at once."""
    copies = Copies(images)
    if not copies.missing():
        return
    try:
        with copies.lock().acquire(timeout=0):
            pass
    except Timeout:
        return  # one is at it
    log = images.home / "log/copies.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, images.engine.host],
                cwd=paths.ROOT,
                env={**os.environ, "CAPAS_HOME": str(images.home)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for those who wait
            )
    except OSError as error:
        images.say(str(error))  # copies are a convenience
        return
    threading.Thread(target=process.wait, daemon=True).start()  # leave no zombie


def main(host: str) -> None:
    """Copy all that is to be copied from the private engine, one image after the other."""
    from capas.engine.images import Images

    images = Images(Engine(host, "private", "", "", 0))
    copies = Copies(images)
    try:
        with contextlib.suppress(Timeout), copies.lock().acquire(timeout=0):
            for image in copies.missing():
                copies.copy(image)
                print(f"{image.name}: copied", flush=True)
    except (EngineError, DockerException, OSError) as error:
        sys.exit(str(error))  # most likely the engine was stopped


if __name__ == "__main__":
    main(sys.argv[1])
