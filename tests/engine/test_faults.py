"""What may go wrong with the private engine, done for real; each ends well."""

import contextlib
import copy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from capas.engine import PrivateEngine, ensure, packages
from capas.errors import CapasError
from tests.engine.machine import ANSWER, DRIVE, OUTSIDE, Machine, Refused, answer, get, wait_for

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("daemons", [("dockerd",), ("containerd",), ("dockerd", "containerd")])
def test_killed_engine_starts_again_with_what_it_had(up: Machine, daemons: tuple[str, ...]) -> None:
    up.docker("run", "-d", "--name", "kept", "-p", "127.0.0.1:8000:80", *served())
    up.docker("create", "--name", "waiting", "busybox", "true")
    began = up.docker("inspect", "-f", "{{.State.StartedAt}}", "kept")
    up.kill(*daemons)
    assert up.do("ensure('private').kind") == "private"
    assert {"kept", "waiting"} <= set(up.docker("ps", "-a", "--format", "{{.Names}}").split())
    assert "busybox" in up.docker("images", "--format", "{{.Repository}}")
    # It did not even notice, and its port is published again.
    assert up.docker("inspect", "-f", "{{.State.StartedAt}}", "kept") == began
    assert wait_for(lambda: fetched(up, "http://127.0.0.1:8000")) == "this is a container"
    assert up.docker("exec", "kept", "echo", "alive") == "alive\n"


def test_started_twice_at_once(machine: Machine) -> None:
    machine.do("private.remove()")
    both = [
        machine.start(sys.executable, "-c", DRIVE, "(ensure().kind, bool(started_here()))")
        for _ in range(2)
    ]
    results = sorted(answer(process.communicate(timeout=60)[0]) for process in both)
    assert results == [["private", False], ["private", True]]
    assert len(machine.pids("dockerd")) == len(machine.pids("containerd")) == 1


def test_a_second_dockerd_and_ours_do_no_harm_to_each_other(
    up: Machine, busybox: Path, tmp_path: Path
) -> None:
    with OtherDockerd(up, tmp_path) as other:
        other.docker("import", "--change", "ENV PATH=/bin", str(busybox), "busybox")
        other.docker("run", "-d", "--stop-timeout=1", "-p", "127.0.0.1:9000:80", *served())
        up.docker("run", "-d", "-p", "127.0.0.1:8000:80", *served())

        def all_is_well() -> None:
            for docker, port in ((up.docker, 8000), (other.docker, 9000)):
                assert ANSWER in seen_outside(docker)
                page = wait_for(lambda port=port: fetched(up, f"http://127.0.0.1:{port}"))
                assert page == "this is a container"

        all_is_well()
        other.restart()  # sets all its rules anew
        other.docker("run", "-d", "--stop-timeout=1", "-p", "127.0.0.1:9000:80", *served())
        all_is_well()
        its_rules = other.rules()
        assert its_rules
        up.do("private.down()")
        assert ANSWER in seen_outside(other.docker)
        up.do("ensure('private').kind")
        assert ANSWER in seen_outside(up.docker)
        up.do("private.remove()")
        assert other.rules() == its_rules
        assert ANSWER in seen_outside(other.docker)
        assert fetched(up, "http://127.0.0.1:9000") == "this is a container"


def test_no_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("we are nobody already: see test_discovery")
    tmp_path.chmod(0o777)
    monkeypatch.setenv("CAPAS_HOME", str(tmp_path / "capas"))
    monkeypatch.setenv("CAPAS_ENGINE", "private")

    def try_it() -> str:
        with pytest.raises(CapasError) as refused:
            ensure()
        return str(refused.value)

    monkeypatch.setattr(shutil, "which", lambda name, **_more: f"/usr/bin/{name}")
    sentence = as_nobody(try_it)
    assert re.search(r"`sudo CAPAS_HOME=/\S+/capas /\S+/capas engine up`", sentence)
    assert "\n" not in sentence
    monkeypatch.setattr(
        shutil, "which", lambda name, **_more: None if name == "sudo" else f"/usr/bin/{name}"
    )
    assert "no sudo here: ask who administers" in as_nobody(try_it)
    assert not (tmp_path / "capas").exists()


@pytest.mark.parametrize("cached", [False, True], ids=["seen-before", "hit-in-the-middle"])
def test_no_disk_space(machine: Machine, downloads: Path, tmp_path: Path, cached: bool) -> None:
    home = tmp_path / "small"
    home.mkdir()
    machine.run("mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(home))
    env = {"CAPAS_HOME": str(home), "CAPAS_CACHE": str(downloads if cached else home / "cache")}
    try:
        with pytest.raises(Refused, match=r"^[^\n]*make room[^\n]*CAPAS_HOME[^\n]*$"):
            machine.do("ensure('private')", env=env)
        assert machine.run("find", str(home), "-type", "f") == "", "nothing half-done"
        machine.run("mount", "-o", "remount,size=2g", str(home))
        env["CAPAS_CACHE"] = str(downloads)
        assert machine.do("ensure('private').kind", env=env) == "private"
        machine.do("private.remove()", env=env)
        assert machine.run("find", str(home), "-mindepth", "1") == ""
    finally:
        machine.run("umount", "-l", str(home))


def test_mirror_port_taken(up: Machine) -> None:
    pytest.importorskip("capas.engine.mirror")
    port = up.do("private.mirror_port")
    up.do("private.down()")
    with taken(up, port):
        up.do("ensure('private').kind")
        moved = up.do("private.mirror_port")
        assert moved
        assert moved != port
        assert f"http://127.0.0.1:{moved}/" in mirrors(up)
        # While the engine is up: the mirror ends, and its port goes to somebody else.
        up.kill("docker-registry")
        with taken(up, moved):
            up.do("private.up().kind")
            again = up.do("private.mirror_port")
            assert again != moved
            wait_for(lambda: f"http://127.0.0.1:{again}/" in mirrors(up))


@pytest.mark.parametrize("killed_first", [False, True], ids=["in-order", "after-kill-9"])
def test_remove_leaves_the_machine_as_it_was(
    machine: Machine, busybox: Path, killed_first: bool
) -> None:
    machine.do("private.remove()")
    machine.run("rm", "-rf", "/run/docker", "/run/containerd")  # the other dockerd's
    before = snapshot(machine)
    machine.do("ensure('private').kind")
    machine.docker("import", "--change", "ENV PATH=/bin", str(busybox), "busybox")
    machine.docker("network", "create", "one")
    machine.docker("network", "create", "--subnet", "172.29.0.0/16", "two")
    machine.docker("run", "-d", "--network", "one", "-p", "127.0.0.1:8000:80", *served())
    machine.docker("run", "-d", "--network", "two", "-v", "kept:/data", "busybox", "sleep", "99")
    for note in ("images/engine/busybox.json", "log/images/busybox.log", "locks/image", "tmp/x/y"):
        (machine.home / note).parent.mkdir(parents=True, exist_ok=True)
        (machine.home / note).touch()
    (machine.home / "engine-users.lock").touch()
    during = snapshot(machine)
    assert all(during[what] != before[what] for what in before if what != "files")
    if killed_first:
        machine.kill("dockerd", "containerd")
    machine.do("private.remove()")
    wait_for(lambda: snapshot(machine)["processes"] == before["processes"])
    after = snapshot(machine)
    for what in before:
        assert after[what] == before[what], what
    assert not machine.home.exists()


def test_failed_start_leaves_nothing_behind(machine: Machine) -> None:
    machine.do("ensure('private').kind")
    machine.do("private.down()")
    before = snapshot(machine)
    dockerd = machine.home / "engine/prefix/usr/sbin/dockerd"
    dockerd.rename(dockerd.with_suffix(".kept"))
    dockerd.symlink_to("/bin/false")
    try:
        with pytest.raises(Refused, match="did not start"):
            machine.do("ensure('private')")
        wait_for(lambda: snapshot(machine)["processes"] == before["processes"])
        assert snapshot(machine) == before
    finally:
        dockerd.with_suffix(".kept").replace(dockerd)
    assert machine.do("ensure('private').kind") == "private"


def test_removal_ends_at_what_is_mounted(machine: Machine, busybox: Path, tmp_path: Path) -> None:
    """A folder of the student's in a volume, an engine that was killed, a home with an accent."""
    home, mine = tmp_path / "josé", tmp_path / "mine"
    mine.mkdir()
    (mine / "essay").write_text("weeks of work")
    other = copy.copy(machine)
    other.home, other.env = home, {**machine.env, "CAPAS_HOME": str(home)}
    commands = [
        ["import", "--change", "ENV PATH=/bin", str(busybox), "busybox"],
        ["volume", "create", *bound(mine), "mine"],
        ["run", "-d", "-v", "mine:/data", "busybox", "sleep", "1000"],
    ]
    try:
        codes = f"[ensure('private').run(*command).returncode for command in {commands}]"
        assert other.do(codes) == [0, 0, 0]
        mounted = ["grep", "-c", f"{home}/engine/data/volumes/mine", "/proc/self/mountinfo"]
        assert machine.run(*mounted).strip() == "1"
        other.kill("dockerd", "containerd")
    finally:
        other.do("private.remove()")
    assert not home.exists()
    assert (mine / "essay").read_text() == "weeks of work"


def test_download_cut_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        packages.release()
    except CapasError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("CAPAS_HOME", str(tmp_path))
    monkeypatch.delenv("CAPAS_CACHE", raising=False)
    target = tmp_path / "there"

    def killed_at(words: str) -> None:
        child = os.fork()
        if child == 0:

            def report(line: str) -> None:
                if line.startswith(words):
                    os.kill(os.getpid(), 9)

            packages.unpack(["tini"], target, report)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
        assert not target.exists(), "complete or absent"

    killed_at("Asking")
    killed_at("Unpacking")
    (arrived,) = (tmp_path / "cache/debs").glob("tini_*.deb")
    os.truncate(arrived, arrived.stat().st_size // 2)
    packages.unpack(["tini"], target)
    assert (target / "usr/bin/tini-static").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there"]


# --- help -----------------------------------------------------------------------------------


def served() -> list[str]:
    return ["busybox", "httpd", "-f", "-h", "/www"]


def bound(folder: Path) -> list[str]:
    """Return the options that make a volume of a folder: the engine mounts it itself."""
    options = {"type": "none", "o": "bind", "device": folder}
    return [word for key, value in options.items() for word in ("-o", f"{key}={value}")]


def fetched(machine: Machine, url: str) -> str:
    """Return what the machine itself gets from a URL, or nothing while it does not answer."""
    code = (
        "import sys, urllib.request as r\n"
        "try: print(r.urlopen(sys.argv[1], timeout=3).read().decode())\n"
        "except OSError: pass"
    )
    return machine.run(sys.executable, "-c", code, url).strip()


def seen_outside(docker: Callable[..., str]) -> str:
    """Return what a new container gets from the web server outside the machine."""
    return docker("run", "--rm", "busybox", *get(OUTSIDE), check=False)


@contextlib.contextmanager
def taken(machine: Machine, port: int) -> Iterator[None]:
    """Have somebody else listen on a port of the machine."""
    code = (
        f"import socket, sys; s = socket.create_server(('127.0.0.1', {port}))\n"
        "print('taken', flush=True); sys.stdin.read()"
    )
    somebody = machine.start(sys.executable, "-c", code, stdin=subprocess.PIPE)
    try:
        assert somebody.stdout
        assert somebody.stdout.readline() == "taken\n"
        yield
    finally:
        somebody.communicate(timeout=10)  # the end of its input is its end


def mirrors(machine: Machine) -> str:
    return machine.docker("info", "-f", "{{json .RegistryConfig.Mirrors}}")


def as_nobody(function: Callable[[], str]) -> str:
    """Run a function as a user without any rights, in a child of this process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            said = function()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return said


def snapshot(machine: Machine) -> dict[str, list[str]]:
    """Return what an engine might leave on a machine."""
    iptables = sorted((downloads_of(machine) / "unpacked").glob("*/capas/iptables/iptables-save"))
    places = "/run /etc /opt /var/lib /usr/local /sys/fs/cgroup"
    tag = PrivateEngine(machine.home).tag
    looks = {
        # the dead linger: this machine's first process buries nobody
        "processes": "ps -A -o stat=,comm= | grep -v -e ^Z -e ' ps$' -e grep -e ' sh$'",
        # not all: those of other engines on the real machine come and go
        "mounts": f"cut -d' ' -f 5 /proc/self/mountinfo | grep -e ^/run -e ^/sys -e {machine.home}",
        "links": "ip -o link | cut -d: -f 2",
        "rules": f"{iptables[0]} | grep -e ^-A -e '^:.* - ' | sed 's/ - .*//'; true",
        "run": "find /run",
        "groups": f"find /sys/fs/cgroup -maxdepth 2 -name '*{tag}*'; echo",
        "files": f"find {places} -maxdepth 2 -not -path '/sys/*' -not -path '/run*'",
    }
    return {what: sorted(machine.run("sh", "-c", do).splitlines()) for what, do in looks.items()}


def downloads_of(machine: Machine) -> Path:
    return Path(machine.env["CAPAS_CACHE"])


class OtherDockerd:
    """Somebody else's dockerd on that machine, with all of Docker's defaults."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine, self.folder = machine, folder
        self.prefix = folder / "prefix"
        self.socket = "/run/other.sock"

    def __enter__(self) -> "OtherDockerd":
        # A copy of the programs, so that they are not our engine's.
        (kept,) = (downloads_of(self.machine) / "unpacked").glob("*/usr/sbin/dockerd")
        self.machine.run("cp", "-al", str(kept.parents[2]), str(self.prefix))
        self._start()
        return self

    def __exit__(self, *details: object) -> None:
        self._stop()
        for folder in ("prefix", "data"):  # 400 MB, if pytest kept them
            self.machine.run("rm", "-rf", str(self.folder / folder))

    def _start(self) -> None:
        folders = ("capas/iptables", "usr/sbin", "usr/bin")
        path = ":".join(str(self.prefix / folder) for folder in folders)
        arguments = {
            "data-root": self.folder / "data",
            "exec-root": "/run/other",
            "pidfile": "/run/other.pid",
            "host": f"unix://{self.socket}",
        }
        self.daemon = self.machine.start(
            str(self.prefix / "usr/sbin/dockerd"),
            *[f"--{key}={value}" for key, value in arguments.items()],
            env={"PATH": f"{path}:{os.environ['PATH']}"},
            stdout=(self.folder / "log").open("a"),
            stderr=(self.folder / "log").open("a"),
        )
        wait_for(lambda: "Server" in self.docker("version", check=False), 30, "the other dockerd")

    def _stop(self) -> None:
        self.machine.run("sh", "-c", "kill $(cat /run/other.pid)")
        self.daemon.wait(30)

    def restart(self) -> None:
        self._stop()
        self._start()

    def docker(self, *arguments: str, check: bool = True) -> str:
        env = {"DOCKER_HOST": f"unix://{self.socket}"}
        docker = str(self.prefix / "usr/bin/docker")
        return self.machine.run(docker, *arguments, env=env, check=check)

    def rules(self) -> list[str]:
        save = str(self.prefix / "capas/iptables/iptables-save")
        lines = self.machine.run(save).splitlines()
        return [line for line in lines if line.startswith("-A") and "CAPAS" not in line]
