"""Which pages a language's site has, and where they come from."""

import json
import re
import shutil
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from capas import language as languages
from capas.language import _
from capas.paths import ROOT

FIGURES = "notebooks/figures"
PICTURES = "docs/pictures"
START = """\
git clone {repository}
cd {name}
python3 -m capas lab
"""


@dataclass(frozen=True)
class Page:
    """A page that stands in the repository: a lesson, a lab or a guide."""

    name: str
    """Its place in the site of each language, without the ending: ``lessons/06-dockerfile``."""
    source: Path
    """The notebook or Markdown file that it is made of."""

    @property
    def title(self) -> str:
        """A notebook's title, with its number and as Markdown; of a guide, its first line."""
        text = self.source.read_text(encoding="utf-8")
        if self.source.suffix == ".md":
            return text.partition("\n")[0].lstrip("# ")
        return f"{int(self.slug[:2])} · {self._course['title']}"

    @property
    def minutes(self) -> int:
        """How long a notebook takes."""
        return int(self._course["minutes"])

    @property
    def ability(self) -> str:
        """What one can do after a lesson, as Markdown: the first thing that it promises."""
        cells = json.loads(self.source.read_text(encoding="utf-8"))["cells"]
        promised = re.search(r"^- (.+?)[;.]?$", "".join(cells[0]["source"]), re.M)
        return promised[1] if promised else ""

    @property
    def _course(self) -> dict[str, Any]:
        """What a notebook says of itself."""
        content = json.loads(self.source.read_text(encoding="utf-8"))["metadata"]["capas"]
        return cast("dict[str, Any]", content)

    @property
    def slug(self) -> str:
        """The last part of its name."""
        return self.name.rpartition("/")[2]


def spoken() -> list[str]:
    """Return the languages in which there are lessons."""
    return [one for one in languages.languages() if any((ROOT / "notebooks" / one).glob("*.ipynb"))]


def pages(language: str) -> list[Page]:
    """Return lessons, labs and guides in order; a guide that is not translated is English."""
    lessons = sorted((ROOT / "notebooks" / language).glob("*.ipynb"))
    labs = sorted((ROOT / "exercises").glob(f"*/lab.{language}.ipynb"))
    guides = [path for path in sorted((ROOT / "docs").glob("*.md")) if "." not in path.stem]
    translated = [path.with_name(f"{path.stem}.{language}.md") for path in guides]
    return [
        *(Page(f"lessons/{path.stem}", path) for path in lessons),
        *(Page(f"labs/{path.parent.name}", path) for path in labs),
        *(
            Page(f"guides/{path.stem}", own if own.is_file() else path)
            for path, own in zip(guides, translated, strict=True)
        ),
    ]


@cache
def everywhere() -> dict[Path, tuple[str, str]]:
    """Return, for each file that is a page, the language of the site and the page's name."""
    return {page.source: (one, page.name) for one in spoken() for page in pages(one)}


def repository() -> str:
    """Return the address of the repository."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(content["project"]["urls"]["Repository"])


def _start() -> str:
    address = repository()
    return START.format(repository=address, name=address.rpartition("/")[2])


def on_github(path: Path) -> str:
    """Return the address of a file or folder in the repository."""
    kind = "tree" if path.is_dir() else "blob"
    return f"{repository()}/{kind}/main/{path.relative_to(ROOT).as_posix()}"


def address(target: str, page: Page, language: str) -> str | None:
    """Return where a link of a page leads in the site, from that page; None if it is broken.

    A link in a notebook leads from the notebook's folder in the repository to another file of
    it: that is a page here, in this language or another, or it is shown on GitHub.
    """
    parts = urlsplit(target)
    path = (page.source.parent / parts.path).resolve()
    if not path.is_relative_to(ROOT) or not path.exists():
        return None
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    if path not in everywhere():
        return on_github(path) + fragment
    its_language, name = everywhere()[path]
    up = "../" * page.name.count("/")
    if its_language != language and name not in {one.name for one in pages(language)}:
        return on_github(path) + fragment
    across = "" if its_language == language else f"../{its_language}/"
    return f"{up}{across}{name}.html{fragment}"


def lay_out(language: str, folder: Path) -> None:
    """Write Sphinx's source of a language's site; `language` is the one being spoken."""
    found = pages(language)
    for page in found:
        target = folder / f"{page.name}{page.source.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page.source, target)
    shutil.copytree(ROOT / FIGURES, folder / "figures", ignore=shutil.ignore_patterns("*.md"))
    for name, text in _written(language, found).items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8", newline="\n")


def _written(language: str, found: list[Page]) -> dict[str, str]:
    """Return the pages that stand nowhere in the repository: the first, and one for each part."""
    lessons, labs, guides = (
        [page for page in found if page.name.startswith(part)]
        for part in ("lessons/", "labs/", "guides/")
    )
    decks = [
        f'<a href="../slides/{language}/{page.slug}.html?index">{_inline(page.title)}</a>'
        for page in lessons
    ]
    parts = {
        "lessons/index": (_("Lessons"), "", lessons),
        "labs/index": (_("Labs"), _about_labs(), labs),
        "guides/index": (_("Guides"), "", guides),
    }
    return {
        "index": "\n\n".join(
            (
                f"# {_('Virtualization and Docker')}",
                _("Lessons in which everything runs, and labs in which you build it."),
                _film(language),
                _(
                    "Here they stand to be read, with the outputs of a real Docker Engine. To run "
                    "them yourself, you need Git and Python 3.11 or newer:"
                ),
                f"```text\n{_start()}```",
                f"[{_('Where it runs')}](guides/where-it-runs.md)",
                f"## {_('Lessons')}\n\n{_('After each of them you can …')}\n\n{_overview(lessons)}",
                f"## {_('Labs')}\n\n{_about_labs()}\n\n{_overview(labs)}",
                _toctree(["lessons/index", "labs/index", "slides", "guides/index"], hidden=True),
            )
        ),
        **{
            name: f"# {heading}\n\n{about}\n\n{_toctree([page.slug for page in listed])}"
            for name, (heading, about, listed) in parts.items()
        },
        "slides": "\n\n".join(
            (
                f"# {_('Slides')}",
                _(
                    "One deck a lesson, for the lecture room. Each is one file, which can be "
                    "copied and opened without a network; [how](guides/slides.md)."
                ),
                "\n".join(f"- {deck}" for deck in decks),
                f'<a href="../slides/{language}/index.html">'
                f"{_('All decks, with their slides and minutes')}</a>",
            )
        ),
    }


def _about_labs() -> str:
    return _(
        "Each is a notebook and a folder of your own. `lab.check()` builds what you wrote, runs it "
        "and looks at what really happens: that needs the course on your machine."
    )


def _film(language: str) -> str:
    """Return the README's film of the lab, with its still, as HTML."""
    own = ROOT / f"README.{language}.md"
    text = (own if own.is_file() else ROOT / "README.md").read_text(encoding="utf-8")
    film = re.search(r"<picture>.*?</picture>", text, re.S)
    return film[0].replace(f"{PICTURES}/", "_static/") if film else ""


def pictures(language: str) -> list[Path]:
    """Return the files that a language's film consists of."""
    return [ROOT / PICTURES / name for name in re.findall(r'_static/([^"]+)', _film(language))]


def _overview(listed: list[Page]) -> str:
    """Return links to notebooks, with what each takes and gives."""
    lines = []
    for page in listed:
        minutes = _("{n} min").format(n=page.minutes).replace(" ", "\N{NO-BREAK SPACE}")
        lines.append(f"- [{page.title}]({page.name}{page.source.suffix}) · {minutes}")
        if page.name.startswith("lessons/") and page.ability:
            lines.append(f"\n  {page.ability}\n")
    return "````{container} overview\n" + "\n".join(lines) + "\n````"


def _inline(title: str) -> str:
    """Return a title as HTML; its only markup is code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", title)


def _toctree(names: list[str], *, hidden: bool = False) -> str:
    options = ":maxdepth: 1\n" + ":hidden:\n" * hidden
    return "```{toctree}\n" + options + "\n" + "\n".join(names) + "\n```\n"
