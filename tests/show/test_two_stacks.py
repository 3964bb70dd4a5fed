"""The model of both stacks: what it counts, and what it says of a missing layer."""

import pytest

from capas.show import stacks
from capas.show.style import ROLES
from capas.show.two_stacks import Host, Side, kernels, rows, verdict


@pytest.mark.parametrize(
    ("side", "host", "number"),
    [("vm", "linux", 4), ("vm", "other", 4), ("docker", "linux", 1), ("docker", "other", 2)],
)
def test_kernels(side: Side, host: Host, number: int) -> None:
    assert kernels(side, 3, host) == number


def test_containers_need_no_more_kernels_for_more_apps() -> None:
    hosts: list[Host] = ["linux", "other"]
    for host in hosts:
        assert kernels("docker", 1, host) == kernels("docker", 4, host)
    assert kernels("vm", 4, "linux") == kernels("vm", 1, "linux") + 3


def test_one_base_image_is_there_once() -> None:
    def files(side: Side, shared: bool) -> int:
        return next(r.count for r in rows(side, 4, "linux", shared) if r.id == "files")

    assert (files("docker", True), files("docker", False), files("vm", True)) == (1, 4, 4)


@pytest.mark.parametrize("side", ["vm", "docker"])
@pytest.mark.parametrize("host", ["linux", "other"])
def test_every_layer_can_be_taken_away(side: Side, host: Host) -> None:
    for row in [r for one in ("vm", "docker") for r in rows(one, host="other")]:
        state, told = verdict(side, row.id, host)
        assert state in ("ok", "warn", "error")
        assert told.endswith(".")
        assert row.role in ROLES
    assert verdict(side, "", host)[0] == "ok"


def test_on_linux_containers_do_without_hypervisor_and_guest() -> None:
    for layer in ("hypervisor", "guest"):
        assert verdict("docker", layer, "linux")[0] == "ok"
        assert verdict("docker", layer, "other")[0] == "error"
        assert verdict("vm", layer, "linux")[0] == "error"


def test_the_view_follows_what_is_chosen() -> None:
    widget = stacks()
    before = widget.view
    assert (before["vm"]["kernels"], before["docker"]["kernels"]) == (4, 1)
    widget.host, widget.apps = "other", 2
    assert (widget.view["vm"]["kernels"], widget.view["docker"]["kernels"]) == (3, 2)
    widget.away = "guest"
    assert (widget.view["vm"]["kernels"], widget.view["docker"]["kernels"]) == (1, 1)
    assert widget.view["docker"]["state"] == "error"


def test_with_one_app_nothing_is_shared() -> None:
    widget = stacks()
    assert "Linux" in widget.view["vm"]["all"]
    widget.apps = 1
    assert widget.view["vm"]["all"] == "–"


def test_the_still_is_always_the_same_and_shows_both() -> None:
    still = stacks().still()
    widget = stacks()
    widget.apps = 1
    assert widget.still() == still
    assert "3 × Guest kernel" in still["text/plain"]
    assert still["text/html"].startswith("<img")
