"""Exercise 09: a project whose web service comes before its store is ready."""

import re
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from capas.exercises import Answer, Bench, Container, NotYet, Stack, Wrong

WEB, STORE = "web", "store"
HOLD = 4.0
"""Seconds that the store is held back while web is not started."""
LONG_HOLD = 20.0
"""And when web is started: as long as that a web that waits for the store must wait."""
AT_ONCE = 6.0
"""Whoever has ended before so many seconds has not waited at all."""
GATE = 'until [ -e /dev/shm/open ]; do sleep 0.1; done; exec "$@"'


def project(bench: Bench) -> Stack:
    """The project, as `docker compose up` starts it; it has answered."""
    stack = bench.stack()
    for name in (WEB, STORE):
        stack.service(name)
    try:
        stack.up()
        visits(stack)
    except Wrong as wrong:
        raise diagnosis(stack, wrong) from wrong
    return stack


def visits(stack: Stack) -> int:
    """Visit the web service and return how many visits it counts."""
    web = stack.container(WEB)
    answers: list[Answer] = []

    def counted(it: Container) -> bool:
        answers.append(it.get(port=8000))
        return answers[-1].status == 200

    if not web.until(counted, 20):
        raise Wrong("app-fails", status=answers[-1].status, line=web.last_line())
    found: Any = answers[-1].json()
    if not isinstance(found, dict) or not isinstance(found.get("visits"), int):
        raise NotYet
    return int(found["visits"])


def diagnosis(stack: Stack, wrong: Wrong) -> Wrong:
    """Return why the web service ended: start it again, now that the store is ready."""
    if not (stack.containers(STORE) and stack.containers(WEB)):
        return wrong
    store, web = stack.container(STORE), stack.container(WEB)
    if wrong.hint == "service-unhealthy" and wrong.values["service"] == STORE:
        late = store.until(lambda it: it.health == "healthy", 15)
        return Wrong("gives-up-early") if late else wrong
    ended = wrong.hint == "service-ends" and wrong.values["service"] == WEB
    if not ended and wrong.hint not in ("exits", "no-answer", "service-not-ready"):
        return wrong
    if not store.until(lambda it: 6379 in {port for _, port in it.listening()}, 30):
        return wrong
    if not networks(store) & networks(web):
        return Wrong("networks-apart")
    line = web.last_line()
    web.start()
    try:
        web.get(port=8000, patience=15)
    except Wrong:
        if re.search(r"localhost|127\.0\.0\.|::1", line):
            return Wrong("asks-itself", line=line)
        return Wrong("service-ends", service=WEB, code=web.state["ExitCode"], line=line)
    # Compose started web only when the store's health check was content: with a store not ready.
    depends = stack.service(WEB).get("depends_on") or {}
    if (depends.get(STORE) or {}).get("condition") == "service_healthy":
        return Wrong("health-lies")
    return Wrong("too-early", line=line)


def networks(container: Container) -> set[str]:
    return set(container.attributes["NetworkSettings"]["Networks"])


def starts(bench: Bench) -> None:
    stack = bench.once(project)
    if visits(stack) >= visits(stack):
        raise NotYet


def inside(bench: Bench) -> None:
    ports = bench.once(project).container(STORE).attributes["NetworkSettings"]["Ports"]
    if any(ports.values()):
        raise Wrong("store-published")


def again(bench: Bench) -> tuple[int, int]:
    """Take the project down and up, with a slow store; return the visits before and after."""
    stack = bench.once(project)
    before = visits(stack)
    # The store waits for a file before it begins: what it is, and what it says, stays the same.
    config = stack.container(STORE).attributes["Config"]
    service = stack.config["services"][STORE]
    service["entrypoint"] = ["sh", "-c", GATE, "gate", *(config["Entrypoint"] or [])]
    service["command"] = config["Cmd"] or []
    stack.down()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(stack.up)
        try:
            watch(stack, coming)
        finally:
            for container in stack.containers(STORE):
                container.run(["touch", "/dev/shm/open"])
        try:
            coming.result()
        except Wrong as wrong:
            if wrong.hint == "service-unhealthy" and wrong.values["service"] == STORE:
                raise Wrong("gives-up-early") from wrong
            raise
    return before, visits(stack)


def watch(stack: Stack, coming: "Future[None]") -> None:
    """Look at what web does while the store is not ready; return when it has waited long enough."""
    begin = 0.0
    while not coming.done():
        time.sleep(0.2)
        store = next(iter(stack.containers(STORE)), None)
        web = next(iter(stack.containers(WEB)), None)
        if not store or not store.running:
            continue
        if store.health == "healthy":
            raise Wrong("health-lies")
        begin = begin or time.monotonic()
        hold = HOLD
        if web and not (state := web.state)["StartedAt"].startswith("0001"):
            hold = LONG_HOLD
            waited = time.monotonic() - begin
            if web.attributes["RestartCount"]:
                raise Wrong("only-restarts")
            if state["Status"] == "exited":
                if waited < AT_ONCE:
                    raise Wrong("too-early", line=web.last_line())
                raise Wrong("waits-by-clock", seconds=waited, line=web.last_line())
        if time.monotonic() - begin > hold:
            return


def waits(bench: Bench) -> None:
    bench.once(again)


def kept(bench: Bench) -> None:
    before, after = bench.once(again)
    if after <= before:
        raise Wrong("not-kept", before=before, after=after)
