"""The dev container: its file, and its scripts in a container that has nothing of the course."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from capas import doctor, lab
from capas.engine import Engine
from capas.paths import ROOT
from tests.deploy.checkout import archive

FOLDER = ROOT / ".devcontainer"


def configuration() -> dict[str, Any]:
    """Return devcontainer.json, which is JSON with comments."""
    text = (FOLDER / "devcontainer.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    return content


def test_every_port_of_the_course_has_a_name() -> None:
    labels = {int(port): of["label"] for port, of in configuration()["portsAttributes"].items()}
    assert labels.keys() == {8888, *doctor.PORTS}
    for port, what in doctor.PORTS.items():
        assert what in labels[port] or what == "registry"


def test_its_commands_are_there() -> None:
    commands = [command for key, command in configuration().items() if key.endswith("Command")]
    assert len(commands) == 3
    for command in commands:
        program, *arguments = command.split()
        if program == "bash":
            assert (ROOT / arguments[0]).is_file()
            subprocess.run(["bash", "-n", ROOT / arguments[0]], check=True)
        else:
            assert (program, arguments[:2]) == ("python3", ["-m", "capas"])


def test_jupyterlab_admits_a_codespaces_own_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert not [word for word in lab.arguments(8888, tmp_path) if "origin" in word]
    monkeypatch.setenv("CODESPACE_NAME", "ana-4x")
    monkeypatch.setenv("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN", "app.github.dev")
    arguments = lab.arguments(8889, tmp_path)
    assert "--ServerApp.allow_origin=https://ana-4x-8889.app.github.dev" in arguments
    assert "--ServerApp.local_hostnames=ana-4x-8889.app.github.dev" in arguments


@pytest.mark.engine
def test_post_create_makes_the_lab_ready(engine: Engine) -> None:
    """As an ordinary user, with an engine's socket, as docker-in-docker gives one."""
    socket = Path(engine.host.removeprefix("unix://"))
    if not socket.is_socket():
        pytest.skip("the engine is not on this machine")
    client = engine.client(timeout=120)
    made = client.containers.create(
        "python:3.13-slim",
        ["sleep", "600"],
        name=f"capas-test-devcontainer-{uuid4().hex[:8]}",
        labels={"capas": "test"},
        environment={"HOME": "/workspace/home", "CAPAS_WAIT": "0", "CAPAS_LANG": "en"},
        group_add=[str(socket.stat().st_gid)],
        user="1000",
        volumes={str(socket): {"bind": "/var/run/docker.sock", "mode": "rw"}},
        working_dir="/workspace",
        init=True,
    )
    try:
        made.start()
        made.exec_run(["chown", "1000", "/workspace"], user="0")
        assert made.put_archive("/workspace", archive())
        code, output = made.exec_run(["bash", ".devcontainer/post-create.sh"])
        assert isinstance(output, bytes)
        said = output.decode()
        assert code == 0, said
        assert "Traceback" not in said
        assert re.search(r"python:3\.13-slim +ready", said), said
        assert "an ordinary user" in said
        assert "The course can run here." in said
    finally:
        made.remove(force=True)


@pytest.mark.skipif(os.name == "nt", reason="the scripts run in Linux containers")
def test_a_second_window_starts_no_second_lab(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        ["flock", "--nonblock", str(FOLDER), "sh", "-c", "echo held; read line"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    done = subprocess.run(["bash", FOLDER / "lab.sh"], capture_output=True, text=True)
    holder.communicate("\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "runs already" in done.stdout
