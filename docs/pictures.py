"""Make the pictures of the READMEs from the running lab.

    .venv/bin/python -m docs.pictures [--lang en] [--out FOLDER]

A ``capas lab`` is started on a copy of the course, and Chromium does there what a student does:
every picture is a screenshot. ``tour-LANG.gif`` is the short film; ``exercise-``, ``lesson-`` and
``slide-LANG.png`` stand still. Needs requirements-dev.txt, and an engine whose containers see
this machine's network.
"""

import argparse
import io
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from capas import slides
from capas.engine import Engine, ensure, images, started_here
from capas.errors import CapasError
from capas.grading.submissions import extract
from capas.language import _, name, speaking
from capas.paths import ROOT
from capas.sharing import ours, sharing
from capas.slides.page import HEIGHT as SLIDE_HEIGHT
from capas.slides.page import WIDTH as SLIDE_WIDTH
from capas.terminal import progress
from tests import browser as browsers
from tests.deploy.checkout import archive
from tests.jupyterlab import Running, started, to_cell, until_idle

OUT = ROOT / "docs/pictures"
WIDTH, HEIGHT, CAPTION = 1200, 740, 52
"""Of the lab's window and, in the film, of the caption below it, in pixels."""
COLOURS = 256
"""In a picture's palette: GIF has no more, and the lab is drawn in few."""

CAPTIONS = {
    "en": (
        "One command: the course opens, and a Docker Engine answers.",
        "Clear the stored outputs, and predict first …",
        "… then run it: a real build, of the lecture's own Dockerfile.",
        "Play with a mechanism: one file has changed. What is built again?",
        "Ask the engine: it really builds, and agrees.",
        "Exercises are yours to write. The check builds, runs and looks …",
        "… and answers with the hint for this very mistake.",
        "Mend it …",
        "… until all of it is true.",
        "How far you are stays on your machine.",
    ),
    "es": (
        "Un comando: se abre el curso, y responde un Docker Engine.",
        "Borrá las salidas guardadas, y primero predecí…",
        "… después correlo: un build de verdad, del propio Dockerfile de la clase.",
        "Jugá con un mecanismo: cambió un archivo. ¿Qué se vuelve a construir?",
        "Preguntale al engine: construye de verdad, y está de acuerdo.",
        "Los ejercicios los escribís vos. La verificación construye, corre y mira…",
        "… y responde con la pista para este error, y no otro.",
        "Arreglalo…",
        "… hasta que todo sea cierto.",
        "Hasta dónde llegaste queda en tu máquina.",
    ),
}
"""What is said below the film, scene by scene, in each language that has a README."""

LESSON = "06-dockerfile"
EXERCISE = "06-dockerfile"
FORGOTTEN = "USER nobody"
"""The line of the solution that our student forgets at first."""

POINTER = """() => {
  const arrow = document.createElement("div");
  arrow.innerHTML = `<svg width="26" height="34" viewBox="0 0 13 17" aria-hidden="true">
    <path d="M1 1v13l3.2-2.9 2 4.9 2.4-1-2-4.8H11z" fill="#111" stroke="#fff"/></svg>`;
  arrow.style = "position: fixed; z-index: 100000; pointer-events: none; left: 60%; top: 80%";
  document.body.append(arrow);
  addEventListener("mousemove", (event) => {
    arrow.style.left = `${event.clientX}px`;
    arrow.style.top = `${event.clientY}px`;
  }, true);
}"""
"""Draws the mouse's pointer: a headless browser has none."""

CARD = """<body style="margin: 0; height: 100vh; display: grid; place-items: center;
background: #0f172a; color: #f8fafc; font: 23px 'DejaVu Sans', sans-serif">"""


@dataclass
class Film:
    """Frames of a page, with what is said below them; `card` is where captions are drawn."""

    page: Page
    card: Page
    frames: list[Image.Image] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    """Of each frame, in milliseconds."""
    _caption: Image.Image | None = None

    def say(self, text: str) -> None:
        """Have a caption below all frames that follow."""
        self.card.set_content(CARD)
        self.card.evaluate("text => { document.body.textContent = text; }", text)
        self._caption = _image(self.card.screenshot())

    def frame(self, seconds: float) -> None:
        """Take the page as it is."""
        assert self._caption
        whole = Image.new("RGB", (WIDTH, HEIGHT + CAPTION))
        whole.paste(_image(self.page.screenshot()), (0, 0))
        whole.paste(self._caption, (0, HEIGHT))
        self.frames.append(whole)
        self.lengths.append(round(seconds * 1000))

    def click(self, target: Locator) -> None:
        """Point at something, then click on it."""
        target.hover()
        self.frame(0.9)
        target.click()

    def save(self, path: Path) -> None:
        """Write it as a GIF that starts again at its end."""
        # One palette for all frames: what stands still is then left out of the next frame.
        sheet = Image.new("RGB", (WIDTH, (HEIGHT + CAPTION) * len(self.frames)))
        for number, frame in enumerate(self.frames):
            sheet.paste(frame, (0, number * (HEIGHT + CAPTION)))
        palette = sheet.quantize(COLOURS)
        few = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in self.frames]
        few[0].save(path, save_all=True, append_images=few[1:], duration=self.lengths, loop=0)


def _image(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def _save(image: Image.Image, path: Path) -> None:
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


class Lab:
    """A ``capas lab`` in the browser."""

    def __init__(self, running: Running, page: Page) -> None:
        self.page = page
        self._address = urlsplit(running.url)

    def open(self, path: str = "") -> None:
        """Open JupyterLab anew: on the contents of the course, or on a notebook."""
        place = f"/lab/tree/{path}" if path else "/lab"
        address = f"http://{self._address.netloc}{place}?reset&{self._address.query}"
        browsers.goto(self.page, address)
        self.page.wait_for_function("window.jupyterapp")
        self.page.evaluate("window.jupyterapp.restored.then(() => {})")
        self.page.evaluate(POINTER)
        if path:
            self.page.locator(".jp-NotebookPanel h1").first.wait_for()
            self.command("application:toggle-left-area")

    def command(self, command: str, **arguments: Any) -> None:
        """Carry out one of JupyterLab's commands."""
        self.page.evaluate(
            "([name, given]) => window.jupyterapp.commands.execute(name, given).then(() => {})",
            [command, arguments],
        )

    def run(self, *cells: int) -> None:
        """Run cells of the notebook in front, one after the other."""
        until_idle(self.page)
        for cell in cells:
            to_cell(self.page, cell)
            self.command("notebook:run-cell")

    def cell_with(self, text: str) -> int:
        """Return the number of the notebook's first code cell that contains a text."""
        return int(
            self.page.evaluate(
                "text => [...window.jupyterapp.shell.currentWidget.content.model.cells].findIndex("
                "(cell) => cell.type === 'code' && cell.sharedModel.getSource().includes(text))",
                text,
            )
        )


def tour(lab: Lab, film: Film, language: str, work: Path) -> Image.Image:
    """Do what a student does, in scenes of 1 to 4 seconds; return the exercise's picture."""
    page = lab.page
    said = iter(CAPTIONS[language])

    lab.open()
    page.locator(".capas-front").get_by_role("button", name=name(language)).click()
    front = page.locator(f".capas-front[lang={language}]")
    front.wait_for()
    lab.open()
    front.locator(".engine[data-state=ready]").wait_for()
    page.locator(".jp-DirListing-item").first.wait_for()
    page.mouse.move(WIDTH * 0.7, HEIGHT * 0.7)
    film.say(next(said))
    film.frame(2.6)
    film.click(front.get_by_role("listitem").nth(6).get_by_role("link").first)

    page.locator(".jp-NotebookPanel h1").first.wait_for()
    lab.command("application:toggle-left-area")
    build = lab.cell_with("Dockerfile.lecture .")
    lab.run(*(lab.cell_with(text) for text in ("capas.prepare(", "os.chdir(")))
    to_cell(page, build)
    film.say(next(said))
    with speaking(language):
        clear = page.get_by_role("button", name=_("Clear outputs"))
    film.click(clear)
    page.mouse.move(WIDTH * 0.7, HEIGHT * 0.75)
    film.frame(2.4)
    film.say(next(said))
    lab.run(build)
    film.frame(3.4)

    toy = lab.cell_with("show.layer_cache(")
    lab.run(toy)
    cache = to_cell(page, toy).locator(".capas-cache")
    with speaking(language):
        real = cache.get_by_role("button", name=_("Build for real"))
        agrees = cache.get_by_text(_("The engine did what was predicted."))
    real.evaluate("button => button.closest('.capas-cache').scrollIntoView({ block: 'end' })")
    film.say(next(said))
    film.frame(3.2)
    film.say(next(said))
    film.click(real)
    film.frame(0.8)
    agrees.wait_for(timeout=120_000)
    film.frame(2.8)

    lab.open(f"exercises/{EXERCISE}/lab.{language}.ipynb")
    lab.command("capas:clear-outputs")
    lab.run(lab.cell_with("capas.exercise("))
    until_idle(page)
    folder = work / "exercises" / EXERCISE
    solution = ROOT / "exercises" / EXERCISE / "solution"
    right = (solution / "Dockerfile").read_text(encoding="utf-8")
    assert f"{FORGOTTEN}\n" in right
    (folder / "Dockerfile").write_text(right.replace(f"{FORGOTTEN}\n", ""), encoding="utf-8")
    (folder / ".dockerignore").write_bytes((solution / ".dockerignore").read_bytes())
    check = lab.cell_with("lab.check()")
    place = (folder / "Dockerfile").relative_to(work.parent).as_posix()
    lab.command("docmanager:open", path=place, factory="Editor", options={"mode": "split-right"})
    line = page.locator(".jp-FileEditor .cm-line", has_text="CMD")
    line.wait_for()

    def judge() -> None:
        page.locator(".jp-NotebookPanel .jp-Cell").first.click()
        lab.run(check)
        until_idle(page)

    page.locator(".jp-NotebookPanel .jp-Cell").first.click()
    to_cell(page, check)
    film.say(next(said))
    film.frame(2.4)
    film.say(next(said))
    judge()
    film.frame(3.6)
    exercise = film.frames[-1].crop((0, 0, WIDTH, HEIGHT))
    film.say(next(said))
    film.click(line)
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    for word in (FORGOTTEN.split()[0], FORGOTTEN.removeprefix(FORGOTTEN.split()[0])):
        page.keyboard.type(word)
        film.frame(0.5)
    lab.command("docmanager:save")
    film.say(next(said))
    judge()
    film.frame(3.0)

    lab.open()
    done = front.get_by_role("listitem").filter(has=page.locator(".mark", has_text="✓"))
    done.last.scroll_into_view_if_needed()
    page.locator(".jp-DirListing-item").first.wait_for()
    film.say(next(said))
    film.frame(2.6)
    return exercise


def lesson(lab: Lab, language: str) -> Image.Image:
    """Return lesson 9, as the app that its containers serve answers in it."""
    lab.open(f"notebooks/{language}/09-compose.ipynb")
    frame = lab.cell_with("IFrame(web")
    lab.run(*range(frame + 1))
    until_idle(lab.page)
    app = to_cell(lab.page, frame).frame_locator("iframe")
    app.get_by_role("listitem").first.wait_for()
    shown = _image(lab.page.screenshot())
    lab.run(lab.cell_with("docker compose down --volumes --rmi local"))
    return shown


def slide(page: Page, language: str, folder: Path) -> Image.Image:
    """Return a slide of lesson 6's deck: the first with a picture."""
    (deck,) = slides.make([6], [language], folder)
    page.set_content(deck.read_text(encoding="utf-8"))
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    page.evaluate(
        "Reveal.slide(Reveal.getSlides().findIndex((one) => one.querySelector('.content img')))"
    )
    return _image(page.screenshot())


def make(language: str, engine: Engine, browser: Browser, out: Path) -> None:
    """Make all pictures of a language in the folder `out`."""

    def page(width: int, height: int) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="light"
        )
        context.set_default_timeout(60_000)
        return context.new_page()

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "capas"
        extract(archive(os.getuid()), root)
        with started(engine, Path(folder), root / "work", root) as running:
            lab = Lab(running, page(WIDTH, HEIGHT))
            film = Film(lab.page, page(WIDTH, CAPTION))
            exercise = tour(lab, film, language, root / "work")
            film.save(out / f"tour-{language}.gif")
            _save(exercise, out / f"exercise-{language}.png")
            _save(lesson(lab, language), out / f"lesson-{language}.png")
            running.end_kernels()
        shown = slide(page(SLIDE_WIDTH, SLIDE_HEIGHT), language, Path(folder) / "slides")
        _save(shown, out / f"slide-{language}.png")


def main() -> int:
    """Make the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--lang", choices=CAPTIONS, help="only this language")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for them; else docs/pictures")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    try:
        with sharing(), sync_playwright() as playwright:
            engine = ensure(None, progress)
            if started_here():
                ours()
            images.ensure(engine, all=True, report=progress)
            with browsers.chromium(engine) as url:
                browser = playwright.chromium.connect_over_cdp(url)
                for language in [asked.lang] if asked.lang else CAPTIONS:
                    progress(f"{language}: the pictures")
                    make(language, engine, browser, asked.out)
    except CapasError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
