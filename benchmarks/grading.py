"""`capas grade`, nbgrader and otter-grader on one exercise: seconds per submission, in one run.

All three judge the same answers with the same check (`capas.exercises.judge`): of nbgrader and
otter-grader, the notebook's one cell calls it for the folder beside it. What differs is what each
does around it. The other two are installed into a virtual environment of their own, kept in
the course's folder.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from capas.engine import ensure, images
from capas.exercises import Exercise, find
from capas.paths import ROOT, home

VERSIONS = ["nbgrader==0.9.6", "otter-grader==7.0.0"]
CELL = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from capas.engine import ensure
from capas.exercises import find, judge
passed = judge(find({name!r}), ensure(), Path({folder!r})).passed
"""


def others() -> Path:
    """Return a virtual environment with the other two, made once."""
    folder = home() / "benchmarks"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "versions.json"
    if not stamp.exists() or json.loads(stamp.read_text()) != VERSIONS:
        print("installing", *VERSIONS, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        needed = ["-r", str(ROOT / "requirements.txt"), *VERSIONS]
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *needed], check=True)
        stamp.write_text(json.dumps(VERSIONS))
    return python


def answers(exercise: Exercise, place: Path, count: int) -> list[Path]:
    """Write so many right answers, no two alike, and return their folders."""
    made = []
    for number in range(count):
        folder = place / f"student{number}" / exercise.name
        shutil.copytree(exercise.solution, folder)
        for path in folder.rglob("*.py"):
            path.write_text(f"{path.read_text(encoding='utf-8')}\n# {place.name} {number}\n")
        made.append(folder)
    return made


def timed(do: Callable[[], None]) -> float:
    """Return how long it takes, in seconds."""
    begin = time.perf_counter()
    do()
    return time.perf_counter() - begin


def command(*words: str | Path, folder: Path) -> None:
    """Run a command, its neighbours first on the path; end with what it said if it fails."""
    path = f"{Path(words[0]).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    done = subprocess.run(
        [*map(str, words)],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


def capas(exercise: Exercise, place: Path, count: int) -> float:
    """Grade by `capas grade`, one at a time."""
    made = answers(exercise, place / "in", count)
    words: list[str | Path] = [
        "grade",
        place / "in",
        "--out",
        place / "out",
        "--exercise",
        exercise.name,
        "-j1",
    ]
    seconds = timed(lambda: command(sys.executable, "-m", "capas.cli", *words, folder=ROOT))
    scores = (place / "out/scores.csv").read_text(encoding="utf-8-sig").splitlines()[1:]
    assert [line.split(",")[4] for line in scores] == ["1"] * len(made), scores
    return seconds / count


def nbgrader(exercise: Exercise, place: Path, count: int) -> float:
    """Grade by `nbgrader autograde`."""
    tool = others().with_name("nbgrader")
    course = place / "course"
    (course / "source/ps").mkdir(parents=True)
    graded = {
        "nbgrader": {
            **{"schema_version": 3, "grade": True, "solution": False, "locked": True},
            **{"task": False, "grade_id": "check", "points": 1},
        }
    }

    def notebook(folder: Path) -> nbformat.NotebookNode:
        cell = new_code_cell(CELL.format(root=str(ROOT), name=exercise.name, folder=str(folder)))
        made: nbformat.NotebookNode = new_notebook(
            cells=[
                new_markdown_cell("The answer is in the folder."),
                cell,
                new_code_cell("assert passed", metadata=graded),
            ],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        return made

    made = answers(exercise, place / "in", count)
    nbformat.write(notebook(made[0]), course / "source/ps/p.ipynb")
    (course / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'c'\nc.ExecutePreprocessor.timeout = 300\n"
    )
    command(tool, "generate_assignment", "ps", folder=course)
    released = nbformat.read(course / "release/ps/p.ipynb", 4)
    for folder in made:
        own = course / "submitted" / folder.parent.name / "ps"
        own.mkdir(parents=True)
        mine = notebook(folder)
        released.cells[1].source = mine.cells[1].source
        nbformat.write(released, own / "p.ipynb")
    seconds = timed(lambda: command(tool, "autograde", "ps", folder=course))
    export = course / "grades.csv"
    command(tool, "export", "--to", export, folder=course)
    lines = export.read_text().splitlines()
    at = lines[0].split(",").index("score")
    assert [float(line.split(",")[at]) for line in lines[1:]] == [1.0] * count, lines
    return seconds / count


def otter(exercise: Exercise, place: Path, count: int) -> float:
    """Grade by `otter run`, one submission after the other."""
    tool = others().with_name("otter")
    (place / "tests").mkdir(parents=True)
    case = {"code": ">>> passed\nTrue", "hidden": False, "locked": False}
    suite = {"cases": [case], "scored": True, "setup": "", "teardown": "", "type": "doctest"}
    test = {"name": "q1", "points": 1, "suites": [suite]}
    (place / "tests/q1.py").write_text(f"OK_FORMAT = True\n\ntest = {test!r}\n")
    words = ["generate", "-t", "tests", "-o", "autograder.zip", "--no-environment"]
    command(tool, *words, folder=place)
    run: list[str | Path] = ["run", "-a", place / "autograder.zip", "p.ipynb"]
    spent = 0.0
    for folder in answers(exercise, place / "in", count):
        own = folder.parent / "run"
        own.mkdir()
        text = CELL.format(root=str(ROOT), name=exercise.name, folder=str(folder))
        notebook = new_notebook(
            cells=[
                new_code_cell("import otter\ngrader = otter.Notebook()"),
                new_code_cell(text),
                new_code_cell('grader.check("q1")'),
            ],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        nbformat.write(notebook, own / "p.ipynb")
        begin = time.perf_counter()
        command(tool, *run, folder=own)
        spent += time.perf_counter() - begin
        found = json.loads((own / "results.json").read_text())
        assert sum(test.get("score", 0) for test in found["tests"]) == 1, found
    return spent / count


def main() -> None:
    """Measure, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exercise", default="06")
    parser.add_argument("--submissions", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    exercise = find(wanted.exercise)
    engine = ensure(report=print)
    os.environ["CAPAS_ENGINE"] = engine.host
    images.ensure(engine, [*exercise.images, "busybox"], report=print)
    others()
    found: dict[str, list[float]] = {}
    for number in range(wanted.rounds):
        for grader in (capas, nbgrader, otter):
            with tempfile.TemporaryDirectory(prefix=f"round{number}-") as place:
                own = Path(place).resolve()
                seconds = grader(exercise, own, wanted.submissions)
            found.setdefault(grader.__name__, []).append(seconds)
            print(f"{grader.__name__:<10}{seconds:8.2f} s per submission", flush=True)
    medians = {name: statistics.median(values) for name, values in found.items()}
    print(f"\n{exercise.name}, {wanted.submissions} submissions, median of {wanted.rounds} rounds")
    for name, seconds in medians.items():
        print(f"{name:<10}{seconds:8.2f} s   {seconds / medians['capas']:5.2f} × capas")


if __name__ == "__main__":
    main()
