"""Exercise 14: an app of others, with a build step, a worker, settings, data and secrets."""

import secrets
from typing import Any

from capas.exercises import Bench, Container, Image, NotYet, Wrong
from capas.exercises.container import Stopped

PRIVATE = {"chalk-and-sponge": ".env", "Not for the board": "data/"}
"""What only its developers know, and where they have it."""
TITLE = "Tablón de anuncios"
NAME, TEXT = "welcome", "# Welcome\n\nto the *board*"
PORT = 3000
ROOM = 12
"""MB that the image may add to its base image."""


def password(bench: Bench) -> str:
    return secrets.token_hex(8)


def volume(bench: Bench) -> str:
    return bench.volume()


def image(bench: Bench) -> Image:
    return bench.build().read_ahead()


def start(bench: Bench) -> Container:
    """Start a server with the volume, and wait for an answer."""
    server = bench.run(
        bench.once(image),
        environment={"BOARD_PASSWORD": bench.once(password), "BOARD_TITLE": TITLE},
        publish=[PORT],
        volumes={bench.once(volume): "/data"},
        healthcheck=dict(bench.OFTEN),
    )
    try:
        server.get("/api/notices", port=PORT)
    except Wrong as wrong:
        if "EACCES" in server.logs():
            raise Wrong("data-not-writable") from wrong
        raise
    return server


def board(server: Container) -> dict[str, Any]:
    """Return what a server says of its board."""
    found = server.get("/api/notices", port=PORT).json()
    if not isinstance(found, dict) or not isinstance(found.get("notices"), list):
        raise NotYet
    return found


def first(bench: Bench) -> Container:
    return start(bench)


def rendered(bench: Bench) -> Container:
    """Pin up a notice and let the worker render it; return the worker."""
    server = bench.once(first)
    notice = {"password": bench.once(password), "name": NAME, "text": TEXT}
    answer = server.get("/api/notices", port=PORT, method="POST", body=notice)
    if answer.status != 201:
        raise Wrong("not-taken", said=answer.body)
    worker = bench.run(
        bench.once(image),
        ["node", "src/worker.js"],
        volumes={bench.once(volume): "/data"},
    )

    def page(it: Container) -> bool:
        return server.get(f"/notices/{NAME}", port=PORT).status == 200 or not it.running

    worker.until(page, 20)
    if not worker.running:
        raise Wrong("worker-ends", code=worker.state["ExitCode"], line=worker.last_line())
    if "<em>board</em>" not in server.get(f"/notices/{NAME}", port=PORT).body:
        raise Wrong("not-rendered", line=worker.last_line())
    return worker


def stopped(bench: Bench) -> list[Stopped]:
    return [bench.once(rendered).stop(), bench.once(first).stop()]


def second(bench: Bench) -> Container:
    """Another server, after the first has ended and is removed."""
    bench.once(stopped)
    bench.once(first).remove()
    return start(bench)


def serves(bench: Bench) -> None:
    server = bench.once(first)
    if server.get("/board.js", port=PORT).status != 200:
        raise Wrong("not-built", file="board.js")
    if server.get(port=PORT).status != 200:
        raise Wrong("not-built", file="index.html")


def configured(bench: Bench) -> None:
    if (title := board(bench.once(first)).get("title")) != TITLE:
        raise Wrong("title-fixed", title=title, given=TITLE)
    without = bench.run(bench.once(image))
    try:
        without.wait(20)
    except Wrong:
        raise Wrong("password-inside") from None
    if "BOARD_PASSWORD is not set" not in without.logs():
        raise NotYet


def kept(bench: Bench) -> None:
    if {"name": NAME, "rendered": True} not in board(bench.once(second))["notices"]:
        raise Wrong("notices-lost")


def private(bench: Bench) -> None:
    made = bench.once(image)
    for text, place in PRIVATE.items():
        if found := made.find(text):
            raise Wrong("private-inside", place=place, file=found[0])
    for name in sorted(bench.context()):
        if name == ".env" or name.startswith("data/"):
            raise Wrong("private-in-context", file=name)


def unprivileged(bench: Bench) -> None:
    if bench.once(first).runs_as_root():
        raise Wrong("runs-as-root")


def operable(bench: Bench) -> None:
    for end in bench.once(stopped):
        if end.code == 137:
            raise Wrong("killed")
        if end.code not in (0, 143):  # 143: ended by SIGTERM, as a shell tells it
            raise Wrong("ends-badly", code=end.code)
    server = bench.once(second)
    if server.health == "none":
        raise Wrong("no-healthcheck")
    server.until(lambda it: it.health != "starting" or not it.running, 30)
    if server.next_probe() and server.next_probe():  # a busy machine gets a second chance
        server.get(port=PORT)  # or has it ended?
        raise Wrong("health-always-bad", said=" ".join(it["Output"] for it in server.probes()[-1:]))
    server.run(["rm", "-rf", "/data/inbox", "/data/pages"], user="root")
    if server.get("/health", port=PORT).status == 200:
        raise NotYet
    if server.next_probe() == 0:
        raise Wrong("health-always-good")


def lean(bench: Bench) -> None:
    made = bench.once(image)
    more = (made.size - bench.image("node:24-slim").size) / 1e6
    if more > ROOM:
        raise Wrong("too-big", more=round(more), room=ROOM)
    source = bench.folder / "src/server.js"
    with source.open("a", encoding="utf-8") as file:
        file.write(f"// {secrets.token_hex(8)}\n")
    if again := bench.build().installed:
        raise Wrong("installs-again", step=again[0])
