"""Every committed figure is what its source draws, and can be read."""

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from capas.show import figures, metrics
from capas.show.drawing import LANGUAGES, MARGIN, SMALLEST, WIDTH, Drawing, TooWide

SVG = "{http://www.w3.org/2000/svg}"
NAMES = figures.names()
FILES = [(name, language) for name in NAMES for language in LANGUAGES]


def read(name: str, language: str) -> ET.Element:
    return ET.fromstring((figures.FOLDER / f"{name}.{language}.svg").read_text(encoding="utf-8"))


def said(element: ET.Element) -> str:
    return "".join(element.itertext())


def extent(text: ET.Element) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a text, as wide as it can get."""
    kinds = text.get("class", "").split()
    weight: metrics.Weight = "mono" if "mono" in kinds else "bold" if "bold" in kinds else "regular"
    size = float(text.get("font-size", 0))
    wide = metrics.width(said(text), size, weight)
    x, y = float(text.get("x", 0)), float(text.get("y", 0))
    left = x - {"middle": wide / 2, "end": wide}.get(text.get("text-anchor", ""), 0)
    return left, y - 0.75 * size, left + wide, y + 0.2 * size


def test_committed_files_are_what_the_sources_draw() -> None:
    stale = [path.name for path in figures.build(check=True)]
    assert stale == [], "run: python -m capas.show.figures"


@pytest.mark.parametrize(("name", "language"), FILES)
def test_drawing_again_gives_the_same_bytes(name: str, language: str) -> None:
    assert figures.svg(name, language) == figures.svg(name, language)


@pytest.mark.parametrize(("name", "language"), FILES)
def test_a_figure_says_what_it_is(name: str, language: str) -> None:
    root = read(name, language)
    assert root.get("role") == "img"
    assert root.get("lang") == language
    labels = {e.get("id"): said(e) for e in root if e.tag in (f"{SVG}title", f"{SVG}desc")}
    assert root.get("aria-labelledby") == "title desc"
    assert len(labels["title"]) > 5
    assert labels["desc"] == figures.alt(name, language)
    assert 60 < len(labels["desc"]) < 260
    assert labels["desc"].endswith(".")


@pytest.mark.parametrize(("name", "language"), FILES)
def test_a_figure_stands_alone_in_dark_and_light(name: str, language: str) -> None:
    text = (figures.FOLDER / f"{name}.{language}.svg").read_text(encoding="utf-8")
    assert "@media (prefers-color-scheme:dark)" in text
    assert re.findall(r"href|url\(|@import|<script|<image|data:", text) == []
    assert text.replace('xmlns="http://www.w3.org/2000/svg"', "").count('="http') == 0


@pytest.mark.parametrize(("name", "language"), FILES)
def test_text_is_large_and_stays_inside(name: str, language: str) -> None:
    root = read(name, language)
    height = float(root.get("height", 0))
    for text in root.iter(f"{SVG}text"):
        left, top, right, bottom = extent(text)
        assert float(text.get("font-size", 0)) >= SMALLEST, said(text)
        assert left >= MARGIN - 1 and right <= WIDTH - MARGIN + 1, said(text)
        assert top > 20 and bottom < height - 20, said(text)


@pytest.mark.parametrize(("name", "language"), FILES)
def test_texts_do_not_touch(name: str, language: str) -> None:
    boxes = [(said(t), extent(t)) for t in read(name, language).iter(f"{SVG}text")]
    for (one, a), (other, b) in combinations(boxes, 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, f"{one!r} and {other!r}"


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_are_one_drawing(name: str) -> None:
    def shapes(language: str) -> list[tuple[str, dict[str, str]]]:
        skip = {f"{SVG}{tag}" for tag in ("svg", "title", "desc", "style", "text", "tspan")}
        return [(e.tag, e.attrib) for e in read(name, language).iter() if e.tag not in skip]

    assert shapes("en") == shapes("es")
    assert figures.alt(name, "en") != figures.alt(name, "es")


def test_text_without_room_is_refused() -> None:
    drawing = Drawing("es", 200, "t", "a")
    with pytest.raises(TooWide, match="needs"):
        drawing.box(40, 80, 60, 40, ("image", "imagen muy larga"), "image")
    with pytest.raises(ValueError, match="smaller"):
        drawing.text(40, 100, "small", size=12)


def test_words_may_hold_markup() -> None:
    drawing = Drawing("en", 200, "a < b & c", "a")
    assert ET.fromstring(drawing.svg()).findtext(f"{SVG}title") == "a < b & c"


def test_build_writes_once_and_removes_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "gone.en.svg").write_text("<svg/>")
    assert len(figures.build(tmp_path)) == 2 * len(NAMES) + 1
    assert not (tmp_path / "gone.en.svg").exists()
    assert figures.build(tmp_path) == []


def test_wrap_leaves_no_lonely_word() -> None:
    lines = metrics.wrap("one two three four five six", 16, 190)
    assert len(lines) == 2
    assert abs(len(lines[0]) - len(lines[1])) < 8


def test_lessons_link_figures_that_exist() -> None:
    for source in (figures.FOLDER.parent / "src").glob("*.md"):
        for link in re.findall(r"\.\./figures/([\w.-]+\.svg)", source.read_text(encoding="utf-8")):
            assert (figures.FOLDER / link).is_file(), f"{source.name}: {link}"
