"""Say in Markdown what broke in the weekly run: the tests by name, what had moved, the log's end.

Reads what the workflow left in the current folder: junit.xml, drift.txt, tests.txt, each of
which may be missing. The first line serves as the issue's title. Standard library only.
"""

import contextlib
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

LINES = 60
"""How much of a log an issue quotes: it may have 65,536 characters in all."""
MOST = 50
"""How many tests are named."""


def failed(file: Path) -> Iterator[str]:
    """Yield the names of the tests that failed, as pytest's junit.xml has them."""
    with contextlib.suppress(OSError, ElementTree.ParseError):
        for case in ElementTree.parse(file).iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                yield f"{case.get('classname')}: {case.get('name')}"


def quoted(file: Path) -> str:
    """Return the end of a text file as a Markdown code block; nothing where there is none."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
    except OSError:
        return ""
    return "\n".join(["~~~~", *(line[:300] for line in lines[-LINES:]), "~~~~"])


def report(folder: Path, run: str) -> str:
    """Return the issue's text; `run` is the address of the workflow's run."""
    names = list(failed(folder / "junit.xml"))
    title = (
        f"With the newest images and packages, {len(names)} tests fail: {names[0]}"
        if names
        else "With the newest images and packages, the tests do not run"
    )
    parts = [title[:200], run]
    if names:
        rest = [f"- … and {len(names) - MOST} more"] if len(names) > MOST else []
        parts.append("\n".join([*(f"- `{name}`" for name in names[:MOST]), *rest]))
    for heading, name in (("What had moved", "drift.txt"), ("The log's end", "tests.txt")):
        if text := quoted(folder / name):
            parts.append(f"## {heading}\n\n{text}")
    return "\n\n".join(parts)


if __name__ == "__main__":
    server, repository, number = (
        os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    print(report(Path(), f"{server}/{repository}/actions/runs/{number}"))
