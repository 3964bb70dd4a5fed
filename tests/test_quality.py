"""The code's style and types, as tests, so that the last line of a run counts them."""

import subprocess
import sys

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
