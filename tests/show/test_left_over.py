"""What a project's commands leave behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from capas import show
from capas.engine import Engine, images
from capas.language import use

PROJECT = "capas-test-left"
FILE = """\
services:
  a:
    image: busybox
    init: true
    command: sleep 60
    volumes: ["kept:/kept", /scratch]
    labels: {capas: tests}
volumes: {kept: {labels: {capas: tests}}}
networks: {default: {labels: {capas: tests}}}
"""


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    use("en")
    yield
    use(None)


def test_no_engine_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nobody-listens-here.sock")
    left = show.leftovers("p")
    assert "No Docker Engine answers" in repr(left.after("up"))
    assert "No Docker Engine answers" in repr(left)


@pytest.mark.engine
def test_each_command_and_the_table(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.ensure(engine, ["busybox"])
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    (tmp_path / "compose.yaml").write_text(FILE)

    def compose(*words: str) -> None:
        engine.run("compose", "-p", PROJECT, *words, check=True, cwd=tmp_path)

    left = show.leftovers(PROJECT)
    counts = []
    try:
        for words in (
            ("up", "-d"),
            ("run", "a", "true"),
            ("stop",),
            ("down", "--remove-orphans"),
            ("up", "-d"),
            ("down", "-v"),
        ):
            compose(*words)
            left.after(" ".join(words))
            found = left.steps[-1][1]
            counts.append(tuple(len(names) for names in found.values()))
        # running, stopped, networks, volumes, anonymous, images
        assert counts == [
            (1, 0, 1, 1, 1, 0),
            (1, 1, 1, 1, 2, 0),
            (0, 2, 1, 1, 2, 0),
            (0, 0, 0, 1, 2, 0),
            (1, 0, 1, 1, 3, 0),
            (0, 0, 0, 0, 2, 0),
        ]
        assert "down -v" in repr(left) and "0 (-1)" in repr(left)
    finally:
        compose("down", "-v", "--remove-orphans")
        if left.anonymous:
            engine.run("volume", "rm", *left.anonymous)
