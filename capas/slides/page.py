"""A deck as one HTML file: its slides, pictures, reveal.js and the course's look, all inside.

The page forbids the browser by its own policy (CSP) to load anything else, so that it shows the
same in a lecture room without a network. Text is never smaller than `SMALLEST` CSS pixels on
1280 × 720; what does not fit at its usual size is made smaller down to that by ``deck.js``.
"""

import base64
import mimetypes
import re
from collections.abc import Sequence
from functools import cache
from html import escape, unescape
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import quote, unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name, guess_lexer_for_filename
from pygments.util import ClassNotFound

from capas.language import _
from capas.paths import ROOT
from capas.show.style import FONT, MONO, css_variables
from capas.slides import reveal
from capas.slides.deck import Deck, Slide, chosen

WIDTH, HEIGHT = 1280, 720
"""Of a slide, in CSS pixels."""
SMALLEST = 20
"""The smallest text on a slide, in CSS pixels; that of its pictures, too."""
NARROW = 40
"""A long list with no line longer than this, in characters, stands in two columns."""
WHOLE = 26
"""Code within a sentence, up to so many characters, is not broken over two lines."""
LONGEST = 180
"""Characters of a line of output that are shown."""

ASSETS = Path(__file__).parent / "assets"
_PLACEHOLDER = re.compile(r"(?:sha256:)?‹\w+›")
"""A line of output that is nothing but what differs from run to run (nbval_sanitize.cfg)."""
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_IMAGE = re.compile(
    r'<img\b[^>]*?alt="(?P<alt>[^"]*)"[^>]*?src="(?P<src>data:image/svg[^"]*)"[^>]*>'
)
_TITLE = re.compile(r'<text class="ink bold" x="40" y="54" font-size="27"[^>]*>.*?</text>')
_VIEW = re.compile(r'viewBox="0 0 (?P<width>[\d.]+) (?P<height>[\d.]+)"(?P<size>[^>]*)')


def deck_page(deck: Deck) -> str:
    """Return the HTML of a deck."""
    files = reveal.files()
    total = len(deck.slides)
    slides = [
        {
            "kind": "title" if number == 1 else slide.kind,
            "html": Markup(_slide(slide)),
            "notes": Markup(_notes(deck.slides, number - 1)),
            "seconds": round(60 * slide.minutes),
            "number": number,
        }
        for number, slide in enumerate(deck.slides, start=1)
    ]
    script = (files / "dist/reveal.js").read_text(encoding="utf-8")
    return (
        _templates()
        .get_template("deck.html.j2")
        .render(
            language=deck.language,
            title=deck.title,
            slides=slides,
            total=total,
            all_decks=_("All decks"),
            marks={"lecture": _("From the lecture"), "predict": _("Predict")},
            style=Markup(
                (files / "dist/reveal.css").read_text(encoding="utf-8")
                + style()
                + _asset("deck.css")
            ),
            # without the address of a file that is not here
            reveal=Markup(re.sub(r"//# sourceMappingURL=\S+", "", script)),
            notes_plugin=Markup((files / "plugin/notes/notes.js").read_text(encoding="utf-8")),
            script=Markup(_asset("deck.js")),
        )
    )


def index_page(language: str, decks: list[Deck], others: list[str], home: str = "") -> str:
    """Return the HTML of the page that lists the decks of a language.

    It leads to those of `others`, and to the address `home`, if there is one. Decks opened from
    here lead back here (``?index``).
    """
    return (
        _templates()
        .get_template("index.html.j2")
        .render(
            language=language,
            title=_("Capas: the slides"),
            home=home,
            course=_("The course"),
            columns=(_("lesson"), _("slides"), _("minutes")),
            decks=[
                {
                    "file": f"{deck.lesson.name}.html",
                    "title": deck.title,
                    "slides": len(deck.slides),
                    "minutes": round(sum(slide.minutes for slide in deck.slides)),
                }
                for deck in decks
            ],
            keys=[
                ("→ ←", _("the next slide, the one before")),
                ("S", _("the speaker's window: notes, clock, the next slide (over http)")),
                ("T", _("dark or light")),
                ("O", _("all slides at once")),
                ("F", _("the whole screen")),
                (".", _("a black screen")),
                ("?", _("all keys")),
            ],
            others=others,
            style=Markup(style() + _asset("index.css")),
        )
    )


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


@cache
def style() -> str:
    """Return the palette as CSS variables: light, dark where the system is, or as chosen."""
    light, dark = css_variables("light"), css_variables("dark")
    return (
        f":root{{color-scheme:light;--font:{FONT};--mono:{MONO};{light}}}"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{"
        f"color-scheme:dark;{dark}}}}}"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}"
    )


# --- a slide ------------------------------------------------------------------------


def _slide(slide: Slide) -> str:
    parts = [_html(slide.above, slide.part)]
    if slide.code:
        parts.append(_code(*slide.code))
    if slide.outputs:
        parts.append(_outputs(*slide.outputs, slide.part))
    if slide.below:
        parts.append(_html(slide.below, slide.part))
    return "".join(parts)


def _notes(slides: list[Slide], at: int) -> str:
    slide = slides[at]
    if not slide.notes:
        return ""
    first = next(n for n, each in enumerate(slides) if each.notes == slide.notes)
    run = sum(each.minutes for each in slides if each.notes == slide.notes)
    end = sum(each.minutes for each in slides[:first]) + run
    head = _("{minutes:g} min, until minute {end:g}").format(minutes=round(run), end=round(end))
    return f"<p><strong>{escape(head)}</strong></p>" + _html(slide.notes)


class _Renderer(RendererHTML):
    """Markdown as slides have it: pictures inside the page, code in the course's colours."""

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        alt = self.renderInlineAsText(token.children or [], options, env)
        path = (ROOT / "notebooks/en" / str(token.attrs["src"])).resolve()
        if path.suffix == ".svg":
            return picture(path.read_text(encoding="utf-8"), alt, env["part"])
        data = base64.b64encode(path.read_bytes()).decode()
        kind = mimetypes.guess_type(path)[0]
        return f'<img class="picture" alt="{escape(alt)}" src="data:{kind};base64,{data}">'

    def code_inline(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        text = tokens[idx].content
        whole = ' class="whole"' if len(text) <= WHOLE else ""
        return f"<code{whole}>{escape(text)}</code>"

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        return _panel(token.content.rstrip("\n").split("\n"), token.info.strip())


def _html(markdown: str, part: str = "") -> str:
    return str(_markdown().render(markdown, {"part": part}))


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table")


def picture(svg: str, alt: str, part: str = "") -> str:
    """Return an SVG of the course as an ``<img>``: large, without its own title and margins.

    ``part`` is what is shown of it, as a view box: left, top, width and height in its own units.
    """
    svg = svg.replace("\n", " ")
    bare = _TITLE.sub("", svg, count=1)  # the slide's heading says it
    found = _VIEW.search(svg)
    if found and (part or bare != svg):
        left, top = 34.0, 74.0
        width, height = float(found["width"]) - 2 * left, float(found["height"]) - top - 18
        if part:
            left, top, width, height = map(float, part.split())
        view = f'viewBox="{left:g} {top:g} {width:g} {height:g}"'
        bare = _VIEW.sub(f'{view} width="{width:g}" height="{height:g}"', bare, count=1)
    return f'<img class="picture" alt="{escape(alt)}" src="{_address(bare)}">'


def _address(svg: str) -> str:
    return "data:image/svg+xml," + quote(svg, safe=" =:;/,.()-")


# --- code and outputs ---------------------------------------------------------------


def _code(source: str, which: str) -> str:
    """Return the chosen lines of a code cell: a file, commands as in a terminal, or Python."""
    lines = source.split("\n")
    named = re.fullmatch(r"%%writefile (\S+)", lines[0])
    taken = chosen(lines, which)
    if named:
        taken = dedent("\n".join(line for line in taken if line != lines[0])).split("\n")
        return _panel(taken, language_of(named[1], "\n".join(lines[1:])), caption=named[1])
    taken = dedent("\n".join(taken)).strip("\n").split("\n")
    if _are_commands(taken):
        return f'<pre class="terminal">{_commands(taken)}</pre>'
    return _panel(taken, "ipython3")


def _are_commands(lines: list[str]) -> bool:
    goes_on = False
    for line in lines:
        if line and line != "⋮" and not line.startswith("!") and not goes_on:
            return False
        goes_on = line.endswith("\\")
    return True


def _commands(lines: list[str]) -> str:
    shown = []
    for line in lines:
        if line.startswith("!"):
            shown.append(f'<span class="command"><i>$ </i>{escape(line[1:])}</span>')
        elif line == "⋮":
            shown.append('<span class="command cut">⋮</span>')
        elif line:
            shown.append(f'<span class="command more">{escape(line.strip())}</span>')
    return "".join(shown)


def language_of(name: str, text: str) -> str:
    """Return which lexer of Pygments colours a file."""
    if Path(name).name.startswith("Dockerfile") or text.startswith("FROM "):
        return "docker"
    try:
        return str(guess_lexer_for_filename(name, text).aliases[0])
    except ClassNotFound:
        return "text"


def _panel(lines: list[str], language: str, caption: str = "") -> str:
    try:
        lexer = get_lexer_by_name(language or "text", ensurenl=False, stripnl=False)
    except ClassNotFound:
        lexer = get_lexer_by_name("text", ensurenl=False, stripnl=False)
    # The sign for left out lines is no code. A line that is broken goes on further right.
    code = [line for line in lines if line != "⋮"]
    coloured = iter(highlight("\n".join(code), lexer, HtmlFormatter(nowrap=True)).split("\n"))
    html = "".join(
        '<span class="line cut">⋮</span>'
        if line == "⋮"
        else f'<span class="line" style="--in: {len(line) - len(line.lstrip())}">'
        f"{next(coloured)}</span>"
        for line in lines
    )
    head = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    many = len(lines) > 12 and all(len(line) <= NARROW and line[:1] != " " for line in lines)
    return f'<figure class="code{" two" * many}">{head}<pre>{html}</pre></figure>'


def _outputs(outputs: list[NotebookNode], which: str, part: str) -> str:
    """Return outputs; `which`: ``picture`` for all but text, lines of it, or empty: all."""
    text = [output for output in outputs if output.output_type in ("stream", "error")]
    rest = [output for output in outputs if output.output_type not in ("stream", "error")]
    if which == "picture":
        return "".join(_rich(output.data, "", part) for output in rest)
    shown = []
    if text:
        lines = "".join(_text(output) for output in text).rstrip("\n").split("\n")
        cut = [
            line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
            for line in chosen(lines, which)
            if not _PLACEHOLDER.fullmatch(line)
        ]
        body = "\n".join(
            '<span class="cut">⋮</span>' if line == "⋮" else escape(line) for line in cut
        )
        shown.append(f'<pre class="terminal output">{body}</pre>')
    if not text or not which:
        shown += [_rich(output.data, which, part) for output in rest]
    return "".join(shown)


def _text(output: NotebookNode) -> str:
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}\n"
    return _ANSI.sub("", str(output.text))


def _rich(data: dict[str, Any], which: str, part: str) -> str:
    if markdown := data.get("text/markdown"):
        fence = re.fullmatch(r"`{3,}(\w*)\n(.*?)\n`{3,}\s*", markdown, re.S)
        if fence:
            return _panel(chosen(fence[2].split("\n"), which), fence[1])
        return _html(markdown)
    html = data.get("text/html", "")
    if image := _IMAGE.search(html):
        svg = unquote(image["src"].partition(",")[2])
        return picture(svg, unescape(image["alt"]), part)
    if html:
        # What came (+) or went (−) keeps its sign on its line.
        html = re.sub(r"([+−]) (?=\w)", "\\1\N{NO-BREAK SPACE}", html)
        return f'<div class="made">{_rows(html, which)}</div>'
    lines = chosen(str(data.get("text/plain", "")).split("\n"), which)
    return f'<pre class="terminal output">{escape(chr(10).join(lines))}</pre>'


def _rows(html: str, which: str) -> str:
    """Keep the chosen rows of a table's body, and no caption about the whole of it."""
    body = re.search(r"<tbody>(.*?)</tbody>", html, re.S)
    if not which or not body:
        return html
    rows = [row for row in re.findall(r"<tr>.*?</tr>", body[1], re.S)]
    kept = [row for row in chosen(rows, which) if row != "⋮"]
    head = re.sub(r"<caption.*?</caption>", "", html[: body.start(1)], flags=re.S)
    return head + "".join(kept) + html[body.end(1) :]
