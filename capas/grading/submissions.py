"""What a class has handed in: folders, archives and git bundles, unpacked without trusting them.

``SUBMISSIONS/`` holds one entry for each student, who is called as it is: a folder, ``ana.zip``,
``ana.tar.gz`` or ``ana.bundle`` (``git bundle create ana.bundle HEAD main``). In it lie folders
called as the exercises (``06-dockerfile``); or, where one exercise is graded, just its files.
"""

import hashlib
import io
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from capas.errors import CapasError
from capas.exercises import Limits, Wrong, exercises
from capas.exercises.bench import copy
from capas.language import _

TARS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
DEPTH = 4
"""How deep an exercise's folder may lie in a submission."""

IGNORED = {".git", "__pycache__", ".ipynb_checkpoints", "node_modules", "__MACOSX", ".DS_Store"}
"""What is not part of an answer."""


@dataclass(frozen=True)
class Entry:
    """What one student has handed in."""

    student: str
    path: Path


@dataclass(frozen=True)
class Answer:
    """A student's files for one exercise."""

    student: str
    exercise: str
    folder: Path | None
    """None: they could not be had."""
    digest: str = ""
    """Of names and contents: equal for equal answers."""
    problem: str = ""
    """Name of the hint that says why there is no folder."""
    values: tuple[tuple[str, str], ...] = ()


def entries(folder: Path) -> list[Entry]:
    """Return what was handed in, by student.

    Raises:
        CapasError: there is nothing, or two entries are of the same student.
    """
    found: dict[str, Entry] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        student = _student(path)
        if student is None:
            continue
        if student in found:
            raise CapasError(
                _("“{a}” and “{b}” are both of {student}: keep one.").format(
                    a=found[student].path.name, b=path.name, student=student
                )
            )
        found[student] = Entry(student, path)
    if not found:
        raise CapasError(
            _("{folder} holds no submissions: a folder, .zip, .tar.gz or .bundle each.").format(
                folder=folder
            )
        )
    return list(found.values())


def _student(path: Path) -> str | None:
    """Return whose submission a path is; None if it is none."""
    if path.is_symlink() or path.is_dir():
        return path.name if path.is_dir() and not path.is_symlink() else None
    for ending in (*TARS, ".zip", ".bundle"):
        if path.name.lower().endswith(ending):
            return path.name[: -len(ending)]
    return None


def unpack(entry: Entry, folder: Path, limits: Limits, only: str | None = None) -> list[Answer]:
    """Return a student's answers, as plain files below `folder`.

    What harms (a bomb, a path or link that leads out, what is no archive) is an answer without
    a folder, and with the problem's name.

    Args:
        entry: what was handed in; it is only read.
        folder: where the files go; made anew.
        limits: how much they may be.
        only: the exercise to grade; else all that are found.
    """
    wanted = [only] if only else [exercise.name for exercise in exercises()]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    whole = folder / "submission"
    try:
        if entry.path.is_dir():
            copy(entry.path, whole, limits)
        elif entry.path.name.lower().endswith(".zip"):
            _zip(entry.path, whole, limits)
        elif entry.path.name.lower().endswith(".bundle"):
            _bundle(entry.path, whole, limits)
        else:
            _tar(entry.path, whole, limits)
        for place in [*whole.rglob("*")]:
            if place.name in IGNORED and place.exists():
                shutil.rmtree(
                    place
                ) if place.is_dir() and not place.is_symlink() else place.unlink()
        found = _exercises(whole, wanted)
        if only and only not in found:
            found[only] = _single(whole)
        return [Answer(entry.student, name, place, digest(place)) for name, place in found.items()]
    except Wrong as wrong:
        shutil.rmtree(folder, ignore_errors=True)
        values = tuple(wrong.values.items())
        return [
            Answer(entry.student, name, None, problem=wrong.hint, values=values)
            for name in (wanted if only else ["–"])
        ]


def _exercises(folder: Path, wanted: list[str]) -> dict[str, Path]:
    """Return where the folders of exercises are; of two of a name, the one nearest to the top."""
    found: dict[str, Path] = {}
    for place, names, _files in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        names[:] = sorted(names) if depth < DEPTH else []
        for name in names:
            path = Path(place) / name
            if name in wanted and not path.is_symlink():
                near = found.get(name)
                if near is None or len(near.parts) > len(path.parts):
                    found[name] = path
    return dict(sorted(found.items()))


def _single(folder: Path) -> Path:
    """Return the folder of files, within folders that hold nothing but one folder."""
    while True:
        inside = [*folder.iterdir()]
        if len(inside) != 1 or not inside[0].is_dir() or inside[0].is_symlink():
            return folder
        folder = inside[0]


def digest(folder: Path) -> str:
    """Return a digest of an answer's names and contents (SHA-256); blanks at line ends aside."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            whole.update(f"{name}\0link\0{path.readlink()}\0".encode())
        elif path.is_file():
            lines = path.read_bytes().replace(b"\r\n", b"\n").rstrip().split(b"\n")
            content = b"\n".join(line.rstrip() for line in lines)
            whole.update(f"{name}\0".encode() + hashlib.sha256(content).digest())
    return whole.hexdigest()


class _Room:
    """How much may still be unpacked."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bytes, self._files = limits.context, limits.files

    def file(self) -> None:
        self._files -= 1
        if self._files < 0:
            raise Wrong("too-many-files", limit=self._limits.files)

    def pour(self, source: IO[bytes], target: Path) -> None:
        """Copy what an archive unpacks, and stop when it is more than it may be."""
        self.file()
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            while piece := source.read(65536):
                self._bytes -= len(piece)
                if self._bytes < 0:
                    raise Wrong("too-large", limit=self._limits.context // 2**20)
                file.write(piece)


def _within(name: str, folder: Path) -> Path:
    """Return where an archive's member goes; refuse one that leads out of the folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0]:
        raise Wrong("path-outside", file=name)
    target = folder.joinpath(*path.parts)
    if not target.resolve().is_relative_to(folder.resolve()):
        raise Wrong("path-outside", file=name)
    return target


def _zip(path: Path, folder: Path, limits: Limits) -> None:
    room = _Room(limits)
    folder.mkdir()
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                target = _within(member.filename, folder)
                if stat.S_ISLNK(member.external_attr >> 16):
                    raise Wrong("link-outside", file=member.filename)
                if member.is_dir():
                    room.file()
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                with archive.open(member) as source:
                    room.pour(source, target)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise Wrong("not-an-archive", file=path.name, reason=error) from error


def _tar(path: Path, folder: Path, limits: Limits) -> None:
    room = _Room(limits)
    folder.mkdir()
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                target = _within(member.name, folder)
                if member.isdir():
                    room.file()
                    target.mkdir(parents=True, exist_ok=True)
                elif member.isfile() and (source := archive.extractfile(member)):
                    room.pour(source, target)
                else:  # a link, a device, a pipe
                    raise Wrong("link-outside", file=member.name)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Wrong("not-an-archive", file=path.name, reason=error) from error


def _bundle(path: Path, folder: Path, limits: Limits) -> None:
    """Take the files of a git bundle's HEAD (or its only branch): no hook, filter or submodule."""
    inside = folder.with_name("repository.git")
    _git("clone", "--quiet", "--bare", "--no-tags", str(path.resolve()), str(inside), what=path)
    head = "HEAD"
    if _quiet_git(inside, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").returncode:
        refs = _quiet_git(inside, "for-each-ref", "--format=%(refname)").stdout.decode().split()
        if len(refs) != 1:
            raise Wrong("not-an-archive", file=path.name, reason="HEAD?")
        head = refs[0]
    room = _Room(limits)
    folder.mkdir()
    listing = _git("-C", str(inside), "ls-tree", "-r", "-z", "--long", head, what=path).stdout
    for line in listing.decode(errors="replace").split("\0"):
        if not line:
            continue
        settings, _tab, name = line.partition("\t")
        mode, kind, object_, size = settings.split()
        target = _within(name, folder)
        if mode == "120000":
            raise Wrong("link-outside", file=name)
        if kind != "blob":  # a submodule
            continue
        if int(size) > limits.context:
            raise Wrong("too-large", limit=limits.context // 2**20)
        show = ["git", "-C", str(inside), "cat-file", "blob", object_]
        with subprocess.Popen(show, stdout=subprocess.PIPE, env=_git_environment()) as process:
            assert process.stdout
            room.pour(process.stdout, target)
    shutil.rmtree(inside, ignore_errors=True)


def _git_environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "file",
    }


def _quiet_git(repository: Path, *words: str) -> "subprocess.CompletedProcess[bytes]":
    command = ["git", "-C", str(repository), *words]
    return subprocess.run(command, capture_output=True, env=_git_environment(), timeout=60)


def _git(*words: str, what: Path) -> "subprocess.CompletedProcess[bytes]":
    try:
        done = subprocess.run(
            ["git", *words], capture_output=True, env=_git_environment(), timeout=120
        )
    except FileNotFoundError as error:
        raise CapasError(_("Bundles need git, which is not here: install it.")) from error
    except subprocess.TimeoutExpired as error:
        raise Wrong("not-an-archive", file=what.name, reason="git: time-out") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines()
        raise Wrong("not-an-archive", file=what.name, reason=(lines or ["–"])[-1])
    return done


def pack(folder: Path) -> bytes:
    """Return an answer's files as a tar, for a worker on another machine."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in _all(folder):
            archive.add(path, path.relative_to(folder).as_posix(), recursive=False)
    return packed.getvalue()


def extract(packed: bytes, folder: Path) -> None:
    """Write the files of a tar, as of `pack`, into a folder."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        # Python 3.11.2, which is Debian 12's, has no filters: tarfile's manual has this for both.
        plain = getattr(tarfile, "data_filter", lambda member, _path: member)
        archive.extraction_filter = plain
        archive.extractall(folder)


def _all(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*"))
