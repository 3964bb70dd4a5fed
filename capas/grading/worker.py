"""Judges one answer in a process of its own, which can be ended whatever the answer does."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

from capas.exercises import Exercise, Limits, find
from capas.grading.submissions import extract
from capas.paths import ROOT

KEPT = (
    *("PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "TMPDIR", "TEMP", "LANG", "VIRTUAL_ENV"),
    *("CAPAS_HOME", "CAPAS_ENGINE", "CAPAS_MIRROR", "XDG_DATA_HOME", "XDG_CACHE_HOME"),
    *("XDG_CONFIG_HOME", "CAPAS_CACHE"),
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"),
)
"""Variables that a worker needs: nothing else of ours comes near a submission."""


def limits_for(exercise: Exercise) -> Limits:
    """Return the limits for answers of people whom nobody knows."""
    return Limits(
        packages=exercise.packages, caches=False, pull=False, context=100 * 2**20, cpus=1.0
    )


def run(
    exercise: str, packed: bytes, limits: Limits, seconds: float, identity: str = ""
) -> dict[str, Any]:
    """Judge an answer within a time, in a process of its own; return the verdict as a dictionary.

    Where that does not end in time or breaks, the first check says so; what it has left on the
    engine is removed.

    Args:
        exercise: its name.
        packed: the answer's files (`capas.grading.submissions.pack`).
        limits: what it may use.
        seconds: after this time it is ended.
        identity: what its things on the engine are known by; else made up.
    """
    identity = identity or uuid4().hex[:10]
    task = {"exercise": exercise, "limits": asdict(limits), "id": identity}
    with tempfile.TemporaryDirectory(prefix="capas-grade-", ignore_cleanup_errors=True) as place:
        folder = Path(place).resolve() / "answer"
        folder.mkdir()
        extract(packed, folder)
        task["folder"] = str(folder)
        command = [sys.executable, "-I", "-c", _START, str(ROOT), json.dumps(task)]
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        ended = "ended"
        with subprocess.Popen(
            command,
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                output, said = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                ended = "took-too-long"
                process.terminate()  # its bench is tidied; if not, it is killed
                try:
                    output, said = process.communicate(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    output, said = process.communicate()
            except BaseException:
                process.kill()
                _sweep(identity)
                raise
        if ended == "ended" and process.returncode == 0:
            try:
                return dict(json.loads(output.decode().splitlines()[-1]))
            except (ValueError, IndexError):
                pass
        _sweep(identity)
        shutil.rmtree(folder, ignore_errors=True)
    first = {"check": find(exercise).checks[0].name, "values": {}, "seconds": seconds}
    if ended == "took-too-long":
        outcome = first | {"state": "hint", "hint": ended, "values": {"seconds": f"{seconds:.0f}"}}
    else:
        lines = said.decode(errors="replace").strip().splitlines() or ["–"]
        outcome = first | {"state": "broken", "hint": "", "values": {"error": lines[-1][:300]}}
    rest = [
        {"check": check.name, "state": "todo", "hint": "", "values": {}, "seconds": 0.0}
        for check in find(exercise).checks[1:]
    ]
    return {"exercise": exercise, "outcomes": [outcome, *rest], "advice": [], "seconds": seconds}


_START = """
import sys
sys.path.insert(0, sys.argv[1])
from capas.grading.worker import main
main(sys.argv[2])
"""


def main(task: str) -> None:
    """Judge what a task says, and print the verdict as the last line."""
    import signal

    from capas.engine import ensure
    from capas.exercises import judge

    def end(_number: int, _frame: object) -> None:
        raise SystemExit(143)

    signal.signal(signal.SIGTERM, end)
    told = json.loads(task)
    verdict = judge(
        find(told["exercise"]),
        ensure(),
        Path(told["folder"]),
        limits=Limits(**told["limits"]),
        identity=told["id"],
    )
    print(json.dumps(verdict.to_dict()))


def _sweep(identity: str) -> None:
    """Remove what a bench has left on the engine."""
    from capas.engine import find as find_engine
    from capas.exercises.bench import sweep

    if engine := find_engine():
        with closing(engine.client()) as client:
            sweep(client, identity)
