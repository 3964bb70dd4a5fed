"""What is beneath this machine: bare metal, or a hypervisor, and whose.

The method is that of ``systemd-detect-virt`` (src/basic/virt.c in systemd): the processor's
word first (CPUID), then what the firmware calls the machine (DMI), then what the kernel
knows. Containers are told apart: they run on the same kernel and see the same processor.
"""

import contextlib
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from capas.language import _
from capas.vm.cpuid import hypervisor_signature

SIGNATURES = {
    "KVMKVMKVM": "KVM",
    "Linux KVM Hv": "KVM",
    "TCGTCGTCGTCG": "QEMU (TCG)",
    "VMwareVMware": "VMware",
    "Microsoft Hv": "Microsoft Hyper-V",
    "XenVMMXenVMM": "Xen",
    "VBoxVBoxVBox": "VirtualBox",
    "bhyve bhyve": "bhyve",
    "ACRNACRNACRN": "ACRN",
    "prl hyperv": "Parallels",
    "Apple VZ": "Apple Virtualization",
}
"""Who signs how, in CPUID leaf 0x40000000."""

MAKERS = {
    "KVM": "KVM",
    "OpenStack": "KVM",
    "KubeVirt": "KVM",
    "Amazon EC2": "Amazon EC2",
    "QEMU": "QEMU",
    "VMware": "VMware",
    "VMW": "VMware",
    "innotek GmbH": "VirtualBox",
    "VirtualBox": "VirtualBox",
    "Xen": "Xen",
    "Bochs": "Bochs",
    "Parallels": "Parallels",
    "BHYVE": "bhyve",
    "Hyper-V": "Microsoft Hyper-V",
    "Virtual Machine": "Microsoft Hyper-V",
    "Apple Virtualization": "Apple Virtualization",
    "Google Compute Engine": "KVM (Google Compute Engine)",
}
"""What the firmware of a virtual machine calls itself (DMI), by how that begins."""

TELLING = ("Amazon EC2", "KVM (Google Compute Engine)", "Parallels", "VirtualBox", "Xen")
"""Names from the firmware that say more than the processor, whose word may be another's."""

DMI = ("product_name", "sys_vendor", "board_vendor", "bios_vendor")


@dataclass(frozen=True)
class Beneath:
    """What a machine runs on."""

    hypervisor: str | None
    """The hypervisor's name; "" for bare metal; None where it could not be told."""
    container: str
    """What kind of container this process is in besides ("docker", "podman", …); "" for none."""
    wsl: bool
    """Whether this is Windows' Subsystem for Linux 2."""
    clues: tuple[tuple[str, str], ...]
    """What was read: where, and what it says ("" for nothing)."""

    def __str__(self) -> str:
        if self.wsl:
            sentence = _("a virtual machine on Windows (WSL 2: {hypervisor})")
        elif self.hypervisor is None:
            sentence = _("this could not be told here: nothing that can be read says so")
        elif self.hypervisor:
            sentence = _("a virtual machine; its hypervisor: {hypervisor}")
        else:
            sentence = _("bare metal: no hypervisor shows itself")
        text = sentence.format(hypervisor=self.hypervisor or "Microsoft Hyper-V")
        if self.container:
            text += _("; and this process is in a container ({name})").format(name=self.container)
        return text


def beneath(
    root: Path = Path("/"), signature: Callable[[], str | None] = hypervisor_signature
) -> Beneath:
    """Tell what this machine runs on.

    `root` and `signature` are where to read and how to ask the processor, for tests.
    """
    if sys.platform == "darwin":
        return _mac()
    if not (root / "proc").exists():
        return Beneath(None, "", False, ((platform.system(), ""),))
    signed = signature()
    release = _read(root / "proc/sys/kernel/osrelease")
    flag = bool(re.search(r"^flags\s*:.*\bhypervisor\b", _read(root / "proc/cpuinfo"), re.M))
    dmi = {name: _read(root / "sys/class/dmi/id" / name) for name in DMI}
    kernel = _read(root / "sys/hypervisor/type")
    device_tree = _read(root / "proc/device-tree/hypervisor/compatible").strip("\0")
    wsl = "microsoft" in release.lower() and "wsl2" in release.lower()
    clues = (
        ("CPUID 0x40000000", "?" if signed is None else signed),
        ("/proc/cpuinfo", "hypervisor" if flag else ""),
        ("/sys/class/dmi/id", ", ".join(dict.fromkeys(filter(None, dmi.values())))),
        ("/sys/hypervisor/type", kernel),
        *((("uname -r", release),) if wsl else ()),
    )

    by_firmware = _by_firmware(dmi)
    found: str | None
    if by_firmware in TELLING:
        found = by_firmware
    elif signed:
        found = SIGNATURES.get(signed, signed)
    else:
        known = {"xen": "Xen", "linux,kvm": "KVM", "xen,xen": "Xen"}
        found = by_firmware or known.get(kernel) or known.get(device_tree, device_tree)
    if not found and flag:
        found = _("one that does not give its name")
    if not found and wsl:
        found = "Microsoft Hyper-V"
    if not found and signed is None and not any(dmi.values()):
        found = None  # neither the processor nor the firmware could be asked
    if _is_dom0(root):
        found = "Xen"
    return Beneath(found, _container(root), wsl, clues)


def _by_firmware(dmi: dict[str, str]) -> str:
    if dmi["product_name"].startswith("Virtual Machine") and "Microsoft" not in dmi["sys_vendor"]:
        return ""
    for said in dmi.values():
        for beginning, name in MAKERS.items():
            if said.startswith(beginning):
                # The cloud also rents whole machines; those are called m5.metal and the like.
                metal = name == "Amazon EC2" and ".metal" in dmi["product_name"]
                return "" if metal else name
    return ""


def _is_dom0(root: Path) -> bool:
    """Say whether this is Xen's first, privileged guest: it runs above the hypervisor, too."""
    return "control_d" in _read(root / "proc/xen/capabilities")


def _container(root: Path) -> str:
    """Return what kind of container this process is in."""
    environment = _read(root / "proc/1/environ").split("\0")
    for variable in environment:  # systemd's Container Interface
        if variable.startswith("container="):
            return variable.partition("=")[2]
    if kind := _read(root / "run/systemd/container"):
        return kind
    if (root / "run/.containerenv").exists():
        return "podman"
    return "docker" if (root / ".dockerenv").exists() else ""


def _mac() -> Beneath:
    done = subprocess.run(
        ["sysctl", "-n", "kern.hv_vmm_present"], capture_output=True, text=True, check=False
    )
    said = done.stdout.strip()
    found = {"0": "", "1": _("one that does not give its name")}.get(said)
    return Beneath(found, "", False, (("sysctl kern.hv_vmm_present", said),))


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(errors="replace").strip()
    return ""
