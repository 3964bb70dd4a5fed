"""What a student has done, in ``work/progress.json``: it stays on this machine."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from capas.paths import make, work


@dataclass
class Progress:
    """How far a student is with an exercise."""

    done: int = 0
    """Checks done, the last time."""
    checks: int = 0
    finished: str = ""
    """When all was done for the first time (ISO 8601, UTC)."""
    hints: dict[str, dict[str, str]] = field(default_factory=dict)
    """The mistakes that the last check named, by name, with the values of their texts."""
    steps: dict[str, int] = field(default_factory=dict)
    """How many steps of a hint were asked for."""


def place() -> Path:
    """Return the folder of the student's own work: $CAPAS_WORK, else ``work/``."""
    return Path(os.environ.get("CAPAS_WORK") or work())


def done() -> dict[str, Progress]:
    """Return what has been begun, by exercise."""
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
        return {name: Progress(**entry) for name, entry in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # none yet, or not ours
        return {}


@contextmanager
def changing(exercise: str) -> Iterator[Progress]:
    """Give the progress with an exercise, to be changed; it is written at the end."""
    make(place())
    with FileLock(_file().with_suffix(".lock")):
        everything = done()
        yield (progress := everything.setdefault(exercise, Progress()))
        new = _file().with_suffix(".new")
        entries = {name: asdict(entry) for name, entry in sorted(everything.items())}
        del entries[exercise]
        entries[exercise] = asdict(progress)
        text = json.dumps(dict(sorted(entries.items())), indent=1, ensure_ascii=False)
        new.write_text(text + "\n", encoding="utf-8")
        new.replace(_file())


def now() -> str:
    """Return the time for `Progress.finished`."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _file() -> Path:
    return place() / "progress.json"
