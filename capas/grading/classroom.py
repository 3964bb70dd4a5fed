"""A verdict as GitHub Classroom's autograding takes it.

Source: https://github.com/classroom-resources/autograding-grading-reporter (``src/``): in a
variable, base64 of JSON with ``max_score`` and, for each test, its name, status and score.
"""

import base64
import json
from typing import Any

from capas.exercises import Verdict

STATUS = {"done": "pass", "todo": "fail", "hint": "fail", "broken": "error"}


def result(verdict: Verdict) -> dict[str, Any]:
    """Return what the reporter reads: one test a check, one point each."""
    tests = [
        {
            "name": title,
            "status": STATUS[state],
            "score": int(state == "done"),
            "message": says or None,
            "execution_time": f"{outcome.seconds:.1f}s",
        }
        for (title, state, says), outcome in zip(verdict.rows(), verdict.outcomes, strict=True)
    ]
    states = {test["status"] for test in tests}
    status = "error" if "error" in states else "fail" if "fail" in states else "pass"
    return {"version": 1, "status": status, "max_score": len(tests), "tests": tests}


def encoded(verdict: Verdict) -> str:
    """Return `result` as one line, for a step's output."""
    return base64.b64encode(json.dumps(result(verdict)).encode()).decode()
