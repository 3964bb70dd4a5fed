"""Submissions for tests: right ones, and some that mean harm."""

import io
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

from capas.exercises import find

EXERCISE = find("06")
NAME = EXERCISE.name


def solved(folder: Path, **files: str) -> Path:
    """Write our solution into a folder, with other contents of some files; return the folder."""
    shutil.copytree(EXERCISE.solution, folder)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


def zipped(path: Path, **members: str) -> Path:
    """Write a zip of our solution and of more members; return its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(EXERCISE.solution.rglob("*")):
            archive.write(file, f"{NAME}/{file.relative_to(EXERCISE.solution)}")
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def tarred(path: Path, *members: tarfile.TarInfo) -> Path:
    """Write a tar of our solution and of more members, which hold nothing; return its path."""
    with tarfile.open(path, "w:gz") as archive:
        archive.add(EXERCISE.solution, NAME)
        for member in members:
            archive.addfile(member, io.BytesIO(b"\0" * member.size))
    return path


def bundled(path: Path, folder: Path) -> Path:
    """Write a git bundle of a folder's files; return its path."""
    git = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    for words in (
        ["init", "--quiet", "--initial-branch", "main"],
        ["add", "--all"],
        ["commit", "--quiet", "--message", "done"],
        ["bundle", "create", "--quiet", str(path), "HEAD", "main"],
    ):
        subprocess.run([*git, *words], check=True)
    return path
