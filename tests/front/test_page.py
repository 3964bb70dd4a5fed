"""The front page, in the JupyterLab that ``capas lab`` starts."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from capas import lessons, paths
from tests.jupyterlab import SIZES, Running, Show, errors, run_all, violations

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytest_plugins = ["tests.jupyterlab"]

EXTENSION = paths.ROOT / "capas/jupyter/labextensions/capas"
TITLES = {"en": "Virtualization and Docker", "es": "Virtualización y Docker"}
COURSE = lessons.sources()


def test_browsers_take_the_script_anew_when_it_has_changed() -> None:
    """JupyterLab lets them keep it for a year: its address must change with it."""
    script = (EXTENSION / "static/front.js").read_bytes()
    wanted = f"static/front.js?v={hashlib.sha256(script).hexdigest()[:12]}"
    package = json.loads((EXTENSION / "package.json").read_text())
    assert package["jupyterlab"]["_build"]["load"] == wanted, "write that into package.json"


def front(page: "Page") -> "Locator":
    """The front page, when it is the one in front."""
    found = page.locator(".capas-front")
    found.get_by_role("heading", level=1).wait_for()
    page.wait_for_function("() => window.jupyterapp.shell.currentWidget?.id === 'capas-contents'")
    return found


def speak(page: "Page", name: str, language: str) -> None:
    page.locator(".capas-front").get_by_role("button", name=name).click()
    page.locator(f".capas-front[lang={language}]").wait_for()


@pytest.mark.engine
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_what_one_sees_first_and_can_be_read(
    show: Show, theme: str, size: str, seen: Callable[["Page", str], None]
) -> None:
    page = show(theme=theme, size=size)
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    for name, language in (("English", "en"), ("español", "es")):
        speak(page, name, language)
        shown = front(page)
        assert shown.get_by_role("heading", level=1).inner_text() == TITLES[language]
        answers = {"en": "answers.", "es": "responde."}[language]
        shown.locator(".engine[data-state=ready]", has_text=answers).wait_for(timeout=10_000)
        seen(page, f"front-{language}-{theme}-{size}")
        assert violations(page, ".capas-front") == []
        # The window is not too small for it: nothing is cut off at the side, and nothing hidden.
        assert shown.evaluate("page => page.scrollWidth <= page.clientWidth")
        first = shown.get_by_role("listitem").first.bounding_box()
        assert first
        assert first["y"] + first["height"] < SIZES[size][1]
    dark = page.evaluate("document.body.dataset.jpThemeLight") == "false"
    assert dark == (theme == "dark")
    assert [line for line in said if line.startswith("error")] == []


@pytest.mark.engine
def test_lessons_in_order_lead_to_their_notebooks(show: Show) -> None:
    page = show()
    for name, language in (("español", "es"), ("English", "en")):
        speak(page, name, language)
        links = front(page).locator("section").first.locator("li .what > a")
        assert links.all_inner_texts() == [lesson.title(language) for lesson in COURSE]
        for link, lesson in zip(links.all(), COURSE, strict=True):
            path = f"notebooks/{language}/{lesson.name}.ipynb"
            assert (link.get_attribute("href") or "").endswith(f"/lab/tree/{path}")
        # The file browser is where these notebooks are.
        files = page.locator(".jp-DirListing-content .jp-DirListing-itemText")
        page.wait_for_function(
            "folder => document.querySelector('.jp-BreadCrumbs')?.innerText.includes(folder)",
            arg=language,
        )
        files.get_by_text("06-dockerfile.ipynb").wait_for()
    links.nth(6).click()
    page.locator(".jp-NotebookPanel h1", has_text="6 · The Dockerfile").wait_for()
    page.wait_for_url("**/notebooks/en/06-dockerfile.ipynb**")


@pytest.mark.engine
def test_by_keyboard_alone(show: Show) -> None:
    page = show()
    shown = front(page)
    here = "document.activeElement.textContent"
    order = []
    for _press in range(6):
        page.keyboard.press("Tab")
        order.append(page.evaluate(here))
    assert order[:2] == ["English", "español"]
    assert re.match(r"(Begin|Go on): ", order[2])
    assert order[3:] == [COURSE[0].title("en"), "slides", COURSE[1].title("en")]
    for _press in range(4):
        page.keyboard.press("Shift+Tab")
    assert page.evaluate(here) == "español"
    page.keyboard.press("Enter")
    page.locator(".capas-front[lang=es]").wait_for()
    assert page.evaluate(here) == "español"  # drawn anew, the focus has stayed
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".jp-NotebookPanel").wait_for()
    page.wait_for_url("**/notebooks/es/**")
    shown.wait_for(state="hidden")


@pytest.mark.engine
def test_every_notebook_leads_back(show: Show) -> None:
    page = show("notebooks/es/03-docker-and-the-kernel.ipynb")
    notebook = page.locator(".jp-NotebookPanel")
    notebook.locator("h1").wait_for()
    # What an address names comes first, not the front page.
    assert page.locator(".capas-front").count() == 0
    notebook.get_by_role("button", name="Contents").click()
    front(page)
    activate = "path => window.jupyterapp.commands.execute('docmanager:open', {path})"
    page.evaluate(activate, "notebooks/es/03-docker-and-the-kernel.ipynb")
    page.get_by_role("menuitem", name="Capas", exact=True).click()
    page.get_by_role("menuitem", name="Capas: contents").click()
    front(page)
    page.get_by_role("tab", name="Capas: contents").locator(".lm-TabBar-tabCloseIcon").click()
    page.locator(".capas-front").wait_for(state="detached")
    page.keyboard.press("Control+Shift+C")
    palette = page.locator(".lm-CommandPalette")
    palette.get_by_role("searchbox").or_(palette.locator("input")).first.fill("capas")
    palette.get_by_role("menuitem", name="Capas: contents").click()
    front(page)
    page.evaluate("window.jupyterapp.commands.execute('launcher:create')")
    page.locator(".jp-LauncherCard", has_text="Capas: contents").click()
    front(page)
    assert page.locator(".capas-front").count() == 1


@pytest.mark.engine
def test_what_a_lesson_will_say_can_be_cleared_before_one_predicts(show: Show) -> None:
    page = show("notebooks/en/03-docker-and-the-kernel.ipynb")
    cells = "window.jupyterapp.shell.currentWidget.content.model.toJSON().cells"
    outputs = f"{cells}.flatMap((cell) => cell.outputs ?? []).length"
    page.locator(".jp-NotebookPanel h1").wait_for()
    assert page.evaluate(outputs) > 10
    page.locator(".jp-NotebookPanel").get_by_role("button", name="Clear outputs").click()
    page.wait_for_function(f"() => {outputs} === 0")


@pytest.mark.engine
def test_a_notebook_of_yesterday_does_not_hide_it(jupyterlab: Running, show: Show) -> None:
    page = show("notebooks/en/02-benefits-and-costs.ipynb")
    page.locator(".jp-NotebookPanel h1").wait_for()
    assert "02-benefits-and-costs" in page.url
    with page.expect_response(
        lambda answer: (
            "/api/workspaces/" in answer.url
            and "02-benefits-and-costs" in (answer.request.post_data or "")
        )
    ):
        page.evaluate("window.jupyterapp.commands.execute('filebrowser:toggle-main')")
    page.close()
    page = show(keep=True)
    front(page)
    tabs = page.locator(".lm-DockPanel-tabBar .lm-TabBar-tabLabel")
    assert set(tabs.all_inner_texts()) == {"Capas: contents", "02-benefits-and-costs.ipynb"}


@pytest.mark.engine
def test_the_language_is_remembered(jupyterlab: Running, show: Show) -> None:
    page = show()
    speak(page, "español", "es")
    page.get_by_role("menuitem", name="Capas", exact=True).click()
    page.get_by_role("menuitem", name="Capas: contenidos").wait_for()
    page.get_by_role("tab", name="Capas: contenidos").wait_for()
    assert (jupyterlab.home / "language").read_text() == "es\n"
    assert jupyterlab.ask("GET", "/capas/api/contents")[1]["language"] == "es"
    assert jupyterlab.ask("POST", "/capas/api/language", body={"language": "xx"})[0] == 400
    assert jupyterlab.ask("GET", "/capas/api/contents", token="wrong")[0] == 403
    assert jupyterlab.ask("POST", "/capas/api/language", token="wrong")[0] == 403


@pytest.mark.engine
def test_it_says_how_far_one_has_come(show: Show, work: Path) -> None:
    """A lesson that is run: begun with its first cell, studied with its last."""
    page = show("notebooks/en/00-start-here.ipynb")
    record = work / ".studied.json"
    record.unlink(missing_ok=True)
    page.locator(".jp-NotebookPanel h1").wait_for()
    page.evaluate("window.jupyterapp.commands.execute('capas:contents')")
    first = front(page).get_by_role("listitem").first
    assert "begun" not in first.inner_text()
    page.get_by_role("tab", name="00-start-here.ipynb").click()
    cells = run_all(page)
    assert errors(cells) == []
    assert json.loads(record.read_text()) == {"00-start-here": "studied"}
    page.evaluate("window.jupyterapp.commands.execute('capas:contents')")
    first.get_by_text("run to the end").wait_for()
    front(page).get_by_text("1 of 14 run to the end").wait_for()
    front(page).get_by_role("link", name="Go on: 1 · What virtualization is").wait_for()


@pytest.mark.engine
def test_slides_are_made_when_one_asks_for_them(
    jupyterlab: Running, show: Show, work: Path
) -> None:
    address = "/capas/slides/es/06-dockerfile.html"
    assert jupyterlab.ask("GET", address, token="wrong")[0] in (302, 403)  # to the log-in, or no
    assert not (work / "slides").exists()
    try:
        page = show()
        speak(page, "español", "es")
        with page.expect_popup() as opened:
            front(page).get_by_role("link", name="Diapositivas de la lección 6 · ").click()
        deck = opened.value
        deck.wait_for_function("window.Reveal && Reveal.isReady()", timeout=120_000)
        assert deck.url.split("?")[0].endswith(address)
        assert deck.locator("section.present h1").inner_text() == "6 · El Dockerfile"
        deck.close()
        # Anew only when the lesson is newer.
        file = work / "slides/es/06-dockerfile.html"
        file.write_text("<title>Old</title>")
        with page.expect_popup() as opened:
            front(page).get_by_role("link", name="Diapositivas de la lección 6 · ").click()
        opened.value.wait_for_function("document.title === 'Old'")
        os.utime(file, (0, 0))
        opened.value.reload()
        opened.value.wait_for_function("window.Reveal && Reveal.isReady()", timeout=120_000)
        opened.value.close()
    finally:
        shutil.rmtree(work / "slides", ignore_errors=True)
