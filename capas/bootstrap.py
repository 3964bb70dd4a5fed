"""The bootstrap: from a fresh clone to the real command line, with the standard library only.

Makes ``.venv`` from ``requirements.txt`` when that is needed and hands over to
`capas.cli` inside it. A second start finds a stamp and hands over at once.
"""

import errno
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from capas.errors import CapasError
from capas.language import _
from capas.paths import ROOT

OLDEST = (3, 11)
VENV = ROOT / ".venv"
STAMP = VENV / "capas.json"
"""What is installed; written last, so that its absence means "not finished"."""
UNFINISHED = VENV / "capas-unfinished"
"""Stands while packages are being installed; found later, it means "interrupted"."""

STARTED = time.time()


def main(arguments: list[str]) -> int:
    """Have everything installed that the command needs, then become that command."""
    # Everything but the tests themselves runs on what a student installs.
    testing = next((word for word in arguments if not word.startswith("-")), "") == "test"
    requirements = ROOT / ("requirements-dev.txt" if testing else "requirements.txt")
    try:
        if not is_current(requirements):
            with lock():
                if not is_current(requirements):  # another start may have done it meanwhile
                    take_wheels(arguments)
                    provide(requirements)
        return hand_over(arguments)
    except KeyboardInterrupt:
        say(_("Interrupted; the next start goes on from here."))
        return 130
    except CapasError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(explain_os_error(error), file=sys.stderr)
    return 1


def take_wheels(arguments: list[str]) -> None:
    """Before `capas kit use PLACE`: take from there what `.venv` is installed from."""
    if arguments[:2] != ["kit", "use"]:
        return
    places = [word for word in arguments[2:] if not word.startswith("-")]
    if places and not {"-h", "--help"} & set(arguments):
        from capas.kit import contents, using

        using.take_wheels(contents.open_kit(places[0]), say)


def is_current(requirements: Path) -> bool:
    """Tell whether `.venv` holds what `requirements` asks for and can still run."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        fits = (
            stamp["root"] == str(ROOT)
            and stamp["installed"].get(requirements.name) == digest(requirements)
            and python().exists()
            and not UNFINISHED.exists()
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False
    # Another Python than the one that made it: has that one gone, or become another?
    return fits and (stamp["python"] == version(sys.version_info) or runs(stamp["python"]))


def digest(requirements: Path) -> str:
    """Return a hash of a requirements file and of this file, which installs it."""
    files = [requirements, ROOT / "requirements.txt", Path(__file__)]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def python() -> Path:
    """Return the path of `.venv`'s Python."""
    return scripts() / ("python.exe" if os.name == "nt" else "python")


def scripts() -> Path:
    """Return the folder of `.venv`'s commands."""
    return VENV / ("Scripts" if os.name == "nt" else "bin")


def version(info: "tuple[object, ...]") -> str:
    """Return a Python version as ``3.13``: packages belong to a minor version."""
    return f"{info[0]}.{info[1]}"


def runs(expected: str = "") -> bool:
    """Tell whether `.venv`'s Python starts, is new enough, and is of the `expected` version."""
    try:
        found = subprocess.run(
            [python(), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            timeout=30,
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return False
    if not found or tuple(map(int, found.split("."))) < OLDEST:
        return False
    return expected in ("", found)


@contextmanager
def lock() -> Iterator[None]:
    """Keep two starts at once from installing into the same folder.

    The lock is on this very file: it exists, needs no right to write, and the
    system lifts the lock whatever happens to the process.
    """
    with Path(__file__).open("rb") as file:
        for attempt in range(1_000_000):
            try:
                if os.name == "nt":
                    import msvcrt

                    file.seek(1 << 30)  # beyond the end: locks on Windows forbid reading
                    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
                else:
                    import fcntl

                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                    break  # a file system without locks: better without one than not at all
                if attempt == 0:
                    say(_("another start is installing: waiting for it"))
                time.sleep(0.1)
        yield


def provide(requirements: Path) -> None:
    """Make `.venv`, or mend it, and install `requirements` into it."""
    say(
        _("installing what the course needs into .venv (once; {python})").format(
            python=f"Python {version(sys.version_info)}"
        )
    )
    if UNFINISHED.exists() or not runs() or moved():
        remake()
    UNFINISHED.touch()
    previous = {}
    with suppress(OSError, ValueError, KeyError):
        previous = json.loads(STAMP.read_text(encoding="utf-8"))["installed"]
    STAMP.unlink(missing_ok=True)
    install(requirements)
    make_importable()
    previous["requirements.txt"] = digest(ROOT / "requirements.txt")
    previous[requirements.name] = digest(requirements)
    made_by = subprocess.run([python(), "-V"], capture_output=True, text=True).stdout.split()[-1]
    content = {
        "root": str(ROOT),
        "python": version(tuple(made_by.split("."))),
        "installed": previous,
    }
    temporary = STAMP.with_suffix(".new")
    temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    temporary.replace(STAMP)
    UNFINISHED.unlink()
    say(_("installed"))


def moved() -> bool:
    """Tell whether the repository was moved since: the commands in `.venv` name its old place."""
    try:
        return bool(json.loads(STAMP.read_text(encoding="utf-8"))["root"] != str(ROOT))
    except (OSError, ValueError, KeyError):
        return False


def remake() -> None:
    """Make an empty `.venv`, without pip: that takes 0.1 s instead of 3."""
    if Path(sys.prefix).resolve() == VENV.resolve() and sys.prefix != sys.base_prefix:
        # We run inside the one to be removed: go on with the Python beneath it.
        base = getattr(sys, "_base_executable", sys.executable)
        replace_process([base, "-m", "capas", *sys.argv[1:]])
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    elif VENV.exists():
        say(_("the .venv that is here is broken or unfinished: making it again"))
        shutil.rmtree(VENV)
    try:
        import venv
    except ImportError:
        raise CapasError(no_pip()) from None
    VENV.mkdir()
    UNFINISHED.touch()
    venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(VENV)


def install(requirements: Path) -> None:
    """Install with uv, or with pip where uv cannot be had.

    Raises:
        CapasError: neither worked; says why.
    """
    # JupyterLab and VS Code's notebooks offer `!pip install`: have pip in .venv, too.
    wanted = ["-r", str(requirements), "pip"]
    failures: list[str] = []
    # uv reads its own configuration; a company's or university's index stands in pip's.
    configured = pip_configuration()

    def with_uv(uv: list[str]) -> bool:
        say(_("fetching packages with {tool}").format(tool="uv"))
        command = [*uv, "pip", "install", "--python", str(python()), *wanted]
        if configured.get("no-index", "").lower() in ("1", "true", "yes", "on"):
            command.append("--no-index")
        return attempt(command, failures, uv_environment(configured))

    if with_kit(wanted, failures):
        return
    for uv in existing_uvs():
        if with_uv(uv):
            return
    if pip := a_pip(failures):
        patience = ["--retries", "2", "--disable-pip-version-check", "--no-input"]
        new_uv = scripts() / ("uv.exe" if os.name == "nt" else "uv")
        if not new_uv.exists():
            say(_("fetching {tool}").format(tool="uv"))
            got_uv = attempt([*pip, "install", *patience, "uv"], failures)
            if got_uv and with_uv([str(new_uv)]):
                return
        say(_("fetching packages with {tool}").format(tool="pip"))
        if attempt([*pip, "install", *patience, *wanted], failures):
            return
    raise CapasError(explain(failures) if failures else no_pip())


def with_kit(wanted: list[str], failures: list[str]) -> bool:
    """Install from the classroom kit that this machine has taken, if there is one: no network."""
    from capas.kit import using

    if not (wheels := using.wheels()):
        return False
    uv = next(existing_uvs(), None)
    if uv is None:
        found = using.provide_uv(scripts())
        uv = [str(found)] if found else None
    if uv is None:
        return False
    say(_("installing packages from the kit"))
    options = ["--offline", "--no-index", "--find-links", str(wheels), "--no-config"]
    command = [*uv, "pip", "install", "--python", str(python()), *options, *wanted]
    if attempt(command, failures):
        return True
    say(_("the kit lacks something that is needed: trying the network"))
    return False


def existing_uvs() -> Iterator[list[str]]:
    """Yield the commands that run a uv that is already on this machine."""
    inside = scripts() / ("uv.exe" if os.name == "nt" else "uv")
    if inside.exists():
        yield [str(inside)]
    if found := shutil.which("uv"):
        yield [found]
    elif importlib.util.find_spec("uv"):
        yield [sys.executable, "-m", "uv"]


def a_pip(failures: list[str]) -> list[str]:
    """Return a command that runs a pip working on `.venv`; empty where there is none."""
    probe = 'import sys, pip; sys.exit(tuple(map(int, pip.__version__.split(".")[:2])) < (22, 3))'
    for interpreter, more in ((str(python()), []), (sys.executable, ["--python", str(python())])):
        # `pip --python` came with 22.3.
        if subprocess.call([interpreter, "-c", probe], stderr=subprocess.DEVNULL) == 0:
            return [interpreter, "-m", "pip", *more]
    # Debian and Ubuntu keep ensurepip out of python3, in python3-venv.
    if importlib.util.find_spec("ensurepip") and attempt(
        [str(python()), "-m", "ensurepip"], failures
    ):
        return [str(python()), "-m", "pip"]
    return []


def no_pip() -> str:
    """Return the sentence for a Python that can neither make nor fill an environment."""
    if shutil.which("apt"):
        return _("This Python cannot install packages: run `sudo apt install python3-venv`, then try again.")  # noqa: E501  # fmt: skip
    return _("This Python can install no packages, it has neither pip nor ensurepip: install a complete Python from python.org or your system's packages, then try again.")  # noqa: E501  # fmt: skip


def pip_configuration() -> dict[str, str]:
    """Return pip's own settings (index, certificates …), the strongest value of each."""
    import ast

    if not importlib.util.find_spec("pip"):
        return {}
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True
    ).stdout
    settings: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):  # the later one wins
        for line in listed.splitlines():
            key, equals, value = line.partition("=")
            if equals and key.startswith(section):
                with suppress(ValueError, SyntaxError):
                    settings[key[len(section) :]] = str(ast.literal_eval(value))
    return settings


def uv_environment(pip: dict[str, str]) -> dict[str, str]:
    """Return pip's settings in uv's words; what the user says to uv itself comes first."""
    # The certificates that this machine trusts, not uv's own: a network may have its own CA.
    words = {"UV_SYSTEM_CERTS": "true"}
    if not os.environ.keys() & {"UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX"}:
        if index := pip.get("index-url"):
            words["UV_DEFAULT_INDEX"] = index
        if more := pip.get("extra-index-url"):
            words["UV_INDEX"] = " ".join(more.split())
            words["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip does
    if links := pip.get("find-links"):
        words["UV_FIND_LINKS"] = ",".join(links.split())
    if hosts := pip.get("trusted-host"):
        words["UV_INSECURE_HOST"] = " ".join(hosts.split())
    if certificates := pip.get("cert"):
        words["SSL_CERT_FILE"] = certificates
    if proxy := pip.get("proxy"):
        words["ALL_PROXY"] = proxy
    return {key: value for key, value in words.items() if key not in os.environ}


def attempt(command: list[str], failures: list[str], env: "dict[str, str] | None" = None) -> bool:
    """Run an installing command, showing that time passes; keep what it said if it fails."""
    surroundings = {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", **(env or {})}
    for name in ("PIP_TARGET", "PIP_PREFIX", "PYTHONHOME", "VIRTUAL_ENV"):
        surroundings.pop(name, None)
    process = subprocess.Popen(
        command,
        env=surroundings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        while True:
            try:
                output = process.communicate(timeout=10)[0]
                break
            except subprocess.TimeoutExpired:
                say(_("still fetching"))
    except BaseException:  # Ctrl-C
        process.kill()
        process.wait()
        raise
    if process.returncode:
        failures.append(output or f"{command[0]}: exit {process.returncode}")
    return process.returncode == 0


def explain(failures: list[str]) -> str:
    """Say in a sentence why packages could not be installed."""
    said = "\n".join(failures)
    if "No space left" in said or "os error 28" in said:
        return explain_os_error(OSError(errno.ENOSPC, "", str(VENV)))
    if "Read-only file system" in said or "Permission denied" in said:
        return explain_os_error(OSError(errno.EACCES, "", str(VENV)))
    lines = [line.strip() for line in failures[-1].splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    reason = (errors or lines or ["?"])[-1].rstrip(".")
    reason = reason.removeprefix("ERROR: ").removeprefix("error: ")
    unreachable = (
        "dns error",
        "connection",
        "timed out",
        "Network is unreachable",
        "Temporary failure",
        "Failed to fetch",
        "certificate",
    )
    if any(word.lower() in said.lower() for word in unreachable):
        return _("The packages could not be fetched: check the network connection (and your proxy, if you use one), then run the same command again. The last error was: {reason}.").format(reason=reason)  # noqa: E501  # fmt: skip
    return _("The packages could not be installed; the last error was: {reason}.").format(
        reason=reason
    )


def explain_os_error(error: OSError) -> str:
    """Say in a sentence what the file system refused."""
    if error.errno == errno.ENOSPC:
        return _("There is no disk space left for {path}: free about 1 GB, then run the same command again.").format(path=error.filename or VENV)  # noqa: E501  # fmt: skip
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return _("Capas may not write to {path}: put its folder where you can write, then run the same command again.").format(path=error.filename or VENV)  # noqa: E501  # fmt: skip
    return _("The system refused: {reason}.").format(reason=error)


def make_importable() -> None:
    """Make `import capas` work for everything that runs in `.venv`, and `.venv/bin/capas`.

    A path file does what an editable install would, without building anything.
    """
    site = VENV / ("Lib" if os.name == "nt" else "lib")
    if os.name != "nt":
        site = next(site.glob("python*"))
    site /= "site-packages"
    # Relative: no trouble with letters beyond ASCII in the path. On Binder .venv is a link.
    relative = os.path.relpath(ROOT, site.resolve())
    (site / "capas.pth").write_text(relative + "\n", encoding="ascii")
    if os.name == "nt":
        (scripts() / "capas.cmd").write_text('@"%~dp0python.exe" -m capas.cli %*\n', "ascii")
        return
    command = scripts() / "capas"
    # Through sh: a #! line bears neither spaces nor long paths.
    command.write_text(
        "#!/bin/sh\n"
        "unset PYTHONDONTWRITEBYTECODE\n"
        f'exec {shell_quoted(str(python()))} -m capas.cli "$@"\n',
        encoding="utf-8",
    )
    command.chmod(0o755)


def shell_quoted(text: str) -> str:
    """Return `text` in double quotes for sh."""
    import re

    return '"' + re.sub(r'(["$`\\])', r"\\\1", text) + '"'


def hand_over(arguments: list[str]) -> int:
    """Become the command line of `.venv`; on Windows, wait for it."""
    command = [str(python()), "-m", "capas.cli", *arguments]
    # Without compiled files every start, JupyterLab's above all, takes twice as long.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.pop("PYTHONHOME", None)
    os.environ["CAPAS_STARTED"] = str(STARTED)
    if os.name == "posix":
        replace_process(command)
    import signal

    process = subprocess.Popen(command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the console sends Ctrl-C to both; it decides
    return process.wait()


def replace_process(command: list[str]) -> NoReturn:
    """Go on as `command`, in this process where the system can."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execv(command[0], command)
    raise SystemExit(subprocess.call(command))


def say(text: str) -> None:
    """Print a line of progress, with the seconds since the start, away from the output proper."""
    print(f"{time.time() - STARTED:5.1f} s  {text}", file=sys.stderr, flush=True)
