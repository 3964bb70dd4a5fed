"""How long a second check of an exercise takes after a small edit, and how much of it is ours.

The engine's own part is what the Docker command line and API are waited for: builds, starts,
answers, a health check's verdict. The rest (copying, looking, telling) is what the course adds; it
is to stay below 1 s.
"""

import argparse
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docker.api.client import APIClient

from capas.engine import Engine, ensure, images
from capas.exercises import Exercise, commands, container, exercises, find, judge


class Engines:
    """Adds up the seconds in which the engine, or what runs on it, is waited for."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth = 0

    def timed(self, do: Callable[..., Any]) -> Callable[..., Any]:
        """Return `do`, with its time counted; calls within calls are counted once."""

        def waiting(*words: Any, **more: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                return do(*words, **more)  # nobody waits for that
            begin = time.perf_counter()
            self._depth += 1
            try:
                return do(*words, **more)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.perf_counter() - begin

        return waiting


def edit(folder: Path, number: int) -> None:
    """Make a small edit in a file that the build copies or that Compose reads."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    sources = [path for path in files if path.suffix in (".py", ".js", ".mjs", ".sh")]
    others = [path for path in files if path.name in ("init", "Dockerfile", "compose.yaml")]
    target = (sources or others)[0]
    text = target.read_text(encoding="utf-8")
    sign = "//" if target.suffix in (".js", ".mjs") else "#"
    target.write_text(f"{text.rstrip()}\n{sign} edit {number}\n", encoding="utf-8")


def second(exercise: Exercise, engine: Engine, rounds: int) -> tuple[float, float]:
    """Return the median of a whole second check, and of what is ours in it, in seconds."""
    whole, ours = [], []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(exercise.solution, Path(place) / "files"))
        judge(exercise, engine, folder)
        for number in range(rounds):
            edit(folder, number)
            engines = Engines()
            before = APIClient.send, commands.run, container.ask, time.sleep
            APIClient.send = engines.timed(APIClient.send)  # type: ignore[method-assign]
            commands.run = engines.timed(commands.run)
            container.ask = engines.timed(container.ask)
            time.sleep = engines.timed(time.sleep)  # of whoever waits for a container
            try:
                begin = time.perf_counter()
                verdict = judge(exercise, engine, folder)
                spent = time.perf_counter() - begin
            finally:
                APIClient.send, commands.run, container.ask, time.sleep = before  # type: ignore[method-assign]
            if not verdict.passed:
                raise SystemExit(f"{exercise.name} does not pass:\n{verdict}")
            whole.append(spent)
            ours.append(spent - engines.seconds)
    return statistics.median(whole), statistics.median(ours)


def main() -> None:
    """Measure, and print a line for each exercise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("exercise", nargs="*", help="NN; else all")
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    chosen = [find(name) for name in wanted.exercise] or exercises()
    engine = ensure(report=print)
    images.ensure(engine, [*{n for e in chosen for n in e.images}, "busybox"], report=print)
    print(f"{'exercise':<34}{'whole':>8}{'ours':>8}  seconds, median of {wanted.rounds}")
    for exercise in chosen:
        whole, ours = second(exercise, engine, wanted.rounds)
        print(f"{exercise.name:<34}{whole:>8.2f}{ours:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
