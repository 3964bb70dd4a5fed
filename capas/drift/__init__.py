"""``capas drift``: what the course has pinned, against what its registries have now.

Images by digest at Docker Hub (OCI Distribution Specification, "Pull"; a HEAD counts as no
pull), or by its list of tags; Python packages by ``pip index versions``, npm's by ``npm view``:
pip and npm ask the index that they are configured for. CONTRIBUTING.md says what is pinned
where, and what else looks after it.

`asking` asks, `pinning` writes.

JSON, stable::

    {"version": 1,
     "moved": true,
     "problems": ["…"],                 # what could not be asked, a sentence for each
     "pins": [{"kind": "image",         # image | python | npm
               "name": "python:3.13-slim", "file": "capas/engine/images.toml",
               "pinned": "…", "newest": "…",     # "": the registry has it no more
               "moved": true}]}
"""

import json
from dataclasses import asdict

from capas.drift.asking import Pin, Report, look
from capas.drift.pinning import write
from capas.language import _
from capas.terminal import table

__all__ = ["Pin", "Report", "look", "show", "to_json", "write"]


def to_json(report: Report) -> str:
    """Return the report for programs; see the module's documentation."""
    content = {
        "version": 1,
        "moved": any(pin.moved for pin in report.pins),
        "problems": report.problems,
        "pins": [{**asdict(pin), "moved": pin.moved} for pin in report.pins],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def show(report: Report) -> None:
    """Print what has moved, and how much has not."""
    moved = [pin for pin in report.pins if pin.moved]
    if moved:
        table(
            (_("what"), _("pinned"), _("newest"), _("in")),
            [(pin.name, _short(pin.pinned), _short(pin.newest), pin.file) for pin in moved],
        )
    print(
        _("{moved} of {all} pinned versions have moved.").format(
            moved=len(moved), all=len(report.pins)
        )
    )


def _short(version: str) -> str:
    """Return a digest as docker shows it, with 12 digits."""
    return (version[:19] if version.startswith("sha256:") else version) or _("gone")
