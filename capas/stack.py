"""What lies between a container and the hardware, on this machine and on others.

Containers have no kernel of their own, so the question is: whose do they call? `observe`
collects what a machine and its engine say of themselves, `describe` draws the conclusion;
nothing here starts or changes anything.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from capas.language import _

Whose = Literal["own", "wsl", "desktop", "other"]
Kind = Literal[
    "native",  # Linux on hardware
    "vm",  # Linux in a virtual machine: a server in a cloud, a classroom's VM
    "codespaces",
    "colab",
    "wsl",  # Windows, Docker in WSL 2
    "hyperv",  # Windows, Docker Desktop with a Hyper-V machine of its own
    "windows",  # Windows containers: another kernel altogether
    "mac",
    "desktop-linux",
    "remote",  # the engine is somewhere else
    "none",  # no engine answered
]

INITIAL_PID_NAMESPACE = "pid:[4026531836]"
"""Name of the first PID namespace of every Linux kernel (PROC_PID_INIT_INO in proc_ns.h)."""

HYPERVISORS = {
    "amazon": "AWS Nitro",
    "apple": "Apple Virtualization",
    "bhyve": "bhyve",
    "google": "KVM (Google)",
    "kvm": "KVM",
    "microsoft": "Hyper-V",
    "oracle": "VirtualBox",
    "parallels": "Parallels",
    "qemu": "QEMU",
    "vmware": "VMware",
    "xen": "Xen",
}
"""What ``systemd-detect-virt --vm`` prints, and how people call it."""


@dataclass(frozen=True)
class Report:
    """What a machine says of itself."""

    info: Mapping[str, Any] = field(default_factory=dict)
    """The engine's answer to ``GET /info`` (``docker info``); empty without an engine."""
    system: str = "Linux"
    """Of this process: ``Linux``, ``Darwin`` or ``Windows``."""
    release: str = ""
    """Its kernel's, as ``uname -r`` prints it."""
    hypervisor: str = ""
    """As ``systemd-detect-virt --vm`` calls it; ``yes`` if unknown which; empty: none is seen."""
    contained: bool = False
    """This process runs in a container (its PID namespace is not the kernel's first)."""
    service: Literal["", "codespaces", "colab"] = ""
    """What hosts this machine, where the environment tells."""


@dataclass(frozen=True)
class Layer:
    """One layer of a stack."""

    role: str
    """What it is, as in `capas.show.style`: hardware, kernel, hypervisor …"""
    name: str
    detail: str = ""
    """What exactly, on this machine."""
    gives: bool = False
    """This is the kernel that containers call."""


@dataclass(frozen=True)
class Stack:
    """What containers stand on, from the hardware up."""

    kind: Kind
    name: str
    layers: tuple[Layer, ...]
    sentence: str
    """Whose kernel it is, and why."""


def whose(info: Mapping[str, Any], release: str | None = None) -> Whose:
    """Tell whose kernel an engine's containers get.

    Args:
        info: what the engine says of itself; it has a ``KernelVersion``.
        release: this machine's kernel (default: ask).
    """
    theirs = str(info.get("KernelVersion", ""))
    if "microsoft" in theirs.lower():
        return "wsl"
    if theirs == (platform.release() if release is None else release):
        return "own"
    if "linuxkit" in theirs or "Desktop" in str(info.get("OperatingSystem", "")):
        return "desktop"
    return "other"


def observe(info: Mapping[str, Any]) -> Report:
    """Look at this machine. `info` is what its engine says of itself."""
    service: Literal["", "codespaces", "colab"] = ""
    if os.environ.get("CODESPACES") == "true":
        service = "codespaces"
    elif os.environ.get("COLAB_RELEASE_TAG"):
        service = "colab"
    return Report(
        info=info,
        system=platform.system(),
        release=platform.release(),
        hypervisor=_hypervisor(),
        contained=_contained(),
        service=service,
    )


def describe(report: Report) -> Stack:
    """Say what containers stand on, on the machine that reports this."""
    kind = _kind(report)
    return Stack(kind, _name(kind), tuple(_layers(kind, report)), _sentence(kind, report))


def examples() -> list[Stack]:
    """Return the stacks that students have, as they are usually found."""
    linux, desktop = {"OSType": "linux", "KernelVersion": "x"}, {"OSType": "linux"}
    return [
        describe(report)
        for report in (
            Report(linux, release="x"),
            Report(linux, release="x", hypervisor="yes"),
            Report(desktop | {"KernelVersion": "microsoft-standard-WSL2"}, system="Windows"),
            Report(desktop | {"KernelVersion": "linuxkit"}, system="Darwin"),
            Report(linux, release="x", hypervisor="yes", contained=True, service="codespaces"),
        )
    ]


def _kind(report: Report) -> Kind:
    info = report.info
    if not info.get("KernelVersion"):
        return "none"
    if info.get("OSType") == "windows":
        return "windows"
    owner = whose(info, report.release)
    if owner == "wsl":
        return "wsl"
    if report.system == "Darwin":
        return "mac"
    if owner == "desktop":
        return "hyperv" if report.system == "Windows" else "desktop-linux"
    if owner == "other":
        return "remote"
    # A dev container on Docker Desktop: the same kernel, seen from inside its machine.
    virtual = report.hypervisor or "linuxkit" in report.release
    return report.service or ("vm" if virtual else "native")


def _name(kind: Kind) -> str:
    return {
        "native": "Linux",
        "vm": _("Linux in a VM"),
        "codespaces": "Codespaces",
        "colab": "Colab",
        "wsl": _("Windows"),
        "hyperv": _("Windows, Hyper-V"),
        "windows": _("Windows containers"),
        "mac": "macOS",
        "desktop-linux": "Docker Desktop",
        "remote": _("An engine elsewhere"),
        "none": _("No engine"),
    }[kind]


def _layers(kind: Kind, report: Report) -> list[Layer]:
    info = report.info
    hardware = Layer("hardware", _("Hardware"))
    release, system = str(info.get("KernelVersion", "")), str(info.get("OperatingSystem", ""))
    if kind == "none":
        return [hardware, Layer("kernel", _("Kernel"), f"{report.system} {report.release}")]
    windows = kind == "windows"
    kernel = Layer(
        "kernel", _("Windows kernel") if windows else _("Linux kernel"), release, gives=True
    )
    top = [
        Layer("daemon", "Engine", f"Docker {info.get('ServerVersion', '')}, {system}".rstrip(", ")),
        Layer("container", _("Containers")),
    ]
    hypervisor = HYPERVISORS.get(report.hypervisor, "")
    below: dict[Kind, list[Layer]] = {
        "vm": [Layer("hypervisor", _("Hypervisor"), hypervisor)],
        "codespaces": [Layer("hypervisor", _("Hypervisor"), "Azure")],
        "colab": [Layer("hypervisor", _("Hypervisor"), "Google Cloud")],
        "wsl": [Layer("hypervisor", _("Windows"), _("and its hypervisor, Hyper-V"))],
        "hyperv": [Layer("hypervisor", _("Windows"), _("and its hypervisor, Hyper-V"))],
        "mac": [
            Layer("kernel", "macOS", f"Darwin {report.release}".strip()),
            Layer("hypervisor", _("Hypervisor"), "Apple's, Docker VMM …"),
        ],
        "desktop-linux": [
            Layer("kernel", _("Your kernel"), f"Linux {report.release}"),
            Layer("hypervisor", _("Hypervisor"), "QEMU/KVM"),
        ],
        "remote": [Layer("network", _("Another machine"), _("real or virtual: not to be seen"))],
    }
    layers = [hardware, *below.get(kind, []), kernel]
    if report.contained and kind in ("native", "vm", "codespaces", "colab"):
        layers.append(Layer("container", _("A container"), _("in it, this notebook")))
    return [*layers, *top]


def _sentence(kind: Kind, report: Report) -> str:
    release = str(report.info.get("KernelVersion", ""))
    return {
        "native": _("Containers call this machine's own kernel, Linux {release}."),
        "vm": _(
            "Containers call this machine's own kernel, Linux {release}, "
            "and this machine is a virtual one."
        ),
        "codespaces": _(
            "Containers call the kernel of the virtual machine that GitHub gave you, "
            "Linux {release}."
        ),
        "colab": _(
            "Containers call the kernel of the virtual machine that Google gave you, "
            "Linux {release}."
        ),
        "wsl": _(
            "Containers call Linux {release}, built by Microsoft: "
            "it runs in a virtual machine, WSL 2, beside Windows."
        ),
        "hyperv": _(
            "Containers call Linux {release}: it runs in a virtual machine of Docker Desktop's, "
            "by Hyper-V, beside Windows."
        ),
        "windows": _(
            "These are Windows containers: they call a Windows kernel, {release}, "
            "and no Linux image runs in them."
        ),
        "mac": _(
            "Containers call Linux {release}: it runs in a virtual machine, for macOS has "
            "another kernel."
        ),
        "desktop-linux": _(
            "Containers call Linux {release}, of Docker Desktop's virtual machine, and not "
            "this machine's own kernel, although it is Linux, too."
        ),
        "remote": _(
            "Containers call Linux {release}, which is not this machine's kernel: "
            "the engine is on another machine, real or virtual."
        ),
        "none": _("No engine answers, so there is nothing to be said of its containers' kernel."),
    }[kind].format(release=release)


def _hypervisor() -> str:
    """Name the hypervisor below this Linux, if one is seen."""
    if command := shutil.which("systemd-detect-virt"):
        try:
            done = subprocess.run([command, "--vm"], capture_output=True, text=True, timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        found = done.stdout.strip()
        return "" if found == "none" else found
    try:  # Intel's and AMD's processors tell; for others there is no such flag
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as cpus:
            return "yes" if any(" hypervisor" in line for line in cpus) else ""
    except OSError:
        return ""


def _contained() -> bool:
    try:
        return str(Path("/proc/self/ns/pid").readlink()) != INITIAL_PID_NAMESPACE
    except OSError:  # not Linux
        return False
