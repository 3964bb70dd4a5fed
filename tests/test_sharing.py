import os
import threading
from pathlib import Path

import pytest

from capas import engine, paths, sharing

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no private engine there")


class FakeEngine:
    """Notes how often it was stopped; stopping it takes as long as a test wants."""

    stopped = 0
    stopping = threading.Event()
    go_on = threading.Event()

    def down(self) -> None:
        FakeEngine.stopping.set()
        assert FakeEngine.go_on.wait(60)
        FakeEngine.stopped += 1


@pytest.fixture(autouse=True)
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(engine, "PrivateEngine", FakeEngine)
    FakeEngine.stopped = 0
    FakeEngine.stopping.clear()
    FakeEngine.go_on.set()


def test_the_last_one_stops_it() -> None:
    with sharing.sharing():
        with sharing.sharing():
            sharing.ours()
        assert FakeEngine.stopped == 0
    assert FakeEngine.stopped == 1
    with sharing.sharing():
        pass
    assert FakeEngine.stopped == 1, "nobody started it again"


def test_what_was_started_by_hand_stays() -> None:
    with sharing.sharing():
        sharing.ours()
        sharing.keep()
    assert FakeEngine.stopped == 0


def test_who_comes_while_it_is_stopped_waits() -> None:
    FakeEngine.go_on.clear()
    seen: list[int] = []

    def leave() -> None:
        with sharing.sharing():
            sharing.ours()

    def come() -> None:
        with sharing.sharing():
            seen.append(FakeEngine.stopped)

    leaving = threading.Thread(target=leave)
    leaving.start()
    assert FakeEngine.stopping.wait(60)
    coming = threading.Thread(target=come)
    coming.start()
    coming.join(0.3)  # time enough to come in, if the door were open
    assert seen == []
    FakeEngine.go_on.set()
    coming.join(60)
    leaving.join(60)
    assert seen == [1], "came in when it was down, not before"


def test_lock_that_was_removed_is_made_anew() -> None:
    with sharing.sharing():
        (paths.home() / "engine-users.lock").unlink()
        with sharing.sharing():
            assert (paths.home() / "engine-users.lock").exists()


def test_home_that_cannot_be_written_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CAPAS_HOME", str(tmp_path / "file/home"))
    with sharing.sharing():
        sharing.ours()
    assert FakeEngine.stopped == 0
