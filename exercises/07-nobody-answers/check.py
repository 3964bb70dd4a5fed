"""Exercise 07: a guest book that nobody reaches."""

from typing import Any

from capas.exercises import Bench, Container, Image, NotYet, Wrong

DATA = "/data"
GUEST = "Ada Lovelace"
OTHER = {"port": 9000, "title": "Otro libro"}


def image(bench: Bench) -> Image:
    return bench.build()


def service(bench: Bench) -> Container:
    """A container as `docker run -p` starts it, which has answered."""
    started = bench.run(bench.once(image), publish=[8000])
    book(started)
    return started


def book(container: Container, port: int = 8000, patience: float = 20) -> dict[str, Any]:
    """Ask for the guest book and return it."""
    answer = container.get(port=port, patience=patience)
    if answer.status >= 500:
        raise Wrong("app-fails", status=answer.status, line=container.last_line())
    found = answer.json()
    if answer.status != 200 or not isinstance(found, dict):
        raise NotYet
    if not isinstance(found.get("guests"), list):
        raise NotYet
    return found


def answers(bench: Bench) -> None:
    bench.once(service)
    exposed = bench.once(image).exposed
    if exposed and 8000 not in exposed:
        bench.advise("exposes-other")


def port(bench: Bench) -> None:
    bench.once(service)
    chosen = int(OTHER["port"])
    other = bench.run(bench.once(image), environment={"PORT": str(chosen)}, publish=[chosen])
    try:
        book(other, chosen, patience=10)
    except Wrong as wrong:
        if wrong.hint == "other-port":
            raise Wrong("port-fixed", port=wrong.values["other"]) from wrong
        raise


def title(bench: Bench) -> None:
    bench.once(service)
    other = bench.run(bench.once(image), environment={"TITLE": str(OTHER["title"])}, publish=[8000])
    if (found := book(other).get("title")) != OTHER["title"]:
        raise Wrong("title-fixed", title=found)


def kept(bench: Bench) -> None:
    bench.once(service)
    volumes = {bench.volume(): DATA}
    first = bench.run(bench.once(image), volumes=volumes, publish=[8000])
    if GUEST in book(first)["guests"]:
        raise NotYet
    try:
        signed = first.get(method="POST", body={"name": GUEST}, patience=5)
    except Wrong as wrong:
        raise Wrong("not-written", line=first.last_line()) from wrong
    if signed.status >= 400 or GUEST not in book(first)["guests"]:
        raise Wrong("not-written", line=first.last_line())
    written = own_files(first)
    first.remove()
    second = bench.run(bench.once(image), volumes=volumes, publish=[8000])
    if GUEST not in book(second)["guests"]:
        raise Wrong("kept-elsewhere", file=written[0]) if written else Wrong("not-kept")


def own_files(container: Container) -> list[str]:
    """Return which files the container has written into its own layer (`docker diff`)."""
    paths = [str(change["Path"]) for change in container.handle.diff() or []]
    return [
        path
        for path in paths
        if "__pycache__" not in path
        and not path.startswith(DATA)
        and not any(other.startswith(f"{path}/") for other in paths)
    ]
