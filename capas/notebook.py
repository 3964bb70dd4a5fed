"""What a lesson's first cell uses: an engine for the kernel, a folder to work in, a few helpers.

``import capas`` in a kernel calls `connect`; after that ``!docker …`` just works.
What goes wrong on the user's side is told in one sentence, and the lesson goes on.
"""

import atexit
import itertools
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from filecmp import cmp
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capas import ports, studied
from capas.errors import CapasError
from capas.language import _
from capas.paths import ROOT, work
from capas.terminal import told
from capas.tidy import LineEnds, Tidy

if TYPE_CHECKING:
    from capas.engine import Engine
    from capas.show.source import Source
    from capas.show.table import Table

SETTINGS = {
    "BUILDKIT_PROGRESS": "plain",
    "COMPOSE_PROGRESS": "plain",
    "COMPOSE_ANSI": "never",
    "COMPOSE_MENU": "false",
    "NO_COLOR": "1",
    "DOCKER_CLI_HINTS": "false",
    "BUILDX_GIT_INFO": "0",
    "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
}
"""Environment of a lesson's commands: their plain output, without advertisements."""

LEFT_OUT = shutil.ignore_patterns(
    *(".git", ".venv", "__pycache__", "*.pyc", ".pytest_cache", ".mypy_cache", ".ruff_cache"),
    *("node_modules", ".svelte-kit", "*.db"),
)
"""What `prepare` does not copy: it is made by running the apps, not part of them."""

_connected: "Engine | None" = None


def connected() -> "Engine | None":
    """Return this kernel's engine, or None: that there is none has been said."""
    return _connected


def connect() -> None:
    """Give this kernel a Docker Engine and the tidy output of ``!docker``; once per kernel.

    Silent when all is well; without an engine it prints one sentence.
    """
    global _connected
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    _tidy_commands()
    if _connected is None:
        try:
            with progress_line() as report:
                _connected = _shared_engine(report)
        except CapasError as error:
            print(error)
        except OSError as error:
            print(told(error))
        else:
            os.environ.update(_connected.environment())
    _plain_errors()


def _shared_engine(report: Callable[[str], None]) -> "Engine":
    """Return an engine; if it is the course's own, this kernel is one of those who share it."""
    from capas.sharing import sharing

    with ExitStack() as stack:
        stack.enter_context(sharing())
        engine = _engine(report)
        if engine.kind == "private":
            # The last one who leaves stops it: when that is this kernel, at its end.
            atexit.register(stack.pop_all().close)
        return engine


def _engine(report: Callable[[str], None]) -> "Engine":
    """Return an engine: one that answers, or the private one, if it is installed."""
    from capas import engine
    from capas.kit import local
    from capas.sharing import ours

    if found := engine.find():
        local.up(found)
        return found
    # Opened while `capas lab` still installs an engine ($CAPAS_LAB): wait for it.
    if engine.PrivateEngine().status() == "absent" and not os.environ.get("CAPAS_LAB"):
        raise engine.EngineError(
            _("No Docker Engine answers: start the course with “python3 -m capas lab”.")
        )
    try:
        return engine.ensure(report=report)
    finally:
        if engine.started_here():
            ours()


def prepare(
    lesson: str, images: Iterable[str] = (), copy: Iterable[str] = (), *, vm: bool = False
) -> None:
    """Get ready for a lesson: wait for its images, and go to a fresh scratch folder.

    The folder is ``work/<lesson>``; an older one in which something was changed is kept as
    ``work/<lesson>.previous`` (and ``.previous-2`` …, the newest first). What only a program
    has written into it does not count, nor does a folder like one that is kept already.

    Args:
        lesson: name of the folder: the lesson's file name without its ending.
        images: base images that the lesson needs.
        copy: folders or files of the repository to copy into the scratch folder.
        vm: whether the lesson starts virtual machines: fetch what they need.
    """
    with progress_line() as report:
        wanted = list(images)
        if wanted and _connected is not None:
            from capas.engine import images as base_images

            try:
                base_images.wait(_connected, wanted, report)
            except CapasError as error:
                report("")
                print(error)
        if vm:
            from capas.vm import prepare as prepare_machines

            try:
                prepare_machines(report)
            except CapasError as error:
                report("")
                print(error)
        try:
            folder = scratch(lesson, copy)
            os.chdir(folder)
        except OSError as error:
            raise CapasError(told(error)) from error
    studied.begin(lesson)
    print(_("Ready. Scratch folder: {folder}").format(folder=f"work/{lesson}"))


def scratch(lesson: str, copy: Iterable[str] = ()) -> Path:
    """Make the lesson's scratch folder anew and return it; keep an older one with changes."""
    place = work()
    folder = place / lesson
    new = place / f".{lesson}.new"
    _discard(new)
    new.mkdir(parents=True)
    for name in copy:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, new / source.name, ignore=LEFT_OUT, dirs_exist_ok=True)
        elif source.is_file():
            shutil.copy2(source, new / source.name)
        else:
            raise CapasError(
                _("“{name}” is not in this copy of the course: get it anew.").format(name=name)
            )
    os.chdir(place)  # a folder in which somebody stands cannot be moved on Windows
    if folder.exists():
        kept = _kept(folder)
        if any(_same(folder, other) for other in (new, *kept)):
            _discard(folder)
        else:
            _keep(folder, kept)
    new.rename(folder)
    return folder


def _same(old: Path, new: Path) -> bool:
    """Return whether two folders hold the same files of the student's with the same contents."""
    try:
        return (names := _files(old)) == _files(new) and all(
            cmp(old / name, new / name, shallow=False) for name in names
        )
    except OSError:  # not to be compared: to be kept
        return False


def _files(folder: Path) -> set[Path]:
    """Return the files in a folder that people made, by their paths in it.

    Not what running an app makes (`LEFT_OUT`), nor what another user owns: that a
    container's user has written through a bind mount.
    """
    found = set()
    for place, folders, files in os.walk(folder):
        generated = LEFT_OUT(place, [*folders, *files])
        folders[:] = [name for name in folders if name not in generated]
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in {*files, *links} - generated:
            path = Path(place) / name
            if sys.platform == "win32" or path.lstat().st_uid == os.getuid():
                found.add(path.relative_to(folder))
    return found


def _kept(folder: Path) -> list[Path]:
    """Return the older folders of a lesson that are kept, the newest first."""
    kept: list[Path] = []
    while (path := _previous(folder, len(kept))).exists():
        kept.append(path)
    return kept


def _previous(folder: Path, n: int) -> Path:
    return folder.with_name(f"{folder.name}.previous" + (f"-{n + 1}" if n else ""))


def _keep(folder: Path, kept: list[Path]) -> None:
    """Move a folder aside, as the newest of those kept. None of them is ever removed."""
    for n, path in reversed([*enumerate(kept, start=1)]):
        path.rename(_previous(folder, n))
    folder.rename(_previous(folder, 0))


def _discard(folder: Path) -> None:
    """Remove a folder; what a container's user has written and we may not remove goes aside."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        aside = (
            folder.with_name(f".{folder.name.strip('.')}.leftover-{n}") for n in itertools.count(1)
        )
        folder.rename(next(path for path in aside if not path.exists()))


@contextmanager
def progress_line() -> Iterator[Callable[[str], None]]:
    """Give a function that shows a line in the place of the one before; none is left at the end.

    The carriage returns are for JupyterLab, which draws over; nbval and the builder
    drop what stands before one (an updated display, they would take for two outputs).
    """
    width = 0

    def report(line: str) -> None:
        nonlocal width
        line = line.splitlines()[-1][:100] if line else ""
        if line or width:
            print("\r" + line.ljust(width), end="" if line else "\r", flush=True)
        width = len(line)

    try:
        yield report
    finally:
        report("")


def free_port(preferred: int = 8000) -> int:
    """Return `preferred` if nothing listens there on 127.0.0.1, else another free TCP port."""
    try:
        return ports.free_port(preferred)
    except OSError as error:
        raise CapasError(_("No TCP port is free on this machine: close some programs.")) from error


def wait_for_http(url: str, seconds: float = 30, containing: str = "") -> str:
    """Wait until `url` answers with a text that contains `containing`, and return that text.

    A server error (5xx) means "not yet"; any other status is an answer. When there is
    none within `seconds`, prints one sentence and returns an empty text; so, at once and in
    silence, in a kernel without an engine: nothing was started there, as was said before.
    """
    if _connected is None and _shell():
        return ""
    # Neither a proxy nor its refusal says anything about a server on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + seconds
    while True:
        try:
            with opener.open(url, timeout=max(0.1, min(5.0, end - time.monotonic()))) as answer:
                text = str(answer.read().decode(errors="replace"))
                reason = _("the answer does not contain “{text}”").format(text=containing)
        except urllib.error.HTTPError as error:
            text = "" if error.code >= 500 else error.read().decode(errors="replace")
            reason = f"HTTP {error.code}"
        except (OSError, ValueError) as error:
            text = ""
            reason = str(getattr(error, "reason", error))
        if text and containing in text:
            return text
        if time.monotonic() >= end:
            sentence = _("{url} did not answer within {seconds:g} s ({reason}).")
            print(sentence.format(url=url, seconds=seconds, reason=reason))
            return ""
        time.sleep(0.1)


def wait_for_health(container: str, status: str = "healthy", seconds: float = 60) -> None:
    """Wait until a container's health check says `status` ("healthy" or "unhealthy").

    Prints one sentence when that does not come about within `seconds`.
    """
    if _connected is None:
        return  # which was said when it turned out
    from docker.errors import DockerException, NotFound

    end = time.monotonic() + seconds
    now = _("no answer")
    with closing(_connected.client()) as client:
        while time.monotonic() < end:
            try:
                now = str(client.containers.get(container).health)
            except NotFound:
                now = _("there is no such container")
            except DockerException as error:
                now = str(error)
            if now == status:
                return
            time.sleep(0.1)
    text = _("“{container}” did not become {status} within {seconds:g} s ({now}).")
    print(text.format(container=container, status=status, seconds=seconds, now=now))


def source(path: str | Path, *, first: int = 1, last: int | None = None) -> "Source":
    """Show a text file, coloured; only lines `first` to `last` (from 1, both included)."""
    from capas.show.source import Source

    return Source(path, first=first, last=last)


def checkup() -> "Table":
    """Show what this machine has and lacks for the course: the doctor's table."""
    from capas.doctor import checks
    from capas.show.table import doctor_table

    # Where this machine's sockets and files are does not belong into a notebook.
    place = re.compile(r"(?:unix|npipe)://[^\s,;:)”]+|(?<![\w.:/])(?:/[\w.~-]+){2,}")
    return doctor_table(
        replace(check, found=place.sub("…", check.found), advice=place.sub("…", check.advice))
        for check in checks()
    )


def _shell() -> Any:
    """Return the IPython shell of this kernel, or None."""
    from IPython.core.getipython import get_ipython

    return get_ipython()


def _plain_errors() -> None:
    """Let what a machine lacks appear as a sentence, and “Run All” go on after it.

    That is a `CapasError`; and in a kernel without an engine, any error: what the cells before
    could not make is missing in those after them. That was said once, and a traceback about a
    name that is not defined would only hide it. Where a lesson is built, an error is an error.
    """

    def show(_shell: Any, kind: Any, error: BaseException, _trace: Any, **_more: Any) -> None:
        if isinstance(error, CapasError):
            print(error)
        else:
            print(
                _("{error} (No engine answers: what earlier cells make is missing.)").format(
                    error=f"{kind.__name__}: {error}"
                )
            )

    def go_on(result: Any) -> None:
        expected = (CapasError,) if _connected else (Exception,)  # who interrupts, stops
        if isinstance(result.error_in_exec, expected):
            result.error_in_exec = None
        if not _connected:
            result.error_before_exec = None

    if shell := _shell():
        building = bool(os.environ.get("CAPAS_BUILD"))
        shell.set_custom_exc((CapasError,) if _connected or building else (Exception,), show)
        if not building and not getattr(shell, "capas_goes_on", False):
            shell.events.register("post_run_cell", go_on)
            shell.capas_goes_on = True


def _tidy_commands() -> None:
    """Have ``!docker …`` print through `Tidy`.

    IPython runs ``!command`` by ``shell.system``, which prints piece by piece to
    ``sys.stdout`` what the command writes to its terminal.
    """
    shell = _shell()
    if shell is None or getattr(shell.system, "capas", False):
        return
    from IPython.utils.process import system as run  # type: ignore[attr-defined]

    expand = shell.var_expand

    def var_expand(command: str, depth: int = 0, **more: Any) -> str:
        return str(expand(_go_templates(command), depth=depth + 1, **more))

    def system(command: str) -> None:
        if command.rstrip().endswith("&"):
            raise OSError(_("A command in the background (&) cannot be run from a cell."))
        # Variables as {port} stand in the caller's frame: one above this one.
        expanded = shell.var_expand(command, depth=1)
        with _tidied(expanded):
            code = run(expanded)
        shell.user_ns["_exit_code"] = code
        if shell.system_raise_on_error and code:
            raise subprocess.CalledProcessError(code, expanded)

    system.capas = True  # type: ignore[attr-defined]
    shell.system = system
    shell.var_expand = var_expand


def _go_templates(command: str) -> str:
    """Return `command` with its ``{{.Go}}`` templates made safe from IPython's ``{python}``.

    IPython makes ``{{`` into ``{``: ``!docker ps --format "{{.Names}}"`` would not do what
    it does in a terminal.
    """
    if not re.search(r"\bdocker\b", command):
        return command
    return re.sub(r"\{\{(-?\s*[.\w(][^{}]*)\}\}", r"{{{{\1}}}}", command)


@contextmanager
def _tidied(command: str) -> Iterator[None]:
    """Put the right stream in the place of ``sys.stdout`` while `command` runs."""
    before = sys.stdout
    stream: Tidy | LineEnds = LineEnds(before)
    asks_for_raw = os.environ.get("CAPAS_RAW") == "1" or "--progress" in command
    if re.search(r"\bdocker\b", command) and not asks_for_raw:
        stream = Tidy(before)
    sys.stdout = stream
    try:
        yield
    finally:
        sys.stdout = before
        stream.finish()
