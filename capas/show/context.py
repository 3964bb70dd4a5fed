"""The build context explorer: what `docker build` would send, in bytes, and what stops it."""

import contextlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
from html import escape
from pathlib import Path
from typing import Any

import traitlets
from babel.numbers import get_decimal_symbol

from capas.errors import CapasError
from capas.language import _, numbers
from capas.show.dockerignore import BadPattern, Entry, files, survey
from capas.show.widget import Widget, listen, script
from capas.terminal import told

MOST = 60
"""Entries of one folder that are shown; the largest."""
SECONDS = 60


def sized(size: int) -> str:
    """Return a number of bytes as people read it: ``20 MB``."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    text = f"{value:.1f}".removesuffix(".0") if value < 10 and unit != "B" else f"{value:.0f}"
    return f"{text.replace('.', get_decimal_symbol(numbers()))} {unit}"


def sent(folder: str | Path, ignore: str) -> dict[str, int]:
    """Ask the real builder: return the files that it got, and their sizes.

    It copies the context into an image of nothing else and hands that back as a tar archive:
    no image is left.

    Raises:
        CapasError: there is no engine, or the build failed; it says why.
    """
    docker = shutil.which("docker")
    if docker is None:
        raise CapasError(_("There is no docker command here: start the course with “capas lab”."))
    with tempfile.TemporaryDirectory(prefix="capas-context-") as place:
        recipe = Path(place) / "Dockerfile"
        recipe.write_text("FROM scratch\nCOPY . /\n", encoding="utf-8")
        # It takes the place of the context's own .dockerignore.
        Path(f"{recipe}.dockerignore").write_text(ignore, encoding="utf-8")
        done = subprocess.run(
            [docker, "build", "--quiet", "--output", "type=tar,dest=-", "-f", recipe, str(folder)],
            capture_output=True,
            check=False,
            timeout=SECONDS,
            env=os.environ | {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"},
        )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise CapasError(_("The build failed: {why}").format(why=lines[-1] if lines else "?"))
    if not done.stdout.strip(b"\0"):
        return {}
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        return {m.name.removeprefix("./"): m.size for m in archive if not m.isdir()}


class Context(Widget):
    """The context as a tree beside its ``.dockerignore``, which can be edited."""

    _esm = script("context")
    text = traitlets.Unicode().tag(sync=True)
    """The patterns on the screen; the file is written only by "Save"."""
    tree = traitlets.Dict().tag(sync=True)
    total = traitlets.Unicode().tag(sync=True)
    share = traitlets.Float().tag(sync=True)
    """How much of all bytes is sent, 0 to 1."""
    fault = traitlets.Unicode().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)

    def __init__(self, folder: str | Path = ".", ignore: str | Path | None = None) -> None:
        """Look at `folder`; begin with the patterns of the file `ignore` (``.dockerignore``)."""
        self._folder = Path(folder).absolute()
        self._file = self._folder / ".dockerignore"
        self._asking: threading.Thread | None = None
        start = Path(ignore) if ignore is not None else self._file
        if not self._folder.is_dir():
            raise CapasError(_("There is no folder “{name}”.").format(name=folder))
        super().__init__(
            words={
                "title": _("The build context"),
                "patterns": _("The lines of .dockerignore"),
                "sent": _("sent"),
                "out": _("kept out"),
                "back": _("brought back by"),
                "by": _("line"),
                "partly": _("in part"),
                "more": _("… and {n} smaller ones"),
                "save": _("Save as .dockerignore"),
                "again": _("Read the folder again"),
                "ask": _("Ask the builder"),
                "asking": _("The builder copies what it got …"),
            }
        )
        with contextlib.suppress(FileNotFoundError):
            self.text = start.read_text(encoding="utf-8")
        listen(self, self._act)
        self._look()

    def _look(self) -> None:
        try:
            found = survey(self._folder, self.text)
        except BadPattern as error:
            self.fault = _("Line {n} is not a pattern: {text}").format(
                n=error.args[0], text=error.args[1]
            )
            return
        except OSError as error:
            self.fault = told(error)
            return
        self.fault = ""
        self._found = found
        self.tree = _shown(found)
        self.share = (found.size - found.out) / found.size if found.size else 1.0
        self.total = _("{sent} of {all} is sent: {n} of {files} files").format(
            sent=sized(found.size - found.out),
            all=sized(found.size),
            n=found.files - found.files_out,
            files=found.files,
        )

    def _act(self, message: dict[str, Any]) -> None:
        do = message.get("do")
        if self.busy:
            return
        self.message = ""
        if do == "edit":
            self.text = str(message["text"])[:20_000]
            self._look()
        elif do == "again":
            self._look()
        elif do == "save":
            try:
                self._file.write_text(self.text, encoding="utf-8")
                self.message = _("Saved.")
            except OSError as error:
                self.message = told(error)
            self._look()
        elif do == "ask" and not self.fault:
            self.busy = True
            self._asking = threading.Thread(target=self._ask, daemon=True)
            self._asking.start()

    def _ask(self) -> None:
        """Compare with what the real builder gets."""
        try:
            got = sent(self._folder, self.text)
            mine = {one.path for one in files(self._found) if not one.files_out}
            if differ := sorted(mine ^ got.keys()):
                self.message = _("The builder disagrees about {names}.").format(
                    names=", ".join(differ[:5])
                )
            else:
                self.message = _("The builder got the same {n} files, {bytes}.").format(
                    n=len(got), bytes=sized(sum(got.values()))
                )
        except (CapasError, OSError, subprocess.TimeoutExpired) as error:
            self.message = str(error)
        finally:
            self.busy = False

    def still(self) -> dict[str, str]:
        """Return what is at the context's top, what is sent of it, and which line decided."""
        if self.fault:
            return {"text/plain": self.fault}
        rows, plain = [], [self.total]
        signs = {"sent": "✓", "out": "✗", "partly": "◐"}
        wide = 4 + max(len(self.words[state]) for state in signs)
        head = "".join(
            f"<th>{escape(t)}</th>" for t in ("", _("file or folder"), "", _("because of"))
        )
        for one in self._found.entries:
            state = _state(one)
            word = f"{signs[state]} {self.words[state]}"
            name = one.name + "/" * one.folder
            rule = _rule(one)
            rows.append(
                f"<tr><td>{escape(word)}</td><td><code>{escape(name)}</code></td>"
                f"<td>{sized(one.size)}</td><td><code>{escape(rule)}</code></td></tr>"
            )
            plain.append(f"  {word:<{wide}}{name:<26}{sized(one.size):>8}  {rule}".rstrip())
        html = (
            f"<p>{escape(self.total)}</p><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table>"
        )
        return {"text/html": html, "text/plain": "\n".join(plain)}


def _state(entry: Entry) -> str:
    return "out" if entry.kept_out else "partly" if entry.files_out else "sent"


def _rule(entry: Entry) -> str:
    """Return the pattern that decided, or for a folder those in it, as written."""
    if entry.rule is not None:
        return entry.rule.text
    inside = [one.rule.text for one in files(entry) if one.rule and one.files_out]
    return ", ".join(dict.fromkeys(inside)) if entry.folder else ""


def _shown(entry: Entry) -> dict[str, Any]:
    """Return an entry as the JavaScript takes it."""
    inside = sorted(entry.entries, key=lambda one: (-one.size, one.name))
    state = _state(entry)
    return {
        "name": entry.name,
        "path": entry.path,
        "folder": entry.folder,
        "state": state,
        "size": sized(entry.size),
        "bytes": entry.size,
        "out": entry.out,
        "files": entry.files,
        "rule": entry.rule.text if entry.rule else "",
        "line": entry.rule.line if entry.rule else 0,
        "back": bool(entry.rule and entry.rule.back),
        # In a folder that is kept out whole, all is kept out: no need to open it.
        "entries": [] if state == "out" and entry.path else [_shown(o) for o in inside[:MOST]],
        "more": max(0, len(inside) - MOST),
    }


def context(folder: str | Path = ".", ignore: str | Path | None = None) -> Context:
    """Explore the build context `folder`; `ignore`: a file of patterns to begin with."""
    return Context(folder, ignore)
