import platform
import shutil
import sys
from pathlib import Path

import pytest

from capas import vm
from capas.engine import packages
from capas.engine.model import EngineError


@pytest.fixture
def no_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linux whose packages we do not know, with neither QEMU nor busybox."""

    def unknown() -> packages.Release:
        raise EngineError("unknown")

    monkeypatch.setenv("CAPAS_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(packages, "release", unknown)
    monkeypatch.setattr(shutil, "which", lambda name: None)


def test_another_processor_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(vm.VmError, match="aarch64"):
        vm.prepare()


@pytest.mark.usefixtures("no_packages")
def test_no_qemu_is_told() -> None:
    with pytest.raises(vm.VmError, match="no QEMU here"):
        vm.start()


@pytest.mark.usefixtures("no_packages")
def test_no_kernel_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        shutil, "which", lambda name: "/usr/bin/qemu-system-x86_64" if "qemu" in name else None
    )
    with pytest.raises(vm.VmError, match="a static busybox and a kernel in /boot"):
        vm.start()


@pytest.mark.usefixtures("no_packages")
def test_a_failed_fetch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_args: object, **_more: object) -> None:
        raise EngineError("There is too little room")

    monkeypatch.setattr(
        packages, "release", lambda: packages.Release("x", None, (), "main", (), ())
    )
    monkeypatch.setattr(packages, "unpack", no_room)
    with pytest.raises(vm.VmError, match="too little room"):
        vm.start()
