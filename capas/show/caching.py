"""What BuildKit takes from its cache: a model of its rule, in pure Python.

A step has a *key*, made of the step before it and of all that it uses: of a ``RUN`` its command,
user, folder and variables; of a ``COPY`` its destination and what the files hold. It is CACHED if
that key has been built before. Settings (``ENV``, ``CMD``, ``LABEL`` …) make no step: they
matter only to the later steps that use them. Compared with a real BuildKit, order by order, in
``tests/show/test_layer_cache.py``.

Source: https://docs.docker.com/build/cache/invalidation/
"""

import fnmatch
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

State = Literal["base", "setting", "cached", "rebuilt", "wrong"]
Why = Literal[
    "",
    "unknown",
    "first",
    "missing",
    "form",
    "base",
    "before",
    "line",
    "files",
    "variables",
    "settings",
]

SETTINGS = {
    *("ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "STOPSIGNAL", "USER"),
}
"""Instructions that only write into the image's settings."""
STEPS = {"COPY", "RUN", "WORKDIR"}
"""Instructions that make a step (and, if they change files, a layer)."""

INSTALL, RUN, COPY = 5.0, 0.5, 0.1
"""Seconds of the model: a RUN that installs, any other, a COPY."""


@dataclass(frozen=True)
class World:
    """What a build uses beside the Dockerfile; a higher number is a newer version."""

    files: Mapping[str, int]
    """The build context: files at its top, by name."""
    base: int = 0
    args: Mapping[str, str] = field(default_factory=dict)
    """``--build-arg``."""


@dataclass(frozen=True)
class Verdict:
    """What happens to one line of the Dockerfile."""

    line: str
    state: State
    why: Why = ""
    names: tuple[str, ...] = ()
    """What the reason speaks of: files, variables."""
    seconds: float = 0.0


Key = tuple[object, ...]


@dataclass(frozen=True)
class _Step:
    line: str
    keyword: str
    text: str
    state: State
    why: Why = ""
    names: tuple[str, ...] = ()
    key: Key = ()
    parent: Key = ()
    files: tuple[tuple[str, int], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()


def instruction(line: str) -> tuple[str, str]:
    """Return the keyword of a line, in capitals, and what follows it."""
    keyword, _blank, rest = line.strip().partition(" ")
    return keyword.upper(), rest.strip()


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    return re.sub(
        r"\$(?:\{(\w+)\}|(\w+))", lambda name: variables.get(name[1] or name[2], ""), text
    )


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return what an ENV line sets: ``a=b c="d e"``, or the old ``a b``."""
    found = re.findall(r"""(\w+)=("[^"]*"|'[^']*'|\S*)""", text)
    if not found and " " in text:
        name, value = text.split(None, 1)
        return [(name, value)]
    return [(name, value.strip("\"'")) for name, value in found]


def _set(pairs: list[tuple[str, str]], name: str, value: str) -> list[tuple[str, str]]:
    return [*(pair for pair in pairs if pair[0] != name), (name, value)]


def _matching(source: str, world: World) -> tuple[tuple[str, int], ...]:
    """Return the files that a source of COPY takes, with their versions."""
    pattern = posixpath.normpath(source.lstrip("/") or ".")
    return tuple(
        (name, version)
        for name, version in sorted(world.files.items())
        if pattern == "." or fnmatch.fnmatchcase(name, pattern)
    )


def _steps(lines: Sequence[str], world: World) -> list[_Step]:
    """Return each line with its key: what the builder would look up."""
    found: list[_Step] = []
    key: Key = ()
    env: list[tuple[str, str]] = []
    args: list[tuple[str, str]] = []
    folder, user = "/", ""
    for number, line in enumerate(lines):
        keyword, text = instruction(line)
        if (keyword == "FROM") != (number == 0):
            found.append(_Step(line, keyword, text, "wrong", "first"))
            continue
        if keyword == "FROM":
            key = ("FROM", text, world.base)
            found.append(_Step(line, keyword, text, "base", key=key))
            continue
        if keyword not in SETTINGS | STEPS:
            found.append(_Step(line, keyword, text, "wrong", "unknown"))
            continue
        # An ENV of the same name wins over an ARG.
        known = dict(args) | dict(env)
        if keyword in SETTINGS:
            if keyword == "ENV":
                for name, value in _pairs(text):
                    env = _set(env, name, _expanded(value, known))
            elif keyword == "ARG":
                name, has_default, default = text.partition("=")
                if name in world.args or has_default:
                    args = _set(args, name, world.args.get(name, _expanded(default, known)))
            elif keyword == "USER":
                user = _expanded(text, known)
            found.append(_Step(line, keyword, text, "setting"))
            continue
        files: tuple[tuple[str, int], ...] = ()
        variables: tuple[tuple[str, str], ...] = ()
        parent = key
        if keyword == "WORKDIR":
            folder = posixpath.normpath(posixpath.join(folder, _expanded(text, known)))
            key = (parent, keyword, folder, user)
        elif keyword == "RUN":
            variables = (
                *((n, v) for n, v in env),
                *((n, v) for n, v in args if n not in dict(env)),
            )
            key = (parent, keyword, text, folder, user, variables)
        else:
            words = _expanded(text, known).split()
            options = tuple(word for word in words if word.startswith("--"))
            words = [word for word in words if not word.startswith("--")]
            if len(words) < 2:
                found.append(_Step(line, keyword, text, "wrong", "form"))
                continue
            *sources, to = words
            slash = to in (".", "./") or to.endswith("/")
            to = posixpath.normpath(posixpath.join(folder, to)) + ("/" if slash else "")
            taken = [(source, _matching(source, world)) for source in sources]
            if lost := [source for source, some in taken if not some]:
                found.append(_Step(line, keyword, text, "wrong", "missing", (lost[0],)))
                continue
            files = tuple(sorted({pair for _source, some in taken for pair in some}))
            key = (parent, keyword, tuple(some for _source, some in taken), to, options)
        found.append(_Step(line, keyword, text, "cached", "", (), key, parent, files, variables))
    return found


def seconds(line: str) -> float:
    """Return what a step costs when it is built: a model, not a measurement."""
    keyword, text = instruction(line)
    if keyword == "RUN":
        return INSTALL if "install" in text else RUN
    return COPY if keyword == "COPY" else 0.0


def predict(
    before: Sequence[str], world_before: World, after: Sequence[str], world_after: World
) -> list[Verdict]:
    """Say for each line of `after` what a build does with it, when `before` was built last."""
    old = _steps(before, world_before)
    known = {step.key for step in old if step.key}
    by_parent = {step.parent: step for step in old if step.parent}
    verdicts = []
    for step in _steps(after, world_after):
        if step.state == "wrong" or step.state == "setting":
            verdicts.append(Verdict(step.line, step.state, step.why, step.names))
            continue
        if step.state == "base":
            why: Why = "" if step.key in known else "base"
            verdicts.append(Verdict(step.line, "base", why))
            continue
        if step.key in known:
            verdicts.append(Verdict(step.line, "cached"))
            continue
        names: tuple[str, ...] = ()
        other = by_parent.get(step.parent)
        if step.parent not in known:
            why = "before"
        elif other is None or (other.keyword, other.text) != (step.keyword, step.text):
            why = "line"
        elif step.files != other.files:
            why, names = (
                "files",
                tuple(dict.fromkeys(n for n, _v in {*step.files} ^ {*other.files})),
            )
            names = tuple(sorted(names))
        elif step.variables != other.variables:
            changed = {n for n, _v in {*step.variables} ^ {*other.variables}}
            why, names = "variables", tuple(sorted(changed or {n for n, _v in step.variables}))
        else:
            why = "settings"
        verdicts.append(Verdict(step.line, "rebuilt", why, names, seconds(step.line)))
    return verdicts
