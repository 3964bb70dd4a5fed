"""What the dashboard's core says of an engine, and what it refuses to do."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from capas.engine import Engine, EngineError, find, overview
from capas.engine.watch import QUIET_SECONDS, Watch
from tests.engine.machine import Machine, answer, wait_for

MANY = 50


def reading(own: int, whole: int) -> dict[str, Any]:
    return {"cpu_usage": {"total_usage": own}, "system_cpu_usage": whole, "online_cpus": 4}


def test_cpu_is_a_share_of_one_processor() -> None:
    # Four processors have 4 s in 1 s; a container that used 2 s of them used two.
    assert overview.cpu_percent(reading(2_000, 4_000), reading(0, 0)) == 200
    assert overview.cpu_percent(reading(2_000, 4_000), None) is None
    assert overview.cpu_percent(reading(5, 4_000), reading(9, 0)) is None, "it was started anew"
    assert overview.cpu_percent(reading(5, 4_000), reading(5, 4_000)) is None


def test_memory_is_without_file_pages_that_can_be_dropped() -> None:
    assert overview.memory_used({"usage": 100, "stats": {"inactive_file": 30}}) == 70
    v1 = {"inactive_file": 10, "total_inactive_file": 30}
    assert overview.memory_used({"usage": 100, "stats": v1}) == 70
    assert overview.memory_used({"usage": 100, "stats": {"inactive_file": 300}}) == 100
    assert overview.memory_used({}) == 0


def test_a_command_is_what_a_person_types() -> None:
    assert overview.command("containers", "stop", "web") == "docker stop web"
    assert overview.command("containers", "remove-running", "web") == "docker rm --force web"
    assert overview.command("images", "remove", "capas/x:1") == "docker image rm capas/x:1"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """This machine's engine, with nothing of this module in it before and after."""
    found = find()
    if found is None:
        pytest.skip("no engine answers")

    def sweep() -> None:
        names = found.run("ps", "-aq", "--filter", "name=capas-overview-").stdout.split()
        if names:
            found.run("rm", "--force", *names)

    sweep()
    yield found
    sweep()


def run(engine: Engine, name: str, *words: str, label: bool = True) -> str:
    labels = ["--label", "capas"] if label else []
    done = engine.run("run", "-d", "--name", f"capas-overview-{name}", *labels, *words, check=True)
    return str(done.stdout).strip()


class Told(list[dict[str, Any]]):
    """What a watch has told."""

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in list(self) if message["type"] == kind]


@contextlib.contextmanager
def watching(engine: Engine) -> Iterator[tuple[Watch, Told]]:
    told = Told()
    watch = Watch(told.append, engine.client)
    watch.start()
    try:
        yield watch, told
    finally:
        watch.close()


def names(watch: Watch, **having: Any) -> set[str]:
    rows = [*watch.rows["containers"].values()]
    return {row["name"] for row in rows if having.items() <= row.items()}


@pytest.mark.engine
def test_only_the_courses_own_can_be_changed(engine: Engine) -> None:
    run(engine, "theirs", "busybox", "sleep", "300", label=False)
    run(engine, "ours", "busybox", "sleep", "300")
    with contextlib.closing(engine.client()) as client:
        for act in ("stop", "restart", "pause", "remove-running"):
            with pytest.raises(EngineError, match="not the course's own"):
                overview.allow(client, "containers", act, "capas-overview-theirs")
        for kind in ("images", "networks"):
            with pytest.raises(EngineError, match=r"not the course's own|not there"):
                overview.allow(client, kind, "remove", {"images": "x", "networks": "host"}[kind])
        assert overview.allow(client, "containers", "pause", "capas-overview-theirs", True)
        pause = overview.allow(client, "containers", "pause", "capas-overview-ours")
        assert pause.run(engine.environment()) == ""
        rows = {row["name"]: row for row in overview.snapshot(client)["containers"]}
        assert rows["capas-overview-ours"]["state"] == "paused"
        assert rows["capas-overview-theirs"]["state"] == "running"
        assert not rows["capas-overview-theirs"]["ours"]
        # What docker complains of comes back in its own words.
        assert "already paused" in pause.run(engine.environment())
        with pytest.raises(EngineError, match="not there any more"):
            overview.allow(client, "containers", "stop", "capas-overview-none")
        with pytest.raises(EngineError, match="no such action"):
            overview.allow(client, "containers", "prune", "capas-overview-ours")


@pytest.mark.engine
def test_every_action_offered_does_what_it_says(engine: Engine) -> None:
    run(engine, "acts", "--init", "busybox", "sleep", "300")
    with contextlib.closing(engine.client()) as client:
        for act, state in [
            ("pause", "paused"),
            ("unpause", "running"),
            ("restart", "running"),
            ("stop", "exited"),
            ("start", "running"),
            ("stop", "exited"),
            ("start", "running"),
            ("pause", "paused"),
            ("restart", "running"),
            ("pause", "paused"),
            ("stop", "exited"),
            ("start", "running"),
            ("remove-running", None),
        ]:
            found = {row["name"]: row for row in overview.snapshot(client)["containers"]}
            row = found["capas-overview-acts"]
            assert act in [offered["act"] for offered in row["acts"]], row["state"]
            todo = overview.allow(client, "containers", act, row["name"])
            assert todo.run(engine.environment()) == ""
            # The engine's list may lag behind the command's end by some milliseconds.
            wait_for(lambda state=state: state_of(client, "capas-overview-acts") == state)


def state_of(client: Any, name: str) -> str | None:
    rows = {row["name"]: row for row in overview.snapshot(client)["containers"]}
    return rows[name]["state"] if name in rows else None


@pytest.mark.engine
def test_a_watch_tells_what_happens_and_ends_its_threads(engine: Engine) -> None:
    before = set(threading.enumerate())
    with watching(engine) as (watch, told):
        wait_for(lambda: told.of("rows"))
        key = run(engine, "talks", "busybox", "sh", "-c", "echo hello; sleep 1; echo bye; exit 3")
        wait_for(lambda: names(watch, name="capas-overview-talks"))
        watch.choose(key)
        wait_for(lambda: names(watch, name="capas-overview-talks", state="exited", exit=3))
        said = wait_for(lambda: "bye" in (lines := lines_of(told)) and lines)
        assert said == ["hello", "bye"]
        # Followed through a new start, without telling the old lines again.
        engine.run("start", "capas-overview-talks", check=True)
        wait_for(lambda: lines_of(told) == ["hello", "bye", "hello", "bye"])
        wait_for(lambda: dict(told.of("details")[-1]["facts"])["exit code"] == "3")
        # Chosen once more, by a page that was loaded anew: it is told what is known.
        details = len(told.of("details"))
        watch.choose(key)
        assert len(told.of("details")) == details + 1
        assert told.of("log")[-1]["anew"]
        assert told.of("log")[-1]["lines"] == ["hello", "bye", "hello", "bye"]
        engine.run("rm", "--force", "capas-overview-talks", check=True)
        wait_for(lambda: any(key in message["gone"] for message in told.of("rows")))
    count = len(told)
    wait_for(lambda: set(threading.enumerate()) <= before, 10, "the threads' end")
    assert len(told) == count


def lines_of(told: Told) -> list[str]:
    return [line for message in told.of("log") for line in message["lines"]]


@pytest.mark.engine
def test_fifty_containers(engine: Engine) -> None:
    with watching(engine) as (watch, told):
        with contextlib.closing(engine.client()) as client:
            began = time.monotonic()
            for number in range(MANY):
                client.containers.run(
                    "busybox",
                    ["sleep", "600"],
                    name=f"capas-overview-{number:02}",
                    detach=True,
                    labels={"capas": "test"},
                    network_mode="none",
                )
            ours = {f"capas-overview-{number:02}" for number in range(MANY)}
            wait_for(lambda: ours <= names(watch, state="running"))
            # However much happens, so many snapshots at most; of each, what has changed.
            most = (time.monotonic() - began) / QUIET_SECONDS + 2
            assert len([m for m in told.of("rows") if m["kind"] == "containers"]) <= most
            wait_for(lambda: len(told.of("usage")) and len(told.of("usage")[-1]["of"]) >= MANY)

            def seconds(work: Any) -> float:
                began = time.perf_counter()
                work()
                return time.perf_counter() - began

            command = min(seconds(lambda: engine.run("ps", "--all", check=True)) for _ in range(5))
            own = min(seconds(lambda: overview.snapshot(client)) for _ in range(5))
            # It lists images, volumes and networks besides; no request for each container.
            assert own < 3 * command + 0.2, f"{own:.3f} s, docker ps {command:.3f} s"
            print(f"snapshot {own:.3f} s, docker ps {command:.3f} s")
        # With nothing happening, only measurements are told, and of all in one message.
        wait_for(lambda: told[-1]["type"] == "usage" and told[-2]["type"] == "usage")


LOST_AND_FOUND = """
import json, sys, time
from capas.engine import PrivateEngine, ensure
from capas.engine.watch import QUIET_SECONDS, Watch
private = PrivateEngine()
told = []
watch = Watch(told.append, lambda: private_client())
def private_client():
    from capas.engine.model import connect
    return connect(private.host, timeout=5)
def wait(look):
    end = time.monotonic() + 60
    while not look():
        assert time.monotonic() < end, told
        time.sleep(0.02)
ups = lambda: [message["up"] for message in list(told) if message["type"] == "engine"]
ensure("private")
watch.start()
wait(lambda: ups() == [True])
private.down()
wait(lambda: ups() == [True, False])
sentence = [message["text"] for message in told if message["type"] == "engine"][-1]
ensure("private")
wait(lambda: ups() == [True, False, True])
client = private_client()
client.containers.create("busybox", "true", name="afterwards")
wait(lambda: any(row["name"] == "afterwards" for row in watch.rows["containers"].values()))
watch.close()
print(json.dumps({"result": sentence}))
"""


@pytest.mark.engine
def test_an_engine_that_goes_and_comes_back(up: Machine) -> None:
    told = answer(up.run(sys.executable, "-c", LOST_AND_FOUND))
    assert told == "The engine does not answer. The dashboard goes on when it is back."
