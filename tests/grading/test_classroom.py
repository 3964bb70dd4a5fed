"""GitHub Classroom's reporter gets what it reads."""

import base64
import json

import yaml

from capas.exercises import Outcome, Verdict
from capas.grading import classroom
from capas.paths import ROOT

VERDICT = Verdict(
    "06-dockerfile",
    (
        Outcome("built", "done", seconds=1.5),
        Outcome("answers", "todo"),
        Outcome("unprivileged", "hint", "runs-as-root"),
    ),
)


def test_each_check_is_a_test_with_a_point() -> None:
    read = json.loads(base64.b64decode(classroom.encoded(VERDICT)))
    assert (read["status"], read["max_score"]) == ("fail", 3)
    assert [test["status"] for test in read["tests"]] == ["pass", "fail", "fail"]
    assert sum(test["score"] for test in read["tests"]) == 1
    assert "root" in read["tests"][2]["message"]
    assert read["tests"][0]["message"] is None


def test_a_check_that_broke_is_an_error() -> None:
    broken = Verdict("06-dockerfile", (Outcome("built", "broken", values={"error": "E"}),))
    assert classroom.result(broken)["status"] == "error"


def test_the_workflow_hands_the_result_to_the_reporter() -> None:
    text = (ROOT / "docs/classroom/classroom.yml").read_text(encoding="utf-8")
    steps = yaml.safe_load(text)["jobs"]["run-autograding-tests"]["steps"]
    check, reporter = steps[-2:]
    assert reporter["with"]["runners"].split(",") == [check["id"]]
    variable = f"{check['id'].upper()}_RESULTS"
    assert reporter["env"] == {variable: f"${{{{ steps.{check['id']}.outputs.result }}}}"}
