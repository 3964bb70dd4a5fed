"""The registry mirror: its port, its process, what it holds."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from capas.engine.mirror import Mirror, classroom, has, repository
from capas.engine.model import EngineError
from capas.ports import HOST, is_free
from tests.engine.machine import wait_for


@pytest.mark.parametrize(
    ("image", "whole"),
    [
        ("hello-world", "library/hello-world:latest"),
        ("python:3.13-slim", "library/python:3.13-slim"),
        ("somebody/thing:1", "somebody/thing:1"),
    ],
)
def test_names_are_docker_hubs(image: str, whole: str) -> None:
    assert repository(image) == whole


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", ("", False)),
        ("room:5000", ("room:5000", False)),
        ("http://room:5000/", ("room:5000", False)),
        ("https://registry.example.org", ("registry.example.org", True)),
    ],
)
def test_the_classrooms_mirror(
    monkeypatch: pytest.MonkeyPatch, written: str, read: tuple[str, bool]
) -> None:
    monkeypatch.setenv("CAPAS_MIRROR", written)
    assert classroom() == read


@pytest.mark.parametrize("written", ["http://127.0.0.1:", "room:5000/images", "ftp://room", "a b"])
def test_what_is_no_address_is_a_sentence(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("CAPAS_MIRROR", written)
    with pytest.raises(EngineError, match="is not the address of a registry: write host:port"):
        classroom()


def test_what_does_not_answer_has_nothing() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        assert not has(f"{HOST}:{taken.getsockname()[1]}", "busybox")


def test_down_and_without_its_program_it_says_so(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path, tmp_path / "nothing")
    assert mirror.port is None
    mirror.down()
    with pytest.raises(EngineError, match="does not start"):
        mirror.up()


@pytest.fixture
def mirror(registry: Path, tmp_path: Path) -> Iterator[Mirror]:
    mirror = Mirror(tmp_path, registry, tmp_path / "run")
    yield mirror
    mirror.down()


def pid(mirror: Mirror) -> int:
    return int((mirror.folder.parent / "run/mirror.pid").read_text())


def runs(number: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes() != b""
    except OSError:
        return False


def test_up_is_idempotent_and_down_ends_it(mirror: Mirror) -> None:
    port = mirror.up()
    first = pid(mirror)
    assert mirror.up() == port == mirror.port
    assert pid(mirror) == first
    mirror.down()
    assert mirror.port is None
    assert not runs(first)
    assert mirror.up() == port, "the port is remembered"


def test_it_listens_on_this_machine_only(mirror: Mirror) -> None:
    port = mirror.up()
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening


def test_a_taken_port_is_left_to_whoever_has_it(mirror: Mirror) -> None:
    port = mirror.up()
    mirror.down()
    wait_for(lambda: is_free(port))  # an ended process may hold its port for some milliseconds
    lines: list[str] = []
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((HOST, port))
        other.listen()
        moved = mirror.up(lines.append)
    assert moved != port
    assert mirror.port == moved
    assert [str(port) in line and str(moved) in line for line in lines] == [True]


def test_killed_it_starts_again(mirror: Mirror) -> None:
    port = mirror.up()
    killed = pid(mirror)
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: not runs(killed), what="the end of the mirror")
    assert mirror.port is None
    assert mirror.up() == port


def test_a_pid_that_is_somebody_elses_is_left_alone(mirror: Mirror) -> None:
    (mirror.folder.parent / "run").mkdir()
    (mirror.folder.parent / "run/mirror.pid").write_text(str(os.getpid()))
    mirror.down()  # we are still here
    assert mirror.up()


def test_started_twice_at_once_there_is_one(mirror: Mirror) -> None:
    ports: list[int] = []
    threads = [threading.Thread(target=lambda: ports.append(mirror.up())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ports) == 3
    assert len(set(ports)) == 1
