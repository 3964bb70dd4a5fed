"""Exercise 08: an image that installs its packages again after each edit."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from capas.exercises import Bench, File, Image, NotYet, Wrong

PACKAGE, TOOL = "marked", "picocolors"
OTHER = Path(__file__).with_name("other") / "package-lock.json"
"""Another version of the package than the student's lock has; a kit has what lock files name."""
FOREIGN = "node_modules/left-over/index.js"
BASE = ("usr/", "opt/")
"""Where base images have packages of npm itself."""


def image(bench: Bench) -> Image:
    """The image of the folder as it is on somebody's machine: with packages installed there."""
    foreign = bench.folder / FOREIGN
    if bench.folder.joinpath("node_modules").is_file():
        raise NotYet
    foreign.parent.mkdir(parents=True, exist_ok=True)
    foreign.write_text("// of another machine\n")
    return bench.build().read_ahead()


def installed(image: Image, name: str = PACKAGE) -> File | None:
    """Return the description of a package in an image: the one that counts, or None."""
    wanted = f"node_modules/{name}/package.json"
    found = [it for it in image.files if it.path.endswith(wanted) and not it.path.startswith(BASE)]
    return found[-1] if found else None


def version(image: Image, path: str = "") -> str:
    """Return the version of the package in an image; `path`: where it is known to be."""
    file = None if path else installed(image)
    content = image.read(path) if path else file and file.content
    try:
        return str(json.loads(content or b"")["version"])
    except (ValueError, KeyError, TypeError):
        raise Wrong("no-package", package=PACKAGE) from None


def descriptions(bench: Bench) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what package.json and package-lock.json say."""
    try:
        package, lock = (
            json.loads(bench.read(name)) for name in ("package.json", "package-lock.json")
        )
        package["dependencies"][PACKAGE]
        lock["packages"][f"node_modules/{PACKAGE}"]["version"]
    except (ValueError, KeyError, TypeError):
        raise Wrong("no-lock", package=PACKAGE) from None
    return package, lock


def edited(bench: Bench, changes: dict[str, str]) -> Image:
    """Build with other contents of some files, which then are as before."""
    before = {name: bench.read(name) for name in changes}
    try:
        for name, text in changes.items():
            (bench.folder / name).write_text(text, encoding="utf-8")
        return bench.build()
    finally:
        for name, text in before.items():
            (bench.folder / name).write_text(text, encoding="utf-8")


def answers(bench: Bench) -> None:
    answer = bench.run(bench.once(image), publish=[3000]).get(port=3000, patience=60)
    if answer.status >= 400 or "<h1>Tortilla" not in answer.body:
        raise NotYet


def cached(bench: Bench) -> None:
    first = bench.once(image)
    if (file := installed(first)) is None:
        raise Wrong("no-package", package=PACKAGE)
    # What was built before by anybody does not count: this edit is new.
    text = bench.read("server.js")
    if not text:
        raise NotYet
    second = edited(bench, {"server.js": f"{text}\n// {uuid4()}\n"})
    if first.layers[file.layer] in second.layers:
        return
    raise Wrong("installs-again" if second.installed else "one-layer")


def renewed(bench: Bench) -> None:
    if (file := installed(bench.once(image))) is None:
        raise Wrong("no-package", package=PACKAGE)
    package, lock = descriptions(bench)
    other = json.loads(OTHER.read_text(encoding="utf-8"))["packages"][f"node_modules/{PACKAGE}"]
    wanted = other["version"]
    package["dependencies"][PACKAGE] = wanted
    lock["packages"].setdefault("", {}).setdefault("dependencies", {})[PACKAGE] = wanted
    lock["packages"][f"node_modules/{PACKAGE}"] = other
    changes = {"package.json": json.dumps(package), "package-lock.json": json.dumps(lock)}
    if (found := version(edited(bench, changes), file.path)) != wanted:
        raise Wrong("stale", package=PACKAGE, wanted=wanted, found=found)


def locked(bench: Bench) -> None:
    built = bench.once(image)
    package, lock = descriptions(bench)
    wanted = lock["packages"][f"node_modules/{PACKAGE}"]["version"]
    if (found := version(built)) != wanted:
        raise Wrong("not-locked", package=PACKAGE, wanted=wanted, found=found)
    package["dependencies"][PACKAGE] = "16.0.0"  # which the lock does not have
    try:
        edited(bench, {"package.json": json.dumps(package)})
    except Wrong as wrong:
        if wrong.hint != "build-fails":
            raise
    else:
        raise Wrong("lock-ignored", package=PACKAGE)


def outside(bench: Bench) -> None:
    for file in bench.once(image).files:
        if file.path.endswith(FOREIGN):
            raise Wrong("host-modules", file=file.path)
    if FOREIGN in bench.context():
        bench.advise("modules-in-context")


def lean(bench: Bench) -> None:
    if installed(bench.once(image), TOOL):
        raise Wrong("tools-in-image", package=TOOL)
