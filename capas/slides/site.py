"""All decks with their index pages: made, served, printed."""

import functools
import http.server
import os
import shutil
import subprocess
import tempfile
import threading
import webbrowser
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from capas import lessons
from capas.errors import CapasError
from capas.language import _, speaking
from capas.paths import work
from capas.ports import HOST, free_port
from capas.slides.deck import Deck, read
from capas.slides.page import deck_page, index_page
from capas.terminal import progress

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
"""Programs that print a page to PDF as Chromium does."""
PRINT_SECONDS = 120


def run(
    numbers: Iterable[int] | None = None,
    language: str | None = None,
    out: Path | None = None,
    *,
    serve: bool = False,
    pdf: bool = False,
    browser: bool = True,
) -> int:
    """Make decks, print and serve them as asked; return the exit code.

    Raises:
        CapasError: no such lesson or language; no reveal.js; no Chromium; a broken source.
    """
    program = _chromium() if pdf else ""  # before anything is made
    folder = (out or work() / "slides").resolve()
    made = make(numbers, [language] if language else None, folder)
    for page in made if pdf else []:
        progress(_("printing {name} …").format(name=page.with_suffix(".pdf").name))
        _print(program, page)
    pages = sorted({page.parent / "index.html" for page in made})
    if serve:
        show(folder, pages, browser)
    else:
        for page in pages:
            print(page)
    return 0


def make(
    numbers: Iterable[int] | None, languages: Sequence[str] | None, folder: Path, home: str = ""
) -> list[Path]:
    """Write decks and the index page of each language; return the decks' files.

    Args:
        numbers: lessons; None is all. Index pages name all decks in any case.
        languages: None is all.
        folder: gets a folder for each language, and nothing in it is removed.
        home: where the index pages lead back to; ``{language}`` in it is theirs.
    """
    course = lessons.sources()
    spoken = list(dict.fromkeys(name for lesson in course for name in lesson.languages))
    wanted = set(numbers) if numbers is not None else {lesson.number for lesson in course}
    if missing := wanted - {lesson.number for lesson in course}:
        raise CapasError(
            _("There is no lesson {numbers}; there are: {known}.").format(
                numbers=", ".join(f"{n:02}" for n in sorted(missing)),
                known=", ".join(lesson.name for lesson in course) or "–",
            )
        )
    if unknown := [name for name in languages or [] if name not in spoken]:
        raise CapasError(_("No lesson is written in {langs}.").format(langs=", ".join(unknown)))
    made = []
    for language in languages or spoken:
        decks: list[Deck] = []
        place = folder / language
        place.mkdir(parents=True, exist_ok=True)
        for lesson in course:
            if language not in lesson.languages:
                continue
            page = place / f"{lesson.name}.html"
            if lesson.number not in wanted and not page.exists():
                continue
            deck = read(lesson, language)
            decks.append(deck)
            if lesson.number in wanted:
                progress(
                    _("{name} in {lang}: {n} slides").format(
                        name=lesson.name, lang=language, n=len(deck.slides)
                    )
                )
                with speaking(language):
                    _write(page, deck_page(deck))
                made.append(page)
        with speaking(language):
            others = [name for name in spoken if name != language]
            _write(
                place / "index.html",
                index_page(language, decks, others, home.format(language=language)),
            )
    return made


def _write(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8", newline="\n")
    new.replace(path)


# --- over http ----------------------------------------------------------------------


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


@contextmanager
def server(folder: Path, port: int = 0) -> Iterator[str]:
    """Serve a folder on 127.0.0.1 for a while; yield its address, without a slash."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer((HOST, free_port(port)), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


def show(folder: Path, pages: Sequence[Path], browser: bool) -> None:
    """Serve a folder until Ctrl-C; say where these pages of it are, and open the first."""
    with server(folder, 8050) as address:
        urls = [f"{address}/{page.relative_to(folder).as_posix()}" for page in pages]
        for url in urls:
            print(url, flush=True)
        progress(_("Ctrl-C ends it."))
        if browser and urls:
            webbrowser.open(urls[0])
        threading.Event().wait()


# --- on paper -----------------------------------------------------------------------


def _chromium() -> str:
    own = os.environ.get("CAPAS_BROWSER")
    for name in (own,) if own else BROWSERS:
        if found := shutil.which(name):
            return found
    raise CapasError(
        _(
            "To print slides, Chromium or Chrome is needed, and there is none: install it, or name "
            "it by CAPAS_BROWSER=/path/to/chromium."
        )
    )


def _print(program: str, page: Path) -> None:
    pdf = page.with_suffix(".pdf")
    root = hasattr(os, "geteuid") and os.geteuid() == 0  # Chromium's sandbox refuses root
    with tempfile.TemporaryDirectory(prefix="capas-print-", ignore_cleanup_errors=True) as scratch:
        new = Path(scratch) / pdf.name
        command = [
            *(program, "--headless", "--disable-gpu", "--no-first-run"),
            *(["--no-sandbox"] if root else []),
            *(f"--user-data-dir={scratch}/profile", "--no-pdf-header-footer"),
            *(f"--print-to-pdf={new}", f"{page.as_uri()}?print"),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PRINT_SECONDS)
            why = (done.stderr.strip().splitlines() or [str(done.returncode)])[-1]
        except subprocess.TimeoutExpired:
            why = _("it takes longer than {seconds:g} s").format(seconds=PRINT_SECONDS)
        if not new.exists():
            raise CapasError(
                _("{program} could not print {page}: {why}").format(
                    program=program, page=page.name, why=why
                )
            )
        shutil.copyfile(new, pdf)
