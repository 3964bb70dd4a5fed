"""Say in Markdown what broke in the weekly run: the tests by name, what had moved, the log's end.

Reads what the workflow left in the current folder, each of which may be missing: drift.txt and
drift-said.txt, tests.txt, junit.xml. The first line is the issue's title. Standard library only.
"""

import contextlib
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

LINES = 60
"""How much of a log an issue quotes."""
MOST = 50
"""How many tests are named."""
ALL = 60_000
"""Characters; an issue may have 65,536."""


def failed(file: Path) -> Iterator[str]:
    """Yield the names of the tests that failed, as pytest's junit.xml has them."""
    with contextlib.suppress(OSError, ElementTree.ParseError):
        for case in ElementTree.parse(file).iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                yield f"{case.get('classname')}: {case.get('name')}"[:200]


def quoted(file: Path) -> str:
    """Return the end of a text file as a Markdown code block; nothing where there is none."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
    except OSError:
        return ""
    return "\n".join(["~~~~", *(line[:300] for line in lines[-LINES:]), "~~~~"]) if lines else ""


def title(folder: Path, names: list[str]) -> str:
    """Return how far the run came."""
    newest = "With the newest images and packages"
    if names:
        return f"{newest}, {len(names)} test{'s fail' if names[1:] else ' fails'}: {names[0]}"[:200]
    if (folder / "junit.xml").is_file():
        return f"{newest}, all tests pass, and still their run fails"
    if (folder / "tests.txt").is_file():
        return f"{newest}, the tests do not run to their end"
    return "The newest images and packages cannot be pinned"


def report(folder: Path, run: str) -> str:
    """Return the issue's text; `run` is the address of the workflow's run."""
    names = list(failed(folder / "junit.xml"))
    parts = [title(folder, names), run]
    if names:
        rest = [f"- … and {len(names) - MOST} more"] if len(names) > MOST else []
        parts.append("\n".join([*(f"- `{name}`" for name in names[:MOST]), *rest]))
    for heading, name in (
        ("What had moved", "drift.txt"),
        ("What was said about it", "drift-said.txt"),
        ("The log's end", "tests.txt"),
    ):
        if text := quoted(folder / name):
            parts.append(f"## {heading}\n\n{text}")
    return "\n\n".join(parts)[:ALL]


if __name__ == "__main__":
    server, repository, number = (
        os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    print(report(Path(), f"{server}/{repository}/actions/runs/{number}"))
