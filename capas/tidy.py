"""What docker prints, with its progress taken out: the text that a lesson shows.

The docker command believes that it writes to a terminal (IPython's ``!`` gives it
one): it moves the cursor, draws progress, and tells of a build everything that its
solver does. `Tidy` stands between the command and the notebook and lets through

- of a build: one line for each step of the Dockerfile, in the Dockerfile's order,
  with the time that it took or ``CACHED``; the name of the image; and, when it
  fails, BuildKit's own report, whole;
- of Compose: the final state of each network, volume and container;
- of ``docker pull`` and ``push``: the final state of each layer;
- everything else as it is, without escape sequences.

What it does not recognise it never swallows. Formats: BuildKit's plain progress
(``util/progress/progressui`` in moby/buildkit), Compose's plain progress
(``pkg/progress`` in docker/compose), the Engine's JSON messages on a terminal
(``pkg/jsonmessage`` in moby/moby).
"""

import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

WIDTH = 100
"""Longest text of a build step that is shown, in characters."""

# A line ends with a line feed, or where a progress display moves to another row.
_LINE_END = re.compile(r"\r*\n|\x1b\[\d*[AB]")
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")

_BUILD_BEGINS = re.compile(r"#[01] (?:building with |\[(?:\S+ )?internal\] |reading from )")
_BUILD_LINE = re.compile(r"#(\d+)(?: (.*))?")
_STEP = re.compile(r"\[(?:(?P<group>.+) )?(?P<index>\d+)/(?P<total>\d+)\] (?P<text>.*)")
_STEP_ENDS = re.compile(r"CACHED$|DONE (?P<seconds>\d+\.\d+s)$|(?P<error>ERROR: )|CANCELED$")
_IMAGE = re.compile(r"naming to (?P<name>\S+?)(?::latest)?(?: \d+\.\d+s)? done$")
_DIGEST = re.compile(r"(?:writing image|exporting config) (?P<digest>sha256:\w+)(?: .*)? done$")
_FROM = re.compile(r"(FROM \S+?)@sha256:[0-9a-f]{64}(.*)", re.IGNORECASE)
_BUILD_DETAILS = re.compile(r"View build details: \S+$")
_REPORT_STEP = re.compile(r" > \[.*\].*:$")
_REPORT_TIME = re.compile(r"^\d+\.\d{3} ")

_COMPOSE = re.compile(
    r" (?P<kind>Network|Volume|Config|Secret|Image|Service|Container) (?P<name>\S.*?) +(?P<state>"
    r"Creat(?:ing|ed)|Start(?:ing|ed)|Stopp(?:ing|ed)|Kill(?:ing|ed)|Remov(?:ing|ed)"
    r"|Recreated?|Recreating|Restarting|Restarted|Waiting|Healthy|Running|Exited"
    r"|Paus(?:ing|ed)|Unpaus(?:ing|ed)|Build(?:ing)?|Built|Pull(?:ing|ed)"
    r"|Skipped(?: .*)?|Error(?: .*)?|Resource is still in use) *$"
)
_COMPOSE_PULL = re.compile(r" (?P<name>[\w./:@-]+) (?P<state>Pull(?:ing|ed)) *$")
_COMPOSE_BUILD = re.compile(r" \S+ +(?:Building|Built) *$")
_COMPOSE_LAYER = re.compile(
    r" [0-9a-f]{12} (?:Already exists|Pulling fs layer|Waiting|Downloading.*|Verifying Checksum"
    r"|Download complete|Extracting.*|Pull complete) *$"
)
_COMPOSE_ORDER = ("Network", "Volume", "Config", "Secret", "Image", "Service", "Container")

_LAYER = re.compile(
    r"(?P<id>[0-9a-f]{12}): (?P<state>Pulling fs layer|Waiting|Downloading.*|Verifying Checksum"
    r"|Download complete|Extracting.*|Pull complete|Already exists|Preparing|Pushing.*|Pushed"
    r"|Layer already exists|Mounted from .*|Retrying in .*|Unavailable) *$"
)

_LAYERS_FOLLOW = re.compile(r"\S+: Pulling from \S+|The push refers to repository .*")

# The beginning of what the patterns above may recognise once the line is whole.
_MAY_BE_NOISE = re.compile(r"$|[#\s\x1b]|-|\d+\.\d*|[0-9a-f]{1,12}(?:$|:)|V")


@dataclass
class _Step:
    """One step of a Dockerfile in the build that is going on."""

    group: str
    """Name of the stage, of Compose's service, or of both; empty where neither has one."""
    index: int
    total: int
    line: str
    instruction: str
    state: str | None = None
    shown: bool = False


class _Build:
    """The steps of one build (or of several at once, by Compose), put in order."""

    def __init__(self) -> None:
        self.steps: dict[str, _Step] = {}
        self.failed: _Step | str | None = None
        self.log: list[str] = []
        """What the failed step printed."""
        self.logs: dict[str, list[str]] = {}
        self.images: list[str] = []
        self.digests: list[str] = []

    def read(self, vertex: str, text: str) -> str | None:
        """Take one line ``#vertex text``; return what is going on now, if that is news."""
        if found := _STEP.fullmatch(text):
            if vertex not in self.steps:
                # BuildKit joins continued lines, and keeps how they were indented.
                line = re.sub(r" {2,}", " ", _FROM.sub(r"\1\2", text))
                if len(line) > WIDTH:
                    line = line[: WIDTH - 1].rstrip() + "…"
                self.steps[vertex] = _Step(
                    found["group"] or "",
                    int(found["index"]),
                    int(found["total"]),
                    line,
                    found["text"].partition(" ")[0].upper(),
                )
            step = self.steps[vertex]
            return f"{step.line} …" if step.state is None else None
        if found := _STEP_ENDS.match(text):
            known = self.steps.get(vertex)
            if found["error"]:
                self.failed, self.log = known or vertex, self.logs.setdefault(vertex, [])
            if known:
                known.state = (
                    "ERROR" if found["error"] else found["seconds"] or text.partition(" ")[0]
                )
        elif found := _IMAGE.match(text):
            self.images.append(f"naming to {found['name']}")
        elif found := _DIGEST.match(text):
            self.digests.append(f"writing image {found['digest']}")
        elif vertex in self.steps:
            self.logs.setdefault(vertex, []).append(_REPORT_TIME.sub("", text))
        return None

    def ready(self) -> Iterable[str]:
        """Yield the lines that are known and whose place is certain."""
        # Stages and services are built side by side, in an order of chance: they wait for the end.
        steps = self._group("")
        if len(steps) < 2:
            return  # a base image alone: it may be that of an earlier build, see `_group`
        for following, step in enumerate(steps, start=1):
            if step.index != following or step.state is None:
                return
            yield from self._show(step, steps)

    def rest(self) -> Iterable[str]:
        """Yield what is left at the end of the build."""
        for group in sorted({step.group for step in self.steps.values()}):
            if self.failed is not None:
                # Where the other stages had got to when this one failed is chance, too.
                failed_in = self.failed.group if isinstance(self.failed, _Step) else ""
                if group != failed_in:
                    continue
            steps = self._group(group)
            for step in steps:
                if step.state or self.failed is None:
                    yield from self._show(step, steps)
        if self.failed is None:
            yield from sorted(set(self.images)) or self.digests[-1:]

    def _group(self, group: str) -> list[_Step]:
        """Return the steps of a group in the Dockerfile's order."""
        steps = [step for step in self.steps.values() if step.group == group]
        # BuildKit merges equal work, and then reports a base image by the name that it has in
        # another build, too: "[1/8] FROM …" among steps of 7. The true total has most steps.
        totals = Counter(step.total for step in steps)
        total = max(totals, key=lambda total: totals[total], default=0)
        return sorted((s for s in steps if s.total == total), key=lambda step: step.index)

    def _show(self, step: _Step, steps: list[_Step]) -> Iterable[str]:
        if step.shown:
            return
        step.shown = True
        # Whether BuildKit says DONE or CACHED of the base image is chance. Stages may share
        # it, and a folder made directly in it; which of them it is told under is chance, too.
        base = {s.index for s in steps if s.instruction == "FROM"}
        shared = step.index in base or (step.instruction == "WORKDIR" and step.index - 1 in base)
        if shared and step.group and step.state != "ERROR":
            return
        without = step.state is None or (step.index in base and step.state != "ERROR")
        yield step.line if without else f"{step.line}  {step.state}"


class Tidy(io.TextIOBase):
    """A text stream that passes on to `out` what is worth reading; `finish` ends it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._pending = ""
        self._passed = ""  # the beginning of this line, if it has been passed on
        self._width = 0  # of the progress text that stands on the current line
        self._build: _Build | None = None
        self._report = ""  # where in BuildKit's report on a failure we are
        self._log: list[str] = []  # what the failed step had printed
        self._compose: dict[tuple[str, str], str] = {}
        self._layers: dict[str, str] = {}
        self._layers_follow = False

    def writable(self) -> bool:  # noqa: D102
        return True

    def write(self, text: str) -> int:
        """Take a piece of what the command prints, cut anywhere."""
        self._pending += text
        while end := _LINE_END.search(self._pending):
            line, moved = self._pending[: end.start()], not end[0].endswith("\n")
            self._pending = self._pending[end.end() :]
            self._whole(line, moved)
        return len(text)

    def flush(self) -> None:
        """Pass on the beginning of a line (a prompt, dots) that cannot be progress."""
        begun = self._pending
        if begun.endswith("\r"):  # perhaps the first half of a line's end
            return
        if self._build is None and (self._passed or not _MAY_BE_NOISE.match(begun)):
            escape = begun.rfind("\x1b", -12)  # perhaps cut within an escape sequence
            begun, self._pending = (begun, "") if escape < 0 else (begun[:escape], begun[escape:])
            self._settle()
            begun = _ESCAPE.sub("", begun)
            self._put(begun)
            self._passed += begun
        self._out.flush()

    def finish(self) -> None:
        """End: no more is to come."""
        if self._pending:
            line, self._pending = self._pending, ""
            self._whole(line, moved=True)
        self._settle()
        self._out.flush()

    def _whole(self, line: str, moved: bool) -> None:
        """Take a whole line; `moved`: it ended with the cursor going elsewhere."""
        text = _ESCAPE.sub("", line).rstrip("\r")
        if self._passed:
            self._layers_follow = _LAYERS_FOLLOW.fullmatch(self._passed + text) is not None
            self._passed = ""
            self._put(text + "\n")
            return
        text = text.rpartition("\r")[2]  # what a terminal would show
        if not (moved and not text) and not self._progress(text):
            self._settle()
            self._put(self._reported(text) + "\n")
            self._layers_follow = _LAYERS_FOLLOW.fullmatch(text) is not None

    def _progress(self, line: str) -> bool:
        """Take in a line of progress; False if it is none."""
        if self._build is not None:
            if found := _BUILD_LINE.fullmatch(line):
                running = self._build.read(found[1], found[2] or "")
                for ready in self._build.ready():
                    self._put(ready + "\n")
                    running = None
                if running:
                    self._transient(running)
                return True
            if not line:
                return True
        elif _BUILD_BEGINS.match(line):
            self._build = _Build()
            return True
        if _BUILD_DETAILS.match(line):
            return True
        if found := _COMPOSE.fullmatch(line):
            self._settle_build()
            if found["kind"] != "Service":
                self._compose[found["kind"], found["name"]] = found["state"].rstrip()
                self._transient(line.strip())
            return True
        if found := _COMPOSE_PULL.fullmatch(line):
            self._settle_build()
            self._compose["Image", found["name"]] = found["state"]
            self._transient(line.strip())
            return True
        if _COMPOSE_BUILD.fullmatch(line) or (self._compose and _COMPOSE_LAYER.fullmatch(line)):
            return True
        if found := _LAYER.fullmatch(line):
            self._settle_build()
            self._layers[found["id"]] = found["state"].rstrip()
            self._transient(line)
            return True
        # The row that the Engine's progress display opens for itself.
        return not line and (bool(self._layers) or self._layers_follow)

    def _reported(self, line: str) -> str:
        """Return a line of BuildKit's report without the time at its beginning."""
        if line == "------":
            self._report = "" if self._report == "log" else "begins"
        elif self._report == "begins":
            self._report = "log" if _REPORT_STEP.fullmatch(line) else ""
        elif self._report == "log":
            line = _REPORT_TIME.sub("", line)
            # Of a line that was printed in pieces, the report has only the last one: which may be
            # its end of line alone.
            if line not in self._log:
                return next((whole for whole in self._log if whole.endswith(line)), line)
        return line

    def _settle(self) -> None:
        """Show the final states of what was in progress."""
        self._settle_build()
        if self._compose:
            gone = any(state in ("Removed", "Removing") for state in self._compose.values())
            rank = _COMPOSE_ORDER[::-1] if gone else _COMPOSE_ORDER
            for kind, name in sorted(self._compose, key=lambda key: (rank.index(key[0]), key[1])):
                self._put(f" {kind} {name}  {self._compose[kind, name]}\n")
            self._compose.clear()
        for layer, state in self._layers.items():
            self._put(f"{layer}: {state}\n")
        self._layers.clear()

    def _settle_build(self) -> None:
        if self._build is not None:
            for line in self._build.rest():
                self._put(line + "\n")
            self._log = self._build.log
            self._build = None

    def _transient(self, text: str) -> None:
        """Show what is going on now, on a line that the next one takes the place of."""
        text = text[:WIDTH]
        self._out.write("\r" + text.ljust(self._width))
        self._width = len(text)
        self._out.flush()

    def _put(self, text: str) -> None:
        if self._width and text:
            if text == "\n":  # a carriage return right before it would count as part of it
                text = " \n"
            self._out.write("\r" + " " * self._width + "\r")
            self._width = 0
        self._out.write(text)


class LineEnds(io.TextIOBase):
    """A text stream that passes everything on, with a terminal's line ends made plain."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._held = ""

    def writable(self) -> bool:  # noqa: D102
        return True

    def write(self, text: str) -> int:
        """Take a piece of what the command prints, cut anywhere."""
        whole = (self._held + text).replace("\r\n", "\n")
        self._held = "\r" if whole.endswith("\r") else ""
        self._out.write(whole.removesuffix(self._held) if self._held else whole)
        return len(text)

    def flush(self) -> None:
        """Pass on what is there."""
        self._out.flush()

    def finish(self) -> None:
        """End: no more is to come."""
        self._out.write(self._held)
        self._held = ""
