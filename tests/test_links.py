"""Links in lessons, quizzes and READMEs: well formed, and to files that are there.

Offline: whether an address still answers is not asked here.
"""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from capas.language import languages
from capas.paths import ROOT

FOLDERS = ("deploy", "docs", "notebooks/src", "notebooks/figures", "sample_apps")
TEXTS = sorted(
    path.relative_to(ROOT)
    for pattern in (
        "*.md",
        "docs/*.md",
        "deploy/*/*.md",
        "notebooks/src/*.md",
        "notebooks/figures/*.md",
        "sample_apps/*.md",
    )
    for path in ROOT.glob(pattern)
)
LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<to>(?:[^()\s]|\([^()\s]*\))*)\)")


def links(text: str) -> list[str]:
    """Return where a Markdown text leads; not what stands in code."""
    text = re.sub(r"^(`{3,}).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "`code`", text)
    return [found["to"] for found in LINK.finditer(text)]


def places(path: Path) -> list[Path]:
    """Return the folders from which a text's links lead: a lesson's are its notebooks'."""
    if path.parent == Path("notebooks/src"):
        return [ROOT / "notebooks" / language for language in languages()]
    return [(ROOT / path).parent]


def problem(to: str, path: Path) -> str:
    """Return what is wrong with a link, or an empty text."""
    address = urlsplit(to)
    if address.scheme == "https":
        return "" if re.fullmatch(r"[\w-]+(\.[\w-]+)+(:\d+)?", address.netloc) else "no host"
    if address.scheme or address.netloc:
        return f"{address.scheme or 'nothing'} is not https"
    if not address.path:
        return "" if address.fragment else "leads nowhere"
    for place in places(path):
        if not (place / address.path).exists():
            return f"there is no {address.path} in {place.relative_to(ROOT)}"
    return ""


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_links_are_well_formed_and_lead_to_something(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    problems = {to: why for to in links(text) if (why := problem(to, path))}
    assert problems == {}


@pytest.mark.parametrize(
    "to",
    ["http://docs.docker.com/", "https:///x", "ftp://a.example/", "", "99-none.ipynb", "//a.b/c"],
)
def test_a_bad_link_is_told(to: str) -> None:
    assert problem(to, Path("notebooks/src/00-start-here.md"))


def test_links_are_found_where_they_are() -> None:
    text = "[a](b.md) ![figure](c.svg) `[code](d.md)` [w](https://e.org/f_(g))\n```\n[h](i)\n```\n"
    assert links(text) == ["b.md", "https://e.org/f_(g)"]
