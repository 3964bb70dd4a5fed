"""Pins what is newest, wherever the old one stands."""

import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from capas import lessons
from capas.drift.asking import SECONDS, Pin, Report, locked, run
from capas.errors import CapasError
from capas.language import _
from capas.paths import ROOT
from capas.terminal import progress

QUOTING = ("notebooks/*/*.ipynb", "exercises/*/lab.*.ipynb")
"""Built notebooks show files in which something is pinned."""


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
    still = {(file, name): version for file, name, version in locked(root)}
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
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            run([*pip, "--no-deps", "--only-binary=:all:", "--dest", folder, requirement])
        for wheel in Path(folder).glob("*.whl"):
            return hashlib.sha256(wheel.read_bytes()).hexdigest()
    raise CapasError(
        _("pip cannot fetch {name}: check the connection and pip's index.").format(name=requirement)
    )


@contextlib.contextmanager
def _kept(*files: Path) -> Iterator[None]:
    """Put files back as they were if what is done to them fails or is interrupted."""
    before = [file.read_bytes() for file in files]
    try:
        yield
    except BaseException:
        for file, content in zip(files, before, strict=True):
            file.write_bytes(content)
        raise


def _lock_npm(folder: Path) -> None:
    npm = shutil.which("npm") or "npm"
    update = ["update", "--save", "--package-lock-only", "--omit-lockfile-registry-resolved"]
    with _kept(folder / "package.json", folder / "package-lock.json"):
        _made([npm, *update], folder)
        # An optional package that the registry lacks is left out without a word, and missed later.
        _made([npm, "ci", "--dry-run", "--ignore-scripts"], folder)


def _lock_pipenv(folder: Path) -> None:
    """Have Pipenv, as the Dockerfile pins it, lock anew; no address of a registry stays in it."""
    recipe = (folder / "Dockerfile").read_text(encoding="utf-8")
    pipenv = re.search(r"pipenv==[\d.]+", recipe)
    file = folder / "Pipfile.lock"
    with tempfile.TemporaryDirectory() as scratch, _kept(file):
        place = Path(scratch)
        _made([sys.executable, "-m", "venv", str(place / "venv")], folder)
        inside = place / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
        pip = [str(inside / "python"), "-m", "pip", "install", "--quiet"]
        _made([*pip, pipenv[0] if pipenv else "pipenv"], folder)
        own = {"WORKON_HOME": str(place), "PIPENV_IGNORE_VIRTUALENVS": "1", "PIPENV_NOSPIN": "1"}
        _made([str(inside / "pipenv"), "lock"], folder, **own)
        # The hash is of the Pipfile and of an index: Pipenv takes the one that pip is set to on
        # this machine. In an image that builds from the lock, pip is set to none.
        hashed = "print(Pipfile.load(open('Pipfile', encoding='utf-8')).get_hash().value)"
        code = f"from pipenv.vendor.plette import Pipfile; {hashed}"
        digest = _made([str(inside / "python"), "-c", code], folder).strip()
        lock = json.loads(file.read_text(encoding="utf-8"))
        lock["_meta"] |= {"hash": {"sha256": digest}, "sources": []}
        for section in ("default", "develop"):
            for entry in lock[section].values():
                entry.pop("index", None)
        file.write_text(json.dumps(lock, indent=4) + "\n", encoding="utf-8")


def _made(command: list[str], folder: Path, **environment: str) -> str:
    try:
        done = run(command, folder, 10 * SECONDS, **environment)
        why = _why(done.stderr.strip() or done.stdout.strip())
        if done.returncode == 0:
            return done.stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    raise CapasError(
        _("“{command}” failed in {folder}: {why}").format(
            command=" ".join([Path(command[0]).name, *command[1:]]), folder=folder, why=why or "?"
        )
    )


def _why(said: str) -> str:
    """Return what went wrong: the last line, or npm's first two, behind which help follows."""
    lines = [line.strip() for line in said.splitlines()]
    errors = [line.removeprefix("npm error").strip() for line in lines if "npm error" in line]
    told = [line for line in errors if line and not line.startswith("code ")]
    return " ".join(told[:2] or lines[-1:])
