"""The life-cycle does what it says to a real container, and shows what the engine answers."""

import sys
from collections.abc import Iterator

import pytest

from capas import language
from capas.engine import Engine
from capas.show.lifecycle import ABSENT, EDGES, NODES, POSSIBLE, Lifecycle, commands, meaning
from tests.waiting import wait_until


@pytest.fixture
def life(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lifecycle]:
    from capas.engine import images

    images.ensure(engine, ["busybox"])
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    life = Lifecycle()
    yield life
    life.close()
    assert not left(engine, life)


def left(engine: Engine, life: Lifecycle) -> str:
    name = f"name={life.name}"
    return str(engine.run("ps", "-aq", "--filter", name, check=True).stdout)


def bring(life: Lifecycle, *actions: str) -> None:
    for action in actions:
        life.act(action)
        assert life.log[-1]["ok"], life.log[-1]


TRANSITIONS = [
    ((), "create", "created", None),
    (("create",), "start", "running", None),
    (("create",), "rm", ABSENT, None),
    (("create", "start"), "pause", "paused", None),
    (("create", "start"), "stop", "exited", 143),
    (("create", "start"), "kill", "exited", 137),
    (("create", "start"), "restart", "running", None),
    (("create", "start"), "rm -f", ABSENT, None),
    (("create", "start"), "exit0", "exited", 0),
    (("create", "start"), "exit3", "exited", 3),
    (("create", "start", "pause"), "unpause", "running", None),
    (("create", "start", "pause"), "stop", "exited", 143),
    (("create", "start", "pause"), "kill", "exited", 137),
    (("create", "start", "stop"), "start", "running", None),
    (("create", "start", "stop"), "restart", "running", None),
    (("create", "start", "stop"), "rm", ABSENT, None),
]


@pytest.mark.engine
@pytest.mark.parametrize(
    ("before", "action", "state", "code"),
    TRANSITIONS,
    ids=[f"{(before or ('nothing',))[-1]}-{action}" for before, action, *_ in TRANSITIONS],
)
def test_every_transition_is_the_engines(
    life: Lifecycle, before: tuple[str, ...], action: str, state: str, code: int | None
) -> None:
    bring(life, *before)
    assert action in POSSIBLE[life.state]
    bring(life, action)
    wait_until(lambda: life.state == state, f"{state} after {action}", detail=lambda: life.state)
    assert (life.code, life.oom) == (code, False)
    assert bool(life.meaning) == (code is not None)


@pytest.mark.engine
def test_out_of_memory(life: Lifecycle) -> None:
    bring(life, "create", "start", "oom")
    wait_until(lambda: life.state == "exited", "exited", detail=lambda: str(life.log[-1]))
    assert (life.code, life.oom) == (137, True)
    assert "memory" in life.meaning


@pytest.mark.engine
def test_what_cannot_be_is_told_in_the_engines_words(life: Lifecycle) -> None:
    life.act("start")
    assert not life.log[-1]["ok"]
    assert "No such container" in life.log[-1]["output"]
    bring(life, "create", "start")
    for action, reason in (
        ("create", "already in use"),
        ("rm", "is running"),
        ("unpause", "not pa"),
    ):
        life.act(action)
        assert not life.log[-1]["ok"]
        assert reason in life.log[-1]["output"]
        assert life.state == "running"
    life.act("no such action")
    assert life.log[-1]["command"].startswith("docker unpause ")


@pytest.mark.engine
def test_what_happens_outside_is_seen(engine: Engine, life: Lifecycle) -> None:
    bring(life, "create", "start")
    engine.run("pause", life.name, check=True)
    wait_until(lambda: life.state == "paused", "paused by somebody else")
    engine.run("rm", "--force", life.name, check=True)
    wait_until(lambda: life.state == ABSENT, "removed by somebody else")
    bring(life, "create")
    assert life.state == "created"


@pytest.mark.engine
def test_a_lesson_cleans_up_and_the_widget_stays(engine: Engine, life: Lifecycle) -> None:
    """Closing it there left an empty place after "Run All Cells"."""
    life.clear()
    bring(life, "create", "start")
    life.clear()
    assert not left(engine, life)
    assert (life.state, life.trouble) == (ABSENT, "")
    bring(life, "create")
    assert life.state == "created"


@pytest.mark.engine
def test_a_closed_one_leaves_nothing(engine: Engine, life: Lifecycle) -> None:
    bring(life, "create", "start")
    assert left(engine, life)
    watcher = life._watcher
    assert watcher is not None
    life.close()
    assert not left(engine, life)
    wait_until(lambda: not watcher.is_alive(), "the thread ends")
    life.act("create")
    assert not left(engine, life)


@pytest.mark.engine
def test_the_end_of_the_program_leaves_nothing(engine: Engine) -> None:
    """A kernel ends as this program does: without anybody having closed the widget."""
    import os
    import subprocess

    program = "\n".join(
        [
            "from capas.show import lifecycle",
            "life = lifecycle()",
            "life.act('create'); life.act('start')",
            "print(life.name, life.state)",
        ]
    )
    env = {**os.environ, **engine.environment()}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
    name, state = done.stdout.split()
    assert (state, done.stderr) == ("running", "")
    assert not engine.run("ps", "-aq", "--filter", f"name={name}", check=True).stdout


def test_no_engine_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    life = Lifecycle()
    life.act("create")
    assert life.trouble.startswith("No Docker Engine answers")
    assert (life.state, life.busy) == (ABSENT, "")
    life.close()


def test_a_log_can_be_typed() -> None:
    import shlex

    life = Lifecycle()
    for action, words in commands(life.name).items():
        assert shlex.split(life.commands[action]) == ["docker", *words]
    life.close()


def test_each_arrow_is_a_transition_that_is_tested() -> None:
    tested = {(action.rstrip("03"), after_path(before)) for before, action, *_ in TRANSITIONS}
    for action, state, *_ in EDGES:
        assert state in NODES
        assert action == "oom" or (action, state) in tested


def after_path(before: tuple[str, ...]) -> str:
    names = {"create": "created", "start": "running", "pause": "paused", "stop": "exited"}
    return names[before[-1]] if before else ABSENT


@pytest.mark.parametrize("code", [0, 1, 3, 125, 126, 127, 130, 137, 139, 143, 255])
def test_an_exit_code_has_a_meaning(code: int) -> None:
    assert meaning(code)
    if code == 139:
        assert "SEGV (128 + 11)" in meaning(code)
    assert meaning(255) == meaning(1)


def test_the_still_is_the_same_each_time_and_names_no_container() -> None:
    for spoken in language.languages():
        language.use(spoken)
        try:
            one, other = Lifecycle(), Lifecycle()
            assert one.still() == other.still()
            assert one.name not in str(one.still())
        finally:
            language.use(None)
