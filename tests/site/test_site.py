"""`capas site`: built whole, once; its links, and its pages in a browser.

Nothing is executed for it: two processes of Sphinx, half a minute.
"""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest
from typer.testing import CliRunner

from capas import site
from capas.cli import app
from capas.errors import CapasError
from capas.paths import ROOT
from capas.site import making, pages
from capas.slides.site import server
from tests.jupyterlab import violations
from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest_plugins = ["tests.browser"]

LESSON = "lessons/05-images-and-containers"
SEEN = ("en/index", f"es/{LESSON}", "en/labs/01-a-machine", "es/guides/where-it-runs", "en/search")
"""Pages to look at in a browser: one of each kind."""
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "public"
    assert site.make(folder) == folder / "index.html"
    assert [path.name for path in folder.parent.iterdir()] == ["public"]
    return folder


def test_the_theme_speaks_spanish(made: Path) -> None:
    page = (made / f"es/{LESSON}.html").read_text(encoding="utf-8")
    assert 'aria-label="En esta parte"' in page
    assert "Navegación del sección" not in page
    assert 'aria-label="Section Navigation"' in (made / f"en/{LESSON}.html").read_text("utf-8")


# --- what is written ----------------------------------------------------------------


@dataclass
class Read(HTMLParser):
    """What a page leads to and loads, and the anchors that it has."""

    text: str
    links: set[str] = field(default_factory=set)
    loads: set[str] = field(default_factory=set)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical", "author"):
            self.loads.add(given["href"])
        self.loads |= {given[name] for name in ("src", "data", "poster") if name in given}


def broken(folder: Path) -> list[str]:
    """Return the internal links and files of all pages that lead nowhere, and outside files."""
    read = {path: Read(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    wrong = []
    for path, page in read.items():
        here = path.relative_to(folder).as_posix()
        for to in page.links | page.loads:
            parts = urlsplit(to)
            if parts.scheme == "data":
                continue
            if parts.scheme or parts.netloc:
                if to in page.loads or parts.scheme not in ("https", "mailto"):
                    wrong.append(f"{here}: loads or leads to {to}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file() or not target.is_relative_to(folder):
                wrong.append(f"{here}: there is no {to}")
            elif parts.fragment.startswith("/"):
                continue  # a slide, by its number
            elif parts.fragment and unquote(parts.fragment) not in read[target].anchors:
                wrong.append(f"{here}: no such anchor: {to}")
    return wrong


def test_every_link_and_anchor_of_the_site_resolves(made: Path) -> None:
    assert len(list(made.rglob("*.html"))) > 90
    assert broken(made) == []


def test_a_broken_link_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">b</a><a href="b.html#there">b</a><a href="c.html">c</a>'
        '<script src="https://cdn.example/x.js"></script>'
    )
    (tmp_path / "b.html").write_text('<p id="here">')
    assert sorted(broken(tmp_path)) == [
        "a.html: loads or leads to https://cdn.example/x.js",
        "a.html: no such anchor: b.html#there",
        "a.html: there is no c.html",
    ]


def test_each_language_has_every_page_with_its_outputs(made: Path) -> None:
    for language in pages.spoken():
        for page in pages.pages(language):
            assert (made / language / f"{page.name}.html").is_file()
        assert "COPY hello.py" in (made / language / f"{LESSON}.html").read_text(encoding="utf-8")


# --- in a browser -------------------------------------------------------------------

Open = Callable[..., AbstractContextManager["Page"]]


@pytest.fixture(scope="module")
def address(made: Path) -> Iterator[str]:
    with server(made) as address:
        yield address


@pytest.fixture
def reader(browser: "Browser", address: str) -> Open:
    """Open a page of the site as a reader; it must ask nobody else and complain of nothing."""

    @contextmanager
    def enter(page_name: str, width: int = 1366, **settings: str) -> "Iterator[Page]":
        asked: list[str] = []
        errors: list[str] = []
        context = browser.new_context(viewport={"width": width, "height": 900}, **settings)  # type: ignore[arg-type]
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.goto(f"{address}/{page_name}")
        page.wait_for_load_state("networkidle")
        yield page
        context.close()
        assert [url for url in asked if not url.startswith((address, "data:"))] == []
        assert errors == []

    return enter


@pytest.mark.engine
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_can_be_read_by_everybody(reader: Open, scheme: str) -> None:
    for name in SEEN:
        with reader(f"{name}.html", color_scheme=scheme) as page:
            assert page.evaluate("document.documentElement.dataset.theme") == scheme
            # axe would fetch stylesheets again, and seek what they import beside the page. In the
            # dark, only colours are others.
            options = {"preload": False, "resultTypes": ["violations"]}
            options |= CONTRAST if scheme == "dark" else {}
            assert violations(page, "body", **options) == [], name


@pytest.mark.engine
@pytest.mark.parametrize("width", [400, 1366])
def test_no_page_is_wider_than_the_screen(reader: Open, width: int) -> None:
    for name in SEEN:
        with reader(f"{name}.html", width) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name


@pytest.mark.engine
@pytest.mark.parametrize(
    ("language", "word", "page_found"),
    [("en", "hypervisor", "lessons/01-"), ("es", "virtualizar", "lessons/01-")],
)
def test_the_search_finds_a_word(reader: Open, language: str, word: str, page_found: str) -> None:
    with reader(f"{language}/{LESSON}.html") as page:
        page.keyboard.press("Control+k")
        page.keyboard.type(word)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/{language}/search.html?q={word}")
        page.locator(f"#search-results a[href*='{page_found}']").first.click()
        page.wait_for_url(f"**/{language}/{page_found}*")


@pytest.mark.engine
def test_the_language_switch_leads_to_the_same_page_its_deck_and_back(
    reader: Open, address: str
) -> None:
    with reader(f"en/{LESSON}.html") as page:
        page.locator(".bd-header a[hreflang=es]").first.click()
        page.wait_for_url(f"{address}/es/{LESSON}.html")
        assert page.locator("html").get_attribute("lang") == "es"
        page.get_by_role("link", name="Diapositivas de esta lección").click()
        page.wait_for_url(f"{address}/slides/es/05-images-and-containers.html*")
        back = page.get_by_role("link", name="Todas las presentaciones")
        page.goto(str(back.evaluate("link => link.href")))
        page.get_by_role("link", name="El curso").click()
        page.wait_for_url(f"{address}/es/index.html", wait_until="networkidle")


@pytest.mark.engine
@pytest.mark.parametrize(("locale", "language"), [("es-AR", "es"), ("en-GB", "en"), ("fr", "en")])
def test_the_first_page_leads_to_the_readers_language(
    reader: Open, address: str, locale: str, language: str
) -> None:
    with reader("", locale=locale) as page:
        page.wait_for_url(f"{address}/{language}/index.html")


# --- what it says when something is missing -----------------------------------------


def said(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["site", *arguments], prog_name="capas")
    return done.exit_code, done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(("motion", "film"), [("no-preference", "tour"), ("reduce", "exercise")])
def test_the_first_page_shows_the_lab_and_what_each_lesson_is_for(
    reader: Open, motion: str, film: str
) -> None:
    with reader("es/index.html", reduced_motion=motion) as page:
        picture = page.locator("picture img")
        assert picture.evaluate("it => it.naturalWidth") > 600
        name = picture.evaluate("it => it.currentSrc").rpartition("/")[2]
        assert name.startswith(f"{film}-es.")
        for lesson in (one for one in pages.pages("es") if one.name.startswith("lessons/")):
            entry = page.locator("li", has=page.locator(f'a[href="{lesson.name}.html"]')).last
            title, can = entry.inner_text().strip().split("\n", 1)
            assert title.endswith(f"{lesson.minutes}\u00a0min")
            assert len(can.split()) > 3


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    code, sentence = said("--out", str(tmp_path))
    assert code == 1 and "has something else in it" in sentence
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_without_sphinx_a_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "myst_nb", None)
    code, sentence = said("--out", str(tmp_path / "site"))
    assert code == 1 and "requirements-site.txt" in sentence
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_made_is_told_and_the_site_before_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "public"
    folder.mkdir()
    (folder / making.MARK).touch()
    (folder / "index.html").write_text("before")

    def one_page(language: str, place: Path) -> None:
        place.mkdir(parents=True)
        (place / "index.md").write_text("# A page\n\n[a link](../to/nothing.md)\n")

    monkeypatch.setattr(making, "lay_out", one_page)
    monkeypatch.setattr(making, "spoken", lambda: ["en"])
    monkeypatch.setattr("capas.slides.make", lambda *_: [])
    with pytest.raises(CapasError, match=r"index\.md:3: .*to/nothing\.md"):
        site.make(folder)
    assert (folder / "index.html").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["public"]


@pytest.mark.skipif(sys.platform == "win32", reason="another Ctrl-C")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_leaves_nothing(tmp_path: Path, number: int, code: int) -> None:
    command = [sys.executable, "-m", "capas.cli", "site", "--out", str(tmp_path / "public")]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as running:
        wait_until(
            lambda: any(tmp_path.glob(".public-*/site/slides/en/*")), "Sphinx builds, slides too"
        )
        running.send_signal(number)
        said = running.communicate(timeout=30)[1]
    assert running.returncode == code
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
