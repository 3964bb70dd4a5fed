"""The code's style and types, as tests, so that the last line of a run counts them."""

import subprocess
import sys
from pathlib import Path

import pytest

from capas.paths import ROOT

CHECKS = {
    "ruff": ["ruff", "check", "--quiet", "--output-format=concise", "."],
    "mypy": ["mypy", "--no-error-summary", "--no-color-output"],
}


@pytest.mark.parametrize("command", CHECKS.values(), ids=CHECKS.keys())
def test_nothing_to_complain_of(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
    )
    # Where a tool is missing, this fails, too: `capas test` installs requirements-dev.txt.
    assert done.returncode == 0, done.stdout + done.stderr


def test_scripts_have_no_line_ends_of_windows() -> None:
    """Git for Windows gives files its line ends, unless told not to: no container runs such."""
    git = ["git", "check-attr", "--stdin", "eol"]
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout
    scripts = [name for name in listed.splitlines() if _is_script(ROOT / name)]
    assert "exercises/13-inside-a-container/start/entrypoint.sh" in scripts
    said = subprocess.run(
        git, input="\n".join(scripts), cwd=ROOT, capture_output=True, text=True
    ).stdout
    assert [line for line in said.splitlines() if not line.endswith(": eol: lf")] == []


def _is_script(file: Path) -> bool:
    with file.open("rb") as opened:
        return file.suffix == ".sh" or opened.read(2) == b"#!"
