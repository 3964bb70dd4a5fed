"""Every slide of every deck, in both languages, in a browser: it can be read, whole, offline.

One browser and one page for all; a deck is loaded once and looked at by `look.js` in the light
and in the dark.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from capas import lessons, slides
from capas.slides.page import HEIGHT, SMALLEST, WIDTH
from capas.slides.site import server
from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.engine  # the browser is in a container

LOOK = (Path(__file__).parent / "look.js").read_text(encoding="utf-8")
DECKS = [
    f"{language}/{lesson.name}" for lesson in lessons.sources() for language in lesson.languages
]


class Room:
    """A page that notes what it asks for and what it complains of."""

    def __init__(self, page: "Page", address: str, folder: Path) -> None:
        self.page = page
        self.address = address
        self.folder = folder
        self.asked: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console",
            lambda said: self.errors.append(said.text) if said.type == "error" else None,
        )

    def enter(self, deck: str, query: str = "") -> "Page":
        """Open a deck; it is ready when you get it."""
        self.page.goto("about:blank")
        self.asked.clear()
        self.errors.clear()
        self.page.emulate_media(color_scheme="light", reduced_motion="reduce")
        self.page.goto(f"{self.address}/{deck}.html{query}")
        self.page.wait_for_function("window.Reveal && Reveal.isReady()")
        return self.page


@pytest.fixture(scope="module")
def room(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("slides")
    slides.make(None, None, folder)
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    with server(folder) as address:
        yield Room(context.new_page(), address, folder)
    context.close()


@pytest.mark.parametrize("deck", DECKS)
def test_every_slide_can_be_read_whole_and_offline(room: Room, deck: str) -> None:
    page = room.enter(deck)
    limits = {"text": SMALLEST}
    wrong = page.evaluate(LOOK, limits)
    page.emulate_media(color_scheme="dark")
    wrong += [f"dark: {each}" for each in page.evaluate(LOOK, {**limits, "colours": True})]
    assert wrong == []
    assert room.errors == []
    page_itself = f"{room.address}/{deck}.html"
    assert [url for url in room.asked if url != page_itself and url[:5] != "data:"] == []


def paper(page: "Page") -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_a_deck_is_dark_where_the_system_is_and_a_key_turns_it(room: Room) -> None:
    page = room.enter("en/05-images-and-containers")
    light = paper(page)
    page.emulate_media(color_scheme="dark")
    dark = paper(page)
    assert light != dark
    page.keyboard.press("t")
    assert paper(page) == light
    page.keyboard.press("t")
    assert paper(page) == dark
    page.evaluate("localStorage.clear()")


def test_a_picture_with_steps_shows_them_one_after_the_other(room: Room) -> None:
    page = room.enter("en/09-compose")
    number = page.evaluate(
        "Reveal.getSlides().findIndex((one) => one.querySelector('img[src*=\"data-step=\"]'))"
    )
    assert number > 0
    page.evaluate("number => Reveal.slide(number)", number)
    picture = page.locator("section.present img.picture")
    whole = picture.screenshot()  # for who wants no motion
    page.emulate_media(reduced_motion="no-preference")
    for _turn in range(2):  # each time that the slide comes
        page.evaluate("number => { Reveal.slide(0); Reveal.slide(number); }", number)
        picture.and_(page.locator("[src*=keyframes]")).wait_for()
        assert picture.screenshot() != whole
        wait_until(lambda: picture.screenshot() == whole, "all steps are shown")
    assert room.errors == []


def test_the_speakers_window_has_the_notes(room: Room) -> None:
    page = room.enter("en/05-images-and-containers", "#/4")
    spoken = page.evaluate("Reveal.getSlideNotes().replace(/<[^>]*>/g, '').trim()")
    assert "min, until minute" in spoken
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    window = opened.value
    window.wait_for_function(
        "words => document.querySelector('.speaker-controls-notes')?.innerText.includes(words)",
        arg="The deletion is one more layer",
    )
    window.close()


def test_the_index_leads_to_every_deck(room: Room) -> None:
    for language in ("en", "es"):
        room.page.goto(f"{room.address}/{language}/index.html")
        links = room.page.locator("tbody a").evaluate_all("all => all.map(a => a.href)")
        expected = [deck for deck in DECKS if deck.startswith(language)]
        assert links == [f"{room.address}/{deck}.html?index" for deck in expected]


def test_a_deck_leads_back_to_the_index_that_led_to_it_and_to_none_where_it_is_alone(
    room: Room,
) -> None:
    back = room.enter("en/05-images-and-containers").locator("a.back")
    assert not back.is_visible()
    room.page.goto(f"{room.address}/en/index.html")
    room.page.locator("tbody a").nth(5).click()
    back.wait_for(state="visible")
    assert back.evaluate("link => link.href") == f"{room.address}/en/index.html"


@pytest.mark.skipif(
    "CAPAS_BROWSER" not in os.environ, reason="a browser in a container has no files of ours"
)
def test_from_a_file(room: Room) -> None:
    page = room.enter("es/06-dockerfile")
    page.goto((room.folder / "es/06-dockerfile.html").as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    assert page.evaluate(LOOK, {"text": SMALLEST}) == []
    assert room.errors == []
