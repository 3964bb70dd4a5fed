import contextlib
import hashlib
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from capas.engine import Engine, EngineError, PrivateEngine, client, discovery, ensure, find
from capas.engine.discovery import Candidate, candidates, search

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sockets are files elsewhere")


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A user without any engine."""
    for name in list(os.environ):
        if name.startswith(("DOCKER_", "CAPAS_", "XDG_", "SUDO_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(discovery, "sockets", lambda: [])
    yield


def test_places_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "sockets", lambda: ["unix:///some.sock"])
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    context(tmp_path, "colima", "unix:///context.sock")
    hosts = [candidate.host for candidate in candidates()]
    assert hosts[:3] == ["tcp://127.0.0.1:1", "unix:///context.sock", "unix:///some.sock"]
    assert hosts[3:] == ([PrivateEngine().host] if sys.platform == "linux" else [])


def test_found_is_never_the_course_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", PrivateEngine().host)
    assert not list(candidates("found"))


def test_a_context_of_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context(tmp_path, "one", "unix:///one.sock")
    context(tmp_path, "two", "unix:///two.sock")
    monkeypatch.setenv("DOCKER_CONTEXT", "one")
    assert next(candidates()).host == "unix:///one.sock"


def test_a_broken_docker_configuration_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text("{broken")
    assert find("found") is None


def test_an_address_is_the_only_place() -> None:
    assert [c.host for c in candidates("tcp://127.0.0.1:1")] == ["tcp://127.0.0.1:1"]


def test_usual_places_have_the_usual_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    places = discovery.sockets()
    assert places[0] == "unix:///var/run/docker.sock"
    desktop = f"unix://{Path.home()}/.docker/run/docker.sock"
    rootless, podman = "unix:///run/user/1000/docker.sock", "unix:///run/podman/podman.sock"
    assert places.index(desktop) < places.index(rootless) < places.index(podman)


def test_dead_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = dead_socket(tmp_path)
    monkeypatch.setattr(discovery, "sockets", lambda: [f"unix://{path}"])
    assert search("found") == (None, [f"nothing listens on {path}"])


def test_the_same_socket_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = dead_socket(tmp_path)
    link = tmp_path / "link.sock"
    link.symlink_to(path)
    monkeypatch.setattr(discovery, "sockets", lambda: [f"unix://{path}", f"unix://{link}"])
    assert len(search("found")[1]) == 1


def test_missing_socket_is_news_only_where_one_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = f"unix://{tmp_path}/nothing.sock"
    monkeypatch.setattr(discovery, "sockets", lambda: [nothing])
    assert search("found") == (None, [])
    (reason,) = search(nothing)[1]
    assert "does not exist" in reason


def test_forbidden_socket_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(discovery, "sockets", lambda: ["unix:///var/run/docker.sock"])
    (reason,) = search("found")[1]
    assert reason.startswith("permission denied on /var/run/docker.sock")
    assert "usermod -aG docker" in reason
    with pytest.raises(EngineError, match=r"No Docker Engine answers.*usermod"):
        ensure("found")


def test_something_else_that_answers_is_no_engine() -> None:
    class Teapot(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(418)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Teapot) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        engine, reasons = search(f"tcp://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert engine is None
    assert "does not answer" in reasons[0]


def test_an_engine_behind_ssh_is_refused_in_words() -> None:
    with pytest.raises(EngineError, match="another machine"):
        discovery.attach(Candidate("ssh://somebody@somewhere", "DOCKER_HOST"))


@pytest.mark.parametrize("word", ["pocket", "moby"])
def test_unknown_engines(word: str) -> None:
    with pytest.raises(EngineError, match="found, private"):
        find(word)


def test_choice_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPAS_ENGINE", "tcp://127.0.0.1:1")
    assert discovery.choice(None) == "tcp://127.0.0.1:1"
    assert discovery.choice("found") == "found"


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_other_systems_are_told_where_to_get_docker(
    system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("capas.engine.private.sys.platform", system)
    with pytest.raises(EngineError) as refused:
        ensure()
    sentence = str(refused.value)
    assert "Docker Desktop" in sentence
    assert ("WSL 2" in sentence) == (system == "win32")
    assert "\n" not in sentence


def context(home: Path, name: str, host: str) -> None:
    """Do what ``docker context create`` and ``docker context use`` do."""
    folder = home / ".docker/contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    meta = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host}}}
    (folder / "meta.json").write_text(json.dumps(meta))
    (home / ".docker/config.json").write_text(json.dumps({"currentContext": name}))


def dead_socket(folder: Path) -> Path:
    """Return the path of a socket whose program has gone."""
    path = folder / "dead.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return path


def test_a_lessons_client_without_an_engine_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none.sock'}")
    with pytest.raises(EngineError, match=r"No Docker Engine answers; .* says what to do"):
        client()


@pytest.mark.engine
def test_a_lessons_client_talks_to_the_engine_of_its_environment(
    monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    with contextlib.closing(client()) as found:
        assert found.version()["Version"] == engine.version
