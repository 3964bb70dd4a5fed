"""Exercise 02: a hungry program, held by the limits of its control groups."""

import contextlib
import http.client
from collections.abc import Iterable
from typing import Any

from capas.exercises import Bench, Container, NotYet, Stack, Wrong
from capas.exercises.container import ask

PORT = 8000
WORK_MB, TOO_MUCH_MB = 64, 150
"""MB that its work takes; what it asks for in vain."""
WORK, MOST, TOO_MANY = 8, 32, 60
"""Processes that its work takes; that it may have; that it asks for in vain."""

QUOTA = """
cat /sys/fs/cgroup/cpu.max 2>/dev/null && exit
cd /sys/fs/cgroup/cpu && echo $(cat cpu.cfs_quota_us cpu.cfs_period_us)
"""
"""Prints quota and period (µs) as the container itself meets them: of cgroup v2, else of v1."""


def stack(bench: Bench) -> Stack:
    found = bench.stack()
    found.up()
    found.ask_port(PORT)
    return found


def name(found: Stack) -> str:
    return found.published()[PORT][0]


def serves(bench: Bench) -> None:
    found = bench.once(stack)
    for port in found.service(name(found)).get("ports") or []:
        if port.get("host_ip") not in ("127.0.0.1", "::1"):
            bench.advise("everywhere")
    answer = asked(found, f"/processes?n={WORK}")
    if answer.get("started") != WORK:
        raise Wrong(
            "too-few-processes",
            started=answer.get("started", "–"),
            refused=answer.get("refused", "–"),
        )


def cpu(bench: Bench) -> None:
    found = bench.once(stack)
    code, said = found.container(name(found)).run(["sh", "-c", QUOTA])
    words = said.split()
    if code or len(words) != 2:
        raise NotYet
    cpus = float("inf") if words[0] in ("max", "-1") else int(words[0]) / int(words[1])
    if cpus > 0.5:
        service = found.service(name(found))
        only_reserved(service, ("cpus",))
        if "cpu_shares" in service:
            raise Wrong("shares", cpus=f"{cpus:g}")
        raise Wrong("cpu-unlimited", cpus=f"{cpus:g}")
    if cpus < 0.4:
        raise Wrong("cpu-too-little", cpus=f"{cpus:g}")


def processes(bench: Bench) -> None:
    found = bench.once(stack)
    started = int(asked(found, f"/processes?n={TOO_MANY}").get("started", 0))
    if started >= MOST:  # and the program itself is one
        if "nproc" in (found.service(name(found)).get("ulimits") or {}):
            raise Wrong("ulimit", started=started)
        raise Wrong("processes-unlimited", started=started)


def killed(bench: Bench) -> Stack:
    """The stack after its program has asked for too much."""
    found = bench.once(stack)
    asked(found, f"/memory?mb={WORK_MB}")
    try:
        answer = asked(found, f"/memory?mb={TOO_MUCH_MB - WORK_MB}")
    except Wrong:
        return found
    only_reserved(found.service(name(found)), ("memory", "mem_reservation"))
    raise Wrong("memory-unlimited", taken=answer.get("taken_mb", "–"))


def memory(bench: Bench) -> None:
    bench.once(killed)


def again(bench: Bench) -> None:
    found = bench.once(killed)
    container = found.container(name(found))
    # Docker waits a little longer before each further start.
    if not container.until(published, 20):
        raise Wrong("stays-dead", code=container.state["ExitCode"])
    if found.ask_port(PORT).json().get("taken_mb") != 0:
        raise NotYet


def published(container: Container) -> bool:
    return container.running and any(container.attributes["NetworkSettings"]["Ports"].values())


def asked(found: Stack, path: str) -> dict[str, Any]:
    """Ask the program for something, once; `Wrong` ("too-tight"): it was killed over it."""
    service, inside = found.published()[PORT]
    container = found.container(service)
    if not container.until(published, 20):
        raise Wrong("stays-dead", code=container.state["ExitCode"])
    before = container.state["StartedAt"]
    with contextlib.suppress(OSError, http.client.HTTPException):
        return dict(ask(container.port(inside), path, seconds=60).json())
    # The connection broke: wait until the engine has seen the end, too.
    container.until(lambda it: not it.running or it.state["StartedAt"] != before, 20)
    raise Wrong("too-tight")


def only_reserved(service: dict[str, Any], keys: Iterable[str]) -> None:
    """Raise `Wrong` ("reservation") when the service only reserves what it should limit."""
    reserved = ((service.get("deploy") or {}).get("resources") or {}).get("reservations") or {}
    for key in keys:
        if key in reserved:
            raise Wrong("reservation", key="deploy.resources.reservations")
        if key in service and key.endswith("reservation"):
            raise Wrong("reservation", key=key)
