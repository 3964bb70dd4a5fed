"""The work of getting base images that are not there: pulled where possible, else made."""

import contextlib
import io
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from docker.errors import APIError, DockerException
from docker.models.images import Image
from filelock import FileLock

from capas.engine import certificates, mirror, stand_ins
from capas.engine.catalogue import BaseImage, ImagesError
from capas.engine.copying import Copies
from capas.engine.model import EngineError
from capas.engine.origins import Origin
from capas.engine.sentences import is_full, last_words, no_folder, no_room, reason, short
from capas.engine.stand_ins import LABEL
from capas.engine.steps import GivenUp, StepFailed, Steps
from capas.kit import local
from capas.language import _

if TYPE_CHECKING:
    from capas.engine.images import Images

WORKERS = 2
SMALL = 5.0
"""MB: so much is copied to the mirror at once; more takes the processors from what matters."""


@dataclass
class _Job:
    """A piece of work for one thread; `needs` are keys of others that come first."""

    key: str
    work: Callable[[], None]
    image: BaseImage
    needs: set[str] = field(default_factory=set)


class Preparing:
    """One run of preparing: first all that can be pulled, then stand-ins for the rest."""

    def __init__(
        self,
        images: "Images",
        wanted: Sequence[BaseImage],
        *,
        copy: bool = True,
    ) -> None:
        self.images = images
        self.wanted = list(wanted)
        self.copy = copy
        self.copies = Copies(images)
        self.failures: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        """Of images that could not be pulled: why."""
        self.unavailable: list[BaseImage] = []
        self.stop = images.stop
        self.temporary = Path()

    def run(self) -> None:
        """Do it; raises as `capas.engine.images.ensure` does."""
        with self._folder(), ThreadPoolExecutor(WORKERS, "images") as pool:
            self.images.sweep()
            try:
                self.images.prepare()
                self._all(pool, [self._pull_job(image) for image in self.wanted])
                self._all(pool, self._stand_in_jobs())
            except BaseException:
                self.stop.set()  # the threads give up; then the folder is removed
                raise
        if self.failures:
            raise ImagesError("\n".join(self.failures.values()))

    @contextlib.contextmanager
    def _folder(self) -> Iterator[None]:
        """Have a folder for temporary files, recognisable when this process is killed."""
        parent = self.images.home / "tmp"
        try:
            parent.mkdir(parents=True, exist_ok=True)
            self.temporary = Path(tempfile.mkdtemp(prefix="images-", dir=parent))
        except OSError as error:
            raise ImagesError(no_folder(parent, error)) from error
        lock = FileLock(self.temporary / "lock")
        with lock:
            try:
                yield
            finally:
                shutil.rmtree(self.temporary, ignore_errors=True)

    def _all(self, pool: ThreadPoolExecutor, jobs: list[_Job]) -> None:
        """Do the jobs, as many at once as there are threads, in order of their needs."""
        waiting = list(jobs)
        running: dict[Future[None], _Job] = {}
        done: set[str] = set()
        while waiting or running:
            able = [job for job in waiting if job.needs <= done]
            assert able or running, waiting
            for job in able:
                if len(running) < WORKERS:
                    waiting.remove(job)
                    running[pool.submit(self._one, job)] = job
            finished, _rest = wait_for(running, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in finished:
                job = running.pop(future)
                future.result()  # what is no CapasError is a bug of ours, or Ctrl-C
                done.add(job.key)
            if self.stop.is_set():
                for future in running:
                    future.cancel()
                raise GivenUp(_("Preparing the base images was interrupted."))

    def _one(self, job: _Job) -> None:
        name = job.image.name
        if any(need in self.failures for need in (name, *job.image.needs)):
            self.failures.setdefault(
                name,
                _("{image} is not ready, because it is made from {needs}.").format(
                    image=name, needs=", ".join(job.image.needs)
                ),
            )
            return
        try:
            job.work()
        except GivenUp:
            self.stop.set()
        except (EngineError, DockerException, OSError) as error:
            why = str(error) if isinstance(error, EngineError) else self._words(job.image, error)
            if refused := self.refused.get(name):
                pulling = _("{image} could not be pulled ({why}).")
                why = f"{pulling.format(image=name, why=refused)} {why}"
            self.failures[name] = why
            with contextlib.suppress(OSError):
                self.images.note(job.image, failure=why)

    # --- pulling ----------------------------------------------------------------------------

    def _pull_job(self, image: BaseImage) -> _Job:
        return _Job(f"pull {image.name}", lambda: self._pull(image), image)

    def _pull(self, image: BaseImage) -> None:
        images = self.images
        places = images.in_kit(image) or images.classroom or images.hub_is_reached
        if places or self._mirrored(image):
            with images.lock(image):
                if images.is_current(image) or self._pulled(image):
                    return
        self.unavailable.append(image)

    def _pulled(self, image: BaseImage) -> bool:
        """Pull it from where it can be had; False when there is no such place."""
        steps = self._steps(image)
        return any(self._pulled_from(steps, image, *place) for place in self._places(image))

    def _pulled_from(
        self, steps: Steps, image: BaseImage, origin: Origin, reference: str, words: str
    ) -> bool:
        started = time.monotonic()
        images = self.images
        images.say(
            _("{image}: pulling it from {place} (about {size:.0f} MB)").format(
                image=image.name, place=words, size=image.size
            )
        )
        before: Image | None = None
        loaded = ""
        done = False
        try:
            before = images.present(reference)
            if origin == "kit":
                self._load(image, steps, reference)
            else:
                steps.run(images.docker, "pull", "--quiet", reference)
            pulled = images.client.images.get(reference)
            loaded = str(pulled.id)
            if origin == "hub" and (pulled.labels or {}).get(LABEL) == image.name:
                origin = "stand-in"  # the engine's own mirror has answered in Docker Hub's place
            # Back from the engine's own mirror comes what was made here; it may be outdated.
            if origin != "stand-in" or images.is_of_this_recipe(image, pulled):
                self._finish(image, steps, reference, origin, started)
                done = True
        except (StepFailed, EngineError, DockerException, OSError) as error:
            output = error.output if isinstance(error, StepFailed) else reason(error)
            self.refused[image.name] = why = short(last_words(output))
            images.say(
                _("{image}: not from {place} ({why})").format(
                    image=image.name, place=words, why=why
                )
            )
        finally:
            images.untag(images.passing(image))
            if reference not in image.names:
                if before is None:
                    images.untag(reference)
                if origin == "kit" and loaded:
                    images.drop_nameless(loaded)
            elif not done:
                images.give_back(reference, before)
        return done

    def _load(self, image: BaseImage, steps: Steps, reference: str) -> None:
        """Load an image of the kit under a passing name."""
        assert self.images.kit
        file = self._own_folder(image) / "image.tar"
        try:
            self.images.kit.archive(image, reference, file)
            steps.run(self.images.docker, "load", "--quiet", "--input", file)
        finally:
            file.unlink(missing_ok=True)

    def _places(self, image: BaseImage) -> Iterator[tuple[Origin, str, str]]:
        """Give origin, reference and words for each place that may have it, best first."""
        if self.images.in_kit(image):
            yield "kit", f"capas-kit/{image.name}", _("the kit")
        if self.images.hub_is_reached:
            yield "hub", image.reference, "Docker Hub"
            if image.reference != image.name:
                # The exact one may be retired, or wrong; this one is what lessons say.
                yield "hub", image.name, _("Docker Hub, as {name}").format(name=image.name)
        repository = mirror.repository(image.name)
        if self.images.classroom:
            yield "mirror", f"{self.images.classroom}/{repository}", _("the mirror")
        if self._mirrored(image):
            yield "stand-in", f"{self.copies.registry}/{repository}", _("the mirror")

    def _mirrored(self, image: BaseImage) -> bool:
        """Whether the engine's own mirror can give it back."""
        # One that is there, too, is outdated.
        return self.copies.holds(image) and self.images.present(image.name) is None

    # --- making -----------------------------------------------------------------------------

    def _stand_in_jobs(self) -> list[_Job]:
        """Return jobs for what could not be pulled and for what that is made from, bases first."""
        needed: dict[str, BaseImage] = {}

        def add(image: BaseImage) -> None:
            for name in image.needs:
                add(self.images.images[name])
            needed.setdefault(image.name, image)

        for image in self.unavailable:
            add(image)
        bases = {name for image in needed.values() for name in image.needs}
        order = sorted(needed.values(), key=lambda image: image.name not in bases)
        jobs = []
        for image in order:
            fetched = {f"fetch {image.name}"} if self.images.stand_in(image).fetches else set()
            if fetched:
                jobs.append(_Job(f"fetch {image.name}", self._fetcher(image), image))
            needs = {f"make {name}" for name in image.needs} | fetched
            jobs.append(_Job(f"make {image.name}", self._maker(image), image, needs))
            if self.copy and image.size < SMALL:
                jobs.append(
                    _Job(f"copy {image.name}", self._copier(image), image, {f"make {image.name}"})
                )
        return jobs

    def _fetcher(self, image: BaseImage) -> Callable[[], None]:
        def fetch() -> None:
            # When another process makes the image, it fetches, too.
            free = self.images.is_free(image)
            if free and not self.images.is_current(image):
                steps = Steps(self._own_folder(image) / "fetch.log", self.stop)
                try:
                    self.images.stand_in(image).fetch(steps, self._own_folder(image))
                except StepFailed as error:
                    raise EngineError(self._words(image, error)) from error

        return fetch

    def _maker(self, image: BaseImage) -> Callable[[], None]:
        def make() -> None:
            images = self.images
            with images.lock(image):
                if images.is_current(image):
                    return
                started = time.monotonic()
                images.say(_("{image}: making a stand-in").format(image=image.name))
                platform = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[images.machine]
                if platform not in image.platforms:
                    raise EngineError(
                        _("There is no {image} for {platform}.").format(
                            image=image.name, platform=platform
                        )
                    )
                steps, tag = self._steps(image), images.passing(image)
                folder = self._own_folder(image)
                stand_in = images.stand_in(image)
                try:
                    if stand_in.fetches and not (folder / "wheel").exists():
                        stand_in.fetch(steps, folder)
                    stand_in.build(steps, images.docker, tag, folder, images.recipe(image))
                    self._finish(image, steps, tag, "stand-in", started)
                except StepFailed as error:
                    raise EngineError(self._words(image, error)) from error
                finally:
                    images.untag(tag)
                    shutil.rmtree(folder, ignore_errors=True)

        return make

    def _own_folder(self, image: BaseImage) -> Path:
        folder = self.temporary / image.file_name
        folder.mkdir(exist_ok=True)
        return folder

    def _steps(self, image: BaseImage) -> Steps:
        return Steps(self.images.log(image), self.stop, self.images.engine.environment())

    # --- both ---------------------------------------------------------------------------------

    def _finish(
        self, image: BaseImage, steps: Steps, source: str, origin: Origin, started: float
    ) -> None:
        """See a container of it run, then give it its names."""
        images = self.images
        if origin != "stand-in" and image.certificates and images.certificates:
            source = self._with_certificates(image, steps, source)
        if images.asks(image):
            source = self._with_kit(image, steps, source)
        command = [*image.check]
        options = ["--rm", "--pull=never", "--network=none", "--label=capas=check"]
        if command:
            options.append(f"--entrypoint={command.pop(0)}")
        steps.run(images.docker, "run", *options, source, *command)
        before = images.present(image.name)
        labels = images.client.images.get(source).labels or {}
        identity = images.tag(image, source, aliases=labels.get(LABEL) == image.name)
        if before is not None and before.id != identity and origin == "kit":
            images.drop_nameless(str(before.id))
        seconds = time.monotonic() - started
        images.note(image, origin=origin, id=identity, seconds=round(seconds, 1))
        words = {"hub": "Docker Hub", "mirror": _("mirror"), "kit": _("kit")}
        images.say(
            _("{image}: ready ({origin}, {seconds:.0f} s)").format(
                image=image.name,
                origin=words.get(origin, _("stand-in")),
                seconds=seconds,
            )
        )

    def _with_certificates(self, image: BaseImage, steps: Steps, source: str) -> str:
        """Derive an image with the host's own CAs from a pulled one; return its passing name."""
        own = self.images.certificates
        tag = self.images.passing(image)
        self.images.client.images.get(source).tag(*tag.rsplit(":", 1))
        folder = self._own_folder(image) / "certificates"
        bundle = folder / "root" / certificates.BUNDLE.lstrip("/")
        bundle.parent.mkdir(parents=True, exist_ok=True)
        theirs = self._file_of(source, certificates.BUNDLE) or certificates.host_bundle()
        bundle.write_text(certificates.with_own(theirs, own))
        certificates.write(own, folder / "root" / certificates.ANCHORS.lstrip("/"))
        stand_ins.normalise(folder)
        variables = stand_ins.env_line(certificates.variables(own))
        (folder / "Dockerfile").write_text(f"FROM {tag}\nCOPY root/ /\n{variables}")
        steps.run(self.images.docker, "build", "--quiet", "--tag", tag, str(folder))
        return tag

    def _with_kit(self, image: BaseImage, steps: Steps, source: str) -> str:
        """Derive an image whose pip, npm and apt ask the kit; return its passing name."""
        kit = self.images.kit
        assert kit
        tag = self.images.passing(image)
        self.images.client.images.get(source).tag(*tag.rsplit(":", 1))
        folder = self._own_folder(image) / "kit"
        for path, text in kit.settings().items():
            (folder / "root" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "root" / path).write_text(text)
        stand_ins.normalise(folder)
        (folder / "Dockerfile").write_text(
            f"FROM {tag}\nCOPY root/ /\nLABEL {local.LABEL}={kit.mark}\n"
            + stand_ins.env_line(kit.variables())
        )
        steps.run(self.images.docker, "build", "--quiet", "--tag", tag, str(folder))
        return tag

    def _file_of(self, source: str, path: str) -> str:
        """Return a text file of an image; empty where it has none."""
        container = self.images.client.containers.create(
            source, command="none", labels={"capas": "check"}
        )
        try:
            stream, _stat = container.get_archive(path)
            with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
                member = archive.extractfile(archive.getmembers()[0])
                return member.read().decode(errors="replace") if member else ""
        except (APIError, KeyError, tarfile.TarError):
            return ""
        finally:
            container.remove(force=True)

    def _copier(self, image: BaseImage) -> Callable[[], None]:
        def copy() -> None:
            try:
                self.copies.copy(image)
            except EngineError as error:  # the image itself is ready
                self.images.say(str(error))

        return copy

    def _words(self, image: BaseImage, error: Exception) -> str:
        """Return the sentence for what went wrong with an image."""
        output = error.output if isinstance(error, StepFailed) else reason(error)
        log = self.images.log(image)
        if is_full(error, output):
            return no_room(image.name, str(log))
        return _("{image} could not be prepared ({why}): the whole story is in {log}.").format(
            image=image.name, why=short(last_words(output)), log=log
        )
