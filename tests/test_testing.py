"""What ``capas test`` hands to pytest."""

import subprocess
from pathlib import Path

import pytest

from capas import testing


def test_everything_is_run_by_default() -> None:
    arguments = testing.pytest_arguments(fast=False, more=[])
    assert "--nbval" in arguments
    assert "tests" in arguments
    lessons = [str(path) for path in testing.notebooks()]
    assert str(Path("notebooks/es/00-start-here.ipynb")) in lessons
    assert arguments[-len(lessons) :] == lessons


def test_fast_needs_no_containers() -> None:
    assert testing.pytest_arguments(fast=True, more=[]) == ["--fast", "tests"]


def test_named_paths_replace_everything() -> None:
    arguments = testing.pytest_arguments(True, ["--", "-x", "tests/test_testing.py::test_x"])
    assert arguments == ["--fast", "-x", "tests/test_testing.py::test_x"]


def test_options_alone_replace_nothing() -> None:
    assert testing.pytest_arguments(True, ["-k", "language"])[-1] == "tests"


def test_the_engine_is_told_and_the_exit_code_is_pytests(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def call(command: list[str], cwd: Path, env: dict[str, str]) -> int:
        seen.update(env)
        return 3

    monkeypatch.setattr(testing, "prepare", lambda which: {"CAPAS_ENGINE": "unix:///x"})
    monkeypatch.setattr(subprocess, "call", call)
    assert testing.run() == 3
    assert seen["CAPAS_ENGINE"] == "unix:///x"
    assert seen["CAPAS_LANG"] == "en"
