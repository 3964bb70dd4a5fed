"""Python packages for several systems and versions: uv says which, pip fetches them."""

import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from capas import bootstrap
from capas.errors import CapasError
from capas.kit.contents import Item
from capas.language import _

Report = Callable[[str], None]

SYSTEMS = ("linux-x86_64", "linux-aarch64", "macos-x86_64", "macos-aarch64", "windows-x86_64")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PATCHES = (0, 99)
"""Patch releases of a Python that stand for all."""
GLIBC = 35
"""Minor version of glibc 2 that Linux has at least: Ubuntu 22.04."""
MACOS = (14, 0)
AT_ONCE = 25
"""Wheels that one pip fetches: between two of them, progress is told."""
GUESS = 500_000
"""Bytes of a wheel whose index does not tell its size."""


@dataclass(frozen=True)
class Target:
    """A system, a processor and a version of Python that wheels are for."""

    system: str
    """``linux-x86_64``, one of `SYSTEMS`."""
    python: str

    @property
    def key(self) -> str:
        """As `capas.kit.using.target` says it."""
        return f"{self.system}-{self.python}"

    @cached_property
    def platforms(self) -> list[str]:
        """Its platform tags, best first (https://packaging.python.org, platform tags)."""
        name, _dash, machine = self.system.partition("-")
        if name == "windows":
            return ["win_amd64" if machine == "x86_64" else "win_arm64"]
        if name == "macos":
            return list(mac_platforms(MACOS, "arm64" if machine == "aarch64" else "x86_64"))
        older = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
        found = []
        for minor in range(GLIBC, 4, -1):
            found.append(f"manylinux_2_{minor}_{machine}")
            if minor in older:
                found.append(f"{older[minor]}_{machine}")
        return [*found, f"linux_{machine}"]

    @cached_property
    def tags(self) -> dict[Tag, int]:
        """The tags of wheels that can be installed, with their rank."""
        version = tuple(map(int, self.python.split(".")))
        interpreter = "cp" + self.python.replace(".", "")
        tags = [
            *cpython_tags(version, platforms=self.platforms),
            *compatible_tags(version, interpreter, self.platforms),
        ]
        return {tag: rank for rank, tag in reversed(list(enumerate(tags)))}

    @cached_property
    def environments(self) -> list[dict[str, str]]:
        """What markers of requirements are compared with (PEP 508).

        One for the first release of this Python and one for its last: an older one may need an
        older package (Debian 12 has 3.11.2, and there is a package for 3.11.5 and newer).
        """
        name, _dash, machine = self.system.partition("-")
        words = {
            "linux": ("linux", "Linux", "posix"),
            "macos": ("darwin", "Darwin", "posix"),
            "windows": ("win32", "Windows", "nt"),
        }[name]
        if name == "macos" and machine == "aarch64":
            machine = "arm64"
        if name == "windows":
            machine = "AMD64"
        facts = {
            "sys_platform": words[0],
            "platform_system": words[1],
            "os_name": words[2],
            "platform_machine": machine,
            "python_version": self.python,
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }
        return [facts | {"python_full_version": f"{self.python}.{n}"} for n in PATCHES]


@dataclass
class Wheel:
    """One file of one package, and who needs it."""

    package: str
    version: str
    file: str
    url: str
    size: int
    sha256: str
    targets: dict[str, Target] = field(default_factory=dict)
    """By their keys: targets, or ``container``."""

    def is_whole(self, folder: Path) -> bool:
        """Say whether it is in this folder."""
        file = folder / self.file
        if not file.exists():
            return False
        return Item(self.file, file.stat().st_size, self.sha256).is_whole(file)


@dataclass
class Plan:
    """The wheels to be fetched, and what there is none of."""

    wheels: dict[str, Wheel] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)
    """By the key of who would need it: packages that have no wheel for it."""

    @property
    def size(self) -> int:
        """Bytes, about."""
        return sum(wheel.size for wheel in self.wheels.values())

    def add(self, locked: Iterable[dict[str, Any]], target: Target, key: str) -> None:
        """Choose for a target the best wheel of each package that it needs."""
        for package in locked:
            marker = package.get("marker")
            if marker and not any(map(Marker(marker).evaluate, target.environments)):
                continue
            best = min(_candidates(package, target), key=lambda pair: pair[0], default=None)
            if best is None:
                name = f"{package['name']}=={package.get('version', '?')}"
                names = self.missing.setdefault(key, [])
                if name not in names:
                    names.append(name)
                continue
            wheel = self.wheels.setdefault(best[1].file, best[1])
            wheel.targets[key] = target


def _candidates(package: dict[str, Any], target: Target) -> Iterator[tuple[int, Wheel]]:
    for entry in package.get("wheels", ()):
        url = entry.get("url") or Path(entry["path"]).absolute().as_uri()
        name = entry.get("name") or unquote(urlsplit(url).path.rpartition("/")[2])
        try:
            tags = parse_wheel_filename(name)[3]
        except InvalidWheelFilename:
            continue
        ranks = [target.tags[tag] for tag in tags if tag in target.tags]
        if not ranks or "sha256" not in entry.get("hashes", {}):
            continue
        size = entry.get("size") or _size(url)
        wheel = Wheel(
            package["name"], package["version"], name, url, size, entry["hashes"]["sha256"]
        )
        yield min(ranks), wheel


def _size(url: str) -> int:
    parts = urlsplit(url)
    if parts.scheme == "file":
        try:
            return Path(unquote(parts.path)).stat().st_size
        except OSError:
            pass
    return GUESS


def lock(requirements: Sequence[str], *options: str) -> list[dict[str, Any]]:
    """Return the packages that requirements come to, each with its wheels (pylock.toml).

    Args:
        requirements: lines of a requirements file.
        options: more for ``uv pip compile``.

    Raises:
        CapasError: they cannot be had together, or there is no network.
    """
    uv = next(bootstrap.existing_uvs(), None)
    if uv is None:
        raise CapasError(
            _("To make a kit, uv is needed: run `{command}`, then try again.").format(
                command=f"{bootstrap.python()} -m pip install uv"
            )
        )
    with tempfile.TemporaryDirectory(prefix="capas-kit-") as name:
        folder = Path(name)
        (folder / "requirements.in").write_text("\n".join(requirements) + "\n", "utf-8")
        output = folder / "pylock.toml"
        command = [*uv, "pip", "compile", "--quiet", "--no-config", "--only-binary", ":all:"]
        command += ["--format", "pylock.toml", "--output-file", str(output), *options]
        failures: list[str] = []
        environment = bootstrap.uv_environment(bootstrap.pip_configuration())
        if not bootstrap.attempt([*command, f"{folder}/requirements.in"], failures, environment):
            raise CapasError(bootstrap.explain(failures))
        packages = tomllib.loads(output.read_text("utf-8")).get("packages", [])
        return [package for package in packages if "version" in package]


def fetch(wheels: Iterable[Wheel], folder: Path, progress: Callable[[int], None]) -> None:
    """Fetch wheels with pip into a folder, some at a time; those that are there stay.

    Raises:
        CapasError: pip could not fetch one; says why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    groups: dict[str, list[Wheel]] = {}
    for wheel in wheels:
        if wheel.is_whole(folder):
            progress(wheel.size)
        else:
            groups.setdefault(next(iter(wheel.targets)), []).append(wheel)
    for group in groups.values():
        for start in range(0, len(group), AT_ONCE):
            batch = group[start : start + AT_ONCE]
            _fetch(batch, folder)
            progress(sum(wheel.size for wheel in batch))


def _fetch(batch: Sequence[Wheel], folder: Path) -> None:
    target = next(iter(batch[0].targets.values()))
    with tempfile.TemporaryDirectory(prefix=".pip-", dir=folder) as name:
        # One package may come in two versions, for an older and a newer Python: in turns.
        turns: list[dict[str, Wheel]] = []
        for wheel in batch:
            turn = next((turn for turn in turns if wheel.package not in turn), None)
            if turn is None:
                turns.append(turn := {})
            turn[wheel.package] = wheel
        for turn in turns:
            urls = Path(name) / "urls.txt"
            lines = [f"{w.package} @ {w.url} --hash=sha256:{w.sha256}" for w in turn.values()]
            urls.write_text("\n".join(lines) + "\n", "utf-8")
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--only-binary=:all:", "--dest", name, "--requirement", str(urls)]
            command += [
                "--python-version",
                f"{target.python}.{PATCHES[-1]}",
                "--implementation",
                "cp",
            ]
            for platform in target.platforms:
                command += ["--platform", platform]
            failures: list[str] = []
            environment = {"PIP_CONSTRAINT": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
            if not bootstrap.attempt(command, failures, environment):
                raise CapasError(bootstrap.explain(failures))
        for wheel in batch:
            if not wheel.is_whole(Path(name)):
                raise CapasError(
                    _("{file} did not arrive whole: try again.").format(file=wheel.file)
                )
            shutil.move(Path(name) / wheel.file, folder / wheel.file)
