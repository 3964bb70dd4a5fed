from typing import Any

import pytest

from capas.errors import CapasError
from capas.language import use
from capas.show.console import KEPT, LONGEST, Console


class Machine:
    """Answers what is typed; ends by `poweroff`."""

    def __init__(self) -> None:
        self.running = True
        self.fails = False

    def run(self, command: str, seconds: float = 30) -> str:
        if not self.running:
            raise CapasError("not running")
        self.running = command != "poweroff"
        return f"{command}!" * (LONGEST if command == "long" else 1)

    def start(self) -> "Machine":
        if self.fails:
            raise CapasError("no room")
        self.running = True
        return self


def said(console: Console) -> list[tuple[Any, ...]]:
    return [tuple(entry.values()) for entry in console.entries]


def test_what_is_typed_is_answered() -> None:
    console = Console(Machine())
    for command in ("uname", " ", "ls"):
        console._act({"run": command})
    assert said(console) == [("uname", "uname!", False), ("ls", "ls!", False)]
    assert not console.busy
    console._act({"clear": True})
    assert console.entries == []


def test_a_machine_that_ends_can_be_started_again() -> None:
    machine = Machine()
    console = Console(machine)
    console._act({"run": "poweroff"})
    assert not console.running
    console._act({"run": "ls"})
    assert said(console)[-1] == ("ls", "not running", True)
    machine.fails = True
    console._act({"start": True})
    assert said(console)[-1] == ("", "no room", True)
    machine.fails = False
    console._act({"start": True})
    assert console.running


def test_the_screen_does_not_grow_without_end() -> None:
    console = Console(Machine())
    console.type("long")
    assert len(console.entries[0]["output"]) < LONGEST + 10
    for number in range(KEPT + 5):
        console.type(str(number))
    assert len(console.entries) == KEPT


@pytest.mark.parametrize("language", ["en", "es"])
def test_its_still_teaches_by_itself(language: str) -> None:
    try:
        use(language)
        still = Console(Machine()).still()
    finally:
        use(None)
    assert "QEMU" in still["text/plain"]
    assert 'alt="' in still["text/html"]
