"""What is pinned, and what its registries have now."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import urljoin

from capas.doctor import HUB
from capas.engine.catalogue import CATALOGUE, BaseImage, catalogue
from capas.errors import CapasError
from capas.language import _
from capas.paths import ROOT
from capas.terminal import progress

if TYPE_CHECKING:
    import requests

SECONDS = 60
"""How long pip, npm or a registry may take for one answer."""
SILENCE = 5
"""Seconds between two lines of progress."""
ENOUGH = 3
"""So many failures before the first answer: the registry is out of reach."""
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""Media types of what a tag may name; with an index among them, all platforms' digest is told."""
FOLLOWS = {"@types/node": "node:24-slim"}
"""Packages whose major version follows an image: newest is what package.json's range allows."""
BELOW = {"jupyterhub": "6"}
"""Versions that something else does not work with yet; hub.requirements.txt says what."""
WEB_APP = ROOT / "sample_apps/sveltekit_example"
API = "sample_apps/fastapi_example"
"""Its packages are Pipenv's."""
KUBERNETES = "deploy/kubernetes/values.yaml"
PYTHON_FILES = (
    "requirements*.txt",
    "deploy/*/*requirements.txt",
    "capas/slides/requirements.txt",
    *(
        f"{folder}/{name}"
        for folder in ("sample_apps/*", "exercises/*/*")
        for name in ("Dockerfile*", "requirements.txt")
    ),
    "notebooks/src/*.md",
)
"""Where ``NAME==VERSION`` stands."""
NPM_FILES = ("deploy/*/*Dockerfile",)
"""Where ``npm install … NAME@VERSION`` stands."""
IN_CONTAINERS = ("sample_apps/", "exercises/", "notebooks/")
"""What is installed there is for python:3.13-slim; all else for the oldest Python of pyproject."""

Kind = Literal["image", "python", "npm"]


@dataclass(frozen=True)
class Pin:
    """Something that the course has pinned."""

    kind: Kind
    name: str
    file: str
    """Where it is pinned, from the repository's root."""
    pinned: str
    newest: str
    """Digest or version; empty: the registry has it no more."""

    @property
    def moved(self) -> bool:
        """Whether there is something newer, or the pinned one is gone."""
        return self.pinned != self.newest


@dataclass
class Report:
    """What was found; `problems` are sentences about what could not be asked."""

    pins: list[Pin] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """1: something has moved; 2: nothing seems to have, but not everything answered."""
        if any(pin.moved for pin in self.pins):
            return 1
        return 2 if self.problems else 0


T = TypeVar("T")


def look(kinds: Iterable[Kind] = ("image", "python", "npm"), registry: str = HUB) -> Report:
    """Ask the registries. `registry` is the address of Docker Hub's API, ending in ``/v2/``."""
    ask: dict[Kind, Callable[[], Report]] = {
        "image": lambda: images(registry),
        "python": python,
        "npm": npm,
    }
    report = Report()
    for kind in kinds:
        found = ask[kind]()
        report.pins += found.pins
        report.problems += found.problems
    return report


def _each(whom: str, items: Sequence[T], ask: Callable[[T], list[Pin]]) -> Report:
    """Ask for each of `items`, four at a time; say how far it is.

    One that cannot be asked for is a problem, and the others are asked; none is after `ENOUGH`
    failures without an answer.
    """
    progress(_("asking {registry}").format(registry=whom))
    said, failed = time.monotonic(), 0
    found: dict[int, list[Pin]] = {}
    report = Report()
    with ThreadPoolExecutor(4) as pool:
        asked = {pool.submit(ask, item): number for number, item in enumerate(items)}
        try:
            for done, future in enumerate(as_completed(asked), 1):
                try:
                    found[asked[future]] = future.result()
                except CapasError as error:
                    failed += 1
                    report.problems.append(str(error))
                    if failed == ENOUGH and not found:
                        break
                if time.monotonic() - said > SILENCE and done < len(items):
                    said = time.monotonic()
                    progress(
                        _("asking {registry}: {done} of {all}").format(
                            registry=whom, done=done, all=len(items)
                        )
                    )
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    if report.problems and not found:
        del report.problems[1:]  # one sentence is enough
    report.pins = [pin for number in sorted(found) for pin in found[number]]
    return report


def _newer(pinned: str, versions: Iterable[str]) -> str:
    """Return the newest of versions and the pinned one: an index may lag behind."""
    return max(pinned, *versions, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])


# --- images -------------------------------------------------------------------------


def images(registry: str = HUB, file: Path = CATALOGUE, root: Path = ROOT) -> Report:
    """Compare each base image's digest with that of the name that lessons use.

    And the tag of each image in Kubernetes' values with the newest of its kind.
    """
    tagged = re.findall(
        r"image: ([a-z/]+:\d+\.\d+\.\d\S*)", (root / KUBERNETES).read_text(encoding="utf-8")
    )
    asks: list[Callable[[], Pin]] = [
        *(lambda image=image: _image(image, registry) for image in catalogue(file).values()),
        *(lambda name=name: _tagged(name, registry) for name in tagged),
    ]
    return _each("Docker Hub", asks, lambda ask: [ask()])


def _image(image: BaseImage, registry: str) -> Pin:
    newest = digest(image.name, registry) or ""
    pinned = image.digest or digest(image.hub, registry) or ""
    return Pin("image", image.name, _from_root(CATALOGUE), pinned, newest)


def _tagged(reference: str, registry: str) -> Pin:
    """Compare a tag with those that differ from it in the version's numbers only."""
    name, tag = reference.rsplit(":", 1)
    alike = re.sub(r"\d+", r"\\d+", re.escape(tag))
    versions = [found for found in tags(name, registry) if re.fullmatch(alike, found)]
    return Pin("image", name, KUBERNETES, tag, _newer(tag, versions) if versions else "")


def digest(reference: str, registry: str = HUB) -> str | None:
    """Return the digest that a registry has for ``name:tag``, or None when it knows no such tag.

    Raises `CapasError`, one sentence, when it does not answer, or not with a digest.
    """
    name, tag = reference.rsplit(":", 1)
    repository = name if "/" in name else f"library/{name}"
    accept = ", ".join(MANIFESTS)
    answer = _registry("HEAD", f"{registry}{repository}/manifests/{tag}", Accept=accept)
    if answer.status_code == 404:
        return None
    found = answer.headers.get("Docker-Content-Digest", "")
    if answer.status_code != 200 or not re.fullmatch(r"sha256:[0-9a-f]{64}", found):
        raise _refused(answer, reference)
    return found


def tags(name: str, registry: str = HUB) -> list[str]:
    """Return all tags that a registry has of an image (its specification's "Listing Tags").

    Raises `CapasError`, one sentence, when it does not answer, or not with tags.
    """
    found: list[str] = []
    address = f"{registry}{name if '/' in name else f'library/{name}'}/tags/list"
    while address:
        answer = _registry("GET", address)
        if answer.status_code != 200:
            raise _refused(answer, name)
        found += answer.json()["tags"]
        further = answer.links.get("next", {}).get("url", "")
        address = urljoin(address, further) if further else ""
    return found


def _registry(method: str, address: str, **headers: str) -> "requests.Response":
    import requests

    def ask() -> requests.Response:
        return requests.request(
            method, address, headers=headers, timeout=(10, SECONDS), allow_redirects=True
        )

    try:
        answer = ask()
        if answer.status_code == 401:
            headers["Authorization"] = f"Bearer {_token(answer.headers['WWW-Authenticate'])}"
            answer = ask()
    except (requests.RequestException, KeyError, ValueError):
        raise CapasError(
            _("Docker Hub cannot be asked from here: look again on a machine that reaches it.")
        ) from None
    return answer


def _refused(answer: "requests.Response", what: str) -> CapasError:
    return CapasError(
        _("Docker Hub answers {code} for {reference}: try again later.").format(
            code=answer.status_code, reference=what
        )
    )


def _token(challenge: str) -> str:
    """Return what a registry's token server gives to anybody (``WWW-Authenticate: Bearer …``)."""
    import requests

    words = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    answer = requests.get(words.pop("realm"), params=words, timeout=SECONDS)
    answer.raise_for_status()
    content = answer.json()
    return str(content.get("token") or content["access_token"])


# --- packages -----------------------------------------------------------------------


def python(root: Path = ROOT) -> Report:
    """Compare pinned Python packages with what pip's index has for the Python that they are for."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    oldest = project["project"]["requires-python"].removeprefix(">=")
    pinned: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for file, name, version in chain(required(root), locked(root)):
        inside = file.startswith(IN_CONTAINERS)
        key = (name, "3.13" if inside else oldest)
        pinned.setdefault(key, []).append((file, version))

    def ask(key: tuple[str, str]) -> list[Pin]:
        versions = _versions(*key)
        return [
            Pin("python", key[0], file, version, _newer(version, versions))
            for file, version in pinned[key]
        ]

    return _each("PyPI", list(pinned), ask)


def required(root: Path) -> Iterator[tuple[str, str, str]]:
    """Yield file, name and version of what stands as ``NAME==VERSION``."""
    for file in sorted({file for glob in PYTHON_FILES for file in root.glob(glob)}):
        for line in file.read_text(encoding="utf-8").splitlines():
            code = line if file.suffix == ".md" else line.partition("#")[0]
            if file.suffix != ".txt" and "install" not in code:
                continue
            for name, version in re.findall(r"(?<![\w.=-])([A-Za-z][\w.-]*)==(\d[\w.+]*)", code):
                yield file.relative_to(root).as_posix(), name, version


def locked(root: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the same of the API's direct packages, as Pipenv has locked them."""
    folder = root / API
    if not (folder / "Pipfile").is_file():
        return
    wanted = tomllib.loads((folder / "Pipfile").read_text(encoding="utf-8"))
    lock = json.loads((folder / "Pipfile.lock").read_text(encoding="utf-8"))
    for section, locked in (("packages", "default"), ("dev-packages", "develop")):
        for name in wanted.get(section, {}):
            version = lock[locked][name]["version"].removeprefix("==")
            yield f"{API}/Pipfile.lock", name, version


def _versions(name: str, python: str) -> list[str]:
    """Return the versions of a package that its index has for a Python, no pre-releases."""
    command = [sys.executable, "-m", "pip", "index", "versions", name, "--python-version", python]
    said = _said([*command, "--disable-pip-version-check"])
    found = re.search(r"(?m)^Available versions: (.+)$", said)
    if not found:
        raise CapasError(
            _("pip cannot ask for {name}: check the connection and pip's index.").format(name=name)
        )
    from packaging.version import Version

    versions = found[1].split(", ")
    limit = BELOW.get(name)
    return [each for each in versions if not limit or Version(each) < Version(limit)]


def npm(folder: Path = WEB_APP, root: Path = ROOT) -> Report:
    """Compare pinned npm packages with what npm's registry has; nothing, where there is no npm.

    The web app's direct ones, as locked, and what Dockerfiles install by version.
    """
    command = shutil.which("npm")
    if command is None:
        return Report()
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    direct = {**lock[""].get("dependencies", {}), **lock[""].get("devDependencies", {})}
    file = _from_root(folder / "package-lock.json")
    # Asked for: of a range, all versions in it; of a name alone, the tag "latest".
    pinned = [
        (
            f"{name}@{direct[name]}" if name in FOLLOWS else name,
            (name, file, lock[f"node_modules/{name}"]["version"]),
        )
        for name in sorted(direct)
    ]
    for dockerfile in sorted({file for glob in NPM_FILES for file in root.glob(glob)}):
        for line in dockerfile.read_text(encoding="utf-8").splitlines():
            if "npm install" in line:
                for name, version in re.findall(r"(\S+)@(\d[\w.-]*)", line):
                    where = dockerfile.relative_to(root).as_posix()
                    pinned.append((name, (name, where, version)))

    def ask(item: tuple[str, tuple[str, str, str]]) -> list[Pin]:
        asked, (name, where, version) = item
        said = _said([command, "view", asked, "version", "--json", "--fetch-retries=0"], folder)
        try:
            answer = json.loads(said)
            versions = [answer] if isinstance(answer, str) else list(map(str, answer))
            if not versions or isinstance(answer, dict):
                raise ValueError(answer)
        except (ValueError, TypeError):
            raise CapasError(
                _("npm cannot ask for {name}: check the connection and npm's registry.").format(
                    name=name
                )
            ) from None
        return [Pin("npm", name, where, version, _newer(version, versions))]

    return _each("npm", pinned, ask)


def run(
    command: list[str], folder: Path = ROOT, seconds: float = SECONDS, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command that asks nothing.

    Raises `OSError` where there is no such command, `subprocess.TimeoutExpired` after `seconds`.
    """
    return subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        env=os.environ | environment,
    )


def _said(command: list[str], folder: Path = ROOT) -> str:
    """Return what a command prints: nothing, where it cannot be run or takes too long."""
    try:
        return run(command, folder).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _from_root(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
