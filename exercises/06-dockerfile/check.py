"""Exercise 06: the image of a small web service."""

import re

from capas.exercises import Bench, Container, Image, NotYet, Wrong

PRIVATE = (".env", "notes/todo.txt")
OTHER = "otro estante"


def image(bench: Bench) -> Image:
    return bench.build().read_ahead()


def service(bench: Bench) -> Container:
    web = bench.run(bench.once(image), publish=[8000])
    web.get()  # where nobody answers, no other check need wait for it
    return web


def built(bench: Bench) -> None:
    bench.once(image)
    if re.search(r"COPY (?:--\S+ )?\. [^\n]*\n(?:.*\n)*RUN .*pip", bench.read("Dockerfile")):
        bench.advise("whole-context")


def answers(bench: Bench) -> None:
    answer = bench.once(service).get()
    if answer.status != 200 or len(answer.json().get("books", [])) != 3:
        raise NotYet


def named(bench: Bench) -> None:
    shelf = bench.once(service).get().json()["shelf"]
    if shelf == "a shelf without a name":
        raise Wrong("no-name", shelf=shelf)
    other = bench.run(bench.once(image), environment={"SHELF": OTHER}, publish=[8000])
    if (shelf := other.get().json()["shelf"]) != OTHER:
        raise Wrong("name-fixed", shelf=shelf)


def unprivileged(bench: Bench) -> None:
    if bench.once(service).runs_as_root():
        raise Wrong("runs-as-root")


def private(bench: Bench) -> None:
    for file in bench.once(image).files:
        if file.path.endswith(PRIVATE):
            raise Wrong("secret-in-image", file=file.path)
    sent = bench.context()
    for name in PRIVATE:
        if name in sent:
            raise Wrong("secret-in-context", file=name)
