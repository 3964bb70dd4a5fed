import sys
from pathlib import Path

import pytest

from capas.vm.beneath import beneath
from capas.vm.cpuid import cpuid, hypervisor_signature

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="asks sysctl")


def machine(root: Path, **files: str) -> Path:
    """A machine's /proc and /sys; ``sys__class__dmi__id__product_name`` is a path."""
    (root / "proc").mkdir(exist_ok=True)
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


BARE = {
    "proc__cpuinfo": "flags\t\t: fpu vme vmx",
    "sys__class__dmi__id__product_name": "20XW00",
    "sys__class__dmi__id__sys_vendor": "LENOVO",
}
VIRTUAL = {"proc__cpuinfo": "model name\t: a hypervisor\nflags\t\t: fpu hypervisor sse"}


def test_bare_metal(tmp_path: Path) -> None:
    found = beneath(machine(tmp_path, **BARE), lambda: "")
    assert found.hypervisor == ""
    assert "bare metal" in str(found)
    assert ("/sys/class/dmi/id", "20XW00, LENOVO") in found.clues


@pytest.mark.parametrize(
    ("signature", "name"),
    [
        ("KVMKVMKVM", "KVM"),
        ("TCGTCGTCGTCG", "QEMU (TCG)"),
        ("Microsoft Hv", "Microsoft Hyper-V"),
        ("SomethingNew", "SomethingNew"),
    ],
)
def test_the_processor_s_word(tmp_path: Path, signature: str, name: str) -> None:
    found = beneath(machine(tmp_path, **VIRTUAL), lambda: signature)
    assert found.hypervisor == name
    assert name in str(found)


@pytest.mark.parametrize(
    ("signature", "product", "vendor", "name"),
    [
        ("KVMKVMKVM", "VirtualBox", "innotek GmbH", "VirtualBox"),
        ("KVMKVMKVM", "Google Compute Engine", "Google", "KVM (Google Compute Engine)"),
        ("KVMKVMKVM", "m5.large", "Amazon EC2", "Amazon EC2"),
        ("", "m5.metal", "Amazon EC2", ""),
        ("", "Virtual Machine", "Microsoft Corporation", "Microsoft Hyper-V"),
        (None, "Standard PC (Q35 + ICH9, 2009)", "QEMU", "QEMU"),
        (None, "20XW00", "LENOVO", ""),
    ],
)
def test_the_firmware_s_word(
    tmp_path: Path, signature: str | None, product: str, vendor: str, name: str
) -> None:
    files = {
        "sys__class__dmi__id__product_name": product,
        "sys__class__dmi__id__sys_vendor": vendor,
    }
    assert beneath(machine(tmp_path, **files), lambda: signature).hypervisor == name


def test_the_kernel_s_word(tmp_path: Path) -> None:
    assert beneath(machine(tmp_path, sys__hypervisor__type="xen"), lambda: "").hypervisor == "Xen"
    (tmp_path / "sys/hypervisor/type").unlink()
    tree = machine(tmp_path, **{"proc__device-tree__hypervisor__compatible": "linux,kvm\0"})
    assert beneath(tree, lambda: None).hypervisor == "KVM"


def test_xen_s_first_guest_is_one(tmp_path: Path) -> None:
    found = beneath(machine(tmp_path, proc__xen__capabilities="control_d", **BARE), lambda: "")
    assert found.hypervisor == "Xen"


def test_wsl_2(tmp_path: Path) -> None:
    files = {"proc__sys__kernel__osrelease": "6.6.87.2-microsoft-standard-WSL2", **VIRTUAL}
    found = beneath(machine(tmp_path, **files), lambda: "Microsoft Hv")
    assert found.wsl
    assert "WSL 2: Microsoft Hyper-V" in str(found)


def test_a_container_is_told_apart(tmp_path: Path) -> None:
    inside = machine(tmp_path, **{".dockerenv": "", **BARE})
    found = beneath(inside, lambda: "")
    assert (found.hypervisor, found.container) == ("", "docker")
    assert "container (docker)" in str(found)
    machine(tmp_path, proc__1__environ="PATH=/bin\0container=lxc\0")
    assert beneath(inside, lambda: "").container == "lxc"


def test_what_cannot_be_told(tmp_path: Path) -> None:
    found = beneath(machine(tmp_path), lambda: None)
    assert found.hypervisor is None
    assert "could not be told" in str(found)
    hidden = beneath(machine(tmp_path, **VIRTUAL), lambda: None)
    assert hidden.hypervisor == "one that does not give its name"


def test_this_processor() -> None:
    registers = cpuid(0)
    if registers is None:
        pytest.skip("not to be asked here")
    vendor = b"".join(registers[n].to_bytes(4, "little") for n in (1, 3, 2)).decode()
    assert vendor in Path("/proc/cpuinfo").read_text()
    signature = hypervisor_signature()
    assert (signature != "") == ("hypervisor" in Path("/proc/cpuinfo").read_text())
