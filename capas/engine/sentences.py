"""What is told of images that could not be had: one sentence for each."""

import errno
import re
from pathlib import Path

from requests.exceptions import RequestException

from capas.language import _

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""No room, or none left of what this user may use."""


def is_full(error: Exception | None, output: str = "") -> bool:
    """Whether the disk is full, by an error of the system or by a program's words."""
    said = output.lower()
    return (
        getattr(error, "errno", None) in FULL
        or "no space left" in said
        or "disk quota exceeded" in said
    )


def no_folder(folder: Path, error: OSError) -> str:
    """Return the sentence for a folder of ours that cannot be made or written to."""
    if is_full(error):
        return no_room(str(folder), error.strerror or "")
    return _(
        "{folder} cannot be written to ({why}): see to whom it belongs, or set CAPAS_HOME to "
        "another folder."
    ).format(folder=folder, why=error.strerror or error)


def no_room(what: str, where: str) -> str:
    """Return the sentence for a full disk; `where` is what more there is to know."""
    return _(
        "There is no room left on the disk for {what}: free some GB (`docker system df` shows "
        "what Docker holds), then try again ({where})."
    ).format(what=what, where=where)


def last_words(output: str) -> str:
    """Return the line of a program's output that tells the error best."""
    if block := re.search(r"^------\n > [^\n]*\n(.+?)\n------$", output, re.M | re.S):
        output = block[1]  # what the failing step of a Dockerfile said, repeated by BuildKit
    lines = [re.sub(r"^[\d.]+ ", "", line.strip()) for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"\b(E:|ERROR|error|denied|failed)", line)]
    return (telling or lines or ["?"])[-1]


def short(text: str) -> str:
    """Return a text as one short line."""
    text = re.sub(r"^#\d+ [\d.]+ ", "", " ".join(text.split())).rstrip(".")
    return text if len(text) <= 160 else text[:159] + "…"


def reason(error: Exception) -> str:
    """Return what the engine's API says of an error, or that it says nothing any more."""
    if isinstance(error, RequestException):
        return _("the engine gives no answer; `python3 -m capas doctor` says what to do")
    return short(str(getattr(error, "explanation", None) or error))
