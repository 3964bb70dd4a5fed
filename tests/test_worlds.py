"""The same shell as a process, in a container and in a virtual machine."""

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from capas import language, vm, worlds
from capas.engine import Engine
from capas.errors import CapasError
from capas.vm import accelerator
from capas.vm.parts import parts

SH = Path(shutil.which("sh") or "/bin/sh")


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    language.use("en")
    yield
    language.use(None)


def test_a_process_is_typed_into_and_leaves_nothing() -> None:
    world = worlds.Process(SH)
    with pytest.raises(CapasError, match="not running"):
        world.run("echo")
    with world:
        assert world.running
        assert 0 < world.start_seconds < 60
        assert world.run("echo one; echo two >&2") == "one\ntwo"
        assert world.run("printf 'no end of line'") == "no end of line"
        assert world.run(":") == ""
        assert world.memory_mb > 0.1
        pid = world.pid
    assert not world.running
    assert not psutil.pid_exists(pid)
    world.stop()  # twice is no error


def test_what_is_set_stays() -> None:
    with worlds.Process(SH) as world:
        world.run("here=yes")
        assert world.run("echo $here") == "yes"


def test_a_shell_that_ends_says_why() -> None:
    with worlds.Process(SH) as world:
        with pytest.raises(CapasError, match="before it answered: the reason"):
            world.run("echo the reason; exit 3")
        assert not world.running
    missing = worlds.Process(Path("/nowhere/sh"))
    with pytest.raises(CapasError, match="sh could not be started"):
        missing.start()


def test_a_command_that_does_not_end_is_ended() -> None:
    with worlds.Process(SH) as world:
        began = time.monotonic()
        with pytest.raises(CapasError):
            world.run("while :; do :; done", seconds=0.3)
        assert time.monotonic() - began < 20
        assert not world.running


@pytest.mark.skipif(sys.platform == "win32", reason="there, it is another signal")
def test_what_is_interrupted_is_ended() -> None:
    main = threading.main_thread().ident or 0
    with worlds.Process(SH) as world:
        shell = psutil.Process(world.pid)
        threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            world.run("while :; do :; done")
        assert not world.running
    assert not shell.is_running()  # another process may have got its number meanwhile


def test_a_busy_shell_is_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    world = worlds.Process(SH).start()
    shell = world._shell
    assert shell
    assert shell.stdin
    shell.stdin.write("while :; do :; done\n")
    shell.stdin.flush()
    monkeypatch.setattr(worlds, "PATIENCE", 0.2)
    world.stop()
    assert shell.returncode != 0


def test_copies_are_worlds_of_their_own() -> None:
    first = worlds.Process(SH)
    made = worlds.copies(first, 3)
    try:
        assert not first.running
        assert len({world.run("echo $$") for world in made}) == 3
    finally:
        worlds.stop(made)
    assert not any(world.running for world in made)


def test_when_one_copy_fails_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[worlds.Process] = []

    class Fragile(worlds.Process):
        def copy(self) -> worlds.Process:
            made.append(worlds.Process(SH if made else Path("/nowhere/sh")))
            return made[-1]

    with pytest.raises(CapasError):
        worlds.copies(Fragile(SH), 3)
    assert len(made) == 3
    assert not any(world.running for world in made)


def test_measuring() -> None:
    with worlds.Process(SH) as world:
        found = worlds.seconds(world, "sleep 0.1", runs=3)
    assert len(found) == 3
    assert min(found) >= 0.1
    assert len(worlds.starts(worlds.Process(SH), 2)) == 2
    assert worlds.medians({"a": [3.0, 1.0, 100.0]}) == {"a": 3.0}
    assert worlds.relative({"process": 2.0, "container": 3.0}) == {"process": 1, "container": 1.5}
    assert worlds.relative({}) == {}
    assert worlds.resident_mb(os.getpid()) > 5
    with pytest.raises(CapasError, match="no process"):
        worlds.resident_mb(2**22 + 1)


def test_the_table_speaks_the_readers_language() -> None:
    language.use("es")
    table = worlds.table({"start, s": {"process": 0.0012, "VM, kvm": 1234.5}, "mine": {}})
    assert table.head == ["", "proceso", "VM, kvm"]
    assert table.rows == [["arranque, s", "0,0012", "1.230"], ["mine", "—", "—"]]


def test_without_engine_and_qemu_there_is_still_a_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none() -> None:
        raise vm.VmError("No QEMU.")

    monkeypatch.setattr("capas.vm.parts.parts", none)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    assert [*worlds.three()] == ["process"]
    assert capsys.readouterr().out == (
        "No QEMU.\nWithout a Docker Engine there is no container to compare with.\n"
    )


@pytest.fixture
def container(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> worlds.Container:
    from capas.engine import images

    images.ensure(engine, ["busybox"])
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    return worlds.Container("busybox")


@pytest.mark.engine
def test_a_container_shares_the_kernel_and_leaves_nothing(
    engine: Engine, container: worlds.Container
) -> None:
    ask = "cat /proc/sys/kernel/random/boot_id"
    with container, worlds.Process(SH) as process:
        if engine.kind == "private":
            assert container.run(ask) == process.run(ask)
        assert container.run("echo $$") == "1"
        assert container.memory_mb > 0.5
        assert container.disk_mb > 0.5
    with closing(engine.client()) as client:
        assert not client.containers.list(all=True, filters={"name": container.name})


@pytest.mark.engine
def test_what_a_container_says_of_errors_comes_with_its_answer(
    container: worlds.Container,
) -> None:
    with container:
        for number in range(50):
            said = container.run(f"echo late >&2; echo {number}")
            assert said == f"late\n{number}"


@pytest.mark.engine
def test_a_container_that_hangs_is_removed(engine: Engine, container: worlds.Container) -> None:
    with container, suppress(CapasError):
        container.run("while :; do :; done", seconds=0.5)
    with closing(engine.client()) as client:
        assert not client.containers.list(all=True, filters={"name": container.name})


@pytest.mark.engine
@pytest.mark.usefixtures("container")
def test_an_image_that_is_not_there() -> None:
    with pytest.raises(CapasError, match="before it answered"):
        worlds.Container("capas/not-there").start()


@pytest.mark.vm
def test_a_virtual_machine_has_another_kernel() -> None:
    try:
        made = parts()
    except CapasError as error:
        pytest.skip(str(error))
    ask = "cat /proc/sys/kernel/random/boot_id"
    with (
        worlds.Machine(made, accelerator.choose(made)) as machine,
        worlds.Process(made.busybox) as process,
    ):
        assert machine.run(ask) != process.run(ask)
        assert machine.run("busybox | head -1") == process.run(f"{made.busybox} | head -1")
        assert machine.memory_mb > process.memory_mb
        assert machine.disk_mb > process.disk_mb
    assert not machine.running
