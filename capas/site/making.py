"""The site of all languages: built aside, put in its place, served."""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from html import escape
from pathlib import Path

from capas import slides
from capas.errors import CapasError
from capas.language import _, name, speaking
from capas.paths import ROOT, work
from capas.site.pages import lay_out, pages, spoken
from capas.slides.site import show
from capas.terminal import progress

CONFIGURATION = Path(__file__).parent / "sphinx"
MARK = ".capas-site"
"""A file in each site that we made: only such a folder, or an empty one, is replaced."""
SOURCE, BUILT = "source", "built"
"""Folders of a language while its site is made."""
LEFT_OVER = (".buildinfo", "objects.inv", "_static/webpack-macros.html")
"""What Sphinx and its theme leave that no reader needs."""
_WARNING = re.compile(r"^(?:(?P<where>.+?):\s*)?(?:WARNING|ERROR|CRITICAL): (?P<what>.+)$", re.M)

FIRST = """\
<!doctype html>
<html lang="{first}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Capas</title>
<script>
  const known = {known};
  const wanted = navigator.languages.map(one => one.split("-")[0].toLowerCase());
  location.replace((wanted.find(one => known.includes(one)) || known[0]) + "/index.html");
</script>
<main>
<h1>Capas</h1>
<ul>
{links}
</ul>
</main>
"""


def run(out: Path | None = None, *, serve: bool = False, browser: bool = True) -> int:
    """Make the site, and serve it if asked; return the exit code.

    Raises:
        CapasError: no Sphinx; the folder is something else's; a page cannot be made.
    """
    folder = (out or work() / "site").resolve()
    first = make(folder)
    if serve:
        show(folder, [first], browser)
    else:
        print(first)
    return 0


def make(folder: Path) -> Path:
    """Make the site in a folder, in place of the one that it held; return its first page."""
    _have_sphinx()
    _may_replace(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}-"
    with tempfile.TemporaryDirectory(
        dir=folder.parent, prefix=prefix, ignore_cleanup_errors=True
    ) as scratch:
        site = Path(scratch) / "site"
        site.mkdir()
        known = spoken()
        with ExitStack() as builds:
            running = {}
            for language in known:
                progress(
                    _("site in {lang}: {n} pages …").format(
                        lang=name(language), n=len(pages(language))
                    )
                )
                place = Path(scratch) / language
                with speaking(language):
                    lay_out(language, place / SOURCE)
                running[language] = builds.enter_context(_sphinx(language, place))
            slides.make(None, known, site / "slides", "../../{language}/index.html")  # meanwhile
            for language, build in running.items():
                _wait(build, language, Path(scratch) / language / SOURCE)
                (Path(scratch) / language / BUILT).rename(site / language)
                for left in LEFT_OVER:
                    (site / language / left).unlink(missing_ok=True)
                progress(_("site in {lang}: done").format(lang=name(language)))
        (site / "index.html").write_text(_first(), encoding="utf-8", newline="\n")
        (site / MARK).touch()
        site.chmod(0o755)
        if folder.exists():
            folder.rename(Path(scratch) / "before")
        site.rename(folder)
    return folder / "index.html"


def _have_sphinx() -> None:
    if not all(map(importlib.util.find_spec, ("sphinx", "myst_nb", "pydata_sphinx_theme"))):
        raise CapasError(
            _(
                "The site needs Sphinx, which is not in this environment: run `{command}`, then "
                "try again."
            ).format(command=f"{sys.executable} -m pip install -r requirements-site.txt")
        )


def _may_replace(folder: Path) -> None:
    if folder.is_dir() and ((folder / MARK).exists() or not any(folder.iterdir())):
        return
    if folder.exists() or folder.is_symlink():
        raise CapasError(
            _(
                "{folder} has something else in it, which the site would replace: name a new or an "
                "empty folder by --out."
            ).format(folder=folder)
        )


@contextmanager
def _sphinx(language: str, place: Path) -> Iterator["subprocess.Popen[str]"]:
    """Have Sphinx build the site of a language, in a process of its own; end it if it is left.

    What Sphinx keeps of a language holds for a whole process. A warning is an error.
    """
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "sphinx", "--builder", "html", "--quiet", "--fail-on-warning"),
            *(
                "--no-color",
                "--conf-dir",
                str(CONFIGURATION),
                "--doctree-dir",
                str(place / "doctrees"),
            ),
            *(str(place / SOURCE), str(place / BUILT)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        cwd=ROOT,
        env={**os.environ, "CAPAS_LANG": language, "PYTHONUTF8": "1"},
    ) as build:
        try:
            yield build
        finally:
            build.kill()


def _wait(build: "subprocess.Popen[str]", language: str, source: Path) -> None:
    said = build.communicate()[1]
    if build.returncode == 0:
        return
    found = _WARNING.search(said)
    lines = said.strip().splitlines()
    what = found["what"] if found else lines[-1] if lines else str(build.returncode)
    where = (found["where"] or "").replace(f"{source}{os.sep}", "") if found else ""
    raise CapasError(
        _("The site in {lang} cannot be made ({what}): mend that, then try again.").format(
            lang=name(language), what=f"{where}: {what}" if where else what
        )
    )


def _first() -> str:
    """Return the page that leads to the reader's language."""
    known = spoken()
    links = (
        f'<li><a href="{one}/index.html" lang="{one}" hreflang="{one}">{escape(name(one))}</a></li>'
        for one in known
    )
    return FIRST.format(first=known[0], known=known, links="\n".join(links))
