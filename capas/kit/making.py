"""Making a kit: everything is fetched into a folder beside it, then packed into one file.

What has arrived stays in that folder until the kit is whole: an interrupted run is gone on with.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capas.errors import CapasError
from capas.kit import debian, needs, npm, saving, using, wheels
from capas.kit.contents import KIND, NAME, VERSION, Archive, Contents
from capas.language import _
from capas.paths import ROOT

if TYPE_CHECKING:
    from capas.engine.catalogue import BaseImage
    from capas.engine.images import Images
    from capas.engine.model import Engine

Report = Callable[[str], None]

PACKED = 0.36
"""How large an image is when compressed, to its size."""
ENGINE_SIZE = 230_000_000
"""Bytes, about, of the packages for the engine and the virtual machine."""
REPORT_SECONDS = 5.0


class Kit:
    """A kit that is being made."""

    def __init__(
        self,
        out: Path,
        engine: "Engine",
        report: Report,
        *,
        dev: bool = False,
        targets: Sequence[wheels.Target] = (),
        images: Sequence[str] | None = None,
        root: Path = ROOT,
        system: bool = True,
    ) -> None:
        """Prepare to make it.

        Args:
            out: the file.
            engine: with the base images; its containers fetch for npm and apt.
            report: takes lines of progress.
            dev: also what the tests need.
            targets: systems and versions of Python to have wheels for.
            images: base images, by name; all unless said.
            root: the course's folder, whose files say what is needed.
            system: also the packages of the private engine and of the virtual machine.
        """
        self.out = out
        self.folder = out.with_name(out.name + ".making")
        self.engine = engine
        self.targets = targets
        self.root = root
        self._report = report
        self._requirements = root / ("requirements-dev.txt" if dev else "requirements.txt")
        self._image_names = images
        self._system = system
        self._needed: dict[str, set[str]] = {}
        """By path in the kit: keys of who needs it."""
        self._facts: dict[str, Any] = {}

    def make(self) -> Contents:
        """Fetch, pack, and return what the kit has.

        Raises:
            CapasError: no network, no room, an engine that does not answer.
        """
        if using.in_use() is not None:
            raise CapasError(
                _(
                    "This machine uses a kit itself, and what it has would be packed again: run "
                    "`capas kit drop`, then try again."
                )
            )
        started = time.monotonic()
        try:
            self._check_place()
            self._reuse()
            images = self._images()
            plan = self._plan()
            self._announce(plan, images)
            self._save_images(images)
            self._fetch_wheels(plan)
            self._fetch_npm()
            self._fetch_debian()
            self._add_slides()
            contents = self._contents(plan)
            self._pack(contents)
        except OSError as error:
            if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
                raise self._no_room() from error
            raise
        shutil.rmtree(self.folder)
        self._report(
            _("{file}: {size} MB, made in {minutes:.1f} min").format(
                file=self.out,
                size=round(self.out.stat().st_size / 1e6),
                minutes=(time.monotonic() - started) / 60,
            )
        )
        return contents

    def _check_place(self) -> None:
        if self.out.is_dir():
            raise CapasError(
                _("{path} is a folder: name the file that the kit is to be.").format(path=self.out)
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise CapasError(
                _("The kit cannot be made in {folder}: choose another place.").format(
                    folder=self.out.parent
                )
            ) from None

    def _reuse(self) -> None:
        """Begin with what the kit has that is there already: most is the same."""
        if not self.out.exists() or any(self.folder.iterdir()):
            return
        with contextlib.suppress(CapasError):  # it is another file: it is replaced in the end
            source = Archive(self.out)
            for item in source.contents.items.values():
                if item.path.startswith(("wheels/", "npm/", "images/")):
                    using.copy(source, item, self.folder / item.path, lambda count: None)
            saving.remember(source.contents, self.folder)

    def _no_room(self) -> CapasError:
        return CapasError(
            _(
                "There is no room left on the disk of {folder}: make room, then run the same "
                "command again; it goes on from here."
            ).format(folder=self.out.parent)
        )

    def _images(self) -> "list[tuple[Images, BaseImage]]":
        """Have the images on the engine."""
        from capas.engine.images import Images

        images = Images(self.engine, report=self._report)
        wanted = self._image_names or list(images.images)
        images.ensure(wanted)
        self._facts["machine"] = images.machine
        return [(images, images.images[name]) for name in wanted]

    def _plan(self) -> wheels.Plan:
        """Find out which wheels are needed."""
        self._report(_("asking which packages are needed"))
        plan = wheels.Plan()
        if self.targets:
            oldest = min((t.python for t in self.targets), key=lambda v: int(v.split(".")[1]))
            lines = [f"-r {self._requirements}", "pip", "uv"]
            locked = wheels.lock(lines, "--universal", "--python-version", oldest)
            for target in self.targets:
                plan.add(locked, target, target.key)
        inside = wheels.Target(f"linux-{self._facts['machine']}", "3.13")
        platform = f"{self._facts['machine']}-manylinux_2_28"

        def lock(pins: needs.Pins) -> list[dict[str, Any]] | CapasError:
            options = ["--python-version", inside.python, "--python-platform", platform]
            try:
                return wheels.lock(pins.requirements, *options, *["--no-deps"] * pins.locked)
            except CapasError as error:
                return error

        sets = needs.pip(self.root)
        with ThreadPoolExecutor(4) as pool:  # most of it is waiting for the index
            answers = list(pool.map(lock, sets))
        for pins, answer in zip(sets, answers, strict=True):
            if not isinstance(answer, CapasError):
                plan.add(answer, inside, using.CONTAINER)
            elif not pins.file:
                raise answer  # pip itself: no network
            else:
                # An exercise may ask on purpose for what does not exist.
                self._report(f"{pins.file}: {answer}")
                plan.missing.setdefault(using.CONTAINER, []).extend(pins.requirements)
        for key, names in sorted(plan.missing.items()):
            self._report(
                _("there are no wheels for {target} of: {names}").format(
                    target=key, names=", ".join(names)
                )
            )
        return plan

    def _announce(self, plan: wheels.Plan, images: "list[tuple[Images, BaseImage]]") -> None:
        packages = needs.npm(self.root, self._facts["machine"])
        size = plan.size + len(packages) * npm.GUESS + (ENGINE_SIZE if self._system else 0)
        size += int(sum(image.size for _images, image in images) * 1e6 * PACKED)
        there = sum(f.stat().st_size for f in self.folder.rglob("*") if f.is_file())
        needed = 2 * size - min(there, size)  # the files, and the archive of them
        self._report(
            _("the kit will be about {size} MB; {there} MB of it are here").format(
                size=round(size / 1e6), there=round(there / 1e6)
            )
        )
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise CapasError(
                _(
                    "To make the kit, {size} MB are needed on the disk of {folder}, and {free} MB "
                    "are free: make room, or make it on another disk."
                ).format(size=round(needed / 1e6), folder=self.out.parent, free=round(free / 1e6))
            )

    def _save_images(self, images: "list[tuple[Images, BaseImage]]") -> None:
        saved: dict[str, Any] = {}
        for of, image in images:
            self._report(_("saving {image}").format(image=image.name))
            facts = saving.save(of, image, self.folder, self._ticker(_("compressing"), "MB"))
            for path in facts["files"]:
                self._needed.setdefault(path, set())
            saved[image.name] = {key: facts[key] for key in ("aliases", "manifest", "clients")}
        self._facts["images"] = saved

    def _fetch_wheels(self, plan: wheels.Plan) -> None:
        self._report(_("fetching {count} wheels").format(count=len(plan.wheels)))
        tick = self._ticker(_("wheels"), "MB", plan.size)
        wheels.fetch(plan.wheels.values(), self.folder / "wheels", tick)
        for wheel in plan.wheels.values():
            self._needed[f"wheels/{wheel.file}"] = set(wheel.targets)

    def _fetch_npm(self) -> None:
        packages = needs.npm(self.root, self._facts["machine"])
        if not packages:
            return
        self._report(_("fetching {count} npm packages").format(count=len(packages)))
        folder = self.folder / "npm"
        npm.fetch(self.engine, packages, folder, self._ticker("npm", "", len(packages)))
        listed = npm.index(packages, folder)
        (folder / "index.json").write_text(json.dumps(listed, sort_keys=True))
        paths = ["npm/index.json", *(f"npm/{npm.file_name(package)}" for package in packages)]
        self._needed.update((path, set()) for path in paths)

    def _fetch_debian(self) -> None:
        names = needs.apt(self.root)
        if names:
            self._report(_("fetching Debian packages: {names}").format(names=" ".join(names)))
            debian.for_containers(self.engine, names, self.folder / "debian")
            self._needed.update(
                (f"debian/{file.name}", set()) for file in (self.folder / "debian").iterdir()
            )
        if not self._system:
            return
        from capas.engine import EngineError, packages

        try:
            release = packages.release()
        except EngineError as error:
            self._report(str(error))
            return
        key = using.distribution(release.codename)
        found = debian.of_engine(self.folder / "engine", self._report)
        self._facts["packages"] = {key: found}
        for files in found.values():
            self._needed.update((file, {key}) for file in files)

    def _add_slides(self) -> None:
        """Take built slides along, where the course has any: ``capas.slides.BUILT`` names them."""
        if find_spec("capas.slides") is None:
            return
        built = getattr(import_module("capas.slides"), "BUILT", None)
        if built is None or not Path(built).is_dir():
            return
        for file in sorted(path for path in Path(built).rglob("*") if path.is_file()):
            path = f"slides/{file.relative_to(built).as_posix()}"
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            self._needed[path] = set()

    def _contents(self, plan: wheels.Plan) -> Contents:
        self._report(_("checksums"))
        files = {}
        for path, keys in sorted(self._needed.items()):
            file = self.folder / path
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            files[path] = {"size": file.stat().st_size, "sha256": digest}
            if keys:
                files[path]["for"] = sorted(keys)
        return Contents(
            {
                "kind": KIND,
                "version": VERSION,
                "made": datetime.now(UTC).isoformat(timespec="seconds"),
                "requirements": requirements_digest(self.root),
                "missing": plan.missing,
                "files": files,
                **self._facts,
            }
        )

    def _pack(self, contents: Contents) -> None:
        self._report(_("packing {count} files").format(count=len(contents.items)))
        tick = self._ticker(_("packing"), "MB", contents.size)
        new = self.out.with_name(self.out.name + ".new")
        try:
            with zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(NAME, contents.text())  # first: a kit is known by its beginning
                for item in contents.items.values():
                    archive.write(self.folder / item.path, item.path)
                    tick(item.size)
            with new.open("rb") as stream:
                os.fsync(stream.fileno())
            new.replace(self.out)
        finally:
            new.unlink(missing_ok=True)

    def _ticker(self, what: str, unit: str, total: int = 0) -> Callable[[int], None]:
        """Return a function that counts, and says from time to time how far it is."""
        done, told = 0, time.monotonic()

        def tick(count: int) -> None:
            nonlocal done, told
            done += count
            if time.monotonic() - told > REPORT_SECONDS:
                told = time.monotonic()
                scale = 1e6 if unit == "MB" else 1
                of = f" / {total / scale:.0f}" if total else ""
                self._report(f"{what}: {done / scale:.0f}{of} {unit}".rstrip())

        return tick


def requirements_digest(root: Path = ROOT) -> str:
    """Return a checksum of what a student's `.venv` is installed from."""
    with contextlib.suppress(OSError):
        return hashlib.sha256((root / "requirements.txt").read_bytes()).hexdigest()
    return ""
