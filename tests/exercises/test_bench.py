"""What one check finds of another on the engine."""

import contextlib
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from capas.engine import Engine, images
from capas.exercises import Bench, Limits, limits

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("caches", [True, False])
def test_a_second_check_takes_from_the_cache_what_the_first_has_built(
    caches: bool, engine: Engine, tmp_path: Path
) -> None:
    images.ensure(engine, ["busybox"])
    step = f"RUN echo {uuid4()} > /word"
    ran = []
    for _check in range(2):
        with Bench(engine, tmp_path, Limits(caches=caches)) as bench:
            ran.append(step in bench.build(inline=f"FROM busybox\n{step}\n").ran)
    assert ran == [True, not caches]


def test_within_a_check_the_cache_is_used_in_any_case(engine: Engine, tmp_path: Path) -> None:
    images.ensure(engine, ["busybox"])
    step = f"RUN echo {uuid4()} > /word"
    with Bench(engine, tmp_path, Limits(caches=False)) as bench:
        ran = [step in bench.build(inline=f"FROM busybox\n{step}\n").ran for _build in range(2)]
    assert ran == [True, False]


def test_a_file_is_read_as_a_container_sees_it(engine: Engine, tmp_path: Path) -> None:
    images.ensure(engine, ["busybox"])
    text = "FROM busybox\nRUN echo old > /word\nRUN echo new > /word\n"
    with Bench(engine, tmp_path) as bench:
        image = bench.build(inline=text)
        assert image.read("word") == b"new\n"
        assert image.read("/no/such") is None
        words = [file.content for file in image.files if file.path == "word"]
        assert words == [b"old\n", b"new\n"]


def test_what_a_build_has_left_running_ends_with_its_check(engine: Engine) -> None:
    with limits.build_group(engine, Limits()) as group:
        if not group:
            pytest.skip("control groups of this engine are not in reach")
        inside = limits._place("pids") / group.strip("/") / "buildkit/step"
        inside.mkdir(parents=True)
        process = subprocess.Popen(["sleep", "1d"])
        (inside / "cgroup.procs").write_text(str(process.pid))
    assert process.wait(10) == -signal.SIGKILL
    assert not inside.exists()


def test_a_check_that_ends_leaves_the_builds_of_the_next_alone(engine: Engine) -> None:
    def ended_early(_number: int) -> bool:
        with limits.build_group(engine, Limits()) as group:
            if not group:
                pytest.skip("control groups of this engine are not in reach")
            inside = limits._place("pids") / group.strip("/") / "step"
            inside.mkdir()
            process = subprocess.Popen(["sleep", "1d"])
            try:
                (inside / "cgroup.procs").write_text(str(process.pid))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)  # time in which another that ends could end this one
                return process.returncode is not None
            finally:
                process.kill()
                process.wait()

    with ThreadPoolExecutor(4) as pool:
        assert not any(pool.map(ended_early, range(60)))


def test_no_two_checks_have_one_group(engine: Engine) -> None:
    if not limits._ours(engine.host):
        pytest.skip("control groups of this engine are not in reach")
    held: list[str] = []

    def alone(_number: int) -> bool:
        with limits.build_group(engine, Limits()) as group:
            held.append(group)
            try:
                return bool(group) and held.count(group) == 1
            finally:
                held.remove(group)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(alone, range(4000)))
