"""Answers to exercises: the starting point, our solution, and patches to it, right and wrong.

``tests/exercises/NN-slug/wrong/HINT.patch`` (or ``HINT.2.patch`` …) makes of the solution an answer
that must meet the hint of that name first; ``right/NAME.patch`` makes another right answer.
"""

import os
import shutil
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from capas.engine import Engine
from capas.exercises import Exercise, exercises

HERE = Path(__file__).parent
EXERCISES = exercises()


@dataclass(frozen=True)
class Variant:
    """One answer to an exercise."""

    exercise: Exercise
    name: str
    base: Path
    """Folder of the files that the patch is made for."""
    patch: Path | None = None
    hint: str | None = None
    """The hint that it must meet first; None: it is right, or only begun."""

    def __str__(self) -> str:
        return f"{self.exercise.name}-{self.name}"

    def make(self, folder: Path) -> Path:
        """Write the answer's files into a new folder and return it."""
        shutil.copytree(self.base, folder)
        if self.patch:
            # Outside of any repository: the answer's own folder is the top.
            done = subprocess.run(
                ["git", "apply", "--whitespace=nowarn", str(self.patch)],
                cwd=folder,
                env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, f"{self.patch}: {done.stderr}"
        return folder


def variants(kind: str) -> list[Variant]:
    """Return the answers of a kind ("start", "solution", "wrong", "right") of all exercises."""
    if kind in ("start", "solution"):
        return [Variant(it, kind, it.folder / kind) for it in EXERCISES]
    found = []
    for exercise in EXERCISES:
        for patch in sorted((HERE / exercise.name / kind).glob("*.patch")):
            hint = patch.stem.split(".")[0] if kind == "wrong" else None
            name = f"{kind}-{patch.stem}"
            found.append(Variant(exercise, name, exercise.solution, patch, hint))
    return found


def left_by(engine: Engine, identity: str) -> list[str]:
    """Return what the bench of this identity has left on the engine."""
    mine: dict[str, str | list[str] | bool] = {"label": f"capas.check={identity}"}
    with closing(engine.client()) as client:
        return [
            *(str(container.name) for container in client.containers.list(all=True, filters=mine)),
            *(str(network.name) for network in client.networks.list(filters=mine)),
            *(str(volume.name) for volume in client.volumes.list(filters=mine)),
            *(str(image.tags or image.id) for image in client.images.list(filters=mine)),
        ]
