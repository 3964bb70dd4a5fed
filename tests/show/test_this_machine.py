"""Pictures of the machine: every kind fits; the right processes are found among many."""

from collections.abc import Iterator

import pytest

from capas import language
from capas.engine import Engine
from capas.errors import CapasError
from capas.show import machine, processes
from capas.show.drawing import texts
from capas.show.this_machine import _chain, _processes
from tests.test_stack import REPORTS

PS = """\
PID   PPID  COMMAND
    1     0 /sbin/init
  700     1 /usr/bin/containerd
  701     1 /opt/other/bin/containerd --config /opt/other/containerd.toml
  800     1 /usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock
  801     1 /opt/other/bin/dockerd --config-file /opt/other/daemon.json
  900     1 /usr/bin/containerd-shim-runc-v2 -id 1 -address /run/containerd/containerd.sock
  901   900 sleep 600
  950     1 /opt/other/bin/containerd-shim-runc-v2 -namespace moby -address /run/o/containerd.sock
  951   950 nginx: master process nginx -g daemon off;
  990     1 conmon --api-version 1
  991   990 sleep 60
"""


@pytest.fixture(params=["en", "es"])
def speaking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("CAPAS_LANG", request.param)
    language._translations.cache_clear()
    yield request.param
    language._translations.cache_clear()


@pytest.mark.parametrize("name", REPORTS)
def test_every_machine_can_be_drawn(name: str, speaking: str) -> None:
    report, _kind = REPORTS[name]
    picture = machine(report)
    kernel = report.info.get("KernelVersion", "")
    assert kernel in picture.alt
    assert speaking in ("en", "es")
    assert any(kernel in text for text in texts(picture.svg))


def test_a_name_that_is_too_long_is_cut_off() -> None:
    report, _kind = REPORTS["Debian on hardware"]
    info = {**report.info, "OperatingSystem": "A distribution with a very long name " * 4}
    assert any(text.endswith("…") for text in texts(machine(type(report)(info)).svg))


def test_who_is_behind_a_process() -> None:
    chain = _chain(_processes(PS), 901)
    assert chain is not None
    assert chain.process.program == "sleep"
    assert chain.shim is not None and chain.shim.pid == 900
    assert chain.containerd is not None and chain.containerd.pid == 700
    assert chain.dockerd is not None and chain.dockerd.pid == 800


def test_of_two_engines_the_one_with_the_shim_s_folder_counts() -> None:
    chain = _chain(_processes(PS), 951)
    assert chain is not None
    assert chain.containerd is not None and chain.containerd.pid == 701
    assert chain.dockerd is not None and chain.dockerd.pid == 801


def test_what_is_not_certain_is_not_claimed() -> None:
    chain = _chain(_processes(PS), 991)  # Podman's: conmon is no shim of containerd's
    assert chain is not None
    assert (chain.shim, chain.containerd, chain.dockerd) == (None, None, None)
    assert _chain(_processes(PS), 12345) is None


@pytest.mark.engine
def test_the_processes_of_a_container(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CapasError, match="There is no container"):
        processes("capas-test-no-such")
    name = "capas-test-sleeper"
    request.addfinalizer(lambda: engine.run("rm", "-f", name))
    engine.run(
        "run", "-d", "--name", name, "--label", "capas", "busybox", "sleep", "60", check=True
    )
    pid = engine.run("inspect", "-f", "{{.State.Pid}}", name).stdout.strip()
    picture = processes(name)
    assert pid in picture.alt
    assert "number 1" in picture.alt
    engine.run("kill", name, check=True)
    with pytest.raises(CapasError, match="not running"):
        processes(name)
