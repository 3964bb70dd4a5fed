"""reveal.js, which shows a deck: pinned, fetched once, kept among the course's own files.

Nobody needs it to learn, so it is no requirement of the course. The wheel of sphinx-revealjs
on PyPI carries it as its authors publish it; pip fetches
that from wherever this machine gets its packages and checks the hash, and the few files that a
deck needs are taken out of it. Without a network: lay the wheel into a folder and name that by
``PIP_FIND_LINKS`` (pip's own variable).
"""

import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from capas.errors import CapasError
from capas.language import _
from capas.paths import home, make
from capas.terminal import progress

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
"""The wheel, with its version and hash."""
_IN_WHEEL = "sphinx_revealjs/_static/revealjs/"
FILES = ("dist/reveal.js", "dist/reveal.css", "plugin/notes/notes.js", "LICENSE")


def files() -> Path:
    """Return the folder with `FILES` of reveal.js; fetch them if they are not here yet.

    Raises:
        CapasError: they are not here and cannot be fetched.
    """
    (version,) = re.findall(
        r"(?m)^sphinx-revealjs==(\S+)", REQUIREMENTS.read_text(encoding="utf-8")
    )
    place = home() / "slides" / f"reveal-of-{version}"
    if all((place / name).is_file() for name in FILES):
        return place
    progress(_("fetching reveal.js (once)"))
    make(place.parent)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".new-") as scratch:
        wheel = _fetch(Path(scratch))
        new = Path(scratch) / "reveal"
        with zipfile.ZipFile(wheel) as archive:
            for name in FILES:
                target = new / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(_IN_WHEEL + name))
        place.mkdir(exist_ok=True)
        for name in FILES:  # one by one: another process may be doing the same
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).replace(place / name)
    return place


def _fetch(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    what = ["download", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    done = subprocess.run(
        [*pip, *what, "--dest", str(folder), "--requirement", str(REQUIREMENTS)],
        capture_output=True,
        text=True,
    )
    wheel = next(folder.glob("*.whl"), None)
    if done.returncode or wheel is None:
        raise CapasError(
            _(
                "reveal.js, which shows the slides, cannot be fetched by pip ({why}): try again "
                "with a network; afterwards decks are made without one."
            ).format(why=(done.stderr.strip().splitlines() or [str(done.returncode)])[-1])
        )
    return wheel
