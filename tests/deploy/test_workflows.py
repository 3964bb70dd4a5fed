"""The workflows: well formed, and what they call is there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
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
    return [step for job in jobs(workflow).values() for step in job.get("steps", [])]


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
        if "uses" in job:  # another workflow of ours
            assert ROOT / job["uses"] in WORKFLOWS
            continue
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
        for script in re.findall(r"(?:python3|bash) (\S+\.(?:py|sh))", text):
            assert (ROOT / script).is_file()
    assert called <= known


COMMANDS = {
    "python3": """#!/bin/sh
        [ "$1 $2" = "-m capas" ] || exec "$PYTHON" "$@"
        echo "capas $3" >>called
        case $3 in
        drift) echo "vite 8.3.8 8.4.0"; echo "asking npm" >&2; exit "$DRIFT" ;;
        test) shift 4; "$PYTHON" -m pytest -q -p no:cacheprovider "$@" mine ;;
        esac
    """,
    "gh": """#!/bin/sh
        echo "gh $1 $2" >>called
        case "$1 $2" in
        "issue list") echo "$OPEN" ;;
        "issue create" | "issue comment") printf '%s\\n' "$@" >said ;;
        esac
    """,
}
"""What stands in for the course's commands and for GitHub's."""


@dataclass
class Week:
    """A weekly run on this machine, step by step as GitHub does it."""

    folder: Path
    drift: int = 1
    open_issue: str = ""

    def run(self, tests: str) -> str:
        """Run the steps with these tests; return the names of the commands that were called."""
        (self.folder / "mine").mkdir()
        (self.folder / "mine/test_it.py").write_text(tests)
        shutil.copytree(FOLDER, self.folder / ".github")
        (self.folder / "bin").mkdir()
        for name, script in COMMANDS.items():
            file = self.folder / "bin" / name
            file.write_text(script)
            file.chmod(0o755)
        environment = {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHON": sys.executable,
            "DRIFT": str(self.drift),
            "OPEN": self.open_issue,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # quicker
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "a/b",
            "GITHUB_RUN_ID": "7",
        }
        failed = False
        for step in jobs(FOLDER / "workflows/weekly.yml")["newest"]["steps"]:
            if "run" not in step or (step.get("if") == "failure()") != failed:
                continue
            # https://docs.github.com/actions/reference: jobs.<job_id>.steps[*].shell
            shell = "bash --noprofile --norc -eo pipefail" if "shell" in step else "bash -e"
            done = subprocess.run(
                [*shell.split(), "-c", step["run"]], cwd=self.folder, env=environment
            )
            failed = failed or done.returncode != 0
        return (self.folder / "called").read_text()

    @property
    def said(self) -> str:
        """What GitHub was given for the issue."""
        return (self.folder / "said").read_text()

    @property
    def text(self) -> str:
        return (self.folder / "broken.md").read_text()


bash = pytest.mark.skipif(sys.platform == "win32", reason="the weekly run is on Linux")
GOOD = "def test_good():\n    pass\n"


@bash
def test_a_good_week_opens_no_issue(tmp_path: Path) -> None:
    assert Week(tmp_path).run(GOOD).split("\n") == ["capas drift", "capas test", ""]


@bash
def test_the_weekly_run_says_what_broke(tmp_path: Path) -> None:
    week = Week(tmp_path)
    called = week.run(GOOD + "def test_bad():\n    assert 1 == 2\n")
    assert called.endswith("gh label create\ngh issue list\ngh issue create\n")
    title = "With the newest images and packages, 1 test fails: mine.test_it: test_bad"
    assert f"--title\n{title}\n" in week.said
    assert week.text.startswith(f"{title}\n\nhttps://github.com/a/b/actions/runs/7\n")
    assert "- `mine.test_it: test_bad`" in week.text
    assert "test_good" not in week.text
    assert "vite 8.3.8 8.4.0" in week.text
    assert "assert 1 == 2" in week.text  # of the log


@bash
def test_what_is_still_broken_is_said_where_it_was_said_first(tmp_path: Path) -> None:
    week = Week(tmp_path, open_issue="12")
    called = week.run("def test_bad():\n    assert 1 == 2\n")
    assert "issue create" not in called
    assert week.said.startswith("issue\ncomment\n12\n")


@bash
def test_a_weekly_run_that_dies_says_so(tmp_path: Path) -> None:
    week = Week(tmp_path)
    week.run("import os\n\n\ndef test_it():\n    os._exit(137)\n")
    assert not (tmp_path / "junit.xml").exists()
    assert "--title\nWith the newest images and packages, the tests do not run to" in week.said


@bash
def test_a_weekly_run_that_fails_before_its_tests_says_so(tmp_path: Path) -> None:
    week = Week(tmp_path, drift=3)
    assert "capas test" not in week.run(GOOD)
    assert "--title\nThe newest images and packages cannot be pinned\n" in week.said
    assert "asking npm" in week.text


def test_an_issue_has_room_for_what_broke(tmp_path: Path) -> None:
    cases = "".join(
        f'<testcase classname="{"long" * 400}" name="{n}"><error/></testcase>' for n in range(70)
    )
    (tmp_path / "junit.xml").write_text(f"<testsuite>{cases}</testsuite>")
    (tmp_path / "tests.txt").write_text("x" * 100_000)
    text = run_path(str(FOLDER / "broken.py"))["report"](tmp_path, "https://github.com/a/b")
    assert len(text) <= 65_536
    assert len(text.splitlines()[0]) <= 256
    assert "… and 20 more" in text


def test_scripts_in_workflows_are_well_formed() -> None:
    for workflow in WORKFLOWS:
        for step in steps(workflow):
            script = re.sub(r"\$\{\{.*?\}\}", "value", step.get("run", ""))
            done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
            assert done.returncode == 0, f"{workflow.name}: {done.stderr}"
            assert shlex.split(script) is not None
