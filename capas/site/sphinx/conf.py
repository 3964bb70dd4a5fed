"""Sphinx's configuration of the site of one language: that of ``$CAPAS_LANG``."""

from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.locale import _ as theirs
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

from capas.language import _, current, name
from capas.paths import ROOT
from capas.site import pages
from capas.slides.page import language_of

if TYPE_CHECKING:
    from sphinx.application import Sphinx

language = current()
project = "Capas"
extensions = ["myst_nb"]
templates_path = ["templates"]
html_static_path = ["static", *map(str, pages.pictures(language))]
html_css_files = ["capas.css"]
html_theme = "pydata_sphinx_theme"
html_title = f"Capas: {_('Virtualization and Docker')}"
html_favicon = "static/capas.svg"
html_copy_source = False
html_use_index = False
html_theme_options = {
    "logo": {"text": "Capas"},
    "github_url": pages.repository(),
    "navbar_end": ["languages", "theme-switcher", "navbar-icon-links"],
    "search_bar_text": _("Search"),
    "secondary_sidebar_items": ["page-toc", "elsewhere"],
    "primary_sidebar_end": [],
    "footer_start": ["licence"],
    "footer_end": [],
}
html_context = {"default_mode": "auto"}  # light or dark: as the system is
html_sidebars: dict[str, list[str]] = {"index": [], "slides": [], "search": []}

nb_execution_mode = "off"
nb_merge_streams = True  # what a cell wrote on stdout and stderr, in its order
nb_ipywidgets_js: dict[str, object] = {}  # widgets stand still; their scripts come from elsewhere
myst_enable_extensions: list[str] = []  # notebooks are plain Markdown: “$” is no formula
suppress_warnings = [
    "misc.highlighting_failure",  # `!docker …` and files are no Python
    "myst.header",  # a notebook may go from one hash to three
]

THEME = {"Section Navigation": _("Section Navigation")}
"""Words of the theme that its own catalogue has wrong in some language."""

_PAGES = {page.name: page for page in pages.pages(language)}


class Links(SphinxPostTransform):
    """Has a page's links lead where they lead in the repository, before MyST looks for them."""

    default_priority = 8  # MyST's own is 9

    def run(self, **kwargs: Any) -> None:
        """Resolve each link to a file; one that leads nowhere is left for MyST to tell."""
        page = _PAGES.get(self.env.docname)
        for link in list(self.document.findall(pending_xref)):
            if page is None or link["reftype"] != "myst" or link["refdomain"] == "doc":
                continue
            if address := pages.address(link["reftarget"], page, language):
                link.replace_self(nodes.reference("", "", *link[0].children, refuri=address))


class Files(SphinxTransform):
    """Has a cell that writes a file coloured as that file."""

    default_priority = 210

    def apply(self, **kwargs: Any) -> None:
        """Set the language of such cells' code."""
        for block in self.document.findall(nodes.literal_block):
            first, _newline, rest = block.astext().partition("\n")
            if first.startswith("%%writefile "):
                block["language"] = language_of(first.split()[1], rest)


def setup(app: "Sphinx") -> None:
    """Resolve links as they stand in the repository; tell templates of languages and sources."""
    app.add_post_transform(Links)
    app.add_transform(Files)
    app.connect("html-page-context", _context)


def _context(
    app: "Sphinx", pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    up = "../" * (pagename.count("/") + 1)
    page = _PAGES.get(pagename)
    context["languages"] = [
        {"id": one, "name": name(one), "url": f"{up}{one}/{_page_in(one, pagename)}.html"}
        for one in pages.spoken()
    ]
    context["words"] = {
        "language": _("Language"),
        "deck": _("Slides of this lesson"),
        "source": _("On GitHub"),
        "licence": _("Texts and figures:"),
    }
    context["source_url"] = pages.on_github(page.source) if page else ""
    context["deck"] = (
        f"{up}slides/{language}/{page.slug}.html?index"
        if page and page.name.startswith("lessons/")
        else ""
    )
    context["_"] = lambda text: THEME.get(text) or theirs(text)
    context["licence_url"] = pages.on_github(ROOT / "LICENSE-content")


def _page_in(other: str, pagename: str) -> str:
    """Return the name of the same page in another language, or that of its first page."""
    if pagename in _PAGES and pagename not in {page.name for page in pages.pages(other)}:
        return "index"
    return pagename
