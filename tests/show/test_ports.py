"""The port map shows what the engine says, and nothing is too long for it."""

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from capas import language
from capas.engine import Engine
from capas.show.ports import MOST, Container, Port, containers, draw, ports, read


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    language.use("en")
    yield
    language.use(None)


def texts(svg: str) -> str:
    return " ".join("".join(e.itertext()) for e in ET.fromstring(svg).iter() if "text" in e.tag)


def answer(found: dict[str, Any] | None) -> dict[str, Any]:
    return {"Name": "/web", "NetworkSettings": {"Ports": found}}


def test_reading() -> None:
    one = read(
        answer(
            {
                "443/tcp": None,
                "80/tcp": [
                    {"HostIp": "0.0.0.0", "HostPort": "8080"},
                    {"HostIp": "::", "HostPort": "8080"},
                ],
                "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5353"}],
            }
        )
    )
    assert one.name == "web"
    assert one.ports == (
        Port("53/udp", (("127.0.0.1", "5353"),)),
        Port("80", (("0.0.0.0", "8080"),)),
        Port("443", ()),
    )
    assert read(answer(None)).ports == ()


def test_the_picture_tells_all() -> None:
    picture = draw(
        [
            Container("web", (Port("80", (("127.0.0.1", "8080"), ("0.0.0.0", "81"))),)),
            Container("cache", (Port("6379", ()),)),
            Container("job", ()),
        ]
    )
    assert "127.0.0.1:8080, 0.0.0.0:81 → web:80" in picture.alt
    assert "cache: 6379 exposed, not published" in picture.alt
    assert "job: no ports" in picture.alt
    drawn = texts(picture.svg)
    for told in ("127.0.0.1:8080", "6379", "EXPOSE only", "every address", "no ports"):
        assert told in drawn


@pytest.mark.parametrize("speech", ["en", "es"])
def test_long_names_and_many_containers_fit(speech: str) -> None:
    language.use(speech)
    many = [
        Container(f"{'w' * 200}-ñ{n}", (Port("65535/sctp", (("::1", "8080"),)),)) for n in range(30)
    ]
    assert texts(draw(many).svg).count("65535/sctp") == MOST
    assert draw([]).alt


@pytest.mark.engine
def test_live_containers(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    run = ("run", "-d", "--label", "capas-test-ports", "--stop-timeout", "0")
    engine.run(
        *run, "--name", "capas-test-ports-b", "--expose", "81", "busybox", "sleep", "60", check=True
    )
    try:
        engine.run(
            *run,
            "--name",
            "capas-test-ports-a",
            "-p",
            "127.0.0.1::80",
            "busybox",
            "sleep",
            "60",
            check=True,
        )
        found = containers("capas-test-ports")
        assert [one.name for one in found] == ["capas-test-ports-a", "capas-test-ports-b"]
        assert found[0].ports[0].outside[0][0] == "127.0.0.1"
        assert found[1].ports == (Port("81", ()),)
        assert [one.name for one in containers("capas-test-ports", "ports-b")] == [found[1].name]
    finally:
        engine.run("rm", "--force", "capas-test-ports-a", "capas-test-ports-b")


def test_without_an_engine_it_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert "engine" in ports().alt.lower()
