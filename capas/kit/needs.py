"""What the course's builds install: read from its own files, so that no list has to be kept.

`Dockerfile`s, the code cells of lessons and exercises (``RUN pip install …``), Pipenv's and
npm's lock files, ``requirements*.txt``.
"""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from capas.paths import ROOT

FOLDERS = ("sample_apps", "notebooks/lecture", "notebooks/src", "exercises")
BASICS = ("pip", "setuptools", "wheel")
"""What pip asks for by itself when it builds a package."""

_PIP_VALUES = {"-r", "--requirement", "-c", "--constraint", "-t", "--target", "-i", "--index-url"}
_PIP_VALUES |= {"-f", "--find-links", "--extra-index-url", "-e", "--editable", "--python"}
_APT_VALUES = {"-o", "-t", "--target-release", "-c"}


@dataclass(frozen=True)
class Pins:
    """Python packages that one build installs together."""

    file: str
    """Where that stands, from the repository."""
    requirements: tuple[str, ...]
    locked: bool = False
    """These are all of them, dependencies included."""


@dataclass(frozen=True)
class NpmPackage:
    """A package of npm, as a lock file names it."""

    name: str
    version: str
    integrity: str

    @property
    def spec(self) -> str:
        """As npm's commands take it."""
        return f"{self.name}@{self.version}"


def files(root: Path = ROOT) -> Iterator[Path]:
    """Yield the course's files that may say what a build installs."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not {"node_modules", ".venv"} & set(path.parts):
                yield path


def pip(root: Path = ROOT) -> list[Pins]:
    """Return the sets of Python packages that builds install in containers."""
    found: dict[tuple[str, ...], Pins] = {}
    for path in files(root):
        name = path.relative_to(root).as_posix()
        sets: list[Pins] = []
        if path.name == "Pipfile.lock":
            sets = [Pins(name, tuple(_pipfile(path)), locked=True)]
        elif re.fullmatch(r"requirements.*\.txt", path.name):
            sets = [Pins(name, tuple(_requirements(path)))]
        else:
            sets = [Pins(name, tuple(words)) for words in _installed(path, r"pip3?", _PIP_VALUES)]
        for pins in sets:
            wanted = tuple(word for word in pins.requirements if _is_requirement(word))
            if wanted:
                found.setdefault(wanted, Pins(name, wanted, pins.locked))
    return [*found.values(), Pins("", BASICS)]


def apt(root: Path = ROOT) -> list[str]:
    """Return the Debian packages that builds install in containers."""
    return sorted(
        {
            word.partition("=")[0]
            for path in files(root)
            for words in _installed(path, r"apt(?:-get)?", _APT_VALUES)
            for word in words
            if re.fullmatch(r"[a-z0-9][a-z0-9.+-]+(=.+)?", word)
        }
    )


def npm(root: Path = ROOT, machine: str = "x86_64") -> list[NpmPackage]:
    """Return the npm packages of all lock files that Debian on this processor installs."""
    cpu = {"x86_64": "x64", "aarch64": "arm64"}.get(machine, machine)
    found: dict[tuple[str, str], NpmPackage] = {}
    for path in files(root):
        if path.name not in ("package-lock.json", "npm-shrinkwrap.json"):
            continue
        try:
            packages = json.loads(path.read_text(encoding="utf-8")).get("packages", {})
        except ValueError:
            continue  # an exercise may have one that is broken on purpose
        for place, entry in packages.items():
            name = entry.get("name") or place.rpartition("node_modules/")[2]
            fits = (
                _allows(entry.get("os"), "linux")
                and _allows(entry.get("cpu"), cpu)
                and _allows(entry.get("libc"), "glibc")
            )
            if place and fits and "integrity" in entry and not entry.get("link"):
                key = (name, entry["version"])
                found[key] = NpmPackage(name, entry["version"], entry["integrity"])
    return sorted(found.values(), key=lambda package: package.spec)


def _allows(listed: list[str] | None, name: str) -> bool:
    """Say whether a package's ``os``, ``cpu`` or ``libc`` allows this one."""
    if not listed:
        return True
    if f"!{name}" in listed:
        return False
    return name in listed or "any" in listed or all(word.startswith("!") for word in listed)


def _pipfile(path: Path) -> Iterator[str]:
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return
    for section in ("default", "develop"):
        for name, entry in lock.get(section, {}).items():
            if "version" in entry:
                marker = f"; {entry['markers']}" if entry.get("markers") else ""
                yield f"{name}{entry['version']}{marker}"


def _requirements(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        yield re.split(r"\s+(?:#|--hash)", line.strip())[0]


def _installed(path: Path, program: str, valued: set[str]) -> Iterator[list[str]]:
    """Yield the words after ``PROGRAM install`` of each command that a build runs."""
    dockerfile = "dockerfile" in path.name.lower()
    if not dockerfile and path.suffix not in (".md", ".py", ".sh", ".yaml", ".yml"):
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    text = re.sub(r"\\\n", " ", text)
    for line in text.splitlines():
        runs = re.match(r"\s*(RUN|ONBUILD RUN|[!%]|run:|&&)", line.strip("\"' "))
        if not runs and path.suffix != ".sh":
            continue
        for command in re.split(r"&&|\|\||;|\||\)|\"", line):
            match = re.search(rf"\b{program}\s+(?:-\S+\s+)*install\s+(.*)", command)
            if match:
                yield list(_words(match[1], valued))


def _words(text: str, valued: set[str]) -> Iterator[str]:
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        words = text.split()
    skip = False
    for word in words:
        if skip or word.startswith("-"):
            skip = not skip and word in valued
            continue
        yield word


def _is_requirement(word: str) -> bool:
    try:
        return not Requirement(word).url
    except InvalidRequirement:
        return False
