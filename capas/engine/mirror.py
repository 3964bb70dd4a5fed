"""A registry on this machine from which the private engine pulls: ``docker pull`` as if online.

Debian's ``docker-registry`` runs as a process of the host on 127.0.0.1 and proxies nothing; it
has what `images.py` pushed into it. The private engine's daemon asks it first, as its
*registry mirror*, so ``docker pull python:3.13-slim`` fetches layers and a deleted image comes
back, although Docker Hub is out of reach.

Files below ``home/mirror``: ``data/`` (the images), ``registry.yml``, ``registry.log``,
``port``, ``lock``, and in `run_dir` ``mirror.pid``.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from capas.engine.model import EngineError, Report, quiet
from capas.language import _
from capas.ports import HOST, free_port, is_free

if TYPE_CHECKING:
    from capas.engine.model import Engine

Run = Callable[..., "subprocess.CompletedProcess[str]"]

START_SECONDS = 15.0
STOP_SECONDS = 5.0
PATIENCE_SECONDS = 0.5
MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
CONFIGURATION = """\
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: {data}}}
  cache: {{blobdescriptor: inmemory}}
  delete: {{enabled: true}}
http: {{addr: "{host}:{port}"}}
"""


def classroom() -> tuple[str, bool]:
    """Return the classroom's mirror that ``$CAPAS_MIRROR`` names, and whether it speaks TLS.

    ``host:port`` as it stands before an image's name; empty when there is none. Without
    ``https://`` it is one without TLS. Raises `EngineError`, one sentence, for what is no address.
    """
    written = os.environ.get("CAPAS_MIRROR", "").strip()
    address = re.sub(r"^https?://", "", written).rstrip("/")
    if address and not re.fullmatch(r"[\w.-]+(:\d{1,5})?", address):
        raise EngineError(
            _("CAPAS_MIRROR={mirror} is not the address of a registry: write host:port.").format(
                mirror=written
            )
        )
    return address, written.startswith("https://")


class Mirror:
    """The registry mirror below one `home`.

    `prefix` is where ``usr/bin/docker-registry`` stands; only `up` needs it. `run_dir` is for
    the pid file, by default ``home/mirror``. Several processes may use the same mirror.
    """

    def __init__(self, home: Path, prefix: Path | None = None, run_dir: Path | None = None) -> None:
        self.folder = home / "mirror"
        self.prefix = prefix
        self._pid_file = (run_dir or self.folder) / "mirror.pid"
        self._configuration = self.folder / "registry.yml"

    @property
    def port(self) -> int | None:
        """The port on which it answers now, or None."""
        port = self._remembered()
        return port if port and self._pid() and _answers(port) else None

    def up(self, report: Report = quiet) -> int:
        """Start it, if it is down, and return its port.

        The port stays the same from start to start, unless somebody else has taken it meanwhile.
        Raises `EngineError` when the registry cannot be started.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / "lock", mode=0o666):
            if port := self.port:
                return port
            self._stop()
            wanted = self._remembered()
            for _attempt in range(3):
                port = _port(wanted)
                if wanted and port != wanted:
                    report(
                        _("Port {wanted} is taken: the registry mirror moves to {port}.").format(
                            wanted=wanted, port=port
                        )
                    )
                if self._start(port):
                    return port
                wanted = None  # somebody was quicker, or port and process do not fit: another one
        raise EngineError(
            _("The registry mirror does not start: see {log}.").format(
                log=self.folder / "registry.log"
            )
        )

    def down(self) -> None:
        """Stop it, if it is up; what it holds stays."""
        if not self.folder.exists():
            return
        with FileLock(self.folder / "lock", mode=0o666):
            self._stop()

    def push(self, engine: "Engine", image: str, run: Run | None = None) -> bool:
        """Copy ``image`` from the engine into the mirror; False when the mirror is down.

        Layers that the mirror has already are not sent again. Takes about 1 s for each 40 MB
        that are new. The passing tag is removed even when this is interrupted.
        `run` calls the docker CLI, as `Engine.run` (the default) does.
        Raises `EngineError` when the engine cannot push.
        """
        if (port := self.port) is None:
            return False
        tag = f"{HOST}:{port}/{repository(image)}"
        run = run or engine.run
        done = run("tag", image, tag)
        try:
            if not done.returncode:
                done = run("push", "--quiet", tag)
        finally:
            engine.run("rmi", "--no-prune", tag)
        if done.returncode:
            reason = (done.stderr or done.stdout or "?").strip().splitlines()[-1]
            raise EngineError(
                _("{image} could not be copied to the registry mirror: {reason}.").format(
                    image=image, reason=reason.rstrip(".")
                )
            )
        return True

    def _start(self, port: int) -> bool:
        """Start the registry on this port and return whether it answers there."""
        if self.prefix is None:
            raise EngineError(_("The registry mirror is down: `capas engine up` starts it."))
        program = self.prefix / "usr/bin/docker-registry"
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        self._configuration.write_text(
            CONFIGURATION.format(data=json.dumps(str(data)), host=HOST, port=port)
        )
        try:
            with (self.folder / "registry.log").open("wb") as log:
                # REGISTRY_… variables would override the file: an environment of its own.
                process = subprocess.Popen(
                    [program, "serve", self._configuration],
                    env={"PATH": os.defpath, "OTEL_TRACES_EXPORTER": "none"},
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            raise EngineError(
                _("The registry mirror does not start: {error}.").format(error=error)
            ) from error
        self._pid_file.parent.mkdir(parents=True, exist_ok=True)
        self._pid_file.write_text(str(process.pid))
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if _answers(port):
                (self.folder / "port").write_text(str(port))
                return True
            time.sleep(0.05)
        self._stop()
        return False

    def _stop(self) -> None:
        pid = self._pid()
        if pid:
            for sign in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sign)
                deadline = time.monotonic() + STOP_SECONDS
                while self._pid() and time.monotonic() < deadline:
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(pid, os.WNOHANG)  # in case it is a child of this process
                    time.sleep(0.02)
                if not self._pid():
                    break
        self._pid_file.unlink(missing_ok=True)

    def _pid(self) -> int | None:
        """Return the process, if what runs under the number in the pid file is really ours.

        A number may have gone to another program since; a killed child may linger as a zombie,
        whose command line is empty.
        """
        try:
            pid = int(self._pid_file.read_text())
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(self._configuration) in arguments else None

    def _remembered(self) -> int | None:
        try:
            return int((self.folder / "port").read_text())
        except (OSError, ValueError):
            return None


def repository(image: str) -> str:
    """Return the whole name on Docker Hub: ``busybox`` → ``library/busybox:latest``."""
    name = image if ":" in image.rpartition("/")[2] else f"{image}:latest"
    return name if "/" in name else f"library/{name}"


def has(registry: str, image: str, seconds: float = 3) -> bool:
    """Return whether the registry at ``host:port`` holds this image; no when it does not answer."""
    name, _colon, tag = repository(image).rpartition(":")
    for scheme in ("http", "https"):
        request = urllib.request.Request(
            f"{scheme}://{registry}/v2/{name}/manifests/{tag}",
            method="HEAD",
            headers={"Accept": ", ".join(MANIFESTS)},
        )
        try:
            with _open(request, seconds):
                return True
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
        except (OSError, ValueError):
            continue
    return False


def _answers(port: int) -> bool:
    try:
        with _open(urllib.request.Request(f"http://{HOST}:{port}/v2/"), 2) as answer:
            return "Docker-Distribution-Api-Version" in answer.headers
    except (OSError, ValueError):
        return False


def _open(request: urllib.request.Request, seconds: float) -> HTTPResponse:
    """Open without a proxy when the registry is on this machine."""
    local = (request.host or "").startswith((HOST, "localhost"))
    handlers = [urllib.request.ProxyHandler({})] if local else []
    answer: HTTPResponse = urllib.request.build_opener(*handlers).open(request, timeout=seconds)
    return answer


def _port(wanted: int | None) -> int:
    """Return `wanted`, if nobody listens there, else another free port."""
    # A registry that was killed just now may hold its port for some milliseconds more.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while wanted and not is_free(wanted) and time.monotonic() < deadline:
        time.sleep(0.02)
    return wanted if wanted and is_free(wanted) else free_port()
