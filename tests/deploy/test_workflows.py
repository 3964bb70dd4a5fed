"""The workflows: well formed, and what they call is there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
import yaml

from capas.cli import app
from capas.paths import ROOT

FOLDER = ROOT / ".github"
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yml"))
SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "vendor.dependabot": [FOLDER / "dependabot.yml"],
    "vendor.citation-file-format": [ROOT / "CITATION.cff"],
}


def jobs(workflow: Path) -> dict[str, Any]:
    content = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    found: dict[str, Any] = content["jobs"]
    return found


def steps(workflow: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(workflow).values() for step in job["steps"]]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_are_as_their_schemas_say(schema: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema),
            *map(str, SCHEMAS[schema]),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_ends_and_may_do_little(workflow: Path) -> None:
    content = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    assert content["permissions"]["contents"] == "read"
    for job in jobs(workflow).values():
        assert job["timeout-minutes"] <= 120
        assert not any("latest" in runner for runner in [job["runs-on"]])
    for step in steps(workflow):
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+(\.\d+)*", step["uses"])


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_the_commands_that_it_runs_are_there(workflow: Path) -> None:
    known = {
        command.name or getattr(command.callback, "__name__", "")
        for command in app.registered_commands
    }
    called = set()
    for step in steps(workflow):
        text = step.get("run", "") + step.get("with", {}).get("runCmd", "")
        called |= set(re.findall(r"-m capas ([a-z]+)", text))
        for script in re.findall(r"python3 (\S+\.py)", text):
            assert (ROOT / script).is_file()
    assert called <= known


def test_the_weekly_run_says_what_broke(tmp_path: Path) -> None:
    report = run_path(str(FOLDER / "broken.py"))["report"]
    (tmp_path / "test_it.py").write_text(
        "def test_good():\n    pass\n\n\ndef test_bad():\n    assert 1 == 2\n"
    )
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:nbval", "--junitxml=junit.xml", "."],
        cwd=tmp_path,
        capture_output=True,
    )
    (tmp_path / "drift.txt").write_text("python:3.13-slim  sha256:1  sha256:2\n")
    text = report(tmp_path, "https://github.com/a/b/actions/runs/1")
    assert text.splitlines()[0].endswith("1 tests fail: test_it: test_bad")
    assert "- `test_it: test_bad`" in text
    assert "test_good" not in text
    assert "python:3.13-slim  sha256:1" in text
    assert "tests do not run" in report(tmp_path / "empty", "https://github.com/a/b")


def test_scripts_in_workflows_are_well_formed() -> None:
    for workflow in WORKFLOWS:
        for step in steps(workflow):
            script = re.sub(r"\$\{\{.*?\}\}", "value", step.get("run", ""))
            done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
            assert done.returncode == 0, f"{workflow.name}: {done.stderr}"
            assert shlex.split(script) is not None
