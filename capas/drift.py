"""``capas drift``: what the course has pinned, against what its registries have now.

Images by digest at Docker Hub (OCI Distribution Specification, "Pull"; a HEAD counts as no
pull), Python packages by ``pip index versions``, the web app's packages by ``npm view``:
pip and npm ask the index that they are configured for.

JSON, stable::

    {"version": 1,
     "moved": true,
     "problems": ["…"],                 # what could not be asked, a sentence for each
     "pins": [{"kind": "image",         # image | python | npm
               "name": "python:3.13-slim", "file": "capas/engine/images.toml",
               "pinned": "…", "newest": "…",     # "": the registry has it no more
               "moved": true}]}
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from capas.doctor import HUB
from capas.engine.catalogue import CATALOGUE, BaseImage, catalogue
from capas.errors import CapasError
from capas.language import _
from capas.paths import ROOT
from capas.terminal import progress, table

SECONDS = 60
"""How long pip, npm or a registry may take for one answer."""
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""Media types of what a tag may name; with an index among them, all platforms' digest is told."""
FOLLOWS = {"@types/node": "node:24-slim"}
"""Packages whose major version follows an image: newest is what package.json's range allows."""
WEB_APP = ROOT / "sample_apps/sveltekit_example"

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


def look(kinds: Iterable[Kind] = ("image", "python", "npm"), registry: str = HUB) -> Report:
    """Ask the registries. `registry` is the address of Docker Hub's API, ending in ``/v2/``."""
    ask: dict[Kind, Callable[[], list[Pin]]] = {
        "image": lambda: images(registry),
        "python": python,
        "npm": npm,
    }
    whom = {"image": "Docker Hub", "python": "PyPI", "npm": "npm"}
    report = Report()
    for kind in kinds:
        progress(_("asking {registry}").format(registry=whom[kind]))
        try:
            report.pins += ask[kind]()
        except CapasError as error:
            report.problems.append(str(error))
    return report


# --- images -------------------------------------------------------------------------


def images(registry: str = HUB, file: Path = CATALOGUE) -> list[Pin]:
    """Compare each base image's digest with that of the name that lessons use.

    Raises `CapasError`, one sentence, when the registry cannot be asked.
    """
    described = list(catalogue(file).values())
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda image: _image(image, registry), described))


def _image(image: BaseImage, registry: str) -> Pin:
    newest = digest(image.name, registry) or ""
    pinned = image.digest or digest(image.hub, registry) or ""
    return Pin("image", image.name, _from_root(CATALOGUE), pinned, newest)


def digest(reference: str, registry: str = HUB) -> str | None:
    """Return the digest that a registry has for ``name:tag``, or None when it knows no such tag.

    Raises `CapasError`, one sentence, when it does not answer, or not with a digest.
    """
    import requests

    name, tag = reference.rsplit(":", 1)
    repository = name if "/" in name else f"library/{name}"
    address = f"{registry}{repository}/manifests/{tag}"
    headers = {"Accept": ", ".join(MANIFESTS)}
    try:
        answer = requests.head(address, headers=headers, timeout=SECONDS, allow_redirects=True)
        if answer.status_code == 401:
            headers["Authorization"] = f"Bearer {_token(answer.headers['WWW-Authenticate'])}"
            answer = requests.head(address, headers=headers, timeout=SECONDS, allow_redirects=True)
    except (requests.RequestException, KeyError, ValueError):
        raise CapasError(
            _("Docker Hub cannot be asked from here: look again on a machine that reaches it.")
        ) from None
    if answer.status_code == 404:
        return None
    found = answer.headers.get("Docker-Content-Digest", "")
    if answer.status_code != 200 or not re.fullmatch(r"sha256:[0-9a-f]{64}", found):
        raise CapasError(
            _("Docker Hub answers {code} for {reference}: try again later.").format(
                code=answer.status_code, reference=reference
            )
        )
    return found


def _token(challenge: str) -> str:
    """Return what a registry's token server gives to anybody (``WWW-Authenticate: Bearer …``)."""
    import requests

    words = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    answer = requests.get(words.pop("realm"), params=words, timeout=SECONDS)
    answer.raise_for_status()
    content = answer.json()
    return str(content.get("token") or content["access_token"])


# --- packages -----------------------------------------------------------------------


def python(root: Path = ROOT) -> list[Pin]:
    """Compare the pins of requirements*.txt with what pip's index has for this Python.

    Raises `CapasError`, one sentence, when pip cannot ask.
    """
    wanted = [
        (match[1], match[2], file)
        for file in sorted(root.glob("requirements*.txt"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if (match := re.match(r"([\w.-]+)==([^\s;#]+)", line))
    ]
    with ThreadPoolExecutor(4) as pool:
        newest = list(pool.map(lambda pin: _newest(pin[0]), wanted))
    return [
        Pin("python", name, file.relative_to(root).as_posix(), version, latest)
        for (name, version, file), latest in zip(wanted, newest, strict=True)
    ]


def _newest(name: str) -> str:
    command = [sys.executable, "-m", "pip", "index", "versions", name]
    said = _run([*command, "--disable-pip-version-check"])
    found = re.match(rf"{re.escape(name)} \(([^)]+)\)", said or "", re.I)
    if not found:
        raise CapasError(
            _("pip cannot ask for {name}: check the connection and pip's index.").format(name=name)
        )
    return found[1]


def npm(folder: Path = WEB_APP) -> list[Pin]:
    """Compare the web app's direct packages, as locked, with what npm's registry has.

    Nothing, where there is no npm. Raises `CapasError`, one sentence, when npm cannot ask.
    """
    command = shutil.which("npm")
    if command is None:
        return []
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    direct = {**lock[""].get("dependencies", {}), **lock[""].get("devDependencies", {})}

    def look_up(name: str) -> Pin:
        # Of a range, all versions in it; without one, the tag "latest".
        asked = f"{name}@{direct[name]}" if name in FOLLOWS else name
        said = _run([command, "view", asked, "version", "--json", "--fetch-retries=0"], folder)
        try:
            answer = json.loads(said or "")
            versions = [answer] if isinstance(answer, str) else list(answer)
            newest = max(versions, key=lambda version: tuple(map(int, version.split("."))))
        except (ValueError, AttributeError):
            raise CapasError(
                _("npm cannot ask for {name}: check the connection and npm's registry.").format(
                    name=name
                )
            ) from None
        locked = lock[f"node_modules/{name}"]["version"]
        return Pin("npm", name, _from_root(folder / "package-lock.json"), locked, newest)

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(look_up, sorted(direct)))


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


def write(report: Report, root: Path = ROOT) -> list[str]:
    """Pin what is newest, images and Python packages; return the names.

    npm writes its own files (``npm update``); those are left alone.
    """
    written = []
    for pin in report.pins:
        if not pin.moved or pin.kind == "npm" or not pin.newest:
            continue
        file = root / pin.file
        before = file.read_text(encoding="utf-8")
        if pin.kind == "python":
            old = rf"(?m)^({re.escape(pin.name)}==){re.escape(pin.pinned)}"
            after = re.sub(old, rf"\g<1>{pin.newest}", before)
        else:
            head = f'[images."{pin.name}"]\n'
            start = before.index(head) + len(head)
            end = before.find("\n[", start)
            section = before[start : end if end >= 0 else len(before)]
            section = re.sub(r"(?m)^digest = .*\n", "", section)
            new = f'hub = "{pin.name}"\ndigest = "{pin.newest}"'
            section = re.sub(r"(?m)^hub = \"[^\"]*\".*$", new, section)
            after = before[:start] + section + (before[end:] if end >= 0 else "")
        file.write_text(after, encoding="utf-8")
        written.append(pin.name)
    return written


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
