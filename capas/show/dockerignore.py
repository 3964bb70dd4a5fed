"""What a ``.dockerignore`` keeps out of a build context, and which of its lines did it.

The rule of the real builder (https://docs.docker.com/build/concepts/context/#dockerignore-files):
a pattern holds from the context's root; ``*`` and ``?`` stop at a slash, ``**`` does not; what
holds for a folder holds for all in it; ``!`` brings back; the last line that matches decides. The
docker SDK's matcher is not used: it takes no account of capitals, and knows no ``[^…]`` and no
``\\``. Compared with a real builder, file by file, in ``tests/show/test_context.py``.
"""

import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


class BadPattern(ValueError):
    """A line that the builder would refuse; `args`: its number and its text."""


@dataclass(frozen=True)
class Pattern:
    """One line of a ``.dockerignore``."""

    line: int
    """Number of the line, from 1."""
    text: str
    """As written."""
    back: bool
    """It begins with ``!``: it brings back what a line above kept out."""
    regex: re.Pattern[str]


def patterns(text: str) -> list[Pattern]:
    """Read a ``.dockerignore``. Raises `BadPattern`."""
    found = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        back = line.strip().startswith("!")
        pattern = line.strip().removeprefix("!").strip()
        if not pattern:
            raise BadPattern(number, line)
        pattern = posixpath.normpath(pattern)
        pattern = re.sub("^/+(?=.)", "", pattern)
        try:
            regex = re.compile(_regex(pattern), re.DOTALL)
        except (re.error, IndexError):
            raise BadPattern(number, line) from None
        found.append(Pattern(number, line.strip(), back, regex))
    return found


def _regex(pattern: str) -> str:
    """Return the regular expression of a cleaned pattern, for a whole path."""
    regex, at = "", 0
    while at < len(pattern):
        sign = pattern[at]
        at += 1
        if sign == "*" and pattern[at : at + 1] == "*":
            at += 1
            at += pattern[at : at + 1] == "/"
            regex += ".*" if at >= len(pattern) else "(?:.*/)?"
        elif sign == "*":
            regex += "[^/]*"
        elif sign == "?":
            regex += "[^/]"
        elif sign == "\\":
            regex += re.escape(pattern[at])
            at += 1
        elif sign == "[":
            end = pattern.index("]", at + 1) if "]" in pattern[at + 1 :] else -1
            if end < 0:
                raise re.error("a [ without its ]")
            inside = pattern[at:end]
            negated = inside.startswith("^")
            inside = inside.removeprefix("^").replace("[", r"\[")
            regex += f"[{'^' * negated}{inside}]"
            at = end + 1
        else:
            regex += re.escape(sign)
    # `**name` is `**/name` or anything that ends so: the builder compares the end.
    if pattern.startswith("**") and not re.search(r"[*?\[\\]", rest := pattern[2:]) and rest:
        ends = f".*{re.escape(rest)}"
        return f"{ends}|{re.escape(rest[1:])}" if rest.startswith("/") else ends
    return regex


def decides(path: str, rules: list[Pattern]) -> Pattern | None:
    """Return the pattern that decides about `path`, the last that matches; None: no pattern does.

    ``path`` has slashes and begins at the context's root. It is kept out if there is such a
    pattern and it does not bring `back`.
    """
    parts = path.split("/")
    rule, matched = None, [False] * len(rules)
    for n in range(1, len(parts) + 1):
        rule, matched = _decides("/".join(parts[:n]), rules, matched)
    return rule


def _decides(
    path: str, rules: list[Pattern], above: list[bool]
) -> tuple[Pattern | None, list[bool]]:
    """Decide about `path` when its folder matched `above`; return also what it matches itself."""
    last: Pattern | None = None
    matched = list(above)
    for n, rule in enumerate(rules):
        # Where it could not change anything, the builder does not even look: ``!folder`` finds
        # nothing to bring back at the folder, and so does not hold for what is in it.
        if not matched[n] and rule.back == (last is not None and not last.back):
            matched[n] = rule.regex.fullmatch(path) is not None
        if matched[n]:
            last = rule
    return last, matched


@dataclass
class Entry:
    """A file or a folder of the context."""

    name: str
    path: str
    folder: bool
    size: int = 0
    """Bytes of a file; of a folder, of all files in it."""
    out: int = 0
    """How many of these bytes are kept out."""
    files: int = 0
    files_out: int = 0
    rule: Pattern | None = None
    """What decided (of a folder: about the folder itself)."""
    entries: list["Entry"] = field(default_factory=list)

    @property
    def kept_out(self) -> bool:
        """Whether nothing of it is sent."""
        return self.files_out == self.files and (
            self.files > 0 or (self.rule is not None and not self.rule.back)
        )


def survey(folder: str | Path, text: str) -> Entry:
    """Return the context as a tree. Raises `BadPattern`, and `OSError` for no such folder."""
    rules = patterns(text)

    def look(path: Path, name: str, place: str, rule: Pattern | None, above: list[bool]) -> Entry:
        entry = Entry(name, place, folder=True, rule=rule)
        with os.scandir(path) as found:
            inside = sorted(found, key=lambda one: one.name)
        for one in inside:
            at = f"{place}/{one.name}" if place else one.name
            rule, matched = _decides(at, rules, above)
            if one.is_dir(follow_symlinks=False):
                try:
                    part = look(Path(one.path), one.name, at, rule, matched)
                except PermissionError:
                    continue
            else:
                size = one.stat(follow_symlinks=False).st_size if one.is_file() else 0
                part = Entry(one.name, at, folder=False, size=size, files=1, rule=rule)
                if rule is not None and not rule.back:
                    part.out, part.files_out = size, 1
            entry.size += part.size
            entry.out += part.out
            entry.files += part.files
            entry.files_out += part.files_out
            entry.entries.append(part)
        return entry

    return look(Path(folder), ".", "", None, [False] * len(rules))


def files(entry: Entry) -> Iterator[Entry]:
    """Yield all files of a tree."""
    for one in entry.entries:
        if one.folder:
            yield from files(one)
        else:
            yield one
