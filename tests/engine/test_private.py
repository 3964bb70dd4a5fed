"""The private engine at work, in a machine of its own (`machine.py`)."""

import os
import re
import shutil
import sys
import tempfile
import time
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from capas import paths
from capas.engine import (
    EngineError,
    PrivateEngine,
    cgroups,
    cli,
    mounts,
    network,
    processes,
)
from capas.engine.locking import lock
from tests.engine.machine import ANSWER, DRIVE, OUTSIDE, Machine, Refused, answer, get, wait_for


@pytest.mark.engine
def test_up_again_starts_nothing(up: Machine) -> None:
    before = up.pids("dockerd"), up.pids("containerd")
    assert up.do("(private.up().kind, private.started_here, private.status())") == [
        "private",
        False,
        "up",
    ]
    assert (up.pids("dockerd"), up.pids("containerd")) == before


@pytest.mark.engine
def test_found_like_any_other_engine(up: Machine) -> None:
    assert up.do("(find().kind, find().host, find().name)") == [
        "private",
        up.host(),
        "private Docker Engine",
    ]
    assert up.do("find().kind", env={"DOCKER_HOST": up.host()}) == "private"
    assert up.do("find('found')") is None
    environment = up.do("find().environment()")
    assert environment["DOCKER_HOST"] == up.host()
    assert environment["BUILDX_BUILDER"] == "default"
    assert environment["PATH"].startswith(str(up.home / "engine/prefix/usr/bin"))


@pytest.mark.engine
def test_cli_has_compose_and_buildx(up: Machine) -> None:
    codes = "[find().run(plugin, 'version').returncode for plugin in ('compose', 'buildx')]"
    assert up.do(codes) == [0, 0]


@pytest.mark.engine
def test_networks(up: Machine) -> None:
    for name in ("one", "two"):
        up.docker("network", "create", name)
    up.docker("run", "-d", "--name", "web", "--network", "one", "busybox", "httpd", "-f", "-h/www")
    address = up.docker("inspect", "-f", "{{.NetworkSettings.Networks.one.IPAddress}}", "web")
    address = address.strip()

    def seen(network: str, where: str) -> str:
        return up.docker("run", "--rm", "--network", network, "busybox", *get(where), check=False)

    found = up.docker("run", "--rm", "--network", "one", "busybox", "nslookup", "web", check=False)
    assert address in found, "names resolve"
    assert "this is a container" in seen("one", address)
    assert "this is a container" not in seen("two", address), "networks are apart"
    assert ANSWER in seen("one", OUTSIDE)
    assert ANSWER in seen("bridge", OUTSIDE)


@pytest.mark.engine
def test_builds_reach_the_network(up: Machine, tmp_path: Path) -> None:
    command = get(OUTSIDE)[-1]
    (tmp_path / "Dockerfile").write_text(f"FROM busybox\nRUN {command}\n")
    output = up.docker("build", "--no-cache", str(tmp_path), check=False)
    assert ANSWER in output


@pytest.mark.engine
def test_limits_are_kept(up: Machine) -> None:
    run = ["run", "--memory", "20m", "--pids-limit", "50", "--name", "small", "busybox"]
    eater = "x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done"
    up.docker(*run, "sh", "-c", eater, check=False)
    state = up.docker("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", "small")
    assert state.split() == ["true", "137"]


@pytest.mark.engine
def test_init_and_two_engines_side_by_side(up: Machine, tmp_path: Path) -> None:
    assert "1\n" in up.docker("run", "--rm", "--init", "busybox", "sh", "-c", "echo $PPID")
    other = {"CAPAS_HOME": str(tmp_path / "other")}
    try:
        assert up.do("ensure('private').host", env=other) != up.host()
        assert up.do("find('private').host") == up.host()
    finally:
        up.do("private.remove()", env=other)
    assert up.do("find('private').host") == up.host()


@pytest.mark.engine
def test_down_keeps_what_it_had_and_waits_for_nobody(up: Machine) -> None:
    up.docker("run", "-d", "--name", "stubborn", "busybox", "sleep", "1000")
    up.do("private.down()")  # the container, deaf to SIGTERM, would sleep for 1000 s
    assert up.do("private.status()") == "down"
    assert not up.pids("dockerd") and not up.pids("containerd-shim-runc-v2")
    up.do("ensure('private').kind")
    assert "stubborn" in up.docker("ps", "--all", "--format", "{{.Names}}")


@pytest.mark.engine
def test_socket_belongs_to_who_called_sudo(up: Machine) -> None:
    up.do("private.up().kind", env={"SUDO_UID": "1000", "SUDO_GID": "1234"})
    socket = PrivateEngine(up.home).socket
    assert up.run("stat", "-c", "%g %a", str(socket)).split() == ["1234", "660"]
    up.do("private.up().kind")


@pytest.mark.engine
def test_ports_are_published_to_this_machine_only(up: Machine) -> None:
    up.docker("network", "create", "one")
    for port, name in ((8001, "bridge"), (8002, "one")):
        run = ["run", "-d", "--network", name, "--name", f"on-{name}", "-p", f"{port}:80"]
        up.docker(*run, "busybox", "httpd", "-f", "-h/www")
        assert up.docker("port", f"on-{name}").split() == ["80/tcp", "->", f"127.0.0.1:{port}"]


@pytest.mark.engine
def test_classroom_registry_without_tls(up: Machine) -> None:
    up.do("private.up().kind", env={"CAPAS_MIRROR": "http://room:5000"})
    template = "{{range $name, $_ := .RegistryConfig.IndexConfigs}}{{$name}} {{end}}"
    wait_for(lambda: "room:5000" in up.docker("info", "-f", template))


@pytest.mark.engine
def test_engine_that_sudo_started(up: Machine) -> None:
    """As a user without rights, whose engine root has started for them."""
    # A place that everybody may enter, as a home folder's is for its user.
    outer = tempfile.mkdtemp(prefix="capas-")
    Path(outer).chmod(0o755)
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    try:
        if up.start(*user, sys.executable, "-c", "import capas.engine").wait():
            pytest.skip("another user may not read this checkout")
        home = Path(outer) / "capas"
        up.run("chown", "65534:65534", outer)
        (Path(outer) / "bin").mkdir()
        (Path(outer) / "bin/sudo").touch(0o755)  # one that is only looked for
        env = {"CAPAS_HOME": str(home), "HOME": outer, "PATH": f"{outer}/bin:/usr/bin:/bin"}
        sudo = {"SUDO_USER": "nobody", "SUDO_UID": "65534", "SUDO_GID": "65534"}

        def as_user(expression: str) -> Any:
            return answer(up.run(*user, sys.executable, "-c", DRIVE, expression, env=env))

        with pytest.raises(Refused, match=rf"sudo CAPAS_HOME={home} /\S+ engine up"):
            as_user("ensure()")
        assert up.do("ensure('private').kind", env=env | sudo) == "private"
        assert as_user("ensure().kind") == "private"
        version = "[find().run(plugin, 'version').returncode for plugin in ('compose', 'buildx')]"
        assert as_user(version) == [0, 0]
        (Path(outer) / "Dockerfile").write_text("FROM scratch\nLABEL capas=test\n")
        # A builder of their own, which could not start here: builds do not go there.
        assert as_user("find().run('buildx', 'create', '--use').returncode") == 0
        assert as_user(f"find().run('build', '{outer}').stderr.count('ERROR')") == 0
        assert (home / "docker/cli-plugins/docker-buildx").exists()
        for refused in ("down", "remove"):
            with pytest.raises(Refused, match=rf"sudo CAPAS_HOME={home} /\S+ engine {refused}"):
                as_user(f"private.{refused}()")
        assert as_user("find().kind") == "private"
        up.do("private.down()", env=env | sudo)
        up.run("rm", "-rf", str(home / "engine/data"))  # as if it had never been started
        with pytest.raises(Refused, match="engine remove"):
            as_user("private.remove()")
        up.do("private.remove()", env=env | sudo)
        assert not home.exists()
    finally:
        up.do("private.remove()", env={"CAPAS_HOME": str(Path(outer) / "capas")})
        shutil.rmtree(outer)


# --- without an engine ------------------------------------------------------------------------


def test_homes_have_engines_of_their_own(tmp_path: Path) -> None:
    one, two = PrivateEngine(tmp_path / "one"), PrivateEngine(tmp_path / "two")
    assert one.id != two.id
    assert one.socket != two.socket
    assert len(str(one.socket)) < 100
    assert len(one.tag) <= 15, "the kernel's limit for an interface's name"


def test_nothing_installed_is_absent_and_nothing_to_remove(tmp_path: Path) -> None:
    engine = PrivateEngine(tmp_path / "none")
    assert engine.status() == "absent"
    engine.down()
    engine.remove()
    assert not engine.home.exists()


ROUTES = """\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t{net}\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux' routing table")
def test_pool_is_free_of_the_machine_s_routes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "route"
    monkeypatch.setattr(network, "ROUTES", table)
    table.write_text(ROUTES.format(net="0000C80A", mask="0000FFFF"))  # 10.200.0.0/16
    assert [str(route) for route in network.routes()] == ["192.168.2.0/24", "10.200.0.0/16"]
    assert str(network.free_pool(0)) == "10.201.0.0/16"
    wanted = IPv4Network("10.222.0.0/16")
    assert network.free_pool(0, wanted) == wanted
    table.write_text(ROUTES.format(net="0000000A", mask="000000FF"))  # 10.0.0.0/8: a company's
    assert str(network.free_pool(0, wanted)) == "198.18.0.0/16"


def test_bridges_are_told_by_the_engine_s_records(tmp_path: Path) -> None:
    database = tmp_path / "local-kv.db"
    database.write_bytes(b'\0{"BridgeName":"br-0123456789ab","X":1}\xff{"BridgeName":"capas-1"}')
    assert network.bridges_of(database) == {"br-0123456789ab", "capas-1"}
    assert network.bridges_of(tmp_path / "none") == set()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux' processes")
def test_processes_are_told_by_their_program() -> None:
    program = Path("/proc/self/exe").resolve()
    assert program.name in processes.running(program.parent).values()
    assert not processes.running(program.parent, ["dockerd"])
    assert not processes.in_cgroup("capas-of-nobody")
    cgroups.forget("capas-of-nobody")


@pytest.mark.skipif(sys.platform == "win32", reason="one process at a time elsewhere")
def test_lock_is_free_when_its_holder_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with lock(path):
            os.write(writing, b"held")
            time.sleep(60)
    os.read(reading, 4)
    told: list[str] = []

    def report(line: str) -> None:
        told.append(line)
        os.kill(child, 9)

    with lock(path, report):
        assert len(told) == 1
    os.waitpid(child, 0)
    wait_for(lambda: not path.exists())


def test_what_needs_no_root_is_removed_without(tmp_path: Path) -> None:
    engine = PrivateEngine(tmp_path / "home")
    for folder in ("tools/x", "cli/usr/bin", "images/a", "locks", "jupyter"):
        (engine.home / folder).mkdir(parents=True)
    for left in ("engine-users.lock", "cli.lock"):
        (engine.home / left).touch()
    engine.remove()
    assert [path.name for path in engine.home.iterdir()] == ["jupyter"], "the user's settings"
    (engine.home / "jupyter").rmdir()
    (engine.home / "docker").mkdir()
    engine.remove()
    assert not engine.home.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux' mounts")
def test_nothing_is_removed_through_a_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "josé's home" / "engine"
    (folder / "data").mkdir(parents=True)
    (folder / "data/mine").touch()
    table = tmp_path / "mountinfo"
    written = str(folder).replace(" ", r"\040")
    table.write_text(
        "1 1 0:1 / / rw - overlay overlay rw\n"
        f"2 1 0:1 / {written}/data rw - ext4 /dev/x rw\n"
        f"3 1 0:1 / {written}2 rw - ext4 /dev/x rw\n"
    )
    monkeypatch.setattr(mounts, "TABLE", table)
    assert mounts.below(folder) == [str(folder / "data")]
    with pytest.raises(EngineError, match="still mounted there"):
        mounts.remove(folder)
    assert (folder / "data/mine").exists()
    table.write_text("1 1 0:1 / / rw - overlay overlay rw\n")
    mounts.remove(folder)
    assert not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="one process at a time elsewhere")
def test_no_locks_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import fcntl

    def no_locks(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(EngineError, match="CAPAS_HOME"), lock(tmp_path / "lock"):
        pass
    monkeypatch.undo()
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="CAPAS_HOME"), lock(tmp_path / "file/lock"):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="sudo and Debian")
def test_sentence_names_the_home_where_sudo_would_not_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CAPAS_MIRROR", raising=False)
    for name in ("SUDO_USER", "SUDO_UID", "SUDO_GID"):
        monkeypatch.delenv(name, raising=False)
    usual = PrivateEngine(paths.home_under_sudo())._sudo("up")
    assert re.fullmatch(r"sudo '?/.*capas'? engine up", usual)
    other = PrivateEngine(tmp_path / "my home")._sudo("remove")
    assert other.startswith(f"sudo CAPAS_HOME='{tmp_path}/my home' ")
    assert other.endswith("capas engine remove")


@pytest.mark.skipif(sys.platform != "linux", reason="sudo and Debian")
def test_what_root_makes_under_sudo_is_the_user_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    monkeypatch.setenv("SUDO_UID", "1234")
    monkeypatch.setenv("SUDO_GID", "1235")
    home = tmp_path / "share/capas"
    paths.make(home)
    for folder in ("jupyter/a", "log/b", "engine/data", "mirror/data"):
        (home / folder).mkdir(parents=True)
    (home / "jupyter/a/settings").touch()
    paths.give_back(home, but=("engine", "mirror"))
    owners = {str(path.relative_to(home)): path.stat().st_uid for path in home.rglob("*")}
    roots = {"engine", "engine/data", "mirror", "mirror/data"}
    assert {path for path, owner in owners.items() if owner == 0} == roots
    assert {owner for path, owner in owners.items() if path not in roots} == {1234}
    assert home.stat().st_gid == home.parent.stat().st_gid == 1235
    assert tmp_path.stat().st_uid == 0, "was there before"


@pytest.mark.skipif(sys.platform == "win32", reason="no CLI of ours there")
def test_config_folder_is_the_user_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPAS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SUDO_UID", raising=False)
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text("{}")
    prefix = tmp_path / "home/engine/prefix"
    program = prefix / "usr/libexec/docker/cli-plugins/docker-compose"
    program.parent.mkdir(parents=True)
    program.touch()
    config = cli._config(prefix)
    assert config == tmp_path / "home/docker"
    assert (config / "cli-plugins/docker-compose").samefile(program)
    assert (config / "config.json").samefile(tmp_path / ".docker/config.json")
    shutil.rmtree(config)
    config.touch()  # a place that cannot be had, as another user's
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cli._config(prefix) == tmp_path / "cache/capas/docker"
