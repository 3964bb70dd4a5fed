"""Exercise 13: a guest book whose container does not end well, and what PID 1 has to do with it."""

import contextlib
import http.client
import json
from dataclasses import dataclass
from threading import Thread

from capas.exercises import Bench, Container, Image, NotYet, Wrong
from capas.exercises.container import Answer, Stopped, ask

GUESTS = ("Alicia", "Adolfo", "Silvina", "Jorge")
PATIENCE = 10
"""Seconds that docker stop waits, as it does by itself."""


@dataclass(frozen=True)
class End:
    """How a container ended while somebody waited for an answer."""

    stopped: Stopped
    answer: Answer | None
    log: str


def image(bench: Bench) -> Image:
    return bench.build()


def open_book(bench: Bench) -> Container:
    book = bench.run(bench.once(image), publish=[8000])
    if book.get().status != 200:
        raise NotYet
    return book


def signed(bench: Bench) -> Container:
    book = bench.once(open_book)
    for guest in GUESTS:
        answer = book.get("/sign", method="POST", body={"name": guest})
        if answer.status != 200:
            raise Wrong("no-thanks", status=answer.status)
    return book


def ended(bench: Bench) -> End:
    """Stop a container while it answers a request that takes its time."""
    bench.once(signed)
    book = bench.run(bench.once(image), publish=[8000])
    book.get("/sign", method="POST", body={"name": GUESTS[0]})
    port, answers = book.port(8000), []

    def export() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            answers.append(ask(port, "/export", seconds=30))

    waiting = Thread(target=export, daemon=True)
    waiting.start()
    book.until(lambda it: "export: begins" in it.logs() or not waiting.is_alive(), 15)
    stopped = book.stop(PATIENCE)
    waiting.join(35)
    return End(stopped, answers[0] if answers else None, book.logs())


def serves(bench: Bench) -> None:
    book = bench.once(signed)
    guests = book.get().json()
    if guests != {"guests": len(GUESTS)}:
        raise Wrong("guests-lost", said=json.dumps(guests))


def ends(bench: Bench) -> None:
    stopped = bench.once(ended).stopped
    if stopped.code == 137:
        raise Wrong("killed", seconds=min(round(stopped.seconds), PATIENCE), code=stopped.code)
    if stopped.code not in (0, 143):  # 143: ended by SIGTERM, as a shell tells it
        raise Wrong("ends-badly", code=stopped.code)


def answered(bench: Bench) -> None:
    end = bench.once(ended)
    if end.answer is None or end.answer.status != 200 or end.answer.json() != {"book": [GUESTS[0]]}:
        raise Wrong("request-lost", seconds=end.stopped.seconds)


def goodbye(bench: Bench) -> None:
    lines = [line for line in bench.once(ended).log.splitlines() if line.strip()]
    if not any("goodbye" in line for line in lines):
        raise Wrong("no-goodbye", line=lines[-1] if lines else "–")


def reaped(bench: Bench) -> None:
    book = bench.once(signed)

    def zombies() -> list[str]:
        return [process.command or "–" for process in book.processes() if process.state == "Z"]

    def quiet(it: Container) -> bool:
        """Whether all mails are sent, and at most one program that has ended is still listed."""
        return it.logs().count("mail to the owner") >= len(GUESTS) and len(zombies()) <= 1

    if book.until(quiet, 8):
        return
    if left := zombies():
        raise Wrong("zombies", count=len(left), guests=len(GUESTS))
    raise Wrong("no-mail", sent=book.logs().count("mail to the owner"), guests=len(GUESTS))
