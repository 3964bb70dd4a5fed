"""The order of a start, read from the engine's events."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capas import show
from capas.engine import Engine, images
from capas.language import use
from capas.show.start_order import Startup, read

PROJECT = "capas-test-order"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    use("en")
    yield
    use(None)


def event(service: str, action: str, at: int, **more: str) -> dict[str, Any]:
    labels = {"com.docker.compose.service": service, "com.docker.compose.container-number": "1"}
    number = more.get("com.docker.compose.container-number", "1")
    actor = {"ID": f"{service}{number}", "Attributes": labels | more}
    return {"Action": action, "timeNano": at * 10**9, "Actor": actor}


def test_events_are_put_in_order_and_told_once() -> None:
    start = event("web", "start", 7)
    found = read([start, event("db", "create", 5), start, event("db", "exec_start: ls", 6)])
    assert [(e.lane, e.what, e.at) for e in found] == [("db", "created", 0), ("web", "started", 2)]


def test_containers_of_one_service_have_their_own_lanes() -> None:
    other = {"com.docker.compose.container-number": "2"}
    found = read([event("w", "start", 1), event("w", "start", 2, **other)])
    assert [e.lane for e in found] == ["w 1", "w 2"]


def test_the_still_holds_the_order_and_no_times() -> None:
    stills = []
    for later in (0, 3):
        order = Startup("p")
        order.take(
            [
                event("db", "create", 1),
                event("db", "health_status: healthy", 3 + later),
                event("web", "die", 9 + later, exitCode="137"),
            ]
        )
        stills.append(order.still())
    assert stills[0] == stills[1]
    assert "1 db created, 2 db healthy, 3 web ended" in stills[0]["text/plain"]


def test_a_crowd_of_events_is_still_a_picture() -> None:
    order = Startup("p")
    order.take([event(f"service_{n % 9}", "start", n) for n in range(40)])
    assert "40 service_3 started" in order.still()["text/plain"]


def test_nothing_recorded_and_no_engine_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    assert repr(Startup("p")) == "Nothing was recorded."
    monkeypatch.setenv("DOCKER_HOST", "unix:///nobody-listens-here.sock")
    with show.startup("p") as order:
        pass
    assert "No Docker Engine answers" in repr(order)


def test_it_can_be_asked_for_twice() -> None:
    assert isinstance(show.startup("a"), Startup)
    assert isinstance(show.startup("b"), Startup)


@pytest.mark.engine
def test_a_real_start_and_a_real_end(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.ensure(engine, ["busybox"])
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "compose.yaml"
    common = "image: busybox, init: true, command: sleep 60, labels: {capas: tests}"
    file.write_text(
        f"name: {PROJECT}\nservices:\n  first: {{{common}}}\n"
        f"  second: {{{common}, depends_on: [first]}}\n"
        "networks: {default: {labels: {capas: tests}}}\n"
    )
    compose = ("compose", "-f", str(file))
    try:
        with show.startup(PROJECT) as up:
            engine.run(*compose, "up", "--detach", check=True)
        started = [e.lane for e in up.recorded if e.what == "started"]
        assert started == ["first", "second"]
    finally:
        with show.startup(PROJECT) as down:
            engine.run(*compose, "down", "--timeout", "3")
    assert [(e.lane, e.what) for e in down.recorded] == [
        ("second", "ended"),
        ("second", "removed"),
        ("first", "ended"),
        ("first", "removed"),
    ]
