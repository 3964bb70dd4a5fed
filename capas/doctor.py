"""``capas doctor``: what this machine has and lacks for the course.

Each check returns data (`Check`); the terminal, lesson 00 and ``--json`` show the same.

JSON, stable::

    {"version": 1,
     "ready": true,                   # the course can run here: no check has failed
     "checks": [{"id": "engine",      # stays the same in every language
                 "name": "…",         # in the current language, as are the next two
                 "state": "ok",       # ok | info | warn | fail
                 "found": "…",        # what there is
                 "advice": "…"}]}     # the one thing to do; empty if there is none
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from capas import paths, stack
from capas.errors import CapasError
from capas.language import _, current, languages, ngettext
from capas.ports import is_free

if TYPE_CHECKING:
    from capas.engine import Engine

State = Literal["ok", "info", "warn", "fail"]

PORTS = {8000: "FastAPI", 5173: "SvelteKit", 3000: "SvelteKit", 8080: "nginx", 5000: "registry"}
"""Ports on 127.0.0.1 that the lessons use, and for what."""
ENGINE_VERSION = (25,)
"""Since this one, health checks have a ``start_interval``; without it they begin late."""
COMPOSE_VERSION = (2, 20, 2)
"""Since this one, ``depends_on`` has ``required: false``; without it, no app starts."""
GIGABYTE = 1e9
DISK = (2 * GIGABYTE, 8 * GIGABYTE)
"""Less free bytes than the first: the course cannot run; less than the second: attention."""
MEMORY = (1 * GIGABYTE, 3.5 * GIGABYTE)
"""The same for memory: both apps, PostgreSQL and JupyterLab together use about 2 GB."""
CLIENT_SECONDS = 8
"""How long pip, npm or docker may take to answer."""
HUB = "https://registry-1.docker.io/v2/"
"""Docker Hub's registry; it answers 401, and asking for that counts as no pull."""


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report."""

    id: str
    name: str
    state: State
    found: str
    advice: str = ""


def checks(engine: str | None = None) -> list[Check]:
    """Look at everything, side by side, and return it in a fixed order; 1 to 10 s.

    `engine` as for `capas.engine.find`; nothing is started or installed.
    """
    with ThreadPoolExecutor(16) as pool:
        alone: list[Callable[[], Check]] = [python, memory, ports, hub, pypi, npm, certificates]
        early = {function: pool.submit(function) for function in alone}
        report, found = engine_check(engine)
        info = _info(found)
        behind: list[Callable[[], Check]] = [
            lambda: compose(found),
            lambda: buildx(found),
            lambda: kernel(info),
            lambda: architecture(info),
            lambda: disk(info),
            lambda: images(found),
        ]
        late = [pool.submit(function) for function in behind]
        order = [
            early[python].result(),
            report,
            *(future.result() for future in late[:4]),
            late[5].result(),
            late[4].result(),
            memory(info) if info else early[memory].result(),
            *(early[function].result() for function in (ports, hub, pypi, npm, certificates)),
            rights(),
            language(),
        ]
    return [check for check in order if check.found]


def ready(report: Iterable[Check]) -> bool:
    """Tell whether the course can run here."""
    return all(check.state != "fail" for check in report)


def to_json(report: list[Check]) -> str:
    """Return the report for programs; see the module's documentation."""
    content = {
        "version": 1,
        "ready": ready(report),
        "checks": [asdict(check) for check in report],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def show(report: list[Check]) -> None:
    """Print the report as a table, and what follows from it."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    styles: dict[State, tuple[str, str]] = {
        "ok": (_("ok"), "green"),
        "info": (_("info"), "cyan"),
        "warn": (_("attention"), "yellow"),
        "fail": (_("missing"), "bold red"),
    }
    table = Table(box=box.SIMPLE, header_style="bold", pad_edge=False)
    table.add_column(_("what"), no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column(_("found, and what to do"), overflow="fold")
    for check in report:
        word, style = styles[check.state]
        told = check.found + (f"\n→ {check.advice}" if check.advice else "")
        table.add_row(check.name, f"[{style}]{word}[/]", told)
    console = Console()
    console.print(table)
    if ready(report):
        console.print(_("The course can run here."))
    else:
        console.print(_("The course cannot run here yet: see the lines that say “missing”."))


def python() -> Check:
    """Look at the Python that runs the course."""
    found = f"Python {platform.python_version()}"
    if Path(sys.prefix).resolve() == (paths.ROOT / ".venv").resolve():
        found += _(", in the course's own .venv")
    return Check("python", "Python", "ok", found)


def engine_check(which: str | None) -> tuple[Check, "Engine | None"]:
    """Look for an engine in which a container runs; return it, too."""
    from capas.engine import PrivateEngine
    from capas.engine.discovery import search

    name = "Docker Engine"
    try:
        found, reasons = search(which)
    except CapasError as error:
        return Check("engine", name, "fail", str(error)), None
    if found:
        told = _("{name} {version}; a container ran in {seconds:.1f} s").format(
            name=found.name, version=found.version, seconds=found.probe_seconds
        )
        if found.name != "Podman" and _numbers(found.version) < ENGINE_VERSION:
            advice = _("Update it: the apps' health checks need 25 or newer; 26.1 is better.")
            return Check("engine", name, "warn", told, advice), found
        return Check("engine", name, "ok", told), found
    private = PrivateEngine()
    told = "; ".join([_("none answers"), *reasons])
    why_not = private.unsupported()
    if why_not is None:
        advice = _("`python3 -m capas lab` starts one of the course's own.")
        return Check("engine", name, "warn", told, advice), None
    if sys.platform in ("win32", "darwin"):
        advice = _("Install and start Docker Desktop (docs.docker.com/desktop), then try again.")
    else:
        advice = why_not.rstrip(".") + "."
    return Check("engine", name, "fail", told, advice), None


def compose(engine: "Engine | None") -> Check:
    """Look for Compose v2 or newer."""
    version = _plugin(engine, "compose", "version", "--short")
    if engine is None:
        return Check("compose", "Compose", "info", "")
    if not version:
        return _plugin_missing(
            "compose",
            "Compose",
            _("`docker compose` does not work"),
            _("Install Docker's Compose plugin (docs.docker.com/compose/install)."),
        )
    version = version.lstrip("v")
    if _numbers(version) < COMPOSE_VERSION:
        advice = _("Install Compose 2.20.2 or newer (docs.docker.com/compose/install).")
        return Check(
            "compose", "Compose", "fail", _("{version}, too old").format(version=version), advice
        )
    return Check("compose", "Compose", "ok", version)


def buildx(engine: "Engine | None") -> Check:
    """Look for buildx, the client of BuildKit."""
    said = _plugin(engine, "buildx", "version")
    if engine is None:
        return Check("buildx", "buildx", "info", "")
    version = re.search(r"v?(\d+\.\d+\S*)", said)
    if version:
        return Check("buildx", "buildx", "ok", version[1])
    return _plugin_missing(
        "buildx",
        "buildx",
        _("`docker buildx` does not work, so images are not built by BuildKit"),
        _("Install Docker's buildx plugin (github.com/docker/buildx)."),
    )


def _plugin_missing(key: str, name: str, found: str, advice: str) -> Check:
    """Say what a missing plugin means: `lab` fetches it, where it can."""
    if _has_packages():
        return Check(key, name, "warn", found, _("`python3 -m capas lab` fetches it by itself."))
    return Check(key, name, "fail", found, advice)


def _has_packages() -> bool:
    """Return whether the course can fetch Docker's own packages for this machine."""
    from capas.engine import packages

    try:
        packages.release()
    except CapasError:
        return False
    return sys.platform == "linux"


def _is_debian() -> bool:
    """Return whether stand-ins of base images can be made of this machine's packages."""
    try:
        return platform.freedesktop_os_release().get("ID") == "debian"
    except OSError:
        return False


def _numbers(version: str) -> tuple[int, ...]:
    """Return a version's numbers to compare; of one without any, higher ones than there are."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(map(int, found[1].split("."))) if found else (sys.maxsize,)


def kernel(info: dict[str, Any]) -> Check:
    """Say which kernel containers get: the lesson that there is none of their own."""
    release = str(info.get("KernelVersion", ""))
    system = str(info.get("OperatingSystem", ""))
    if not release:
        return Check("kernel", _("containers' kernel"), "info", "")
    told = {
        "wsl": _("WSL 2's"),
        "own": _("this machine's own"),
        "desktop": _("that of Docker Desktop's virtual machine"),
        "other": _("that of another machine or a virtual one ({system})"),
    }[stack.whose(info)].format(system=system)
    return Check("kernel", _("containers' kernel"), "ok", f"Linux {release}, {told}")


def architecture(info: dict[str, Any]) -> Check:
    """Compare the engine's processor with this machine's."""
    same = {"amd64": "x86_64", "arm64": "aarch64"}
    here = same.get(platform.machine().lower(), platform.machine())
    there = same.get(str(info.get("Architecture", here)), str(info.get("Architecture", here)))
    name = _("architecture")
    if here == there:
        return Check("architecture", name, "ok", here)
    return Check(
        "architecture",
        name,
        "warn",
        _("this machine {here}, the engine {there}: containers are emulated").format(
            here=here, there=there
        ),
        _("Use an engine made for {here}; emulation is 3 to 13 times slower.").format(here=here),
    )


def images(engine: "Engine | None") -> Check:
    """Count the base images that are ready."""
    name = _("base images")
    if engine is None:
        return Check("images", name, "info", "")
    from capas.engine import images as base

    try:
        states = base.status(engine)
    except CapasError as error:
        return Check("images", name, "warn", str(error))
    there = [image for image in states if image.state == "ready"]
    found = _("{ready} of {all} ready").format(ready=len(there), all=len(states))
    if stand_ins := sum(image.origin == "stand-in" for image in there):
        found += ngettext(
            ", {number} of them a stand-in", ", {number} of them stand-ins", stand_ins
        ).format(number=stand_ins)
    return Check("images", name, "ok" if len(there) == len(states) else "info", found)


def disk(info: dict[str, Any]) -> Check:
    """Look at the free space where the engine keeps images, or else here."""
    folder = Path(str(info.get("DockerRootDir") or ""))
    try:
        free = shutil.disk_usage(folder if folder.is_absolute() else paths.ROOT).free
    except OSError:  # an engine in a virtual machine, whose disk grows on ours, or not ours to see
        free = shutil.disk_usage(paths.ROOT).free
    found = _("{size:.0f} GB free").format(size=free / GIGABYTE)
    advice = _("Make room: all of the course together takes about 6 GB.")
    return _by_limit("disk", _("disk"), free, DISK, found, advice)


def memory(info: dict[str, Any] | None = None) -> Check:
    """Look at the memory that containers can have."""
    import psutil  # type: ignore[import-untyped]

    total = int((info or {}).get("MemTotal") or psutil.virtual_memory().total)
    found = _("{size:.1f} GB").format(size=total / GIGABYTE)
    advice = _("Close other programs, or give Docker Desktop more memory in its settings.")
    return _by_limit("memory", _("memory"), total, MEMORY, found, advice)


def _by_limit(
    key: str, name: str, value: float, limits: tuple[float, float], found: str, advice: str
) -> Check:
    if value < limits[0]:
        return Check(key, name, "fail", found, advice)
    if value < limits[1]:
        return Check(key, name, "warn", found, advice)
    return Check(key, name, "ok", found)


def ports(wanted: Iterable[int] = tuple(PORTS)) -> Check:
    """Look whether the ports that the lessons publish are free on 127.0.0.1."""
    wanted = list(wanted)
    taken = [port for port in wanted if not is_free(port)]
    name = _("ports")
    if not taken:
        told = _("free: {ports}").format(ports=", ".join(map(str, wanted)))
        return Check("ports", name, "ok", told)
    return Check(
        "ports",
        name,
        "warn",
        _("taken: {ports}").format(ports=", ".join(map(str, taken))),
        _("The lessons use others instead; to have these, stop what listens there."),
    )


def hub() -> Check:
    """Look whether Docker Hub can be reached from this machine."""
    import requests

    name = "Docker Hub"
    try:
        answer = requests.get(HUB, timeout=4)
    except requests.exceptions.SSLError:
        return Check(
            "hub",
            name,
            "warn",
            _("answers with a certificate that this machine does not trust"),
            _("Add your network's CA certificate to this machine's, as its administrators say."),
        )
    except requests.exceptions.RequestException:
        return _without_hub(_("out of reach"))
    if answer.status_code in (200, 401):
        return Check("hub", name, "ok", _("can be reached"))
    return _without_hub(_("answers {code}").format(code=answer.status_code))


def _without_hub(found: str) -> Check:
    if _is_debian():
        told = _("{found}: the course uses stand-ins of its base images").format(found=found)
        return Check("hub", "Docker Hub", "info", told)
    return Check(
        "hub",
        "Docker Hub",
        "warn",
        _("{found}; stand-ins of the base images can be made on Debian only").format(found=found),
        _("Check the connection and proxy: base images that are not here come from there."),
    )


def pypi() -> Check:
    """Let pip, as it is configured here, ask for a package."""
    name = "PyPI"
    pip = [sys.executable, "-m", "pip"]
    ask = [*pip, "index", "versions", "pip", "--retries", "0", "--disable-pip-version-check"]
    if _run(ask) is not None:
        return Check("pypi", name, "ok", _("pip can fetch packages"))
    if _run([*pip, "--version"]) is None:
        return Check("pypi", name, "info", _("not tried: there is no pip here"))
    return Check(
        "pypi",
        name,
        "warn",
        _("pip cannot fetch packages"),
        _("Check the connection and proxy; building the apps needs it."),
    )


def npm() -> Check:
    """Let npm, as it is configured here, ask for a package."""
    command = shutil.which("npm")
    if command is None:
        told = _("not tried: there is no npm on this machine, nor need there be")
        return Check("npm", "npm", "info", told)
    if _run([command, "view", "npm", "version", "--fetch-retries=0"]) is not None:
        return Check("npm", "npm", "ok", _("npm can fetch packages"))
    return Check(
        "npm",
        "npm",
        "warn",
        _("npm cannot fetch packages"),
        _("Check the connection and proxy; building the apps needs it."),
    )


def certificates() -> Check:
    """Count the CA certificates that this network or machine added."""
    from capas.engine.certificates import own

    number = len(own())
    name = _("own certificates")
    if not number:
        return Check("certificates", name, "ok", _("none are needed"))
    told = ngettext(
        "{number}, which the course puts into its base images",
        "{number}, which the course puts into its base images",
        number,
    ).format(number=number)
    return Check("certificates", name, "info", told)


def rights() -> Check:
    """Say as whom the course runs."""
    name = _("rights")
    if not hasattr(os, "geteuid"):
        return Check("rights", name, "info", "")
    if os.geteuid() == 0:
        return Check("rights", name, "ok", _("administrator (root)"))
    sudo = _("with sudo at hand") if shutil.which("sudo") else _("without sudo")
    return Check("rights", name, "ok", _("an ordinary user, {sudo}").format(sudo=sudo))


def language() -> Check:
    """Say which language the course speaks here."""
    from babel import Locale, UnknownLocaleError

    def name(language: str) -> str:
        try:
            return str(Locale.parse(language).get_display_name(language))
        except UnknownLocaleError:
            return language

    others = [language for language in languages() if language != current()]
    told, *rest = [name(language) for language in (current(), *others)]
    if rest:
        told = _("{language}; there is also: {others} (`--lang` chooses)").format(
            language=told, others=", ".join(rest)
        )
    return Check("language", _("language"), "ok", told)


def _info(engine: "Engine | None") -> dict[str, Any]:
    """Return what the engine says of itself."""
    if engine is None:
        return {}
    try:
        client = engine.client(timeout=CLIENT_SECONDS)
        return dict(client.info())
    except Exception:  # whatever the SDK raises: that it answers was already shown
        return {}


def _plugin(engine: "Engine | None", *arguments: str) -> str:
    if engine is None:
        return ""
    try:
        done = engine.run(*arguments, timeout=CLIENT_SECONDS)
    except (OSError, subprocess.TimeoutExpired, CapasError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _run(command: list[str]) -> str | None:
    """Return what a command prints, or None if it fails or takes too long."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CLIENT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
