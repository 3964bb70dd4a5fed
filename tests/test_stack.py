"""Which stack a machine has, from what it reports (composed after published reports)."""

import pytest

from capas import stack
from capas.show.style import ROLES
from capas.stack import Kind, Report, describe

LINUX = {"OSType": "linux", "ServerVersion": "28.3.2"}
OWN = "6.12.41+deb13-amd64"

REPORTS: dict[str, tuple[Report, Kind]] = {
    "Debian on hardware": (
        Report(
            LINUX | {"KernelVersion": OWN, "OperatingSystem": "Debian GNU/Linux 13 (trixie)"},
            release=OWN,
        ),
        "native",
    ),
    "Ubuntu in VirtualBox": (
        Report(
            LINUX | {"KernelVersion": "6.8.0-64-generic", "OperatingSystem": "Ubuntu 24.04.2 LTS"},
            release="6.8.0-64-generic",
            hypervisor="oracle",
        ),
        "vm",
    ),
    "Docker Desktop on a Mac": (
        Report(
            LINUX | {"KernelVersion": "6.10.14-linuxkit", "OperatingSystem": "Docker Desktop"},
            system="Darwin",
            release="24.5.0",
        ),
        "mac",
    ),
    "Colima on a Mac": (
        Report(
            LINUX | {"KernelVersion": "6.8.0-64-generic", "OperatingSystem": "Ubuntu 24.04.2 LTS"},
            system="Darwin",
            release="24.5.0",
        ),
        "mac",
    ),
    "Docker Desktop on Windows, WSL 2": (
        Report(
            LINUX
            | {
                "KernelVersion": "5.15.167.4-microsoft-standard-WSL2",
                "OperatingSystem": "Docker Desktop",
            },
            system="Windows",
            release="11",
        ),
        "wsl",
    ),
    "Docker Engine in a WSL distribution": (
        Report(
            LINUX
            | {
                "KernelVersion": "5.15.167.4-microsoft-standard-WSL2",
                "OperatingSystem": "Ubuntu 24.04.2 LTS",
            },
            release="5.15.167.4-microsoft-standard-WSL2",
            hypervisor="microsoft",
            contained=True,
        ),
        "wsl",
    ),
    "Docker Desktop on Windows, Hyper-V": (
        Report(
            LINUX | {"KernelVersion": "6.10.14-linuxkit", "OperatingSystem": "Docker Desktop"},
            system="Windows",
            release="10",
        ),
        "hyperv",
    ),
    "Windows containers": (
        Report(
            {"OSType": "windows", "KernelVersion": "10.0 26100 (26100.1)"},
            system="Windows",
            release="11",
        ),
        "windows",
    ),
    "Docker Desktop on Linux": (
        Report(
            LINUX | {"KernelVersion": "6.10.14-linuxkit", "OperatingSystem": "Docker Desktop"},
            release=OWN,
        ),
        "desktop-linux",
    ),
    "Codespaces": (
        Report(
            LINUX
            | {
                "KernelVersion": "6.8.0-1030-azure",
                "OperatingSystem": "Ubuntu 24.04.2 LTS (containerized)",
            },
            release="6.8.0-1030-azure",
            hypervisor="microsoft",
            contained=True,
            service="codespaces",
        ),
        "codespaces",
    ),
    "Colab": (
        Report(
            LINUX | {"KernelVersion": "6.1.123+", "OperatingSystem": "Ubuntu 22.04.4 LTS"},
            release="6.1.123+",
            hypervisor="kvm",
            contained=True,
            service="colab",
        ),
        "colab",
    ),
    "a dev container on Docker Desktop": (
        Report(
            LINUX | {"KernelVersion": "6.10.14-linuxkit", "OperatingSystem": "Docker Desktop"},
            release="6.10.14-linuxkit",
            contained=True,
        ),
        "vm",
    ),
    "DOCKER_HOST names a server": (
        Report(
            LINUX | {"KernelVersion": "6.1.0-37-amd64", "OperatingSystem": "Debian GNU/Linux 12"},
            release=OWN,
        ),
        "remote",
    ),
    "no engine": (Report(release=OWN), "none"),
}


@pytest.mark.parametrize(("report", "kind"), REPORTS.values(), ids=REPORTS)
def test_each_platform_is_known_by_its_report(report: Report, kind: Kind) -> None:
    found = describe(report)
    assert found.kind == kind
    assert found.sentence.endswith(".")
    release = report.info.get("KernelVersion", "")
    assert release in found.sentence
    assert found.layers[0].role == "hardware"
    assert all(layer.role in ROLES for layer in found.layers)
    # Exactly one kernel is the one that containers call, and it is the engine's.
    assert [layer.detail for layer in found.layers if layer.gives] == ([release] if release else [])


@pytest.mark.parametrize(
    ("name", "between"),
    [
        ("Debian on hardware", []),
        ("Ubuntu in VirtualBox", ["hypervisor"]),
        ("Docker Desktop on a Mac", ["kernel", "hypervisor"]),
        ("Docker Desktop on Linux", ["kernel", "hypervisor"]),
        ("Docker Desktop on Windows, WSL 2", ["hypervisor"]),
        ("Codespaces", ["hypervisor"]),
    ],
)
def test_what_lies_between_hardware_and_that_kernel(name: str, between: list[str]) -> None:
    layers = describe(REPORTS[name][0]).layers
    gives = [layer.gives for layer in layers].index(True)
    assert [layer.role for layer in layers[1:gives]] == between


def test_the_hypervisor_is_called_by_its_name() -> None:
    assert describe(REPORTS["Ubuntu in VirtualBox"][0]).layers[1].detail == "VirtualBox"


def test_a_notebook_in_a_container_is_told_where_its_engine_has_the_same_kernel() -> None:
    def contained(name: str) -> bool:
        layers = describe(REPORTS[name][0]).layers
        return [layer.role for layer in layers].count("container") == 2

    assert contained("Codespaces")
    assert contained("a dev container on Docker Desktop")
    assert not contained("Ubuntu in VirtualBox")


def test_the_examples_are_five_different_stacks() -> None:
    kinds = [example.kind for example in stack.examples()]
    assert kinds == ["native", "vm", "wsl", "mac", "codespaces"]


def test_this_machine_can_be_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODESPACES", "true")
    report = stack.observe({})
    assert report.service == "codespaces"
    assert report.release
    assert describe(report).kind == "none"
