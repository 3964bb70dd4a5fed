import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from capas import ports, vm
from capas.errors import CapasError
from capas.notebook import wait_for_http
from capas.vm import accelerator
from capas.vm.model import Parts
from capas.vm.parts import parts
from tests.waiting import wait_until

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module", autouse=True)
def possible() -> None:
    try:
        vm.prepare()
    except CapasError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def guest() -> Iterator[vm.Guest]:
    with vm.start(128, web_port=ports.free_port(18201)) as guest:
        yield guest


def test_a_guest_is_a_machine_of_its_own(guest: vm.Guest) -> None:
    assert guest.run("uname -r") != os.uname().release
    assert guest.run("cat /proc/1/comm; whoami") == "init\nroot"
    assert 64 <= int(guest.run("free -m | awk '/Mem/ {print $2}'")) <= 128
    assert guest.run("cat /sys/class/dmi/id/sys_vendor") == "QEMU"
    assert guest.accelerator in ("kvm", "tcg")
    assert 0.1 < guest.boot_seconds < 90
    assert guest.resident_mb > 64
    assert psutil.Process(guest.pid).name().startswith("qemu-system")
    assert "128 MB" in str(guest)


def test_the_shell_keeps_what_it_is_told(guest: vm.Guest) -> None:
    guest.run("cd /tmp; x='a  b'")
    assert guest.run('pwd; echo "$x"') == "/tmp\na  b"
    assert guest.run("false; echo $?") == "1"
    assert "not found" in guest.run("nosuch")
    assert guest.run("for i in 1 2\ndo echo $i\ndone") == "1\n2"
    assert guest.run("seq 3000").splitlines() == [str(n) for n in range(1, 3001)]
    assert guest.run("echo ñandú") == "ñandú"
    longest = "x" * 995
    assert guest.run(f"echo {longest}") == longest
    with pytest.raises(vm.VmError, match="1000 bytes at most"):
        guest.run(f"echo {longest}x")
    assert guest.run("") == ""


def test_what_does_not_end_is_interrupted(guest: vm.Guest) -> None:
    with pytest.raises(vm.VmError, match=r"“sleep 99” did not end within 0.5 s"):
        guest.run("sleep 99", seconds=0.5)
    with pytest.raises(vm.VmError, match="is not complete"):
        guest.run("echo 'open")
    assert guest.run("echo still here") == "still here"
    guest.run("exit")
    assert guest.run("echo and again") == "and again"


def test_a_page_from_inside(guest: vm.Guest) -> None:
    text = wait_for_http(f"http://127.0.0.1:{guest.web_port}", containing="inside a virtual")
    assert guest.run("uname -r") in text


def test_no_other_connection(guest: vm.Guest) -> None:
    """The guest cannot reach this machine, which is 10.0.2.2 to it, nor anything beyond."""
    port = guest.web_port
    assert "hello" not in guest.run(f"wget -T 2 -qO- http://10.0.2.2:{port} && echo hello", 60)


def test_without_a_port_there_is_no_network() -> None:
    with vm.start(128) as guest:
        assert guest.run("ls /sys/class/net") == "lo"
        pid = guest.pid
    assert not guest.running
    assert not psutil.pid_exists(pid)


def test_several_at_once() -> None:
    with ThreadPoolExecutor(3) as pool:
        guests = list(pool.map(lambda _: vm.start(128), range(3)))
    try:
        for number, one in enumerate(guests):
            one.run(f"hostname vm{number}")
        assert [one.run("hostname") for one in guests] == ["vm0", "vm1", "vm2"]
    finally:
        for one in guests:
            one.stop()


def test_a_guest_that_ends_itself() -> None:
    guest = vm.start(128)
    guest.run("poweroff -f")
    assert not guest.running
    with pytest.raises(vm.VmError, match="not running"):
        guest.run("uname")
    guest.start()
    assert guest.run("echo up") == "up"
    guest.stop()
    guest.stop()


@pytest.mark.parametrize("sign", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_nothing_is_left_when_its_process_is_gone(sign: str) -> None:
    code = (
        "from capas import vm; g = vm.start(128); print(g.pid, flush=True); g.run('sleep 99', 99)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        assert psutil.pid_exists(pid)
        process.send_signal(signal.Signals[sign])
    wait_until(lambda: not psutil.pid_exists(pid), "QEMU ends, too", 10)


def test_too_little_memory_is_told() -> None:
    with pytest.raises(vm.VmError, match="128 MB of memory or more"):
        vm.start(64)


def test_a_taken_port_is_told(guest: vm.Guest) -> None:
    with pytest.raises(vm.VmError, match="did not come up"):
        vm.start(128, web_port=guest.web_port)


def test_one_that_never_comes_up_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = parts()
    monkeypatch.setenv("CAPAS_HOME", str(tmp_path))
    slow = vm.Guest(128, parts=found, accelerator="tcg", patience=0.1)
    with pytest.raises(vm.VmError, match="did not come up"):
        slow.start()
    assert not slow.running
    assert (tmp_path / "log/vm.log").exists()


def test_kvm_counts_only_when_a_guest_came_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = parts()
    monkeypatch.setenv("CAPAS_HOME", str(tmp_path))
    device = tmp_path / "kvm"
    monkeypatch.setattr(accelerator, "DEVICE", device)
    assert accelerator.choose(found) == "tcg"
    device.touch()
    tries = []

    def never(parts: Parts) -> bool:
        tries.append(parts)
        return False

    monkeypatch.setattr(accelerator, "_boots", never)
    assert [accelerator.choose(found) for _ in range(2)] == ["tcg", "tcg"]
    assert len(tries) == 1  # remembered
    monkeypatch.setattr(accelerator, "_boot", lambda: "another boot")
    monkeypatch.setattr(accelerator, "_boots", lambda parts: True)
    assert [accelerator.choose(found) for _ in range(2)] == ["kvm", "kvm"]
