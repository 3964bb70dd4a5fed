"""The dashboard's widget without a browser: what it hears, what it refuses, when it ends."""

from collections.abc import Callable
from typing import Any

import pytest

from capas.engine import EngineError
from capas.show import dashboard as dashboard_function
from capas.show.dashboard import FORGET_SECONDS, Dashboard
from tests.engine.machine import wait_for


class Client:
    """As much of an engine as the dashboard needs: two containers, one of them ours."""

    def __init__(self) -> None:
        self.api = self
        self.removed: list[str] = []

    def close(self) -> None: ...

    def containers(self, all: bool) -> list[dict[str, Any]]:
        def one(name: str, labels: dict[str, str]) -> dict[str, Any]:
            status = {"State": "exited", "Status": "Exited (137) 5 minutes ago"}
            return {"Id": name * 8, "Names": ["/" + name], "Labels": labels, **status}

        return [one("theirs", {}), one("capas-x", {"capas": ""})]

    def images(self) -> list[dict[str, Any]]:
        return []

    networks = images

    def volumes(self) -> dict[str, Any]:
        return {"Volumes": None}

    def inspect_container(self, name: str) -> dict[str, Any]:
        labels = {"capas": ""} if name == "capas-x" else {}
        return {"Config": {"Labels": labels}}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were run; none of them really is."""
    commands: list[str] = []

    def instead(self: Any, environment: Any = None) -> str:
        commands.append(self.command)
        return ""

    monkeypatch.setattr("capas.engine.overview.Act.run", instead)
    return commands


def dashboard(connect: Callable[[], Any] = Client, only: str = "") -> Dashboard:
    return Dashboard(only, connect)


def test_python_itself_refuses_what_is_not_the_courses_own(run: list[str]) -> None:
    board = dashboard()
    # As a browser says it, whose button was pressed although it should not have been.
    board.hear({"type": "act", "kind": "containers", "act": "remove", "name": "theirs"})
    wait_for(lambda: board.history)
    assert run == []
    assert board.history[-1]["state"] == "error"
    assert "not the course's own" in board.history[-1]["complaint"]
    board.others = True
    assert board.act("containers", "remove", "theirs") == ""
    assert run == ["docker rm theirs"]


def test_what_was_run_is_remembered_with_its_command(run: list[str]) -> None:
    board = dashboard()
    assert board.act("containers", "start", "capas-x") == ""
    assert run == ["docker start capas-x"]
    assert [(one["command"], one["state"]) for one in board.history] == [
        ("docker start capas-x", "ok")
    ]


def test_an_unknown_action_is_a_sentence(run: list[str]) -> None:
    assert "no such action" in dashboard().act("containers", "prune", "capas-x")
    assert "no such action" in dashboard().act("everything", "remove", "capas-x")
    assert run == []


def test_nobody_looks_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> Any:
        raise EngineError("absent")

    board = dashboard(absent)
    assert not board.watch.running
    board.hear({"type": "hello", "view": "a"})
    board.hear({"type": "hello", "view": "b"})
    assert board.watch.running
    board.hear({"type": "bye", "view": "a"})
    assert board.watch.running
    board.hear({"type": "bye", "view": "b"})
    assert not board.watch.running
    # A view that ends without a word is forgotten; one that speaks again is served again.
    board.hear({"type": "hello", "view": "c"})
    board._views["c"] -= FORGET_SECONDS + 1
    board._tell({"type": "usage", "of": {}})
    assert not board.watch.running
    board.hear({"type": "here", "view": "c"})
    assert board.watch.running
    board.close()
    assert not board.watch.running


def test_the_still_shows_what_the_filter_lets_through() -> None:
    still = dashboard(only="capas-").still()
    assert "capas-x" in still["text/plain"]
    assert "exited (137)" in still["text/plain"]
    assert "docker start capas-x" in still["text/plain"]
    assert "theirs" not in still["text/plain"]
    assert "minutes ago" not in still["text/html"], "it must be the same in an hour"


def test_no_engine_is_a_sentence() -> None:
    def absent() -> Any:
        raise EngineError("absent")

    assert dashboard(absent).still()["text/plain"].startswith("No engine answers")
    assert "does not answer" in dashboard(_refused).act("containers", "stop", "x")


def _refused() -> Any:
    raise ConnectionRefusedError


def test_show_dashboard_is_the_function_each_time() -> None:
    from capas import show

    assert show.dashboard is show.dashboard is dashboard_function
    assert callable(show.dashboard)
