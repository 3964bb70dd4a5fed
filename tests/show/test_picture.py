"""A computed picture shows wherever a notebook is read, with words for who cannot see it."""

from html.parser import HTMLParser
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from capas.show import Picture
from capas.show.drawing import Drawing


def attributes(html: str) -> dict[str, str]:
    found: dict[str, str] = {}

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag == "img"
            found.update({name: value or "" for name, value in attrs})

    Reader().feed(html)
    return found


def test_the_svg_comes_through_html_and_address_whole() -> None:
    drawing = Drawing("en", 200, 'A "quoted" <title> & 50 %', "what it shows")
    drawing.text(40, 100, "50 % of “it” & #7")
    image = attributes(Picture(drawing.svg(), "what it shows").html())
    kind, _comma, data = image["src"].partition(",")
    assert kind == "data:image/svg+xml"
    assert not set('"#<>\n') & set(data)
    root = ET.fromstring(unquote(data))
    assert "50 % of “it” & #7" in "".join(root.itertext())
    assert image["alt"] == "what it shows"


def test_words_stand_for_it() -> None:
    bundle = Picture("<svg/>", 'say "five" < six')._repr_mimebundle_()
    assert bundle["text/plain"] == 'say "five" < six'
    assert attributes(bundle["text/html"])["alt"] == 'say "five" < six'
