"""Exercise 01: the first program of a virtual machine that has just its kernel."""

import contextlib
import http.client
import re
import secrets

from capas.exercises import Answer, Bench, Wrong
from capas.exercises.container import ask
from capas.vm import Machine

BOOT = 120.0
"""Seconds in which a machine must be on the network; emulated and on a busy host, it takes 50."""
PATIENCE = 20.0
PROBE = "/cgi-bin/probe"


def machine(bench: Bench) -> Machine:
    """The student's machine, on the network."""
    found = bench.machine(f"vm-{secrets.token_hex(3)}")
    found.until(lambda it: answer(it.probe_port, PROBE) is not None or failed(it), BOOT)
    if answer(found.probe_port, PROBE) is None:
        raise not_up(found)
    return found


def failed(found: Machine) -> str:
    """What the kernel says when it cannot start /init; it may go on with a shell then."""
    return next((line for line in found.lines if line.startswith("Failed to execute /init")), "")


def not_up(found: Machine) -> Wrong:
    running, lines = found.running, found.lines or ["–"]
    if said := failed(found):
        return Wrong("init-does-not-start", line=said)
    if "Attempted to kill init" in lines[-1]:
        return Wrong("init-ends", line=["–", *lines[:-1]][-1])
    return Wrong("no-network" if running else "off", line=lines[-1])


def answer(port: int, path: str = "/") -> Answer | None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return ask(port, path)
    return None


def probe(found: Machine) -> dict[str, str]:
    """What the machine itself says of itself; `/etc/network.sh` has put it there."""
    told = answer(found.probe_port, PROBE)
    if told is None:
        raise not_up(found)
    return dict(line.split("=", 1) for line in told.body.splitlines() if "=" in line)


def page(bench: Bench) -> str:
    """The text of the page at port 80."""
    found = bench.once(machine)
    if not found.until(lambda it: answer(it.web_port) is not None, PATIENCE):
        raise not_up(found) if not found.running else Wrong("no-page")
    told = answer(found.web_port)
    if told is None:
        raise not_up(found)
    if told.status != 200:
        raise Wrong("page-fails", status=told.status)
    return told.body


def boots(bench: Bench) -> None:
    found = bench.once(machine)
    # Longer than a script takes that is still at work: it must not end afterwards, either.
    bench.once(page)
    if not found.running:
        raise not_up(found)


def mounted(bench: Bench) -> None:
    told = probe(bench.once(machine))
    for name in ("proc", "sys"):
        if name not in told:
            raise Wrong("not-mounted", place=f"/{name}")


def named(bench: Bench) -> None:
    found = bench.once(machine)
    said = probe(found).get("name", "–")
    if said in ("(none)", ""):
        raise Wrong("no-name")
    if said != found.name:
        raise Wrong("other-name", said=said, name=found.name)


def tells(bench: Bench) -> None:
    body, told = bench.once(page), probe(bench.once(machine))
    for what in ("name", "kernel"):
        if told[what] not in body:
            raise Wrong(f"page-without-{what}", value=told[what])


def lives(bench: Bench) -> None:
    """The page's uptime is that of now: two pages, one after the other, show it grow."""
    found = bench.once(machine)
    first = bench.once(page)

    def grown(it: Machine) -> bool:
        before, later = probe(it), answer(it.web_port)
        if later is None or "uptime" not in before:
            return False
        now = float(before["uptime"])
        pairs = zip(numbers(first, before), numbers(later.body, before), strict=False)
        # A page that is written anew now and then may be some seconds old.
        return any(old < new and max(now - 15, now / 2) < new < now + 15 for old, new in pairs)

    if not found.until(grown, PATIENCE):
        told = probe(found)
        if "uptime" not in told:
            raise Wrong("not-mounted", place="/proc")
        if minutes := re.search(r"\bup +(?:\d+ min|\d+:\d+)", first):
            raise Wrong("uptime-in-minutes", said=minutes[0])
        if any(0 < number < float(told["uptime"]) for number in numbers(first, told)):
            raise Wrong("uptime-still")
        raise Wrong("no-uptime", body=first)


def numbers(body: str, told: dict[str, str]) -> list[float]:
    """Return the numbers of a page, but for times of day and the names of machine and kernel."""
    for what in ("name", "kernel"):
        body = body.replace(told.get(what) or " ", " ")
    body = re.sub(r"\d+(?::\d+)+", " ", body)
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", body)]
