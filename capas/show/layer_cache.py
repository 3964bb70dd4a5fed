"""The layer cache as a toy: change something, see what is built again, and why.

The prediction is `caching.predict`. "Build for real" asks the engine: it builds the Dockerfile
of the last build and then the one on the screen, and shows what BuildKit said of each step. Both
start from a tiny image of their own in the place of the base, and each ``RUN`` only pretends
(``RUN : '…'``): the cache does not look at what a command does.
"""

import os
import re
import shutil
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import traitlets
from babel.numbers import get_decimal_symbol

from capas.errors import CapasError
from capas.language import _, numbers
from capas.show.caching import Verdict, World, instruction, predict
from capas.show.widget import Widget, listen, script

FILES = ("Pipfile", "Pipfile.lock", "README.md", "main.py")
"""The build context of the toy."""
VARIABLE = "VERSION"

SLOW = (
    "FROM python:3.13-slim",
    "WORKDIR /app",
    "COPY . .",
    "RUN pip install pipenv",
    "RUN pipenv install --system --deploy",
    'CMD ["uvicorn", "main:app"]',
)
GOOD = (
    "FROM python:3.13-slim",
    "WORKDIR /app",
    "RUN pip install pipenv",
    "COPY Pipfile Pipfile.lock ./",
    "RUN pipenv install --system --deploy",
    "COPY . .",
    'CMD ["uvicorn", "main:app"]',
)
WITH_ARG = (
    "FROM python:3.13-slim",
    "ARG VERSION=1",
    "WORKDIR /app",
    "COPY Pipfile Pipfile.lock ./",
    "RUN pip install pipenv",
    "RUN pipenv install --system --deploy",
    "COPY . .",
    'RUN echo "$VERSION" > version.txt',
    "USER app",
    'CMD ["uvicorn", "main:app"]',
)
STARTS: dict[str, tuple[str, ...]] = {"slow": SLOW, "good": GOOD, "arg": WITH_ARG}

_STEP = re.compile(r"#(\d+) \[\s*(\d+)/\d+\] ")
_ENDS = re.compile(r"#(\d+) (CACHED|DONE)\b")

Docker = Callable[..., "subprocess.CompletedProcess[str]"]


def docker(*words: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the docker command of this process's environment with `text` as its input.

    Raises `CapasError` where there is none.
    """
    command = shutil.which("docker")
    if command is None:
        raise CapasError(_("There is no docker command here: start the course with “capas lab”."))
    return subprocess.run(
        [command, *words],
        input=text,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=os.environ | {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"},
        check=False,
    )


def pretended(lines: Sequence[str], base: str) -> str:
    """Return the Dockerfile that is really built: cheap steps, and the same ones."""
    written = [f"FROM {base}"]
    for line in lines[1:]:
        keyword, text = instruction(line)
        if keyword == "RUN":
            quoted = text.replace("'", "'\\''")
            line = f"RUN : '{quoted}'"
        written.append(line)
    return "\n".join([*written, 'LABEL capas="layer-cache"', ""])


def measured(
    before: Sequence[str], world_before: World, after: Sequence[str], world_after: World
) -> list[str]:
    """Build `before`, then `after`; return what BuildKit said of each line of `after`.

    ``CACHED``, ``DONE``, or nothing, where a line makes no step. What it builds is removed.

    Raises:
        CapasError: there is no engine, or the build failed; it says why.
    """
    nonce = uuid.uuid4().hex[:12]  # all that is built is new to the engine's cache
    made: list[str] = []

    def build(name: str, *words: str, text: str) -> str:
        image = f"capas/layer-cache:{nonce}-{name}"
        made.append(image)
        done = docker("build", "--progress=plain", "-t", image, *words, text=text)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise CapasError(_("The build failed: {why}").format(why=lines[-1] if lines else "?"))
        return done.stderr

    def bases(*worlds: World) -> None:
        for base in {world.base for world in worlds}:
            build(
                f"base{base}",
                "-",
                text="FROM busybox\n"
                'LABEL capas="layer-cache"\n'
                f"RUN echo {nonce} {base} >/made && "
                "echo app:x:1000:1000::/:/bin/sh >>/etc/passwd\n",
            )

    def whole(name: str, lines: Sequence[str], world: World, folder: Path) -> str:
        for file, version in world.files.items():
            (folder / file).write_text(f"{file} {version} {nonce}\n", encoding="utf-8")
        args = [word for pair in world.args.items() for word in ("--build-arg", "=".join(pair))]
        base = f"capas/layer-cache:{nonce}-base{world.base}"
        return build(name, *args, "-f", "-", str(folder), text=pretended(lines, base))

    try:
        with tempfile.TemporaryDirectory(prefix="capas-layer-cache-") as place:
            bases(world_before, world_after)
            whole("before", before, world_before, Path(place))
            told = whole("after", after, world_after, Path(place))
    finally:
        if made:
            docker("image", "rm", "--force", *made)
    return _said(told, predict(before, world_before, after, world_after))


def _said(progress: str, verdicts: Sequence[Verdict]) -> list[str]:
    """Return BuildKit's word on each line, from its plain progress."""
    numbers: dict[str, int] = {}
    words: dict[int, str] = {}
    for line in progress.splitlines():
        if found := _STEP.match(line):
            numbers[found[1]] = int(found[2])
        elif (found := _ENDS.match(line)) and found[1] in numbers:
            words[numbers[found[1]]] = found[2]
    said, number = [], 0
    for verdict in verdicts:
        number += verdict.state in ("base", "cached", "rebuilt")
        is_step = verdict.state in ("cached", "rebuilt")
        said.append(words.get(number, "") if is_step else "")
    return said


def reason(verdict: Verdict) -> str:
    """Say why, in the reader's language."""
    names = ", ".join(verdict.names)
    if verdict.state == "setting":
        return _("a setting: no step of its own")
    if verdict.state == "cached":
        return _("nothing that it uses has changed")
    return {
        "": _("the base image, as before"),
        "base": _("the tag points to a new image"),
        "before": _("a step before it is new"),
        "line": _("this line is new here"),
        "files": _("copies {names}: changed").format(names=names),
        "variables": _("sees {names}: changed").format(names=names),
        "settings": _("its user or folder changed"),
        "unknown": _("not an instruction that this toy knows"),
        "first": _("one FROM, and at the top"),
        "missing": _("{names} is not in the build context").format(names=names),
        "form": _("COPY needs a source and a destination"),
    }[verdict.why]


class LayerCache(Widget):
    """A Dockerfile to move about and to edit, and what the cache makes of it."""

    _esm = script("layer_cache")
    lines: traitlets.List[str] = traitlets.List().tag(sync=True)
    start = traitlets.Unicode("slow").tag(sync=True)
    changed: traitlets.List[str] = traitlets.List().tag(sync=True)
    """What has changed beside the Dockerfile since the last build: files, ``base``, ``arg``."""
    steps: traitlets.List[Any] = traitlets.List().tag(sync=True)
    total = traitlets.Unicode().tag(sync=True)
    said: traitlets.List[str] = traitlets.List().tag(sync=True)
    """BuildKit's word on each line, once it has been asked."""
    busy = traitlets.Bool(False).tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)

    def __init__(self, start: str = "slow", changed: Sequence[str] = ()) -> None:
        """Begin with one of `STARTS`, built once; then `changed` (``main.py``, ``base``…)."""
        self._versions: dict[str, int] = dict.fromkeys([*FILES, "base", "arg"], 0)
        self._asking: threading.Thread | None = None
        super().__init__(
            words={
                "title": _("The layer cache"),
                "ask": _("Since the last build I changed:"),
                "base": _("the base image"),
                "arg": f"--build-arg {VARIABLE}",
                "order": "Dockerfile:",
                "slow": _("all copied at once"),
                "good": _("Pipfile first"),
                "argument": _("with ARG and USER"),
                "up": _("Move line {n} up"),
                "down": _("Move line {n} down"),
                "drop": _("Remove line {n}"),
                "line": _("Line {n}"),
                "add": _("Add a line"),
                "built": _("Call it built"),
                "built_help": _("from here on this is the last build"),
                "real": _("Build for real"),
                "asking": _("The engine builds both …"),
                "said": _("the engine"),
                "predicted": _("prediction"),
                "cached": "CACHED",
                "rebuilt": _("built"),
                "setting": "–",
                "base_state": _("base"),
                "wrong": _("wrong"),
                "seconds": _("Seconds are a model: {install} s for a RUN that installs.").format(
                    install=5
                ),
            }
        )
        listen(self, self._act)
        self._begin(start)
        self.changed = list(changed)
        self._predict()

    def _begin(self, start: str) -> None:
        self.start = start
        self.lines = list(STARTS[start])
        self._built()

    def _built(self) -> None:
        """Take what is on the screen as the last build."""
        self._before, self._world_before = list(self.lines), self._world()
        for name in self.changed:
            self._versions[name] += 1
        self._world_before = self._world(())
        self.changed = []

    def _world(self, changed: Sequence[str] | None = None) -> World:
        changed = self.changed if changed is None else changed
        now: Mapping[str, int] = {n: v + (n in changed) for n, v in self._versions.items()}
        args = {VARIABLE: str(1 + now["arg"])} if now["arg"] else {}
        return World({name: now[name] for name in FILES}, now["base"], args)

    def _predict(self) -> None:
        found = predict(self._before, self._world_before, self.lines, self._world())
        self.steps = [
            {
                "state": v.state,
                "why": reason(v),
                "seconds": f"{_decimal(v.seconds)} s" if v.seconds else "",
                "new": v.why == "base",
            }
            for v in found
        ]
        new = sum(v.state == "rebuilt" for v in found)
        self.total = _("{n} of {all} steps are built again: about {seconds} s").format(
            n=new,
            all=sum(v.state in ("cached", "rebuilt") for v in found),
            seconds=_decimal(sum(v.seconds for v in found)),
        )
        self.said, self.message = [], ""

    def _act(self, message: dict[str, Any]) -> None:
        """Do what was asked for in the browser."""
        if self.busy:
            return
        do, at = message.get("do"), int(message.get("at", 0))
        lines = list(self.lines)
        if do == "move" and 0 < at < len(lines) and 0 < at + message["by"] < len(lines):
            lines.insert(at + message["by"], lines.pop(at))
        elif do == "edit" and 0 < at < len(lines):
            lines[at] = " ".join(str(message["text"]).split("\n"))[:120]
        elif do == "drop" and 0 < at < len(lines) and len(lines) > 2:
            lines.pop(at)
        elif do == "add" and len(lines) < 12:
            lines.append("RUN ")
        elif do == "change":
            self.changed = [name for name in message["what"] if name in self._versions]
        elif do == "begin" and message["start"] in STARTS:
            self.changed = []
            self._begin(message["start"])
            lines = list(self.lines)
        elif do == "built":
            self._built()
        elif do == "real":
            self.busy, self.message = True, ""
            self._asking = threading.Thread(target=self._ask, daemon=True)
            self._asking.start()
            return
        self.lines = lines
        self._predict()

    def _ask(self) -> None:
        """Have the engine build, and show what it said beside the prediction."""
        try:
            said = measured(self._before, self._world_before, self.lines, self._world())
            self.said = said
            expected = {"cached": "CACHED", "rebuilt": "DONE"}
            wrong = [
                number
                for number, (step, word) in enumerate(zip(self.steps, said, strict=True), 1)
                if expected.get(step["state"], "") != word
            ]
            self.message = (
                _("The engine disagrees at line {lines}.").format(lines=", ".join(map(str, wrong)))
                if wrong
                else _("The engine did what was predicted.")
            )
        except (CapasError, OSError) as error:
            self.message = str(error)
        finally:
            self.busy = False

    def still(self) -> dict[str, str]:
        """Return the table of steps after a change of ``main.py``, in both orders."""
        html, plain = [], []
        wide = max(len(self._state(state)) for state in ("cached", "rebuilt", "base"))
        for start in ("slow", "good"):
            lines, before = STARTS[start], World(dict.fromkeys(FILES, 0))
            after = World({**before.files, "main.py": 1})
            found = predict(lines, before, lines, after)
            title = _("main.py changed; Dockerfile: {order}").format(order=self.words[start])
            html.append(
                f"<b>{escape(title)}</b><table><thead><tr><th>{escape(self.words['predicted'])}"
                "</th><th>Dockerfile</th><th></th></tr></thead><tbody>"
            )
            plain.append(title)
            for v in found:
                state = self._state(v.state)
                html.append(
                    f"<tr><td>{escape(state)}</td><td><code>{escape(v.line)}</code></td>"
                    f"<td>{escape(reason(v))}</td></tr>"
                )
                plain.append(f"  {state:<{wide}}  {v.line:<40} {reason(v)}")
            seconds = _decimal(sum(v.seconds for v in found))
            total = _("about {seconds} s").format(seconds=seconds)
            html.append(f"</tbody></table><p>{escape(total)}</p>")
            plain.append(f"  {total}")
        return {"text/html": "\n".join(html), "text/plain": "\n".join(plain)}

    def _state(self, state: str) -> str:
        signs = {"cached": "✓ ", "rebuilt": "↻ ", "wrong": "✗ "}
        return signs.get(state, "") + str(self.words["base_state" if state == "base" else state])


def _decimal(value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    return text.replace(".", get_decimal_symbol(numbers()))


def layer_cache(start: str = "slow", changed: Sequence[str] = ()) -> LayerCache:
    """Show the layer cache as a toy; `start` is ``slow``, ``good`` or ``arg``."""
    return LayerCache(start, changed)
