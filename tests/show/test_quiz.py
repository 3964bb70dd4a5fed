"""The self-checks: each one complete in every language, and fair."""

import re
from pathlib import Path

import pytest
import yaml

from capas import lessons
from capas.errors import CapasError
from capas.language import languages
from capas.show.quiz import FOLDER, Quiz, questions

QUIZZES = sorted(FOLDER.glob("*.yaml"))


def texts(value: object) -> list[str]:
    """Return every text that is written in languages, as its languages."""
    if isinstance(value, dict):
        mine = [sorted(set(value) & {*languages()})] if set(value) & {*languages()} else []
        return [str(m) for m in mine] + [t for v in value.values() for t in texts(v)]
    if isinstance(value, list):
        return [text for entry in value for text in texts(entry)]
    return []


@pytest.mark.parametrize("path", QUIZZES, ids=lambda path: path.stem)
def test_a_quiz_is_complete_in_every_language(path: Path) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(texts(content)) == {str(sorted(languages()))}
    for language in languages():
        found = questions(path.stem, language)
        assert 4 <= len(found) <= 6
        for question in found:
            assert len(question.options) >= 3, question.text
            assert len({option.text for option in question.options}) == len(question.options)
            assert all(len(option.because) > 15 for option in question.options), question.text


@pytest.mark.parametrize("path", QUIZZES, ids=lambda path: path.stem)
def test_the_right_option_cannot_be_told_by_its_length(path: Path) -> None:
    for language in languages():
        found = questions(path.stem, language)
        longest = [max(q.options, key=lambda option: len(option.text)).right for q in found]
        assert sum(longest) < len(found), f"{language}: the longest option is always right"


@pytest.mark.parametrize("path", QUIZZES, ids=lambda path: path.stem)
def test_a_quiz_belongs_to_a_lesson_that_asks_it(path: Path) -> None:
    source = (lessons.NOTEBOOKS / "src" / f"{path.stem}.md").read_text(encoding="utf-8")
    assert f'show.quiz("{path.stem}")' in source


def test_the_still_tells_no_answer() -> None:
    for path in QUIZZES:
        still = Quiz(path.stem).still()
        for question in questions(path.stem):
            for option in question.options:
                assert option.because not in still["text/plain"] + still["text/html"]
        assert still == Quiz(path.stem).still()


def test_the_still_does_not_keep_the_files_order() -> None:
    first = [re.findall(r"\( \) (.*)", Quiz(path.stem).still()["text/plain"]) for path in QUIZZES]
    as_written = [[o.text for q in questions(path.stem) for o in q.options] for path in QUIZZES]
    assert first != as_written


def test_no_quiz_and_a_broken_quiz_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(CapasError, match="not in this copy"):
        questions("99-none", folder=tmp_path)
    (tmp_path / "98-two.yaml").write_text(
        "- question: {en: a}\n  options:\n"
        "    - {en: b, because: {en: c}, right: true}\n"
        "    - {en: d, because: {en: e}, right: true}\n"
    )
    with pytest.raises(CapasError, match="one option must be right"):
        questions("98-two", folder=tmp_path)
    (tmp_path / "97-text.yaml").write_text("- just a text\n")
    with pytest.raises(CapasError, match=r"97-text\.yaml"):
        questions("97-text", folder=tmp_path)
