"""``capas lab``: starts, answers, and leaves nothing behind."""

import json
import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from capas import lab, language
from capas.engine import Engine
from capas.errors import CapasError
from tests.engine.conftest import downloads  # noqa: F401
from tests.jupyterlab import Running


def test_jupyterlab_goes_elsewhere_when_its_port_is_taken_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was free when it was looked at: JupyterLab ends, and is started on the next one."""
    started: list[int] = []
    told: list[dict[str, Any]] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]

        class Server:
            def __init__(self, port: int, token: str, engine: str | None) -> None:
                started.append(port)
                self.port = port
                self.process = self

            def poll(self) -> int | None:
                return 1 if self.port == taken else None

            def wait_until_it_answers(self) -> None:
                if self.port == taken:
                    raise CapasError("JupyterLab has ended.")

            tell = staticmethod(told.append)

        monkeypatch.setattr(lab, "Server", Server)
        run = lab.Lab()
        run._told = {"environment": {"DOCKER_HOST": "unix:///x"}}
        run.server = Server(taken, "", None)  # type: ignore[assignment]
        run._wait_for_the_server()
    assert started[0] == taken
    assert len(started) == 2
    assert started[1] != taken
    assert told == [{"environment": {"DOCKER_HOST": "unix:///x"}}]


@pytest.mark.parametrize(
    ("asked", "chosen", "spoken"), [("", "es", "es"), ("en", "es", "en"), ("", "", "en")]
)
def test_the_language_that_was_chosen_in_the_lab_holds_until_another_is_asked_for(
    home: Path, monkeypatch: pytest.MonkeyPatch, asked: str, chosen: str, spoken: str
) -> None:
    monkeypatch.setenv("CAPAS_HOME", str(home))
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setattr(language, "_FOLDER", None)
    if asked:
        monkeypatch.setenv("CAPAS_LANG", asked)
    else:
        monkeypatch.delenv("CAPAS_LANG", raising=False)
    if chosen:
        language.remember(chosen)
        language.use(None)

    class Stop(Exception):
        pass

    def start(self: lab.Lab, wanted: int) -> lab.Server:
        raise Stop

    monkeypatch.setattr(lab.Lab, "_start_server", start)
    try:
        with pytest.raises(Stop):
            lab.Lab()._run()
        assert language.current() == spoken
    finally:
        language.use(None)


def test_the_users_own_settings_are_copied_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "jupyter/lab/user-settings/theme"
    own.mkdir(parents=True)
    (own / "a.jupyterlab-settings").write_text("{}")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    monkeypatch.delenv("JUPYTERLAB_SETTINGS_DIR", raising=False)
    arguments = lab.arguments(8888, tmp_path / "ours")
    assert (tmp_path / "ours/user-settings/theme/a.jupyterlab-settings").exists()
    assert f"--LabApp.user_settings_dir={tmp_path / 'ours/user-settings'}" in arguments


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def running(home: Path) -> Iterator[list[Running]]:
    started: list[Running] = []
    yield started
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


NOWHERE = ("--engine", "unix:///nowhere/docker.sock")


def test_without_an_engine_jupyterlab_still_starts(home: Path, running: list[Running]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        one = Running(home, *NOWHERE, "--port", str(port))
        running.append(one)
        one.wait()
        assert urlsplit(one.url).port != port
        assert f"port {port} is taken" in one.said()
    assert one.ask("GET", "/api/kernelspecs")[0] == 200
    assert one.ask("GET", "/api/kernelspecs", token="wrong")[0] == 403
    one.wait_until_it_says("/nowhere/docker.sock")
    settings = one.ask("GET", "/lab/api/settings/@jupyterlab/apputils-extension:notification")[1]
    assert settings["schema"]["properties"]["checkForUpdates"]["default"] is False
    assert one.ask("POST", "/api/kernels")[0] == 201
    state = one.ask("GET", "/capas/api/engine")[1]
    assert state["state"] == "none"
    assert "/nowhere/docker.sock" in state["line"]
    assert one.stop() == 0
    assert "Traceback" not in one.said()
    assert one.left() == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("sign", ["SIGTERM", "SIGKILL"])
def test_jupyterlab_ends_with_us(home: Path, running: list[Running], sign: str) -> None:
    one = Running(home, *NOWHERE)
    running.append(one)
    one.wait()
    one.stop(signal.Signals[sign])
    deadline = time.monotonic() + 60
    while one.left() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert one.left() == []


def execute(one: Running, code: str) -> str:
    """Run code in a new kernel of that JupyterLab; return what it prints."""
    import websocket  # websocket-client, which jupyter_server brings

    kernel = one.ask("POST", "/api/kernels")[1]["id"]
    address = urlsplit(one.url)
    socket_ = websocket.create_connection(
        f"ws://127.0.0.1:{address.port}/api/kernels/{kernel}/channels?{address.query}", timeout=60
    )
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "username": "",
        "session": uuid.uuid4().hex,
        "version": "5.3",
    }
    socket_.send(
        json.dumps(
            {
                "header": header,
                "parent_header": {},
                "metadata": {},
                "channel": "shell",
                "content": {"code": code, "silent": False},
            }
        )
    )
    while True:
        message = json.loads(socket_.recv())
        if message["parent_header"].get("msg_id") != header["msg_id"]:
            continue
        if message["msg_type"] == "stream":
            return str(message["content"]["text"])
        if message["msg_type"] == "error":
            pytest.fail(str(message["content"]))


@pytest.mark.engine
def test_with_an_engine_kernels_know_it(engine: Engine, home: Path, running: list[Running]) -> None:
    one = Running(home, "--engine", engine.host)
    running.append(one)
    one.wait()
    one.wait_until_it_says("a container ran in")
    deadline = time.monotonic() + 60  # the line comes just before the kernels are told
    while (host := execute(one, "import os; print(os.environ.get('DOCKER_HOST'))")) == "None\n":
        assert time.monotonic() < deadline
    assert host == engine.host + "\n"
    assert one.stop() == 0
    assert one.left() == []
    assert engine.client().ping()  # not ours: it stays


@pytest.mark.engine
@pytest.mark.skipif(os.name == "nt", reason="no engine of the course's own there")
def test_the_engine_that_lab_started_ends_with_it(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """On a machine of its own, where no engine is: lab starts one, and Ctrl-C stops it."""
    from tests.engine.machine import Machine, impossible, wait_for

    if why_not := impossible():
        pytest.skip(why_not)
    home = tmp_path / "capas"
    said, number = tmp_path / "said", tmp_path / "pid"
    with Machine(home, request.getfixturevalue("downloads")) as machine, said.open("w") as output:
        command = f'echo $$ >"{number}"; exec "$0" -m capas.cli lab --no-browser'
        shell = ["sh", "-c", command, sys.executable]
        running = machine.start(*shell, stdout=output, stderr=output, env={"CAPAS_LANG": "en"})
        try:
            wait_for(lambda: "a container ran in" in said.read_text(), 120, "an engine")
            assert machine.do("private.status()") == "up"
            machine.run("kill", "-INT", number.read_text().strip())
            assert running.wait(60) == 0, said.read_text()
            assert machine.do("private.status()") == "down"
            assert machine.pids("dockerd") == []
        finally:
            running.kill()
            running.wait()
            machine.do("private.remove()")
    assert "Traceback" not in said.read_text()
