"""Where a check does its work: the student's files, the engine, and what may be done with both."""

import contextlib
import io
import os
import re
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast
from uuid import uuid4

from docker import DockerClient
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import Mount

from capas.clean import LABEL
from capas.engine import Engine
from capas.engine.catalogue import catalogue
from capas.exercises import commands
from capas.exercises.commands import Done
from capas.exercises.container import Container
from capas.exercises.guard import Guard
from capas.exercises.image import Image
from capas.exercises.limits import Limits, build_group, forget_build_groups
from capas.exercises.stack import Stack
from capas.exercises.wrong import NotYet, Wrong
from capas.language import _
from capas.notebook import SETTINGS

if TYPE_CHECKING:
    from capas.vm import Machine

T = TypeVar("T")
Report = Callable[[str], None]

_BEFORE = re.compile(r"^(?:ERROR: )?(?:failed to solve: )?")
_MISSING = re.compile(
    r"(?:failed to resolve source metadata for|pull access denied for|manifest for) "
    r"(?:docker\.io/(?:library/)?)?(?P<image>[^\s:,]+(?::[\w.-]+)?)"
)
_LOST = re.compile(r'"?/?(?P<file>[^\s"]+)"?: not found')


class Bench:
    """The student's files and an engine; what is made here is gone at the end.

    Args:
        engine: on which it happens.
        files: the student's folder. A copy is used: no check and no container changes it.
        limits: what may be used of the machine.
        report: takes one line of progress.
        identity: what its things on the engine are known by (`sweep`); else made up.

    Raises:
        Wrong: "too-large", "too-many-files", "link-outside": the files are not to be had.
    """

    NO_WAY_OUT: Mapping[str, str] = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    """Options of a network whose containers get no answer from beyond this machine."""

    OFTEN: Mapping[str, int] = {
        "interval": 500_000_000,
        "timeout": 10_000_000_000,
        "start_period": 1_000_000,
        "retries": 1,
    }
    """For `run`'s `healthcheck`: the image's own command, asked twice a second (nanoseconds)."""

    def __init__(
        self,
        engine: Engine,
        files: Path,
        limits: Limits | None = None,
        report: Report = lambda line: None,
        identity: str = "",
    ) -> None:
        self.engine = engine
        self.limits = limits or Limits()
        self.report = report
        self._id = identity or uuid4().hex[:10]
        self.labels = {LABEL: "check", f"{LABEL}.check": self._id}
        self.advice: list[str] = []
        self._once: dict[Any, Any] = {}
        self._images: list[Image] = []
        self._stacks: list[Stack] = []
        self._machines: list[Machine] = []
        self._held = contextlib.ExitStack()
        self._count = 0
        self._full = False
        self.client = engine.client(timeout=120)
        # Beside the student's folder: what a desktop's engine can mount.
        self._place = Path(tempfile.mkdtemp(prefix=".check-", dir=files.resolve().parent))
        try:
            self.scratch = self._place / "scratch"
            self.scratch.mkdir()
            self.folder = self._place / "files"
            """The copy of the student's files; a check may change it."""
            copy(files, self.folder, self.limits)
            self._guard = Guard(
                self.client, f"{LABEL}.check={self._id}", self.limits.disk, self._blame
            )
        except BaseException:
            self.client.close()
            shutil.rmtree(self._place, ignore_errors=True)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- what a check asks ---

    def once(self, do: Callable[["Bench"], T]) -> T:
        """Return what `do` returns; it is done once for all checks of this bench.

        Where it was wrong once, every later check that needs it is still to do.
        """
        if do not in self._once:
            try:
                self._once[do] = do(self)
            except NotYet:
                self._once[do] = NotYet()
                raise
        if isinstance(found := self._once[do], NotYet):
            raise found
        return cast("T", found)

    def advise(self, name: str) -> None:
        """Give a piece of advice (``advice`` in ``exercise.yaml``): it decides nothing."""
        if name not in self.advice:
            self.advice.append(name)

    def read(self, name: str) -> str:
        """Return a file of the student's as text, or an empty text when there is none."""
        try:
            return (self.folder / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def build(
        self,
        folder: str | Path = ".",
        *,
        dockerfile: str | None = None,
        inline: str | None = None,
        target: str | None = None,
        arguments: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> Image:
        """Build an image as ``docker build`` does.

        Args:
            folder: the build context, below the student's folder.
            dockerfile: its path from there; else ``Dockerfile``.
            inline: the Dockerfile's text, instead.
            target: the stage to build.
            arguments: build arguments.
            secrets: what ``RUN --mount=type=secret`` can see, by its id.

        Raises:
            Wrong: "no-dockerfile", "image-missing", "file-missing", "build-fails", "build-slow",
                "too-much-output", "disk-full".
        """
        context = (self.folder / folder).resolve()
        if not context.is_relative_to(self.folder.resolve()):
            raise Wrong("refused", what=str(folder))
        if not context.is_dir():
            raise Wrong("folder-missing", folder=str(folder))
        if inline is None and not (context / (dockerfile or "Dockerfile")).is_file():
            raise Wrong("no-dockerfile", file=dockerfile or "Dockerfile")
        self.report(_("building the image"))
        number = self.scratch / f"image-{self._next()}"
        words = ["build", "--iidfile", str(number), "--progress", "plain"]
        for key, value in self.labels.items():
            words += ["--label", f"{key}={value}"]
        if not self.limits.caches:
            # Cache mounts have a namespace (Dockerfile reference, "BuildKit built-in build args");
            # steps are known by their hosts, too, and by a name that no other check has.
            words += ["--build-arg", f"BUILDKIT_CACHE_MOUNT_NS={self._id}"]
            words += ["--add-host", f"{self._id}.invalid:127.0.0.1"]
        if not self.limits.packages:
            words += ["--network", "none"]
        if target:
            words += ["--target", target]
        for key, value in (arguments or {}).items():
            words += ["--build-arg", f"{key}={value}"]
        for key, value in (secrets or {}).items():
            hidden = self.scratch / f"secret-{self._next()}"
            hidden.write_text(value, encoding="utf-8")
            words += ["--secret", f"id={key},src={hidden}"]
        if inline is not None:
            words += ["--file", "-"]
        elif dockerfile:
            words += ["--file", str(context / dockerfile)]
        if self._group:
            words += ["--cgroup-parent", self._group]
        done = self.command(
            *words, str(context),
            seconds=self.limits.build_seconds, standard_input=(inline or "").encode(),
        )  # fmt: skip
        if done.code or done.stopped:
            raise self._build_error(done)
        image = self._image(number.read_text().strip())
        image.ran = _ran(done.text)
        return image

    def context(self, folder: str | Path = ".", dockerfile: str = "Dockerfile") -> set[str]:
        """Return which files the build of a folder may see: what ``.dockerignore`` leaves in."""
        context = self.folder / folder
        own = context / f"{dockerfile}.dockerignore"
        probe = self.scratch / f"Probe-{self._next()}"
        probe.write_text("FROM scratch\nCOPY . /\n")
        if own.is_file():
            shutil.copy(own, f"{probe}.dockerignore")
        done = self.command(
            *("build", "--file", str(probe), "--output", "type=tar,dest=-", str(context)),
            seconds=60, errors=False, most=2 * self.limits.context,
        )  # fmt: skip
        if done.code or done.stopped:
            if not any(context.iterdir()):
                return set()
            raise self._build_error(done)
        with tarfile.open(fileobj=io.BytesIO(done.output)) as sent:
            return {entry.name.removeprefix("./") for entry in sent if not entry.isdir()}

    def image(self, name: str) -> Image:
        """Return an image of the engine, fetched where that is allowed; `Wrong` "image-missing"."""
        try:
            return self._image(name)
        except ImageNotFound:
            pass
        except APIError as error:
            raise Wrong("image-missing", image=name) from error
        if self.limits.pull:
            done = self.command("pull", "--quiet", name, seconds=300)
            if not done.code and not done.stopped:
                return self._image(name)
        raise Wrong("image-missing", image=name)

    def run(
        self,
        image: Image | str,
        command: list[str] | str | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        publish: Sequence[int] = (),
        volumes: Mapping[str, str] | None = None,
        memory: int | None = None,
        **options: Any,
    ) -> Container:
        """Start a container, as ``docker run -d`` does.

        Args:
            image: what it is made from.
            command: instead of the image's own.
            environment: variables (``-e``).
            publish: its ports to publish, each on a free port of 127.0.0.1 (``-p``).
            volumes: where in it (value) which `volume`, or folder of ours, is (key).
            memory: bytes, less than the limit.
            options: further ones of the Docker SDK: user, read_only, hostname, tmpfs …

        Raises:
            Wrong: "not-started": the engine could not start it, and why.
        """
        self.report(_("starting a container"))
        limits = self.limits.options()
        if memory:
            limits |= {"mem_limit": memory, "memswap_limit": memory}
        ports: dict[str, Any] = {f"{port}/tcp": ("127.0.0.1", None) for port in publish}
        mounts = [
            Mount(target, source, type="bind" if source.startswith(os.sep) else "volume")
            for source, target in (volumes or {}).items()
        ]
        if "network_mode" not in options:
            options.setdefault("network", self.network)
        handle = None
        try:
            handle = self.client.containers.create(
                image.id if isinstance(image, Image) else self.image(image).id,
                command,
                detach=True,
                name=self.name("container"),
                labels=self.labels,
                environment=dict(environment or {}),
                ports=ports,
                mounts=mounts,
                **{**limits, **options},
            )
            handle.start()
        except APIError as error:
            if handle:
                handle.remove(force=True, v=True)
            said = str(error.explanation)
            found = re.search(r'exec: "?([^":]+)"?: (.+?)(?:: unknown)?$', said)
            raise Wrong("not-started", said=f"{found[1]}: {found[2]}" if found else said) from error
        return Container(self, handle)

    def beside(self, container: Container, command: str, *, pid: bool = False) -> str:
        """Run a shell command of our own in a container's network; return its output.

        `pid`: and among its processes.
        """
        try:
            output = self.client.containers.run(
                self.image("busybox").id,
                ["sh", "-c", command],
                network_mode=f"container:{container.id}",
                pid_mode=f"container:{container.id}" if pid else None,
                remove=True,
                labels=self.labels,
                name=self.name("beside"),
            )
        except (APIError, DockerException):  # it has ended meanwhile
            return ""
        return bytes(output).decode(errors="replace")

    def volume(self) -> str:
        """Make an empty volume and return its name."""
        return str(self.client.volumes.create(self.name("volume"), labels=self.labels).name)

    @cached_property
    def _group(self) -> str:
        """The control group of all its builds; see `build_group`."""
        return self._held.enter_context(build_group(self.engine, self.limits))

    @cached_property
    def network(self) -> str:
        """A network for containers, from which nothing beyond this machine answers."""
        made = self.client.networks.create(
            self.name("network"), labels=self.labels, options=dict(self.NO_WAY_OUT)
        )
        return str(made.name)

    def stack(
        self,
        folder: str | Path = ".",
        *,
        profiles: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> Stack:
        """Take the student's Compose project; see `Stack`."""
        stack = Stack(self, self.folder / folder, profiles, environment)
        self._stacks.append(stack)
        return stack

    def machine(self, name: str, init: str = "init") -> "Machine":
        """Boot a virtual machine whose first program is a file of the student's.

        Args:
            name: what the kernel hands to it as ``$name``.
            init: that file.

        Raises:
            Wrong: "no-init": there is no such file; "no-vm": no machine can be had here, and why.
        """
        from capas.vm import Machine, VmError

        if not (self.folder / init).is_file():
            raise Wrong("no-init", file=init)
        self.report(_("booting a virtual machine"))
        try:
            machine = Machine(self.folder / init, name)
        except VmError as error:
            raise Wrong("no-vm", said=error) from error
        self._machines.append(machine)
        return machine

    # --- what its parts ask ---

    def command(
        self,
        *words: str,
        seconds: float,
        folder: Path | None = None,
        standard_input: bytes = b"",
        errors: bool = True,
        most: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Done:
        """Run the docker command line against the engine, with nothing of our environment."""
        from capas.engine import cli

        own = {**SETTINGS, **self.engine.environment(), **(environment or {})}
        own.setdefault("PATH", os.environ.get("PATH", os.defpath))
        for name in ("SYSTEMROOT", "DOCKER_CONFIG", "HOME", "USERPROFILE"):
            if name in os.environ:
                own.setdefault(name, os.environ[name])
        return commands.run(
            [cli.docker(own["PATH"]), *words],
            environment=own,
            seconds=seconds,
            most=most or self.limits.output,
            folder=folder,
            standard_input=standard_input,
            errors=errors,
            watch=lambda: "disk" if self._full or self._guard.shrunk() else "",
        )

    def name(self, kind: str) -> str:
        """Return a name that nobody else has."""
        return f"{LABEL}-check-{self._id}-{kind}-{self._next()}"

    def tag(self, image: Image, name: str) -> str:
        """Give an image a name for as long as the bench lives; return it."""
        tag = f"{LABEL}-check-{self._id}:{re.sub(r'[^a-z0-9]', '-', name.lower())}-{self._next()}"
        self.client.images.get(image.id).tag(*tag.split(":"))
        return tag

    @cached_property
    def base_layers(self) -> frozenset[str]:
        """The layers of the course's base images, which nobody handed in."""
        found: set[str] = set()
        for name in catalogue():
            with contextlib.suppress(DockerException):
                found |= set(self.client.images.get(name).attrs["RootFS"].get("Layers") or [])
        return frozenset(found)

    @property
    def disk_full(self) -> bool:
        """Whether what was handed in has filled the disk beyond the limit."""
        return self._full

    def _blame(self) -> None:
        self._full = True

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _image(self, reference: str) -> Image:
        image = Image(self.client, reference, self.base_layers)
        self._images.append(image)
        return image

    def _build_error(self, done: Done) -> Wrong:
        match done.stopped:
            case "time":
                return Wrong("build-slow", seconds=int(self.limits.build_seconds))
            case "output":
                return Wrong("too-much-output", limit=self.limits.output // 2**20)
            case "disk":
                return Wrong("disk-full", limit=self.limits.disk // 2**20)
        lines = [line.strip() for line in done.text.splitlines() if line.strip()]
        last = next((line for line in reversed(lines) if line.startswith("ERROR")), "")
        last = _BEFORE.sub("", last or (lines or ["–"])[-1])
        if found := _MISSING.search(done.text):
            return Wrong("image-missing", image=found["image"])
        if (found := _LOST.search(last)) and "process" not in last:
            return Wrong("file-missing", file=found["file"])
        where = next((line for line in lines if line.startswith(">>>") or ">>> " in line), "")
        if "parse error" in last or "unknown instruction" in last:
            return Wrong("build-fails", line=last, said=where or last)
        said = [re.sub(r"^#\d+ (?:[\d.]+ )?", "", line) for line in lines if line.startswith("#")]
        told = next((line for line in reversed(said) if line and not line.startswith("ERROR")), "–")
        return Wrong("build-fails", line=last, said=told)

    # --- the end ---

    def close(self) -> None:
        """Remove all that was made: containers, networks, volumes, images, files."""
        self._guard.end()
        with contextlib.closing(self.client), self._held:
            for machine in self._machines:
                machine.stop()
            for stack in self._stacks:
                with contextlib.suppress(OSError):
                    stack.end()
            for image in self._images:
                image.read_out()
            sweep(self.client, self._id)
            shutil.rmtree(self._place, ignore_errors=True)
            if self._place.exists():  # a container's user has written there
                with contextlib.suppress(DockerException, Wrong):
                    self.client.containers.run(
                        self.image("busybox").id,
                        ["rm", "-rf", "/place/files"],
                        mounts=[Mount("/place", str(self._place), type="bind")],
                        remove=True,
                        labels=self.labels,
                    )
                shutil.rmtree(self._place, ignore_errors=True)


def _ran(report: str) -> tuple[str, ...]:
    """Return the instructions that a build carried out, by BuildKit's plain report."""
    steps = dict(re.findall(r"(?m)^#(\d+) \[[^\]\n]*\d+/\d+\] (.+)$", report))
    cached = set(re.findall(r"(?m)^#(\d+) CACHED$", report))
    return tuple(step for number, step in steps.items() if number not in cached)


def sweep(client: DockerClient, identity: str) -> None:
    """Remove all that a bench has made on an engine."""
    mine = {"label": f"{LABEL}.check={identity}"}
    api = client.api

    def remove(do: Callable[..., Any], thing: str, **options: bool) -> None:
        with contextlib.suppress(NotFound, APIError):
            do(thing, **options)

    for container in api.containers(all=True, filters=mine):
        remove(api.remove_container, container["Id"], force=True, v=True)
    for network in api.networks(filters=mine):
        remove(api.remove_network, network["Id"])
    for volume in api.volumes(filters=mine)["Volumes"] or []:
        remove(api.remove_volume, volume["Name"])
    forget_build_groups()
    for image in api.images(all=True, filters=mine):
        for name in [*(image.get("RepoTags") or []), image["Id"]]:
            if LABEL in name or name == image["Id"]:
                remove(api.remove_image, name)


def copy(files: Path, folder: Path, limits: Limits) -> None:
    """Copy what was handed in; raises `Wrong` where it is too large, or leads out of its folder."""
    size = count = 0
    root = files.resolve()
    folder.mkdir()
    for place, folders, names in os.walk(files):
        here = folder / Path(place).relative_to(files)
        for name in [*folders, *names]:
            source, target = Path(place) / name, here / name
            kind = source.lstat()
            if stat.S_ISLNK(kind.st_mode):
                if not source.resolve().is_relative_to(root) or source.readlink().is_absolute():
                    raise Wrong("link-outside", file=source.relative_to(files))
                target.symlink_to(source.readlink())
                continue
            count += 1
            if count > limits.files:
                raise Wrong("too-many-files", limit=limits.files)
            if stat.S_ISDIR(kind.st_mode):
                target.mkdir()
            elif stat.S_ISREG(kind.st_mode):
                size += kind.st_size
                if size > limits.context:
                    raise Wrong("too-large", limit=limits.context // 2**20)
                shutil.copy2(source, target)
        folders[:] = [name for name in folders if not (Path(place) / name).is_symlink()]
