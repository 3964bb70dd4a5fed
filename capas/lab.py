"""``capas lab``: JupyterLab with a Docker Engine behind it.

Three things happen side by side, each in a process of its own, so that Ctrl-C can stop
each of them whatever it is doing: JupyterLab starts; an engine is found or started; then
the base images are prepared. This process only watches, and tells.

JupyterLab ends when its standard input does. So it ends with us even if we are killed,
and on systems without signals. Through the same pipe it is told of the engine, for
kernels and terminals that it starts from then on.
"""

import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import webbrowser
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import IO, Any

from capas import paths
from capas.errors import CapasError
from capas.language import _, current
from capas.ports import free_port, is_free
from capas.sharing import ours, sharing
from capas.terminal import progress, told

START_SECONDS = 60
"""How long JupyterLab may take to answer; on a slow machine's very first start, 20 s."""
STOP_SECONDS = 5
"""How long a process that was asked to stop may take before it is killed."""
PORT_ATTEMPTS = 5
"""How often JupyterLab is started when another program was faster to take its port."""
SETTINGS = Path(__file__).parent / "jupyter"
"""JupyterLab's defaults for the course: no news, no update checks, the system's dark or light."""

ENGINE = "engine: "
"""Begins the line in which the engine's process tells of the engine."""


class Lab:
    """One run of ``capas lab``."""

    def __init__(self, browser: bool = True, port: int = 8888, engine: str | None = None) -> None:
        self.browser = browser
        self.wanted_port = port
        self.engine = engine
        self.token = secrets.token_hex(24)
        self.server: Server | None = None
        self._told: dict[str, str] = {}
        self._workers: list[subprocess.Popen[str]] = []
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> int:
        """Run until Ctrl-C, SIGTERM or JupyterLab's own end; return the exit code."""
        # SIGINT, too: a shell script's `&` has it ignored, and we have something to clean up.
        stop_signals = [signal.SIGINT, signal.SIGTERM]
        if hasattr(signal, "SIGHUP"):
            stop_signals.append(signal.SIGHUP)  # the terminal was closed
        before = {number: signal.signal(number, _interrupt) for number in stop_signals}
        try:
            with sharing():
                try:
                    return self._run()
                except KeyboardInterrupt:
                    progress(_("stopping"))
                    return 0
                finally:
                    self._stop()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler or signal.SIG_DFL)

    def _run(self) -> int:
        progress(_("starting JupyterLab"))
        self.server = self._start_server(self.wanted_port)
        threading.Thread(target=self._prepare, daemon=True).start()
        self._wait_for_the_server()
        progress(_("JupyterLab is ready:"))
        print(f"\n    {self.server.url}\n", flush=True)
        progress(_("Ctrl-C here stops it."))
        if self.browser and _has_browser():
            threading.Thread(target=webbrowser.open, args=(self.server.url,), daemon=True).start()
        while self.server.process.poll() is None:
            time.sleep(0.2)  # not wait(): on Windows, Ctrl-C does not interrupt it
        if self.server.process.returncode:
            raise CapasError(self.server.why_it_ended())
        return 0

    def _start_server(self, wanted: int) -> "Server":
        port = free_port(wanted)
        if port != wanted:
            progress(
                _("port {wanted} is taken: JupyterLab uses {port}").format(wanted=wanted, port=port)
            )
        return Server(port, self.token, self.engine)

    def _wait_for_the_server(self) -> None:
        """Return when JupyterLab answers; start it on another port if its own was taken meanwhile.

        Raises:
            CapasError: as `Server.wait_until_it_answers`.
        """
        for attempts_left in reversed(range(PORT_ATTEMPTS)):
            assert self.server
            try:
                self.server.wait_until_it_answers()
                return
            except CapasError:
                ended = self.server.process.poll() is not None
                if not (ended and attempts_left) or is_free(self.server.port):
                    raise
            self.server = self._start_server(self.server.port)
            if self._told:
                self.server.tell(self._told)

    def _prepare(self) -> None:
        """Have an engine, then images, telling of both; runs in a thread."""
        engine = ["-m", "capas.lab", "engine", *([self.engine] if self.engine else [])]
        found: dict[str, dict[str, str]] = {}

        def hear(line: str) -> None:
            if line.startswith(ENGINE):
                found.update(json.loads(line.removeprefix(ENGINE)))
            else:
                progress(line)

        if self._work(engine, hear) == 0 and found and self.server:
            self._told = found["environment"]
            self.server.tell(self._told)
            environment = {**self._told, "CAPAS_ENGINE": self._told["DOCKER_HOST"]}
            if self._work(["-m", "capas.lab", "images"], progress, environment) == 0:
                progress(_("the lessons' images are ready"))

    def _work(
        self,
        arguments: list[str],
        hear: Callable[[str], None],
        environment: dict[str, str] | None = None,
    ) -> int:
        """Run one of our own processes, passing on its lines, until it or we end."""
        with self._lock:
            if self._stopping.is_set():
                return 1
            process: subprocess.Popen[str] = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                env={**_environment(), **(environment or {})},
                **own_group(),
            )
            self._workers.append(process)
        assert process.stdout
        for line in process.stdout:
            if not self._stopping.is_set():
                hear(line.rstrip())
        return process.wait()

    def _stop(self) -> None:
        """Stop what this run has started; from here on, Ctrl-C again ends at once."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
        with self._lock:
            self._stopping.set()
        if self.server:
            self.server.ask_to_stop()
        for worker in self._workers:
            interrupt(worker)
        for process in [*self._workers, *([self.server.process] if self.server else [])]:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                kill(process)


class Server:
    """JupyterLab, as a process of its own."""

    def __init__(self, port: int, token: str, engine: str | None) -> None:
        self.port = port
        self.token = token
        folder = paths.home() / "jupyter"
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"lab-{port}.log"
        environment = {
            **_environment(),
            "JUPYTER_TOKEN": token,  # not an argument: those everybody on the machine can see
            "CAPAS_LAB": "1",
            # The user's own JupyterLab configuration holds, over the course's defaults.
            "JUPYTER_CONFIG_PATH": os.pathsep.join(
                filter(None, [os.environ.get("JUPYTER_CONFIG_PATH"), str(SETTINGS)])
            ),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }
        if engine:
            environment["CAPAS_ENGINE"] = engine
        with self.log.open("wb") as log:
            self.process: subprocess.Popen[str] = subprocess.Popen(
                [sys.executable, "-m", "capas.lab", "serve", *arguments(port, folder)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=paths.ROOT,
                env=environment,
                text=True,
                **own_group(),
            )

    @property
    def url(self) -> str:
        """Where the course begins, with the token that opens it."""
        return f"http://127.0.0.1:{self.port}{front_page()}?token={self.token}"

    def wait_until_it_answers(self) -> None:
        """Return when JupyterLab answers.

        Raises:
            CapasError: it ended, or did not answer within `START_SECONDS`.
        """
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None:
                raise CapasError(self.why_it_ended())
            if time.monotonic() > deadline:
                raise CapasError(
                    _("JupyterLab did not answer within {seconds} s; its log is {log}.").format(
                        seconds=START_SECONDS, log=self.log
                    )
                )
            time.sleep(0.05)

    def answers(self) -> bool:
        """Tell whether JupyterLab answers on its port, to our token."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:  # not urllib: that would ask a proxy
            connection.request(
                "GET", "/api/status", headers={"Authorization": f"token {self.token}"}
            )
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def tell(self, environment: dict[str, str]) -> None:
        """Give these variables to the kernels and terminals that start from now on."""
        assert self.process.stdin
        with contextlib.suppress(OSError, ValueError):  # it has ended, or is about to
            self.process.stdin.write(json.dumps(environment) + "\n")
            self.process.stdin.flush()

    def ask_to_stop(self) -> None:
        """Close the pipe: JupyterLab stops its kernels and ends."""
        assert self.process.stdin
        with contextlib.suppress(OSError, ValueError):
            self.process.stdin.close()

    def why_it_ended(self) -> str:
        """Return a sentence with the last words of JupyterLab's log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "?")
        return _("JupyterLab has ended; its last words were “{words}”, its log is {log}.").format(
            words=last.rstrip("."), log=self.log
        )


def arguments(port: int, folder: Path) -> list[str]:
    """Return JupyterLab's arguments; `folder` holds what the student sets in it."""
    settings = folder / "user-settings"
    if not settings.exists():  # begin with the user's own, and leave those alone
        own = Path(os.environ.get("JUPYTERLAB_SETTINGS_DIR") or _jupyter() / "lab/user-settings")
        if own.is_dir():
            shutil.copytree(own, settings, dirs_exist_ok=True)
    return [
        "--no-browser",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.base_url=/",
        f"--ServerApp.root_dir={paths.ROOT}",
        f"--LabApp.default_url={front_page()}",
        f"--LabApp.user_settings_dir={settings}",
        f"--LabApp.workspaces_dir={folder / 'workspaces'}",
        "--LabApp.news_url=None",
        "--LabApp.extension_manager=readonly",  # the other one asks PyPI
        f"--NotebookNotary.db_file={folder / 'trusted.db'}",
        f"--NotebookNotary.secret_file={folder / 'trusted.key'}",
        *_forwarded(port),
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]


def _forwarded(port: int) -> list[str]:
    """Return what admits a browser that comes by a GitHub codespace's forwarded address.

    JupyterLab refuses other addresses than its own, lest a page elsewhere acts in its name.
    The variables: docs.github.com, "Default environment variables for your codespace".
    """
    name = os.environ.get("CODESPACE_NAME")
    domain = os.environ.get("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN")
    if not (name and domain):
        return []
    address = f"{name}-{port}.{domain}"
    return [
        f"--ServerApp.allow_origin=https://{address}",
        *(f"--ServerApp.local_hostnames={host}" for host in ("localhost", address)),
    ]


def front_page() -> str:
    """Return the path of the course's first page in the current language."""
    page = f"notebooks/{current()}/00-start-here.ipynb"
    return f"/lab/tree/{page}" if (paths.ROOT / page).exists() else "/lab"


def own_group() -> dict[str, Any]:
    """Return what starts a process that the terminal's Ctrl-C does not reach: we pass it on."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def interrupt(process: "subprocess.Popen[str]") -> None:
    """Send Ctrl-C to a process and those that it started."""
    if process.poll() is not None:
        return
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            os.killpg(process.pid, signal.SIGINT)


def kill(process: "subprocess.Popen[str]") -> None:
    """End a process and those of its group at once."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _environment() -> dict[str, str]:
    """Return the environment of what we start: our language, and compiled files for speed."""
    environment = {**os.environ, "CAPAS_LANG": current(), "PYTHONUNBUFFERED": "1"}
    environment["PYTHONIOENCODING"] = "utf-8"
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def _has_browser() -> bool:
    """Tell whether opening a browser opens a window, not a text browser in this terminal."""
    return sys.platform != "linux" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER")
    )


def _jupyter() -> Path:
    """Return the user's own Jupyter configuration folder."""
    return Path(os.environ.get("JUPYTER_CONFIG_DIR") or Path.home() / ".jupyter")


# What follows runs in the processes that a `Lab` starts.


def serve(arguments: list[str]) -> None:
    """Run JupyterLab; end when standard input ends."""
    # jsonschema imports this only to check addresses, and its grammar takes 1.4 s to load.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    pipe = os.fdopen(os.dup(0), encoding="utf-8")
    with open(os.devnull) as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)  # kernels and terminals are not to read the pipe
    threading.Thread(target=_watch, args=(pipe,), daemon=True).start()
    threading.Thread(target=_trust, args=(arguments,), daemon=True).start()
    from jupyterlab.labapp import main  # type: ignore[import-untyped]

    sys.exit(main(arguments))


def _watch(pipe: IO[str]) -> None:
    """Take variables from the pipe; when it ends, end JupyterLab."""
    for line in pipe:
        os.environ.update(json.loads(line))
    serverapp = sys.modules.get("jupyter_server.serverapp")
    if serverapp and serverapp.ServerApp.initialized():
        app = serverapp.ServerApp.instance()
        if getattr(app, "io_loop", None) and app.io_loop.asyncio_loop.is_running():
            app.stop(from_signal=False)
            time.sleep(STOP_SECONDS)
    os._exit(0)


def _trust(arguments: list[str]) -> None:
    """Sign the course's notebooks, so that their stored figures show before a cell is run."""
    from nbformat import read
    from nbformat.sign import NotebookNotary

    options = dict(argument.lstrip("-").split("=", 1) for argument in arguments if "=" in argument)
    notary = NotebookNotary(
        db_file=options["NotebookNotary.db_file"],
        secret_file=options["NotebookNotary.secret_file"],
    )
    for source in sorted((paths.ROOT / "notebooks/src").glob("*.md")):
        for notebook in paths.ROOT.glob(f"notebooks/*/{source.stem}.ipynb"):
            with contextlib.suppress(Exception):  # one that the student broke stays unsigned
                content = read(notebook, as_version=4)
                notary.sign(content)


def provide_engine(which: str | None) -> None:
    """Find or start an engine and tell of it in one line of JSON; runs in its own process."""
    from capas.engine import PrivateEngine, ensure

    def report(line: str) -> None:
        print(line, flush=True)

    # Not "did this process start it?": a kernel that was opened meanwhile may have been first.
    was_up = PrivateEngine().status() == "up"
    try:
        engine = ensure(which, report)
    finally:
        if not was_up and PrivateEngine().status() == "up":
            ours()
    print(
        _("{name} {version} answers; a container ran in {seconds:.1f} s").format(
            name=engine.name, version=engine.version, seconds=engine.probe_seconds
        )
    )
    print(ENGINE + json.dumps({"environment": engine.environment()}), flush=True)


def provide_images() -> None:
    """Prepare the lessons' images; runs in its own process."""
    from capas.engine import ensure, images

    images.ensure(ensure(), report=lambda line: print(line, flush=True))


def _main(role: str, *rest: str) -> None:
    try:
        if role == "serve":
            serve(list(rest))
        elif role == "engine":
            provide_engine(rest[0] if rest else None)
        elif role == "images":
            provide_images()
    except CapasError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if role == "serve":
            raise
        if isinstance(error, OSError):
            sys.exit(told(error))
        log = paths.home() / "jupyter" / f"{role}.log"
        log.write_text(traceback.format_exc(), encoding="utf-8")
        sys.exit(_("Something failed that should not have: {log} says what.").format(log=log))


if __name__ == "__main__":
    _main(*sys.argv[1:])
