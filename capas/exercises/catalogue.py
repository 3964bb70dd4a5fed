"""The exercises of the course: ``exercises/NN-slug/`` with ``exercise.yaml`` and ``check.py``.

``exercise.yaml``::

    lesson: 06-dockerfile            # after which lesson
    kind: exercise                   # exercise, bug-hunt, project
    images: [python:3.13-slim]       # base images that it needs
    packages: true                   # builds reach the network for packages; else they do not
    seconds: 30                      # about how long a check takes
    checks:                          # in this order; each is a function of check.py
      built:
        title: {en: …, es: …}        # what is looked at
        todo: {en: …, es: …}         # what is still to do
    hints:                           # mistakes by name; steps, each says a little more
      runs-as-root:
        - {en: …, es: …}
    advice:                          # remarks that decide nothing
      latest: {en: …, es: …}

Names between braces in a hint are the values that the check has observed.
"""

import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from capas.errors import CapasError
from capas.exercises.bench import Bench
from capas.language import SOURCE, _, current
from capas.lessons import EXERCISES, Lesson, read

Text = Mapping[str, str]
"""A text in each language."""

COMMON = Path(__file__).with_name("hints.yaml")
"""Hints for mistakes that can be made in any exercise."""


def spoken(text: Text, **values: Any) -> str:
    """Return a text in the current language, with values in the place of their names."""
    found = text.get(current()) or text.get(SOURCE) or next(iter(text.values()))
    return found.format(**values)


@dataclass(frozen=True)
class Check:
    """One thing that an exercise's check looks at."""

    name: str
    title: Text
    todo: Text


@dataclass(frozen=True)
class Exercise:
    """An exercise."""

    folder: Path
    lesson: str
    kind: Literal["exercise", "bug-hunt", "project"]
    images: tuple[str, ...]
    packages: bool
    seconds: int
    checks: tuple[Check, ...]
    hints: Mapping[str, tuple[Text, ...]]
    """By name: its own, and the common ones."""
    advice: Mapping[str, Text]

    @property
    def name(self) -> str:
        """Its name: ``06-dockerfile``."""
        return self.folder.name

    @property
    def number(self) -> int:
        """Its number."""
        return int(self.name[:2])

    @property
    def start(self) -> Path:
        """What a student begins with."""
        return self.folder / "start"

    @property
    def solution(self) -> Path:
        """One right answer."""
        return self.folder / "solution"

    @property
    def lab(self) -> Lesson:
        """Its notebook's source."""
        return read(self.folder / "src.md")

    @property
    def title(self) -> str:
        """Its title in the current language."""
        return self.lab.title(current())

    def functions(self) -> dict[str, Callable[[Bench], None]]:
        """Return the functions of its ``check.py``, by the checks' names, in order."""
        path = self.folder / "check.py"
        spec = importlib.util.spec_from_file_location(f"capas_check_{self.number}", path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return {check.name: getattr(module, check.name) for check in self.checks}


@cache
def common() -> dict[str, tuple[Text, ...]]:
    """Return the hints for mistakes that can be made in any exercise, by name."""
    found = yaml.safe_load(COMMON.read_text(encoding="utf-8"))
    return {name: tuple(steps) for name, steps in found.items()}


def exercises(folder: Path = EXERCISES) -> list[Exercise]:
    """Return all exercises, in order."""
    return [_read(path.parent) for path in sorted(folder.glob("*/exercise.yaml"))]


def find(name: str, folder: Path = EXERCISES) -> Exercise:
    """Return an exercise by number or name (6, 06, 06-dockerfile).

    Raises:
        CapasError: there is none; the sentence names those there are.
    """
    known = sorted(path.parent.name for path in folder.glob("*/exercise.yaml"))
    wanted = re.match(r"0*(\d+)(?:-.*)?$", str(name).strip())
    for found in known:
        if wanted and int(found[:2]) == int(wanted[1]) and name in (found, *_numbers(found, name)):
            return _read(folder / found)
    raise CapasError(
        _("There is no exercise {name}; there are: {known}.").format(
            name=name, known=", ".join(known) or "–"
        )
    )


def _numbers(found: str, name: str) -> tuple[str, ...]:
    return (name,) if str(name).strip().isdecimal() else ()


def _read(folder: Path) -> Exercise:
    found = yaml.safe_load((folder / "exercise.yaml").read_text(encoding="utf-8"))
    return Exercise(
        folder=folder,
        lesson=found["lesson"],
        kind=found["kind"],
        images=tuple(found.get("images") or ()),
        packages=bool(found.get("packages")),
        seconds=int(found["seconds"]),
        checks=tuple(Check(name, c["title"], c["todo"]) for name, c in found["checks"].items()),
        hints={
            **common(),
            **{name: tuple(steps) for name, steps in (found.get("hints") or {}).items()},
        },
        advice=found.get("advice") or {},
    )
