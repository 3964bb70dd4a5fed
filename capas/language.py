"""Which language this process speaks, and its texts.

Texts stand in English in the code, as ``_("…")``; their translations stand in
``capas/locale/<language>.po`` (gettext catalogues, read with Babel when first
needed, so there is nothing to compile). A further language is one more ``.po``.
"""

import ast
import gettext
import io
import locale
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from capas.errors import CapasError
from capas.paths import ROOT, home, make

if TYPE_CHECKING:
    from babel import Locale

SOURCE = "en"
"""The language that the code itself is written in."""

LOCALE = Path(__file__).parent / "locale"
"""The folder of the catalogues."""

_chosen: str | None = None


def languages() -> list[str]:
    """Return the languages that the course speaks, the source language first."""
    return [SOURCE, *sorted(po.stem for po in LOCALE.glob("*.po") if po.stem != SOURCE)]


def current() -> str:
    """Return the language in use.

    What `use` chose, else that of the notebook's folder (``notebooks/<language>/``),
    else ``$CAPAS_LANG``, else the machine's locale, else English.
    """
    if _chosen is not None:
        return _chosen
    for name in (folder_language() or _FOLDER, os.environ.get("CAPAS_LANG"), *_locales()):
        if name and (known := _known(name)):
            return known
    return SOURCE


def use(language: str | None) -> None:
    """Speak `language` from now on; None goes back to finding it out.

    Raises:
        CapasError: there is no catalogue for it.
    """
    global _chosen
    if language is None:
        _chosen = None
    elif known := _known(language):
        _chosen = known
    else:
        raise CapasError(
            _("The course does not speak “{language}” yet; choose one of: {known}.").format(
                language=language, known=", ".join(languages())
            )
        )


def remember(language: str) -> None:
    """Speak `language` from now on, and in the lab's next runs, too (see `remembered`).

    Raises:
        CapasError: there is no catalogue for it.
        OSError: it cannot be written down.
    """
    use(language)
    make(home())
    _memory().write_text(current() + "\n", encoding="utf-8")


def remembered() -> str | None:
    """Return the language that was chosen in the lab, or None when nobody has chosen yet."""
    try:
        return _known(_memory().read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        return None


def name(language: str) -> str:
    """Return what a language calls itself: ``español``."""
    from babel import Locale, UnknownLocaleError

    try:
        return str(Locale.parse(language).get_display_name(language) or language)
    except UnknownLocaleError:
        return language


def _memory() -> Path:
    return home() / "language"


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak `language` for a while. Raises `CapasError`: there is no catalogue for it."""
    global _chosen
    before = _chosen
    use(language)
    try:
        yield
    finally:
        _chosen = before


def _(text: str) -> str:
    """Return `text` in the current language; as it stands where no translation is known."""
    return _translations(current()).gettext(text) if text else ""


def ngettext(singular: str, plural: str, number: int) -> str:
    """Return the form for `number` in the current language, by that language's own rule."""
    return _translations(current()).ngettext(singular, plural, number)


def numbers() -> "Locale":
    """Return the Babel locale whose numbers the current language writes; English for one unknown.

    A catalogue may be of a language that the Unicode CLDR does not list.
    """
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(current())
    except UnknownLocaleError:
        return Locale.parse(SOURCE)


def folder_language() -> str | None:
    """Return the language of the notebook that this kernel runs, told by the notebook's path.

    JupyterLab says the path in ``$JPY_SESSION_NAME``; elsewhere (VS Code, nbval,
    the build) the kernel starts in the notebook's folder.
    """
    path = os.environ.get("JPY_SESSION_NAME") or _in_vscode()
    for place in (
        r"notebooks[/\\]([A-Za-z_-]+)[/\\][^/\\]+$",
        r"exercises[/\\][^/\\]+[/\\]lab\.([A-Za-z_-]+)\.ipynb$",
    ):
        if (found := re.search(place, path)) and (known := _known(found[1])):
            return known
    try:
        inside = PurePath(os.path.realpath(Path.cwd())).relative_to(ROOT / "notebooks")
    except (ValueError, OSError):  # somewhere else, or the folder is gone
        return None
    return _known(inside.parts[0]) if inside.parts else None


def _in_vscode() -> str:
    """Return the path of the notebook that VS Code has told this kernel, or nothing."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return str(getattr(shell, "user_ns", {}).get("__vsc_ipynb_file__", ""))


def _locales() -> Iterator[str]:
    """Yield the names of the machine's locale, the strongest first, as gettext(3) reads them."""
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            yield from value.split(":")
            return
    if sys.platform == "win32":
        import ctypes

        code = ctypes.windll.kernel32.GetUserDefaultUILanguage()
        yield locale.windows_locale.get(code, "")
    else:
        yield locale.getlocale()[0] or ""


def _known(name: str) -> str | None:
    """Return the language of a locale's name (``es_AR.UTF-8`` → ``es``) where we speak it."""
    plain = name.split(".")[0].split("@")[0].replace("-", "_")
    for candidate in (plain, plain.split("_")[0].lower()):
        if candidate in languages():
            return candidate
    return None


@cache
def _translations(language: str) -> gettext.NullTranslations:
    """Read a language's catalogue."""
    source = LOCALE / f"{language}.po"
    if language == SOURCE and not source.exists():
        return gettext.NullTranslations()
    try:
        from babel.messages.mofile import write_mo
        from babel.messages.pofile import read_po
    except ImportError:
        return _BareTranslations(source.read_text(encoding="utf-8"))
    compiled = io.BytesIO()
    with source.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


class _BareTranslations(gettext.NullTranslations):
    """A catalogue read without Babel, for the bootstrap: one text, one translation."""

    def __init__(self, source: str) -> None:
        super().__init__()
        strings = r'((?:".*"\n?)+)'
        self._texts = {
            self._join(text): self._join(translation)
            for text, translation in re.findall(rf"^msgid {strings}msgstr {strings}", source, re.M)
        }

    @staticmethod
    def _join(lines: str) -> str:
        return "".join(ast.literal_eval(line) for line in lines.splitlines())

    def gettext(self, message: str) -> str:
        return self._texts.get(message) or message


# A lesson may change its folder after the first cell: remember where the kernel started.
_FOLDER = folder_language()
