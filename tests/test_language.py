"""Which language is spoken, and that every text has its translation."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from capas import language
from capas.errors import CapasError
from capas.paths import ROOT
from capas.show import figures
from capas.show.drawing import LANGUAGES

ENGLISH = "The course does not speak “{language}” yet; choose one of: {known}."


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("CAPAS_LANG", "JPY_SESSION_NAME", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setattr(language, "_FOLDER", None)
    monkeypatch.setattr(language, "_chosen", None)
    language._translations.cache_clear()
    yield
    language._translations.cache_clear()


def test_english_where_nothing_says_otherwise() -> None:
    assert language.current() == "en"


@pytest.mark.parametrize("name", ["es", "es_AR", "es_AR.UTF-8", "ES", "es-UY"])
def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CAPAS_LANG", name)
    assert language.current() == "es"


def test_a_language_that_is_not_spoken_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPAS_LANG", "xx")
    monkeypatch.setenv("LANG", "es_AR.UTF-8")
    assert language.current() == "es"


def test_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "de:es:en")
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    assert language.current() == "es"


def test_a_notebook_speaks_the_language_of_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.chdir(ROOT / "notebooks")
    assert language.current() == "en"
    if (ROOT / "notebooks/es").exists():
        monkeypatch.chdir(ROOT / "notebooks/es")
        assert language.current() == "es"


@pytest.mark.parametrize(
    "name",
    ["notebooks/es/06-dockerfile.ipynb", "/home/ana/capas/notebooks/es/00-start-here.ipynb"],
)
def test_jupyterlab_says_which_notebook(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", name)
    assert language.current() == "es"


def test_a_notebook_speaks_its_language_in_a_lab_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`capas lab --lang en` hands its language to every kernel."""
    monkeypatch.setenv("CAPAS_LANG", "en")
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/ana/capas/notebooks/es/04-architecture.ipynb")
    assert language.current() == "es"


def test_the_folder_is_remembered_when_the_lesson_leaves_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(language, "_FOLDER", "es")
    monkeypatch.chdir(tmp_path)
    assert language.current() == "es"


def test_what_is_used_is_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    language.use("es")
    assert language._(ENGLISH).startswith("El curso todavía")
    language.use("en")
    assert language._(ENGLISH) == ENGLISH
    with pytest.raises(CapasError, match="en, es"):
        language.use("xx")


def test_plurals_follow_the_language() -> None:
    singular, plural = ", {number} of them a stand-in", ", {number} of them stand-ins"
    language.use("es")
    assert language.ngettext(singular, plural, 1).endswith("sustituta")
    assert language.ngettext(singular, plural, 2).endswith("sustitutas")


def test_a_third_language_is_one_more_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pt.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        'msgid "Say the version."\nmsgstr "Dizer a versão."\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(language, "LOCALE", tmp_path)
    monkeypatch.setenv("CAPAS_LANG", "pt_BR")
    assert language.languages() == ["en", "pt"]
    assert language._("Say the version.") == "Dizer a versão."


def catalogue(name: str) -> Catalog:
    with (language.LOCALE / f"{name}.po").open("rb") as file:
        return read_po(file, locale=name, abort_invalid=True)


@pytest.mark.parametrize("name", [n for n in language.languages() if n != language.SOURCE])
def test_every_text_is_translated(name: str) -> None:
    missing = lacking(name)
    assert not missing, f"{name}.po lacks:\n" + "\n".join(missing)


def test_a_further_language_needs_the_words_of_the_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(language, "LOCALE", tmp_path)
    shutil.copy(ROOT / "capas/locale/es.po", tmp_path / "pt.po")
    with (tmp_path / "pt.po").open("a", encoding="utf-8") as file:
        file.write('\nmsgid "your folder"\nmsgstr ""\n')
        file.write('\nmsgid "/app, the code"\nmsgstr "/app, o código"\n')
    missing = lacking("pt")
    assert "a figure: your folder" in missing  # as a template has it: not translated yet
    assert "a figure: /app, the code" not in missing
    assert all(line.startswith("a figure: ") for line in missing)


def lacking(name: str) -> list[str]:
    """Return the texts that a catalogue does not translate, with their places."""
    found = extract_from_dir(
        ROOT / "capas",
        method_map=[("**.py", "python"), ("**.jinja", "jinja2")],
        keywords={"_": None, "ngettext": (1, 2)},
    )
    texts = [
        (f"capas/{file}:{line}", message if isinstance(message, str) else message[0])
        for file, line, message, _comments, _context in found
    ]
    if name not in LANGUAGES:  # figures have the words of these two themselves
        texts += [("a figure", text) for text in figures.words()]
    known = catalogue(name)
    missing = []
    for place, text in texts:
        entry = known.get(text)
        if entry is None or not entry.string or (entry.pluralizable and not all(entry.string)):
            missing.append(f"{place}: {text}")
    return missing


@pytest.mark.parametrize("name", [n for n in language.languages() if n != language.SOURCE])
def test_translations_keep_the_placeholders(name: str) -> None:
    def fields(text: str) -> set[str]:
        return set(re.findall(r"\{[^{}]*\}", text))

    for entry in catalogue(name):
        texts = [entry.id] if isinstance(entry.id, str) else list(entry.id)
        said = entry.string
        translations = [said] if isinstance(said, str) else list(said or ())
        wanted = set().union(*(fields(text) for text in texts))
        for translation in translations:
            if texts[0] and translation:
                assert fields(str(translation)) == wanted, texts[0]


@pytest.mark.parametrize("name", [n for n in language.languages() if n != language.SOURCE])
def test_the_bootstrap_reads_catalogues_without_babel(name: str) -> None:
    bare = language._BareTranslations((language.LOCALE / f"{name}.po").read_text("utf-8"))
    for entry in catalogue(name):
        if entry.id and not entry.pluralizable and not entry.context:
            assert bare.gettext(str(entry.id)) == entry.string


@pytest.mark.parametrize("po", sorted(language.LOCALE.glob("*.po")), ids=lambda po: po.stem)
def test_a_catalogue_has_each_text_once(po: Path) -> None:
    """Of two, the second would win, or the first: it depends on who reads."""
    texts = re.findall(r'^msgid (".*"(?:\n".*")*)', po.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(text for text in set(texts) if texts.count(text) > 1) == []
