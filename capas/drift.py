"""``capas drift``: what the course has pinned, against what its registries have now.

Images by digest at Docker Hub (OCI Distribution Specification, "Pull"; a HEAD counts as no
pull), or by its list of tags; Python packages by ``pip index versions``, npm's by ``npm view``:
pip and npm ask the index that they are configured for. CONTRIBUTING.md says what is pinned
where, and what else looks after it.

JSON, stable::

    {"version": 1,
     "moved": true,
     "problems": ["…"],                 # what could not be asked, a sentence for each
     "pins": [{"kind": "image",         # image | python | npm
               "name": "python:3.13-slim", "file": "capas/engine/images.toml",
               "pinned": "…", "newest": "…",     # "": the registry has it no more
               "moved": true}]}
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import urljoin

from capas import lessons
from capas.doctor import HUB
from capas.engine.catalogue import CATALOGUE, BaseImage, catalogue
from capas.errors import CapasError
from capas.language import _
from capas.paths import ROOT
from capas.terminal import progress, table

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
QUOTING = ("notebooks/*/*.ipynb", "exercises/*/lab.*.ipynb")
"""Built notebooks show files in which something is pinned."""
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
    for file, name, version in chain(_required(root), _locked(root)):
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


def _required(root: Path) -> Iterator[tuple[str, str, str]]:
    """Yield file, name and version of what stands as ``NAME==VERSION``."""
    for file in sorted({file for glob in PYTHON_FILES for file in root.glob(glob)}):
        for line in file.read_text(encoding="utf-8").splitlines():
            code = line if file.suffix == ".md" else line.partition("#")[0]
            if file.suffix != ".txt" and "install" not in code:
                continue
            for name, version in re.findall(r"(?<![\w.=-])([A-Za-z][\w.-]*)==(\d[\w.+]*)", code):
                yield file.relative_to(root).as_posix(), name, version


def _locked(root: Path) -> Iterator[tuple[str, str, str]]:
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
    said = _run([*command, "--disable-pip-version-check"])
    found = re.search(r"(?m)^Available versions: (.+)$", said or "")
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
        said = _run([command, "view", asked, "version", "--json", "--fetch-retries=0"], folder)
        try:
            answer = json.loads(said or "")
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


def _run(command: list[str], folder: Path = ROOT) -> str | None:
    """Return what a command prints, or None where it cannot be run or takes too long."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout


def _from_root(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


# --- what follows -------------------------------------------------------------------


def write(report: Report, root: Path = ROOT) -> list[Pin]:
    """Pin what is newest; return what could not be: a package.json or Pipfile does not allow it.

    What built notebooks quote of a pin follows; npm and Pipenv make their own lock files anew,
    in which packages move that nothing names.
    """
    moved = [pin for pin in report.pins if pin.moved and pin.newest]
    locks = {"package-lock.json": _lock_npm, "Pipfile.lock": _lock_pipenv}
    for pin in moved:
        if Path(pin.file).name in locks:
            continue
        if pin.kind == "image" and pin.newest.startswith("sha256:"):
            _write_digest(root / pin.file, pin)
        elif pin.kind == "image":
            _replace(root, pin.file, re.escape(pin.pinned), pin.newest)
        else:
            joint = "==" if pin.kind == "python" else "@"
            old, new = (f"{pin.name}{joint}{version}" for version in (pin.pinned, pin.newest))
            if "--hash=" in (root / pin.file).read_text(encoding="utf-8"):
                new += f" --hash=sha256:{_hash(new)}"
                _replace(root, pin.file, rf"{re.escape(old)} --hash=sha256:[0-9a-f]{{64}}", new)
            else:
                _replace(root, pin.file, re.escape(old), new)
    for file in sorted({pin.file for pin in report.pins if Path(pin.file).name in locks}):
        progress(_("making {file} anew").format(file=file))
        locks[Path(file).name](root / Path(file).parent)
    still = {(file, name): version for file, name, version in _locked(root)}
    left = []
    for pin in moved:
        if Path(pin.file).name == "package-lock.json":
            lock = json.loads((root / pin.file).read_text(encoding="utf-8"))["packages"]
            has = lock[f"node_modules/{pin.name}"]["version"]
        else:
            has = still.get((pin.file, pin.name), pin.newest)
        if has != pin.newest:
            left.append(pin)
    return left


def _replace(root: Path, file: str, old: str, new: str) -> None:
    """Replace the words `old`, a regular expression, in a file and in what quotes it."""
    words = re.compile(rf"(?<![\w.-]){old}(?![\w.])")
    for path in (root / file, *chain.from_iterable(root.glob(glob) for glob in QUOTING)):
        before = path.read_text(encoding="utf-8")
        after = words.sub(new, before)
        if after != before:
            path.write_text(after, encoding="utf-8")
    if file.startswith("notebooks/src/"):
        _renew_ids(root, lessons.read(root / file))


def _renew_ids(root: Path, lesson: lessons.Lesson) -> None:
    """Give the cells of a lesson's notebooks the ids that its changed source makes."""
    for path in sorted(root.glob(f"notebooks/*/{lesson.name}.ipynb")):
        text = path.read_text(encoding="utf-8")
        wanted = lessons.assemble(lesson, path.parent.name).cells
        for old, new in zip(json.loads(text)["cells"], wanted, strict=True):
            text = text.replace(f'"id": "{old["id"]}"', f'"id": "{new.id}"')
        path.write_text(text, encoding="utf-8")


def _write_digest(file: Path, pin: Pin) -> None:
    before = file.read_text(encoding="utf-8")
    head = f'[images."{pin.name}"]\n'
    start = before.index(head) + len(head)
    end = before.find("\n[", start)
    section = before[start : end if end >= 0 else len(before)]
    section = re.sub(r"(?m)^digest = .*\n", "", section)
    new = f'hub = "{pin.name}"\ndigest = "{pin.newest}"'
    section = re.sub(r"(?m)^hub = \"[^\"]*\".*$", new, section)
    file.write_text(before[:start] + section + (before[end:] if end >= 0 else ""), encoding="utf-8")


def _hash(requirement: str) -> str:
    """Return the SHA-256 of a package's wheel."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        _run([*pip, "--no-deps", "--only-binary=:all:", "--dest", folder, requirement])
        for wheel in Path(folder).glob("*.whl"):
            return hashlib.sha256(wheel.read_bytes()).hexdigest()
    raise CapasError(
        _("pip cannot fetch {name}: check the connection and pip's index.").format(name=requirement)
    )


def _lock_npm(folder: Path) -> None:
    update = ["update", "--save", "--package-lock-only", "--omit-lockfile-registry-resolved"]
    _made([shutil.which("npm") or "npm", *update], folder)


def _lock_pipenv(folder: Path) -> None:
    """Have Pipenv, as the Dockerfile pins it, lock anew; no address of a registry stays in it."""
    recipe = (folder / "Dockerfile").read_text(encoding="utf-8")
    pipenv = re.search(r"pipenv==[\d.]+", recipe)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        _made([sys.executable, "-m", "venv", str(place / "venv")], folder)
        inside = place / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
        pip = [str(inside / "python"), "-m", "pip", "install", "--quiet"]
        _made([*pip, pipenv[0] if pipenv else "pipenv"], folder)
        own = {"WORKON_HOME": str(place), "PIPENV_IGNORE_VIRTUALENVS": "1", "PIPENV_NOSPIN": "1"}
        _made([str(inside / "pipenv"), "lock"], folder, own)
    file = folder / "Pipfile.lock"
    lock = json.loads(file.read_text(encoding="utf-8"))
    lock["_meta"]["sources"] = []
    for section in ("default", "develop"):
        for entry in lock[section].values():
            entry.pop("index", None)
    file.write_text(json.dumps(lock, indent=4) + "\n", encoding="utf-8")


def _made(command: list[str], folder: Path, env: Mapping[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10 * SECONDS,
            env={**os.environ, **(env or {})},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    else:
        if done.returncode == 0:
            return
        why = done.stderr.strip() or done.stdout.strip()
    raise CapasError(
        _("“{command}” failed in {folder}: {why}").format(
            command=" ".join([Path(command[0]).name, *command[1:]]),
            folder=folder,
            why=(why.splitlines() or ["?"])[-1],
        )
    )


def to_json(report: Report) -> str:
    """Return the report for programs; see the module's documentation."""
    content = {
        "version": 1,
        "moved": any(pin.moved for pin in report.pins),
        "problems": report.problems,
        "pins": [{**asdict(pin), "moved": pin.moved} for pin in report.pins],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def show(report: Report) -> None:
    """Print what has moved, and how much has not."""
    moved = [pin for pin in report.pins if pin.moved]
    if moved:
        table(
            (_("what"), _("pinned"), _("newest"), _("in")),
            [(pin.name, _short(pin.pinned), _short(pin.newest), pin.file) for pin in moved],
        )
    print(
        _("{moved} of {all} pinned versions have moved.").format(
            moved=len(moved), all=len(report.pins)
        )
    )


def _short(version: str) -> str:
    """Return a digest as docker shows it, with 12 digits."""
    return (version[:19] if version.startswith("sha256:") else version) or _("gone")
