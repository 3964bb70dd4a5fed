"""Base images under the names that the lessons use, wherever they come from.

In this order: already on the engine; Docker Hub, by the exact reference in ``images.toml``, then
by the plain name; a mirror (``$CAPAS_MIRROR``, or the private engine's own); a stand-in made
here (`stand_ins`). What fails is followed by the next. An image counts as ready after a
container of it has run. Names that somebody else has given are left alone.

`catalogue` reads ``images.toml``; `Images` here knows what is on the engine and what became of
it; `preparing` gets what is missing; `copying` copies it to the private engine's own mirror.

Any number of processes may prepare and wait at once: each image has a lock, which is the
operating system's and gone with its process. What is being made has a passing name
(``capas-preparing/…``) and gets its own only at the end, so nothing half-done is ever seen;
what a killed process left is removed by the next one. (Only what is pulled by its plain name
has it at once: whole, but not yet tried.)
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from docker.models.images import Image
from filelock import FileLock, Timeout
from requests.exceptions import RequestException

from capas import paths
from capas.engine import certificates, cli, copying
from capas.engine.catalogue import BaseImage, ImagesError, catalogue
from capas.engine.mirror import Mirror, classroom
from capas.engine.model import Engine, EngineError, Report
from capas.engine.origins import Origin, hub_answers
from capas.engine.preparing import Preparing
from capas.engine.private import PrivateEngine
from capas.engine.probe import MACHINES
from capas.engine.sentences import reason
from capas.engine.stand_ins import LABEL, RECIPE, StandIn
from capas.engine.steps import GivenUp
from capas.kit import local
from capas.language import _

__all__ = [
    "BaseImage",
    "ImageStatus",
    "Images",
    "ImagesError",
    "Origin",
    "State",
    "catalogue",
    "ensure",
    "names",
    "remove",
    "status",
    "wait",
]

State = Literal["ready", "preparing", "missing", "failed"]

TRIAL_SECONDS = 10.0
"""How long an engine with registry mirrors may take to pull the smallest image."""
PASSING = "capas-preparing/"
"""Begins the name of an image that is still being made."""


@dataclass(frozen=True)
class ImageStatus:
    """What became of one base image on one engine."""

    name: str
    state: State
    origin: Origin | None = None
    size: int = 0
    """Bytes, as ``docker images`` counts them."""
    seconds: float = 0.0
    """How long it took to prepare."""
    detail: str = ""
    """Of a failure: the sentence. Of one that is ready: what is to be known of it, if anything."""


def names(all: bool = False) -> list[str]:
    """Return the names of the core images, or of all."""
    return [image.name for image in catalogue().values() if image.core or all]


def ensure(
    engine: Engine,
    names: Iterable[str] | None = None,
    *,
    all: bool = False,
    report: Report = print,
    stop: threading.Event | None = None,
) -> None:
    """Have the images on the engine: found, pulled, or made; the core ones unless said otherwise.

    Returns when all are ready; copying to the private engine's mirror goes on in a process of
    its own (`copying`). Set `stop` from another thread to give up, which takes at most some
    seconds. Raises `ImagesError` when some could not be had, after all others are ready;
    `GivenUp` after `stop`.
    """
    images = Images(engine, report=report, stop=stop)
    try:
        images.ensure(names, all=all)
    finally:
        if not images.stop.is_set():
            images.copy()


def status(engine: Engine) -> list[ImageStatus]:
    """Return the state of every image of the course on this engine."""
    return Images(engine).status()


def wait(engine: Engine, names: Iterable[str], report: Report = print) -> None:
    """Return when these images are ready: at once when they are there.

    Else says what is waited for; prepares what nobody else prepares. Raises as `ensure` does.
    """
    Images(engine, report=report).wait(names)


def remove(
    engine: Engine,
    names: Iterable[str] | None = None,
    report: Report = print,
) -> None:
    """Remove images that the course pulled or made: these, or all. Others' are left alone.

    Raises `ImagesError` for those that a container still uses.
    """
    Images(engine, report=report).remove(names)


class Images:
    """The base images of one engine, as one process sees and prepares them."""

    def __init__(
        self,
        engine: Engine,
        *,
        report: Report = print,
        stop: threading.Event | None = None,
        images: Mapping[str, BaseImage] | None = None,
        home: Path | None = None,
        own_mirror: Mirror | None = None,
        own_certificates: Sequence[str] | None = None,
        hub_answers: Callable[[], bool] = hub_answers,
    ) -> None:
        self.engine = engine
        self.images = dict(catalogue() if images is None else images)
        self.home = home or paths.home()
        self.stop = stop or threading.Event()
        self._report = report
        self._reporting = threading.Lock()
        self._own_certificates = own_certificates
        self._hub_answers = hub_answers
        self.mirror = own_mirror
        """The engine's own."""
        if own_mirror is None and engine.kind == "private":
            private = PrivateEngine(self.home)
            self.mirror = Mirror(self.home, private.prefix, private.run_folder)
        self.classroom, _tls = classroom()
        """``host:port`` of the classroom's mirror, or nothing."""
        self.kit = local.using_here(self.home)
        """The kit that this machine uses, or None."""

    # --- what is asked of it --------------------------------------------------------------

    def ensure(self, names: Iterable[str] | None = None, *, all: bool = False) -> None:
        """See the function of this name."""
        wanted = self._known(names) if names is not None else self._all(core=not all)
        with self._talking():
            missing = [image for image in wanted if not self.is_current(image)]
            for image in wanted:
                if image not in missing and (lack := self._lack(image)):
                    self.say(lack)
            if missing:
                Preparing(self, missing).run()

    def copy(self) -> None:
        """Have all stand-ins copied to the engine's own mirror, in the background."""
        with contextlib.suppress(DockerException, OSError):  # copies are a convenience
            copying.start(self)

    def wait(self, names: Iterable[str]) -> None:
        """See the function of this name."""
        with self._talking():
            missing = [image for image in self._known(names) if not self.present(image.name)]
        if not missing:
            return
        self.say(
            _("Waiting for {images}; this is needed once.").format(
                images=", ".join(image.name for image in missing)
            )
        )
        with self._talking():
            Preparing(self, missing, copy=False).run()

    def status(self) -> list[ImageStatus]:
        """See the function of this name."""
        with self._talking():
            return [self._status(image) for image in self.images.values()]

    def remove(self, names: Iterable[str] | None = None) -> None:
        """See the function of this name."""
        failures = []
        with self._talking():
            self.sweep()
            wanted = self._known(names) if names is not None else [*self.images.values()]
            for image in reversed(wanted):  # bases last
                present = self.present(image.name)
                if present is None or self.origin(image, present) == "local":
                    continue
                with self.lock(image):
                    try:
                        self._untag(image, present)
                    except APIError as error:
                        failures.append(
                            _("{image} is in use: remove its containers first ({why}).").format(
                                image=image.name, why=reason(error)
                            )
                        )
                    else:
                        self._note(image).unlink(missing_ok=True)
                        self.say(_("{image}: removed").format(image=image.name))
        if failures:
            raise ImagesError("\n".join(failures))

    def prepare(self) -> None:
        """Find out, once, what several threads will ask for."""
        asked = self.identity, self.machine, self.certificates, self.docker, self.hub_is_reached
        assert asked

    # --- what is there ----------------------------------------------------------------------

    @cached_property
    def client(self) -> docker.DockerClient:
        """The engine's API."""
        return self.engine.client()

    @cached_property
    def info(self) -> dict[str, Any]:
        """What the engine says of itself; asked once."""
        return self.client.info()

    @cached_property
    def identity(self) -> str:
        """The engine's own identity: several may have been used from one home."""
        identity = str(self.info.get("ID") or self.engine.host)
        return re.sub(r"\W+", "-", identity)[:40].strip("-")

    @cached_property
    def machine(self) -> str:
        """The engine's processor, as ``uname -m`` says."""
        architecture = str(self.client.version().get("Arch", ""))
        try:
            return MACHINES[architecture]
        except KeyError:
            raise EngineError(
                _("The course has no images for this engine's processor ({name}).").format(
                    name=architecture
                )
            ) from None

    @cached_property
    def certificates(self) -> Sequence[str]:
        """This host's own CAs."""
        return certificates.own() if self._own_certificates is None else self._own_certificates

    @cached_property
    def docker(self) -> str:
        """The docker CLI."""
        return cli.docker({**os.environ, **self.engine.environment()}["PATH"])

    @cached_property
    def hub_is_reached(self) -> bool:
        """Whether Docker Hub answers, or what the engine asks in its place; asked once."""
        return self._hub_answers() or self._engine_reaches_hub()

    def _engine_reaches_hub(self) -> bool:
        """Whether an engine with registry mirrors (a university's) can pull, after trying it."""
        mirrors = (self.info.get("RegistryConfig") or {}).get("Mirrors") or []
        if not mirrors or self.engine.kind == "private":  # whose only one is our own
            return False
        smallest = min(self.images.values(), key=lambda image: image.size).reference
        self.say(
            _("Docker Hub does not answer here; asking the engine's registry mirror {host}").format(
                host=str(mirrors[0])
            )
        )
        before = self.present(smallest)
        try:
            done = subprocess.run(
                [self.docker, "pull", "--quiet", smallest],
                env={**os.environ, **self.engine.environment()},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TRIAL_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        if before is None:
            self.untag(smallest)
        return done.returncode == 0

    def stand_in(self, image: BaseImage) -> StandIn:
        """Return what makes the stand-in."""
        own = self.certificates if image.certificates else ()
        return StandIn(image.name, image.stand_in, self.machine, own)

    def recipe(self, image: BaseImage) -> str:
        """Return the fingerprint of the stand-in and of all that it is made from."""
        bases = [self.recipe(self.images[name]) for name in image.needs]
        return self.stand_in(image).recipe(bases)

    def present(self, name: str) -> Image | None:
        """Return what the engine has under this name."""
        try:
            return self.client.images.get(name)
        except ImageNotFound:
            return None

    def is_current(self, image: BaseImage) -> bool:
        """Whether nothing is to be done: it is there, and no stand-in of an older recipe."""
        present = self.present(image.name)
        if present is None:
            return False
        origin = self.origin(image, present)
        if origin != "local" and (present.labels or {}).get(local.LABEL) != self.asks(image):
            return False  # its pip, npm and apt ask elsewhere than they should by now
        if (present.labels or {}).get(LABEL) != image.name:
            return True
        note = self.read_note(image)
        if note.get("id") == present.id and note.get("origin") in ("mirror", "kit"):
            return True  # somebody else's stand-in, with their certificates
        return self.is_of_this_recipe(image, present)

    def in_kit(self, image: BaseImage) -> bool:
        """Whether the kit that this machine uses has it, for this engine's processor."""
        return self.kit is not None and self.kit.has(image, self.machine)

    def asks(self, image: BaseImage) -> str | None:
        """Return what the label `local.LABEL` of the image is to say; None: it is to have none."""
        tells = self.kit is not None and self.in_kit(image) and self.kit.tells(image)
        return self.kit.mark if self.kit and tells else None

    def is_of_this_recipe(self, image: BaseImage, present: Image) -> bool:
        """Whether it is a stand-in as one would be made now."""
        labels = present.labels or {}
        return bool(labels.get(LABEL) == image.name and labels.get(RECIPE) == self.recipe(image))

    def _status(self, image: BaseImage) -> ImageStatus:
        note = self.read_note(image)
        present = self.present(image.name)
        if present is not None:
            return ImageStatus(
                name=image.name,
                state="ready",
                origin=self.origin(image, present),
                size=int(present.attrs.get("Size") or 0),
                seconds=float(note.get("seconds", 0)),
                detail=self._lack(image, present) or "",
            )
        if not self.is_free(image):
            return ImageStatus(image.name, "preparing")
        if detail := note.get("failure"):
            return ImageStatus(image.name, "failed", detail=str(detail))
        return ImageStatus(image.name, "missing")

    def _lack(self, image: BaseImage, present: Image | None = None) -> str | None:
        """Return the sentence for an image without this machine's own CAs, if it needs them."""
        present = present or self.present(image.name)
        if present is None:
            return None
        if self.asks(image) and (present.labels or {}).get(local.LABEL) != self.asks(image):
            return _(
                "{image} was here before and is left as it is: pip, npm and apt in it do not ask "
                "the kit. `docker rmi {image}` and then `capas images {image}` bring one that does."
            ).format(image=image.name)
        if not self.certificates or not image.certificates:
            return None
        variables = present.attrs.get("Config", {}).get("Env") or []
        if any(variable.startswith("SSL_CERT_FILE=") for variable in variables):
            return None
        return _(
            "{image} was here before and is left as it is: without this machine's own CA "
            "certificates, pip and npm may fail in it. `docker rmi {image}` and then "
            "`capas images {image}` bring one that has them."
        ).format(image=image.name)

    def origin(self, image: BaseImage, present: Image) -> Origin:
        """Return where it is from, as far as we know."""
        note = self.read_note(image)
        if note.get("id") == present.id:
            return cast(Origin, note["origin"])
        stand_in = (present.labels or {}).get(LABEL) == image.name
        return "stand-in" if stand_in else "local"

    def _known(self, names: Iterable[str]) -> list[BaseImage]:
        """Return the images of these names; ``busybox`` is ``busybox:latest``, aliases count."""
        known = {alias: image for image in self.images.values() for alias in image.aliases}
        known |= self.images
        found: dict[str, BaseImage] = {}
        for name in names:
            full = name if ":" in name else f"{name}:latest"
            if full not in known:
                raise ImagesError(
                    _("{name} is not one of the course's base images: {known}.").format(
                        name=name, known=", ".join(self.images)
                    )
                )
            found[known[full].name] = known[full]
        return list(found.values())

    def _all(self, core: bool) -> list[BaseImage]:
        return [image for image in self.images.values() if image.core or not core]

    # --- what is kept between processes -------------------------------------------------------

    def file_lock(self, what: str) -> FileLock:
        """Return a lock between processes, one for each engine."""
        folder = self.home / "locks"
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _give_back(folder)
        path = folder / f"{what}-{self.identity}.lock"
        return FileLock(path, mode=0o666)  # made by root under sudo, used by the user later

    def _image_lock(self, image: BaseImage) -> FileLock:
        return self.file_lock(f"image-{image.file_name}")

    def is_free(self, image: BaseImage) -> bool:
        """Whether nobody prepares it now."""
        try:
            with self._image_lock(image).acquire(timeout=0):
                return True
        except Timeout:
            return False

    @contextlib.contextmanager
    def lock(self, image: BaseImage) -> Iterator[None]:
        """Hold the image's lock, after waiting for another process that prepares it."""
        lock = self._image_lock(image)
        told = False
        while True:
            try:
                lock.acquire(timeout=0.2 if told else 0)
                break
            except Timeout:
                if not told:
                    self.say(_("{image}: another process prepares it").format(image=image.name))
                    told = True
                if self.stop.is_set():
                    raise GivenUp("interrupted") from None
        try:
            yield
        finally:
            lock.release()

    def _note(self, image: BaseImage) -> Path:
        return self.home / "images" / self.identity / f"{image.file_name}.json"

    def read_note(self, image: BaseImage) -> dict[str, Any]:
        """Return what was written down about an image (`note`); empty without."""
        with contextlib.suppress(OSError, ValueError):
            note = json.loads(self._note(image).read_text())
            if isinstance(note, dict):
                return note
        return {}

    def note(self, image: BaseImage, **facts: object) -> None:
        """Write down what became of an image."""
        file = self._note(image)
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(facts))
        new.replace(file)
        _give_back(file.parent.parent, file.parent, file)

    def log(self, image: BaseImage) -> Path:
        """Return where the programs that prepare an image say what they do."""
        return self.home / "log/images" / f"{image.file_name}.log"

    def say(self, line: str) -> None:
        """Report a line, one thread at a time."""
        with self._reporting:
            self._report(line)

    @contextlib.contextmanager
    def _talking(self) -> Iterator[None]:
        """Turn what the engine and the disk say into a sentence."""
        try:
            yield
        except (DockerException, RequestException) as error:
            raise EngineError(
                _("The Docker Engine does not answer as it should: {why}.").format(
                    why=reason(error).rstrip(".")
                )
            ) from error

    # --- what is done to the engine -------------------------------------------------------------

    def passing(self, image: BaseImage) -> str:
        """Return the name of an image while it is made."""
        return PASSING + image.name

    def tag(self, image: BaseImage, source: str, *, aliases: bool) -> str:
        """Give an image its name, and its aliases where they are free or ours; return its id."""
        made = self.client.images.get(source)
        old = self.present(image.name)
        # Not the label tells what is ours: what students make from a stand-in inherits it.
        ours = {made.id, old and old.id, self.read_note(image).get("id")}
        for name in image.aliases if aliases else ():
            other = self.present(name)
            if other is None or other.id in ours:
                made.tag(*name.rsplit(":", 1))
        made.tag(*image.name.rsplit(":", 1))
        return str(made.id)

    def give_back(self, name: str, before: Image | None) -> None:
        """Let a name mean again what it meant `before`, or nothing."""
        if before is None:
            self.untag(name)
        else:
            before.tag(*name.rsplit(":", 1))

    def untag(self, name: str) -> None:
        """Take a name away, with the image when it was the last one."""
        with contextlib.suppress(ImageNotFound, APIError):
            self.client.images.remove(name, noprune=False)

    def drop_nameless(self, identity: str) -> None:
        """Remove an image that nothing names any more, unless something needs it."""
        present = self.present(identity)
        if present is not None and not present.tags:
            self.untag(identity)

    def _untag(self, image: BaseImage, present: Image) -> None:
        for name in image.aliases:
            other = self.present(name)
            if other is not None and other.id == present.id:
                self.client.images.remove(name)
        self.client.images.remove(image.name)

    def sweep(self) -> None:
        """Remove what killed processes have left: passing names, temporary files."""
        for leftover in self.client.images.list(filters={"reference": f"{PASSING}*"}):
            for tag in leftover.tags:
                image = self.images.get(tag.removeprefix(PASSING))
                if tag.startswith(PASSING) and image:
                    with contextlib.suppress(Timeout), self._image_lock(image).acquire(timeout=0):
                        self.untag(tag)
        for folder in (self.home / "tmp").glob("images-*"):
            if not (folder / "lock").exists() and time.time() - folder.stat().st_mtime < 60:
                continue  # just being made
            with contextlib.suppress(Timeout), FileLock(folder / "lock").acquire(timeout=0):
                shutil.rmtree(folder, ignore_errors=True)


def _give_back(*files: Path) -> None:
    """Under sudo, give what we made in the user's home to the user."""
    if hasattr(os, "geteuid") and os.geteuid() == 0 and (user := os.environ.get("SUDO_UID")):
        for file in files:
            with contextlib.suppress(OSError):
                os.chown(file, int(user), int(os.environ.get("SUDO_GID", user)))
