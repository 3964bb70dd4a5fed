"""Exercise 10: a Compose project that is to grow."""

import time
from pathlib import PurePosixPath

from capas.exercises import Answer, Bench, NotYet, Stack, Wrong

PORT = 8080
NOTICE = "texts/notice.txt"
TITLE = "<title>Notice board</title>"
MANY = 3
PATIENCE = 120
"""Seconds until all is ready, or the proxy knows all containers: on a busy machine, too."""


def project(bench: Bench) -> Stack:
    stack = bench.stack(profiles=("*",))  # else Compose does not tell of services with a profile
    for name in ("proxy", "web", "clear"):
        stack.service(name)
    return stack


def running(bench: Bench) -> Stack:
    """After a plain `up`."""
    stack = bench.once(project)
    try:
        stack.up(patience=PATIENCE)
    except Wrong as wrong:
        if wrong.values.get("service") == "web" and (target := _hides_build(stack)):
            raise Wrong("build-hidden", target=target) from wrong
        raise
    return stack


def starts(bench: Bench) -> None:
    bench.once(running)


def answers(bench: Bench) -> None:
    stack = bench.once(running)
    end = time.monotonic() + PATIENCE
    while (answer := _page(stack)).status in (502, 503, 504):  # web is not yet ready
        if time.monotonic() > end:
            raise Wrong("not-spread", seen=0, many=len(stack.containers("web")))
        time.sleep(0.2)
    if answer.status != 200 or TITLE not in answer.body:
        raise NotYet


def tool_waits(bench: Bench) -> None:
    stack = bench.once(running)
    if stack.containers("clear"):
        raise Wrong("tool-starts")
    _write(bench, "to be wiped")
    done = stack.compose("run", "--rm", "clear")
    if done.code or bench.read(NOTICE).strip():
        lines = [line for line in done.text.splitlines() if line.strip()]
        raise Wrong("tool-fails", line=(lines or ["–"])[-1])


def shows_edits(bench: Bench) -> None:
    stack = bench.once(running)
    words = f"moved to Sunday, {bench.labels['capas.check']}"
    _write(bench, words)
    end = time.monotonic() + 15
    while words not in _page(stack).body:
        if time.monotonic() > end:
            raise Wrong("not-live", file=NOTICE)
        time.sleep(0.2)


def grows(bench: Bench) -> None:
    stack = bench.once(running)
    web = stack.service("web")
    if web.get("container_name"):
        raise Wrong("fixed-name", name=web["container_name"])
    for port, (service, _inside) in stack.published().items():
        if service == "web":
            raise Wrong("port-clash", port=port)
    done = stack.compose("up", "--detach", "--no-build", "--scale", f"web={MANY}")
    if done.code:
        lines = [line for line in done.text.splitlines() if line.strip()]
        raise Wrong("compose-fails", line=(lines or ["–"])[-1])
    seen: set[str] = set()
    end = time.monotonic() + PATIENCE
    while len(seen) < MANY:
        if time.monotonic() > end:
            raise Wrong("not-spread", seen=len(seen), many=MANY)
        seen.add(_page(stack).headers.get("x-served-by", ""))
        seen.discard("")


def _page(stack: Stack) -> Answer:
    return stack.ask_port(PORT, patience=60)


def _write(bench: Bench, words: str) -> None:
    """Write the notice into the file itself, as an editor may that does not replace it."""
    try:
        (bench.folder / NOTICE).write_text(words, encoding="utf-8")
    except OSError:
        raise NotYet from None


def _hides_build(stack: Stack) -> str:
    """Return where a folder of the host lies over what the build has made in the image."""
    built = PurePosixPath("/app/dist")
    for volume in stack.service("web").get("volumes") or []:
        target = PurePosixPath(volume["target"])
        if volume["type"] == "bind" and target in (built, *built.parents):
            return str(target)
    return ""
