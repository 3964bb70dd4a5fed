"""Grading on several workers, each in a process of its own with a private engine of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from capas import paths
from capas.engine import Engine, PrivateEngine, packages
from capas.engine.model import connect
from capas.errors import CapasError
from capas.grading import Far, grade
from capas.paths import ROOT
from tests.grading.handing_in import EXERCISE, NAME, solved
from tests.waiting import wait_until

pytestmark = pytest.mark.engine


def capas(home: Path, *words: str, **more: str) -> str:
    """Run a command of the course with a home of its own; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "capas.cli", *words],
        env=own(home) | more,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def own(home: Path) -> dict[str, str]:
    inherited = ("DOCKER_", "CAPAS_", "XDG_", "BUILD", "COMPOSE_")
    mine = {name: value for name, value in os.environ.items() if not name.startswith(inherited)}
    return mine | {
        "CAPAS_HOME": str(home),
        "CAPAS_CACHE": str(home.parent / "cache"),
        "CAPAS_ENGINE": "private",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture
def scheduler(engine: Engine, tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """Give the address of a scheduler with two workers, and the addresses of their engines."""
    port = PrivateEngine().mirror_port
    if engine.kind != "private" or not port:
        pytest.skip("takes the course's own engine, and its mirror")
    installed = paths.home() / "engine/prefix"
    names = packages.release().engine
    if packages.has(installed, names):
        packages.share(installed, names, tmp_path / "cache")
    hosts = []
    with ExitStack() as stack:
        for number in range(2):
            home = tmp_path / str(number)
            stack.callback(capas, home, "engine", "remove")
            capas(home, "engine", "up")
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("CAPAS_HOME", str(home))
                hosts.append(PrivateEngine().host)
            images = [*EXERCISE.images, "busybox"]
            capas(home, "images", *images, CAPAS_MIRROR=f"127.0.0.1:{port}")
        log = tmp_path / "scheduler.log"
        dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"]
        start(stack, [*dask, "--port", "0", "--no-dashboard"], own(home), log)
        found = wait_until(
            lambda: re.search(r"tcp://127\.0\.0\.1:\d+", log.read_text()),
            "the scheduler",
            60,
            log.read_text,
        )
        assert found
        for number in range(2):
            worker = [sys.executable, "-m", "distributed.cli.dask_worker", found[0]]
            words = [*worker, "--nthreads", "1", "--no-dashboard", "--no-nanny"]
            words += ["--local-directory", str(tmp_path / f"dask{number}")]
            start(stack, words, own(tmp_path / str(number)), tmp_path / f"worker{number}.log")
        wait_until(
            lambda: log.read_text().count("Starting worker compute stream") == 2,
            "two workers",
            60,
            log.read_text,
        )
        yield found[0], hosts


def start(stack: ExitStack, words: list[str], environment: dict[str, str], log: Path) -> None:
    file = stack.enter_context(log.open("w"))
    process = subprocess.Popen(words, env=environment, cwd=ROOT, stdout=file, stderr=file)
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)


def built(host: str) -> int:
    """Return how much an engine has built."""
    with closing(connect(host)) as client:
        return len(client.api.df()["BuildCache"] or [])


def test_each_worker_judges_on_its_own_engine(
    scheduler: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, hosts = scheduler
    for number in range(4):
        solved(tmp_path / "in" / f"student{number}" / NAME, notes__md=f"{number}\n")
    wrong = tmp_path / "in" / "student3" / NAME / "Dockerfile"
    wrong.write_text(wrong.read_text().replace("USER nobody\n", ""))
    assert len(set(hosts)) == 2
    before = [built(host) for host in hosts]
    workers = Far(address)
    assert workers.at_once == 2
    found = grade(tmp_path / "in", tmp_path / "out", workers)
    assert [one.verdict.hints for one in found.graded] == [[], [], [], ["runs-as-root"]]
    assert all(built(host) > count for host, count in zip(hosts, before, strict=True))


def test_a_scheduler_that_is_not_there_is_told() -> None:
    with pytest.raises(CapasError, match="No Dask scheduler answers"):
        Far("tcp://127.0.0.1:1")
