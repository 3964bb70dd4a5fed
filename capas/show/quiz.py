"""The self-check at a lesson's end: questions about what was run, answered in a widget.

The questions of lesson ``NN-slug`` stand in ``notebooks/quizzes/NN-slug.yaml``, in all
languages side by side::

    - question: {en: "…", es: "…"}
      code: docker run --rm busybox ps        # shown below the question; may be left out
      options:
        - {en: "…", es: "…", because: {en: "…", es: "…"}, right: true}
        - {en: "…", es: "…", because: {en: "…", es: "…"}}

One option of each question is right, and every option says why it is or is not. Options are
shuffled anew each time they are shown: their place in the file tells nothing.
"""

import random
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import traitlets
import yaml

from capas.errors import CapasError
from capas.language import SOURCE, _, current
from capas.paths import ROOT
from capas.show.widget import Widget, script

FOLDER = ROOT / "notebooks" / "quizzes"


@dataclass(frozen=True)
class Option:
    """One answer to choose, and why it is right or not."""

    text: str
    because: str
    right: bool


@dataclass(frozen=True)
class Question:
    """A question and its options, in one language."""

    text: str
    code: str
    options: tuple[Option, ...]


def questions(lesson: str, language: str | None = None, folder: Path = FOLDER) -> list[Question]:
    """Return the questions of a lesson (``06-dockerfile``) in a language (default: the current).

    Raises:
        CapasError: there are none, or the file is not as it must be.
    """
    language = language or current()
    path = folder / f"{lesson}.yaml"

    def said(words: dict[str, str]) -> str:
        return str(words.get(language) or words[SOURCE]).strip()

    try:
        found = []
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
            options = tuple(
                Option(said(option), said(option["because"]), bool(option.get("right")))
                for option in entry["options"]
            )
            if sum(option.right for option in options) != 1:
                raise ValueError("one option must be right")
            question = Question(said(entry["question"]), entry.get("code", "").rstrip(), options)
            found.append(question)
        return found
    except FileNotFoundError:
        raise CapasError(
            _("“{name}” is not in this copy of the course: get it anew.").format(
                name=f"notebooks/quizzes/{path.name}"
            )
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise CapasError(
            _("{path} is not a list of questions as the course writes them: {reason}.").format(
                path=f"notebooks/quizzes/{path.name}", reason=" ".join(str(error).split())
            )
        ) from error


class Quiz(Widget):
    """The self-check of a lesson."""

    _esm = script("quiz")
    questions: traitlets.List[Any] = traitlets.List().tag(sync=True)
    answers = traitlets.Dict().tag(sync=True)
    """What has been chosen: number of the question → place of the option in the file, from 0."""

    def __init__(self, lesson: str, folder: Path = FOLDER) -> None:
        """Read the questions of `lesson` (``06-dockerfile``)."""
        self._read = questions(lesson, folder=folder)
        self._lesson = lesson
        super().__init__(
            questions=[
                {
                    "text": question.text,
                    "code": question.code,
                    "options": [vars(option) for option in question.options],
                }
                for question in self._read
            ],
            words={
                "title": _("Check yourself"),
                "question": _("Question {n} of {all}"),
                "right": _("Right."),
                "wrong": _("Not so."),
                "score": _("{n} of {all} right"),
                "again": _("Start over"),
            },
        )

    def still(self) -> dict[str, str]:
        """Return the questions and their options, without the answers."""
        # Mixed, but the same each time: this is what is stored and compared.
        chance = random.Random(self._lesson)
        html, plain = [f"<b>{escape(_('Check yourself'))}</b>", "<ol>"], [_("Check yourself")]
        for number, question in enumerate(self._read, 1):
            options = [option.text for option in question.options]
            chance.shuffle(options)
            code = f"<pre>{escape(question.code)}</pre>" if question.code else ""
            items = "".join(f"<li>{_code(option)}</li>" for option in options)
            html.append(f'<li>{_code(question.text)}{code}<ul type="a">{items}</ul></li>')
            plain.append(f"{number}. {question.text}")
            plain += [f"   {line}" for line in question.code.splitlines()]
            plain += [f"   ( ) {option}" for option in options]
        return {"text/html": "\n".join([*html, "</ol>"]), "text/plain": "\n".join(plain)}


def _code(text: str) -> str:
    """Return `text` as HTML, with what stands between backquotes as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(parts))


def quiz(lesson: str) -> Any:
    """Ask the self-check of a lesson (``06-dockerfile``)."""
    return Quiz(lesson)
