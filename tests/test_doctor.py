"""The doctor: what is looked at, what is said, and what follows from it."""

import json
import platform
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from capas import doctor, language, notebook
from capas.doctor import Check
from capas.engine import Engine
from capas.paths import ROOT

KEYS = {"id", "name", "state", "found", "advice"}


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither network nor engine."""
    from capas.engine import PrivateEngine, discovery

    monkeypatch.setattr(discovery, "search", lambda which: (None, ["nothing listens on /x"]))
    monkeypatch.setattr(PrivateEngine, "unsupported", lambda self: "Not on this machine")
    monkeypatch.setattr(doctor, "HUB", "http://127.0.0.1:9/")
    monkeypatch.setattr(doctor, "_run", lambda command: None)


def by_id(report: list[Check]) -> dict[str, Check]:
    return {check.id: check for check in report}


@pytest.mark.usefixtures("alone")
def test_without_engine_the_course_cannot_run() -> None:
    report = doctor.checks()
    engine = by_id(report)["engine"]
    assert engine.state == "fail"
    assert "nothing listens on /x" in engine.found
    assert engine.advice
    assert not doctor.ready(report)
    assert "compose" not in by_id(report)  # nothing is said of what cannot be known


@pytest.mark.usefixtures("alone")
def test_where_an_engine_can_be_made_the_course_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from capas.engine import PrivateEngine

    monkeypatch.setattr(PrivateEngine, "unsupported", lambda self: None)
    report = doctor.checks()
    assert by_id(report)["engine"].state == "warn"
    assert "capas lab" in by_id(report)["engine"].advice


@pytest.mark.usefixtures("alone")
def test_json_is_stable() -> None:
    report = doctor.checks()
    content = json.loads(doctor.to_json(report))
    assert content.keys() == {"version", "ready", "checks"}
    assert content["version"] == 1
    assert content["ready"] is False
    assert all(check.keys() == KEYS for check in content["checks"])
    assert all(check["state"] in ("ok", "info", "warn", "fail") for check in content["checks"])
    ids = [check["id"] for check in content["checks"]]
    assert len(ids) == len(set(ids))
    assert {"python", "engine", "disk", "memory", "ports", "hub", "language"} <= set(ids)


@pytest.mark.usefixtures("alone")
def test_the_table_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    doctor.show(
        [Check("x", "Steam", "fail", "gone", "Get some."), Check("y", "Coal", "ok", "lots")]
    )
    out = capsys.readouterr().out
    assert "→ Get some." in out
    assert "cannot run here yet" in out


@pytest.mark.parametrize(
    ("free", "state"), [(1e9, "fail"), (5e9, "warn"), (50e9, "ok")], ids=["none", "some", "lots"]
)
def test_disk(monkeypatch: pytest.MonkeyPatch, free: float, state: str) -> None:
    class Usage:
        def __init__(self, free: float) -> None:
            self.free = free

    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free))
    assert doctor.disk({}).state == state


def test_an_engines_folder_that_an_ordinary_user_may_not_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a daemon whose socket this user may use: its files are root's."""

    class Usage:
        free = 50e9

    def usage(folder: Path) -> Usage:
        if Path(folder) != ROOT:
            raise PermissionError(13, "Permission denied", str(folder))
        return Usage()

    monkeypatch.setattr(shutil, "disk_usage", usage)
    assert doctor.disk({"DockerRootDir": "/root/engine/data"}).found == "50 GB free"


def test_memory_is_what_containers_can_have() -> None:
    assert doctor.memory({"MemTotal": 2_000_000_000}).state == "warn"
    assert doctor.memory({"MemTotal": 16_000_000_000}).found == "16.0 GB"


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        check = doctor.ports([taken])
        assert check.state == "warn"
        assert str(taken) in check.found
    assert doctor.ports([taken]).state == "ok"


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"KernelVersion": "5.15.167.4-microsoft-standard-WSL2"}, "WSL 2"),
        ({"KernelVersion": "6.10.14-linuxkit", "OperatingSystem": "Docker Desktop"}, "Desktop"),
        ({"KernelVersion": platform.release()}, "this machine's own"),
        ({"KernelVersion": "6.1.0-x", "OperatingSystem": "Fedora CoreOS"}, "Fedora CoreOS"),
    ],
)
def test_which_kernel_containers_get(info: dict[str, Any], said: str) -> None:
    assert said in doctor.kernel(info).found


def test_emulated_containers_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert doctor.architecture({"Architecture": "x86_64"}).state == "warn"
    assert doctor.architecture({"Architecture": "aarch64"}).state == "ok"


class Pretended:
    """An engine of a version, and of plugins' versions."""

    name = "Docker Engine"
    host = "unix:///somewhere/docker.sock"
    probe_seconds = 0.5

    def __init__(self, version: str = "28.1.0", plugin: str = "") -> None:
        self.version = version
        self.plugin = plugin

    def run(self, *_: str, **__: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 0 if self.plugin else 1, self.plugin + "\n", "")


@pytest.mark.parametrize(
    ("version", "state"), [("24.0.9", "warn"), ("25.0.0", "ok"), ("28.1-rc1", "ok"), ("?", "ok")]
)
def test_an_old_engine_is_told(monkeypatch: pytest.MonkeyPatch, version: str, state: str) -> None:
    from capas.engine import discovery

    monkeypatch.setattr(discovery, "search", lambda which: (Pretended(version), []))
    check, _engine = doctor.engine_check(None)
    assert check.state == state
    assert "somewhere" not in check.found


@pytest.mark.parametrize(
    ("plugin", "debian", "state"),
    [
        ("v2.20.1", True, "fail"),
        ("2.20.2", True, "ok"),
        ("2.40.3-desktop.1", False, "ok"),
        ("5.0.0", False, "ok"),
        ("", True, "warn"),
        ("", False, "fail"),
    ],
)
def test_compose(monkeypatch: pytest.MonkeyPatch, plugin: str, debian: bool, state: str) -> None:
    monkeypatch.setattr(doctor, "_has_packages", lambda: debian)
    check = doctor.compose(Pretended(plugin=plugin))  # type: ignore[arg-type]
    assert check.state == state
    assert bool(check.advice) == (state != "ok")


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("debian", "state"), [(True, "info"), (False, "warn")])
def test_without_docker_hub(monkeypatch: pytest.MonkeyPatch, debian: bool, state: str) -> None:
    monkeypatch.setattr(doctor, "_is_debian", lambda: debian)
    assert doctor.hub().state == state


def test_the_language_is_told_as_people_say_it() -> None:
    language.use("es")
    try:
        found = doctor.language().found
    finally:
        language.use(None)
    assert found.startswith("español; también hay: English")


@pytest.mark.usefixtures("alone")
def test_a_lessons_table_tells_no_path_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor,
        "checks",
        lambda: [Check("engine", "E", "fail", "unix:///run/x/d.sock, /y/z", "`.venv/bin/capas`")],
    )
    text = str(notebook.checkup())
    assert "/run" not in text
    assert "/y/z" not in text
    assert "`.venv/bin/capas`" in text


@pytest.mark.engine
def test_a_real_engine(engine: Engine) -> None:
    report = by_id(doctor.checks(engine.host))
    for name in ("engine", "compose", "buildx", "kernel", "architecture"):
        assert report[name].state == "ok", report[name]
    assert engine.version in report["engine"].found
    assert report["images"].found
