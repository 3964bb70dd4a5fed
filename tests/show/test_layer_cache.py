"""The toy's prediction is the real builder's behaviour, and the widget does as it is told."""

import os
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from capas import language
from capas.engine import Engine
from capas.show.caching import Verdict, World, predict
from capas.show.layer_cache import (
    FILES,
    GOOD,
    SLOW,
    WITH_ARG,
    LayerCache,
    docker,
    measured,
    pretended,
    reason,
)

THEN = World(dict.fromkeys(FILES, 0))


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    language.use("en")
    yield
    language.use(None)


def changed(*names: str, base: int = 0, **args: str) -> World:
    return World({name: int(name in names) for name in FILES}, base, args)


def states(verdicts: Sequence[Verdict]) -> str:
    """Return one letter for each step: c(ached), r(ebuilt), w(rong)."""
    return "".join(v.state[0] for v in verdicts if v.state not in ("base", "setting"))


@pytest.mark.parametrize(
    ("lines", "world", "expected"),
    [
        (SLOW, THEN, "cccc"),
        (SLOW, changed("main.py"), "crrr"),
        (GOOD, changed("main.py"), "ccccr"),
        (GOOD, changed("Pipfile"), "ccrrr"),
        (GOOD, changed(base=1), "rrrrr"),
        # A variable of the build concerns the RUNs below it, and what follows the first of them.
        (WITH_ARG, changed(VERSION="2"), "ccrrrr"),
        (["FROM x", "ARG VERSION", "COPY main.py .", "RUN a"], changed(VERSION="2"), "cr"),
    ],
)
def test_what_a_change_costs(lines: Sequence[str], world: World, expected: str) -> None:
    assert states(predict(lines, THEN, lines, world)) == expected


def test_settings_matter_only_to_the_steps_that_use_them() -> None:
    before = ["FROM x", "LABEL a=1", "ENV A=1", "USER app", "COPY main.py .", "RUN a"]
    label = [line.replace("LABEL a=1", "LABEL a=2") for line in before]
    assert states(predict(before, THEN, label, THEN)) == "cc"
    env = [line.replace("A=1", "A=2") for line in before]
    assert states(predict(before, THEN, env, THEN)) == "cr"
    user = [line.replace("app", "root") for line in before]
    found = predict(before, THEN, user, THEN)
    assert states(found) == "cr"
    assert found[-1].why == "settings"


def test_what_is_written_differently_is_not_another_step() -> None:
    before = ["FROM x", "WORKDIR /app", "COPY . .", "RUN a"]
    after = ["FROM x", "workdir  /app/", "copy . ./", "RUN a"]
    assert states(predict(before, THEN, after, THEN)) == "ccc"


def test_the_reasons() -> None:
    found = predict(SLOW, THEN, SLOW, changed("main.py", "Pipfile"))
    assert [v.why for v in found] == ["", "", "files", "before", "before", ""]
    assert "Pipfile, main.py" in reason(found[2])
    moved = [*SLOW[:2], SLOW[3], SLOW[2], *SLOW[4:]]
    assert [v.why for v in predict(SLOW, THEN, moved, THEN)][2:5] == ["line", "before", "before"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("COPY .", "form"),
        ("COPY nothing.txt .", "missing"),
        ("FROM y", "first"),
        ("COPPY . .", "unknown"),
        ("", "unknown"),
    ],
)
def test_faults_are_told(line: str, why: str) -> None:
    found = predict(["FROM x", line], THEN, ["FROM x", line], THEN)
    assert (found[1].state, found[1].why) == ("wrong", why)
    assert reason(found[1])


def test_a_run_only_pretends() -> None:
    text = pretended(["FROM python:3.13-slim", "RUN echo 'a' && rm -rf /"], "base")
    assert "FROM base\nRUN : 'echo '\\''a'\\'' && rm -rf /'\n" in text


def test_the_widget_does_what_it_is_asked() -> None:
    toy = LayerCache()
    toy._act({"do": "change", "what": ["main.py"]})
    assert [step["state"] for step in toy.steps[1:5]] == ["cached", "rebuilt", "rebuilt", "rebuilt"]
    assert toy.total.startswith("3 of 4")
    toy._act({"do": "move", "at": 2, "by": 2})
    assert toy.lines[4] == "COPY . ."
    toy._act({"do": "built"})
    assert toy.changed == []
    assert {step["state"] for step in toy.steps} == {"base", "cached", "setting"}
    toy._act({"do": "change", "what": ["main.py"]})
    assert toy.total.startswith("1 of 4")
    toy._act({"do": "edit", "at": 1, "text": "WORKDIR /srv"})
    assert toy.total.startswith("4 of 4")
    toy._act({"do": "drop", "at": 1})
    toy._act({"do": "add"})
    assert toy.lines[-1] == "RUN "
    toy._act({"do": "begin", "start": "good"})
    assert tuple(toy.lines) == GOOD
    assert toy.total.startswith("0 of 5")


def test_nonsense_from_the_browser_changes_nothing() -> None:
    toy = LayerCache()
    for message in (
        {"do": "move", "at": 0, "by": 1},
        {"do": "move", "at": 1, "by": -1},
        {"do": "move", "at": 5, "by": 1},
        {"do": "edit", "at": 0, "text": "FROM y"},
        {"do": "change", "what": ["passwd"]},
        {"do": "begin", "start": "x"},
        {},
    ):
        toy._act(message)
    assert tuple(toy.lines) == SLOW
    assert toy.changed == []


def test_the_still_is_the_same_each_time_and_teaches_both_orders() -> None:
    still = LayerCache().still()
    assert still == LayerCache(changed=["Pipfile"]).still()
    assert still["text/plain"].count("↻") == 3 + 1


@pytest.fixture
def env(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)


def images() -> str:
    """Return the images that the toy has left."""
    return docker("image", "ls", "--all", "--quiet", "--filter", "label=capas=layer-cache").stdout


LINES = [
    *("WORKDIR /app", "COPY . .", "COPY Pipfile Pipfile.lock ./", "RUN pip install pipenv"),
    *("ARG VERSION=1", 'RUN echo "$VERSION" > v', "ENV A=1", "ENV B=2", "USER app"),
    *("LABEL x=y", "EXPOSE 80", "WORKDIR sub", "COPY main.py app.py", "COPY Pip* /p/"),
]
EDITS = {
    "COPY . .": "COPY . ./",
    "ENV A=1": "ENV A=9",
    "USER app": "USER root",
    "LABEL x=y": "LABEL x=z",
    "WORKDIR /app": "WORKDIR /srv",
    "EXPOSE 80": "EXPOSE 81",
    "RUN pip install pipenv": "RUN pip install 'pipenv' && true",
}


@pytest.mark.engine
@pytest.mark.usefixtures("env")
@pytest.mark.parametrize("seed", range(int(os.environ.get("CAPAS_ORDERS", "8"))))
def test_the_prediction_is_what_buildkit_does(seed: int) -> None:
    chance = random.Random(seed)
    before = ["FROM x", *chance.sample(LINES, chance.randint(5, 10))]
    after = list(before)
    world: dict[str, Any] = {"names": [], "base": 0, "args": {}}
    for _turn in range(chance.randint(0, 2)):
        at = chance.randrange(1, len(after))
        match chance.choice(["file", "file", "move", "edit", "edit", "drop", "arg", "base"]):
            case "file":
                world["names"].append(chance.choice(FILES))
            case "move":
                after.insert(chance.randrange(1, len(after)), after.pop(at))
            case "edit":
                after[at] = EDITS.get(after[at], after[at])
            case "drop":
                after.pop(at)
            case "arg":
                world["args"] = {"VERSION": "2"}
            case "base":
                world["base"] = 1
    now = changed(*world["names"], base=world["base"], **world["args"])
    found = predict(before, THEN, after, now)
    expected = [{"cached": "CACHED", "rebuilt": "DONE"}.get(v.state, "") for v in found]
    assert measured(before, THEN, after, now) == expected, (before, after, now)
    assert images() == ""


@pytest.mark.engine
@pytest.mark.usefixtures("env")
def test_the_widget_asks_the_engine() -> None:
    toy = LayerCache(changed=["main.py"])
    toy._act({"do": "real"})
    assert toy._asking
    toy._asking.join(120)
    assert not toy.busy
    assert toy.message == "The engine did what was predicted."
    assert toy.said == ["", "CACHED", "DONE", "DONE", "DONE", ""]
    toy._act({"do": "edit", "at": 2, "text": "COPY none ."})
    toy._act({"do": "real"})
    toy._asking.join(120)
    assert "none" in toy.message
    assert images() == ""


def test_without_an_engine_the_widget_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    toy = LayerCache()
    toy._act({"do": "real"})
    assert toy._asking
    toy._asking.join(60)
    assert not toy.busy
    assert toy.message
    assert toy.said == []
