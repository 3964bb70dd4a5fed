"""What a lesson's first cell uses."""

import atexit
import errno
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from nbval.plugin import carriagereturn_pat

from capas import notebook
from capas.engine import Engine
from capas.errors import CapasError
from capas.language import use
from tests.engine.conftest import downloads  # noqa: F401


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    use("en")
    yield
    use(None)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository and a work folder to play with."""
    (tmp_path / "repo/app/node_modules/big").mkdir(parents=True)
    (tmp_path / "repo/app/main.py").write_text("one")
    (tmp_path / "repo/notes.txt").write_text("n")
    monkeypatch.setattr(notebook, "ROOT", tmp_path / "repo")
    monkeypatch.setenv("CAPAS_WORK", str(tmp_path / "work"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "work"


def test_importing_capas_outside_a_kernel_does_nothing() -> None:
    code = (
        "import os, sys; before = dict(os.environ); import capas; "
        "assert dict(os.environ) == before; assert 'capas.notebook' not in sys.modules; "
        "assert 'docker' not in sys.modules; assert 'prepare' in dir(capas)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_prepare_makes_a_folder_with_copies_and_goes_there(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.prepare("06-x", copy=["app", "notes.txt"])
    assert Path.cwd() == place / "06-x"
    assert sorted(path.as_posix() for path in Path().rglob("*")) == [
        "app",
        "app/main.py",
        "notes.txt",
    ]
    assert capsys.readouterr().out == "Ready. Scratch folder: work/06-x\n"


def test_prepare_says_the_same_in_spanish(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    use("es")
    notebook.prepare("06-x")
    assert capsys.readouterr().out == "Listo. Carpeta de trabajo: work/06-x\n"


def test_a_folder_with_changes_is_kept_and_an_unchanged_one_is_not(place: Path) -> None:
    notebook.prepare("06-x", copy=["app"])
    notebook.prepare("06-x", copy=["app"])
    assert [path.name for path in place.iterdir()] == ["06-x"]

    (place / "06-x/app/main.py").write_text("mine")
    notebook.prepare("06-x", copy=["app"])
    assert (place / "06-x/app/main.py").read_text() == "one"
    assert (place / "06-x.previous/app/main.py").read_text() == "mine"

    notebook.prepare("06-x", copy=["app"])
    assert (place / "06-x.previous/app/main.py").read_text() == "mine", "still kept"


def test_no_folder_with_changes_is_ever_removed_and_the_newest_comes_first(place: Path) -> None:
    times = 8
    for n in range(times):
        notebook.prepare("06-x", copy=["app"])
        Path("edit.txt").write_text(str(n))
    notebook.prepare("06-x", copy=["app"])
    kept = [place / "06-x.previous"]
    kept += [place / f"06-x.previous-{n}" for n in range(2, times + 1)]
    assert [(path / "edit.txt").read_text() for path in kept] == [
        str(times - 1 - n) for n in range(times)
    ]


def test_the_same_changes_are_kept_once(place: Path) -> None:
    """A lesson that edits its files and is run again and again does not fill the disk."""
    for _time in range(4):
        notebook.prepare("06-x", copy=["app"])
        Path("app/main.py").write_text("the lesson's edit")
    assert sorted(path.name for path in place.iterdir()) == ["06-x", "06-x.previous"]


def test_what_programs_wrote_is_no_change(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook.prepare("06-x", copy=["app"])
    Path("app/__pycache__").mkdir()
    Path("app/__pycache__/main.pyc").write_text("made by Python")
    Path("app/notes.db").write_text("made by the app")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        Path("app/log").write_text("made by a container's user")
        os.chown("app/log", 4321, 4321)
    notebook.prepare("06-x", copy=["app"])
    assert [path.name for path in place.iterdir()] == ["06-x"]


def test_what_cannot_be_removed_is_no_obstacle(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.prepare("06-x", copy=["app"])
    monkeypatch.setattr(shutil, "rmtree", lambda folder, ignore_errors: None)
    for _time in range(2):
        notebook.prepare("06-x", copy=["app"])
        assert Path("app/main.py").read_text() == "one"
    assert not list(place.glob("*.previous*"))


def test_a_full_disk_is_a_sentence(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/x")

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(CapasError, match=r"^There is no room left on the disk: .*\.$"):
        notebook.prepare("06-x", copy=["app"])


class Pretended:
    """An engine of the course's own, as `capas.engine` hands it out."""

    kind = "private"


@pytest.mark.parametrize(("kind", "stays"), [("private", True), ("found", False)])
def test_a_kernel_shares_the_courses_own_engine_until_its_end(
    monkeypatch: pytest.MonkeyPatch, kind: str, stays: bool
) -> None:
    inside: list[str] = []
    at_exit: list[Callable[[], None]] = []

    @contextmanager
    def sharing() -> Iterator[None]:
        inside.append("in")
        yield
        inside.append("out")

    engine: Any = Pretended()
    engine.kind = kind
    monkeypatch.setattr("capas.sharing.sharing", sharing)
    monkeypatch.setattr(notebook, "_engine", lambda report: engine)
    monkeypatch.setattr(atexit, "register", at_exit.append)
    assert notebook._shared_engine(print) is engine
    assert inside == (["in"] if stays else ["in", "out"])
    for leave in at_exit:
        leave()
    assert inside == ["in", "out"]


def test_an_interrupted_prepare_is_no_obstacle(place: Path) -> None:
    (place / ".06-x.new/app").mkdir(parents=True)
    (place / ".06-x.new/half").write_text("")
    notebook.prepare("06-x", copy=["app"])
    assert not Path("half").exists()
    assert [path.name for path in place.iterdir()] == ["06-x"]


def test_copying_what_is_not_there_says_so(place: Path) -> None:
    with pytest.raises(CapasError, match="“absent” is not in this copy of the course"):
        notebook.prepare("06-x", copy=["absent"])


def test_progress_leaves_nothing_in_what_nbval_compares(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with notebook.progress_line() as report:
        report("python:3.13-slim: pulling a rather long line")
        report("ready")
    print("Ready. Scratch folder: work/06-x")
    out = capsys.readouterr().out
    assert "pulling" in out
    assert carriagereturn_pat.sub("", out) == "Ready. Scratch folder: work/06-x\n"


def test_free_port_is_the_preferred_one_or_another() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.listen()
        other = notebook.free_port(port)
        assert other != port
    assert notebook.free_port(port) == port, "a listener that has gone is no obstacle"
    with socket.socket() as everywhere:
        everywhere.bind(("", port))
        everywhere.listen()
        assert notebook.free_port(port) != port


@contextmanager
def serving(status: list[int]) -> Iterator[str]:
    """Serve a page with these statuses, one after the other; the last one stays."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status.pop(0) if len(status) > 1 else status[0])
            self.end_headers()
            self.wfile.write(b"well")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_wait_for_http_waits_through_server_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with serving([503, 503, 200]) as url:
        assert notebook.wait_for_http(url, 10) == "well"
    with serving([404]) as url:
        assert notebook.wait_for_http(url, 10) == "well"


def test_wait_for_http_gives_up_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{notebook.free_port(0)}/"
    assert notebook.wait_for_http(url, 0.2) == ""
    out = capsys.readouterr().out
    assert out.startswith(f"{url} did not answer within 0.2 s (")
    assert out.count("\n") == 1


@pytest.mark.parametrize(
    ("typed", "handed_over"),
    [
        ('docker ps --format "{{.Names}}"', 'docker ps --format "{{{{.Names}}}}"'),
        ("docker inspect -f '{{json .Config}}'", "docker inspect -f '{{{{json .Config}}}}'"),
        ("docker run -p {port}:80 x", "docker run -p {port}:80 x"),
        ('echo "{{.Names}}"', 'echo "{{.Names}}"'),
    ],
)
def test_go_templates_are_kept_from_ipython(typed: str, handed_over: str) -> None:
    assert notebook._go_templates(typed) == handed_over


class Kernel:
    """A kernel that runs one cell after the other and returns what it printed."""

    def __init__(self, folder: Path) -> None:
        from jupyter_client.manager import KernelManager
        from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

        self.manager = KernelManager(
            kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager()
        )
        self.manager.start_kernel(cwd=str(folder), stderr=subprocess.DEVNULL)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code: str) -> str:
        printed: list[str] = []

        def collect(message: dict[str, dict[str, str]]) -> None:
            content = message["content"]
            if message["header"]["msg_type"] == "stream":
                printed.append(content["text"])
            elif message["header"]["msg_type"] == "error":
                printed.append(f"{content['ename']}: {content['evalue']}")

        reply = self.client.execute_interactive(code, output_hook=collect, timeout=60)
        self.status = str(reply["content"]["status"])
        return str(carriagereturn_pat.sub("", "".join(printed)))

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel without any engine, in which a `docker` of our own only prints."""
    folder = tmp_path_factory.mktemp("kernel")
    docker = folder / "docker"
    docker.write_text(
        "#!/bin/sh\nprintf ' Container x  Starting\\r\\n Container x  Started\\r\\n'\n"
        'echo "$@"\nexit 3\n'
    )
    docker.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAPAS_ENGINE", "unix:///nowhere/docker.sock")
        patch.setenv("CAPAS_HOME", str(folder / "home"))
        patch.setenv("CAPAS_LANG", "en")
        kernel = Kernel(folder)
    yield kernel
    kernel.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="the pretended docker is a shell script")
def test_in_a_kernel(kernel: Kernel) -> None:
    said = kernel.run("import capas")
    assert said.count("\n") == 1, f"no engine is told in one sentence: {said}"
    assert "Docker Engine" in said

    kernel.run("import os; os.environ['PATH'] = os.getcwd() + ':' + os.environ['PATH']; port = 81")
    assert kernel.run('!docker run -p {port} -f "{{.Names}}"') == (
        " Container x  Started\nrun -p 81 -f {{.Names}}\n"
    )
    assert kernel.run("print(_exit_code)") == "3\n"
    assert kernel.run("absent") == (
        "NameError: name 'absent' is not defined "
        "(No engine answers: what earlier cells make is missing.)\n"
    )
    assert kernel.status == "ok", "“Run All” would stop here"
    assert kernel.run("print(repr(capas.wait_for_http('http://127.0.0.1:1/')))") == "''\n"
    assert kernel.run("def f(inner):\n    !echo {inner}\nf(7)") == "7\n", "local names"
    assert "Starting" in kernel.run("os.environ['CAPAS_RAW'] = '1'\n!docker up")
    assert kernel.run("from capas.errors import CapasError\nraise CapasError('one sentence')") == (
        "one sentence\n"
    )
    assert kernel.status == "ok", "JupyterLab's Run All goes on with the next cell"
    assert kernel.run("!printf 'a\\nb'") == "a\nb"
    assert kernel.run("import sys; print(type(sys.stdout).__name__)") == "OutStream\n"


@pytest.mark.engine
def test_with_an_engine_only_what_is_expected_is_passed_over(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPAS_ENGINE", engine.host)
    kernel = Kernel(tmp_path)
    try:
        assert kernel.run("import capas") == ""
        kernel.run("from capas.errors import CapasError\nraise CapasError('one sentence')")
        assert kernel.status == "ok"
        assert kernel.run("raise ValueError('a bug')") == "ValueError: a bug"
        assert kernel.status == "error"
    finally:
        kernel.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupting_a_command_leaves_the_kernel_well(kernel: Kernel) -> None:
    kernel.run("import capas")
    seen = threading.Event()

    def interrupt() -> None:
        seen.wait(30)
        kernel.manager.interrupt_kernel()

    def watch(message: dict[str, dict[str, str]]) -> None:
        if "begun" in message["content"].get("text", ""):
            seen.set()

    thread = threading.Thread(target=interrupt)
    thread.start()
    kernel.client.execute_interactive("!echo begun docker; sleep 60", output_hook=watch, timeout=30)
    thread.join()
    assert (
        kernel.run("import sys; print('still here', type(sys.stdout).__name__)")
        == "still here OutStream\n"
    )


@pytest.mark.engine
@pytest.mark.skipif(sys.platform == "win32", reason="no engine of the course's own there")
def test_the_engine_that_a_kernel_started_ends_with_it(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """On a machine of its own, where the course's engine is installed and down."""
    from tests.engine.machine import Machine, impossible

    if why_not := impossible():
        pytest.skip(why_not)
    code = (
        "from capas import notebook; from capas.engine import PrivateEngine\n"
        "notebook.connect()\nprint(PrivateEngine().status())"
    )
    with Machine(tmp_path / "capas", request.getfixturevalue("downloads")) as machine:
        try:
            machine.do("private.install()")
            said = machine.run(sys.executable, "-c", code, env={"CAPAS_LANG": "en"})
            assert "Starting the course's own Docker Engine…" in said
            assert said.splitlines()[-1] == "up"
            assert machine.do("private.status()") == "down"
        finally:
            machine.do("private.remove()")
