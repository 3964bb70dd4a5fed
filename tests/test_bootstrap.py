"""The bootstrap, in a small copy of the repository: from nothing to the command line."""

import ast
import os
import shutil
import signal
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from capas import bootstrap
from capas.paths import ROOT

CLI = """\
import json, sys
import tiny
print(json.dumps({"arguments": sys.argv[1:], "prefix": sys.prefix, "tiny": tiny.VERSION}))
sys.exit(7 if "--fail" in sys.argv else 0)
"""
COPIED = ["__init__", "__main__", "bootstrap", "errors", "language", "paths"]

BLIND = """\
# A Python as Debian has it without python3-venv, or with less: these modules are not there.
import importlib.machinery, sys
class Blind(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            return None
        return super().find_spec(name, path, target)
sys.meta_path = [Blind if f is importlib.machinery.PathFinder else f for f in sys.meta_path]
"""

Start = Callable[..., subprocess.CompletedProcess[str]]


def wheel(folder: Path, version: str) -> None:
    """Put a package called tiny there."""
    info = f"tiny-{version}.dist-info"
    with zipfile.ZipFile(folder / f"tiny-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny.py", f"VERSION = {version!r}\n")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        names = ["tiny.py", f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD"]
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in names))


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages, so that nothing is fetched: tiny, and Python's own pip."""
    folder = tmp_path_factory.mktemp("shelf")
    for version in ("1.0", "2.0"):
        wheel(folder, version)
    ensurepip = pytest.importorskip("ensurepip")
    bundled = [Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels")]
    wheels = [found for place in bundled for found in place.glob("pip-*.whl")]
    if not wheels:
        pytest.skip("this Python has no pip of its own")
    shutil.copy(wheels[0], folder)
    return folder


@pytest.fixture
def uv(tmp_path: Path) -> Path:
    """A folder for the PATH with nothing but uv in it."""
    found = Path(sys.prefix) / "bin/uv"
    command = str(found) if found.exists() else shutil.which("uv")
    if not command:
        pytest.skip("there is no uv here")
    folder = tmp_path / "uv-bin"
    folder.mkdir()
    (folder / "uv").symlink_to(command)
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository of the bootstrap, one package, and a command line that tells what it got."""
    root = tmp_path / "a course"  # paths have spaces
    (root / "capas").mkdir(parents=True)
    for name in COPIED:
        shutil.copy(ROOT / f"capas/{name}.py", root / "capas")
    shutil.copytree(ROOT / "capas/locale", root / "capas/locale")
    (root / "capas/kit").mkdir()
    for name in ("__init__", "contents", "using"):
        shutil.copy(ROOT / f"capas/kit/{name}.py", root / "capas/kit")
    (root / "capas/cli.py").write_text(CLI)
    (root / "requirements.txt").write_text("tiny==1.0\n")
    (root / "requirements-dev.txt").write_text("-r requirements.txt\n")
    return root


@pytest.fixture
def environment(shelf: Path, tmp_path: Path) -> dict[str, str]:
    """Nothing of this machine but a system's PATH; packages from the shelf only."""
    return {
        "PATH": os.defpath,
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(shelf),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_CACHE_DIR": str(shelf.with_name("uv-cache")),
    }


@pytest.fixture
def start(tree: Path, environment: dict[str, str]) -> Start:
    def start(
        *arguments: str, path: Path | None = None, **more: str
    ) -> "subprocess.CompletedProcess[str]":
        env = {**environment, **more}
        if path:
            env["PATH"] = f"{path}{os.pathsep}{env['PATH']}"
        return subprocess.run(
            [sys._base_executable, "-m", "capas", *arguments],  # type: ignore[attr-defined]
            cwd=tree,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return start


def blind(tmp_path: Path, *hidden: str) -> str:
    """Return a PYTHONPATH with which Python does not find these modules."""
    folder = tmp_path / "blind"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(BLIND.format(hidden=set(hidden)))
    return str(folder)


def test_from_nothing_to_the_command_line(start: Start, tree: Path, uv: Path) -> None:
    first = start("doctor", "--json", path=uv)
    assert first.returncode == 0, first.stderr
    assert '"arguments": ["doctor", "--json"]' in first.stdout
    assert str(tree / ".venv") in first.stdout
    assert "installed" in first.stderr
    assert "pip" not in first.stderr

    second = start("lab", "--fail", path=uv)
    assert second.returncode == 7
    assert second.stderr == "", "nothing was installed again"


def test_the_command_in_venv_runs_from_anywhere(start: Start, tree: Path, uv: Path) -> None:
    start(path=uv)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [tree / ".venv/bin/capas", "x y"], cwd="/", env=env, capture_output=True, text=True
    )
    assert '["x y"]' in done.stdout, done.stderr
    code = "import capas; print(capas.__file__)"
    done = subprocess.run(
        [tree / ".venv/bin/python", "-c", code], cwd="/", env=env, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(tree / "capas/__init__.py")


def test_a_venv_that_is_a_link_to_another_place(
    start: Start, tree: Path, uv: Path, tmp_path: Path
) -> None:
    """Binder's notebook server has its Python elsewhere, and there is to be one only."""
    elsewhere = tmp_path / "conda/envs/notebook"
    venv.EnvBuilder(with_pip=False, symlinks=True).create(elsewhere)
    (tree / ".venv").symlink_to(elsewhere)
    assert start("doctor", path=uv).returncode == 0
    assert (tree / ".venv").is_symlink()
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = "import capas, tiny; print(capas.__file__)"
    done = subprocess.run(
        [elsewhere / "bin/python", "-c", code], cwd="/", env=env, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(tree / "capas/__init__.py"), done.stderr


def test_changed_requirements_are_installed(start: Start, tree: Path, uv: Path) -> None:
    start(path=uv)
    (tree / "requirements.txt").write_text("tiny==2.0\n")
    assert '"tiny": "2.0"' in start(path=uv).stdout
    assert start(path=uv).stderr == ""


def test_the_tests_get_more_than_a_student(start: Start, tree: Path, uv: Path) -> None:
    (tree / "requirements-dev.txt").write_text("-r requirements.txt\ntiny>=1\n")
    assert "installed" in start("lab", path=uv).stderr
    assert "installed" in start("test", path=uv).stderr
    assert start("test", path=uv).stderr == ""
    assert start("lab", path=uv).stderr == ""


def test_an_interrupted_installation_is_made_again(start: Start, tree: Path, uv: Path) -> None:
    start(path=uv)
    (tree / ".venv/capas-unfinished").touch()
    next((tree / ".venv/lib").glob("python*/site-packages/tiny.py")).unlink()
    done = start(path=uv)
    assert '"tiny": "1.0"' in done.stdout
    assert "making it again" in done.stderr


def test_a_venv_whose_python_is_gone_is_made_again(start: Start, tree: Path, uv: Path) -> None:
    start(path=uv)
    python = tree / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    assert start(path=uv).returncode == 0


def test_a_moved_repository_works(
    start: Start, tree: Path, uv: Path, environment: dict[str, str]
) -> None:
    start(path=uv)
    moved = tree.with_name("moved")
    tree.rename(moved)
    done = subprocess.run(
        [sys._base_executable, "-m", "capas"],  # type: ignore[attr-defined]
        cwd=moved,
        env={**environment, "PATH": f"{uv}:{environment['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert str(moved / ".venv") in done.stdout, done.stderr


def test_two_at_once_install_once(tree: Path, uv: Path, environment: dict[str, str]) -> None:
    env = {**environment, "PATH": f"{uv}:{environment['PATH']}"}
    both = [
        subprocess.Popen(
            [sys._base_executable, "-m", "capas"],  # type: ignore[attr-defined]
            cwd=tree,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("fetching packages" in err for _out, err in said) == 1


def test_ctrl_c_while_installing_and_on_again(
    start: Start, tree: Path, tmp_path: Path, uv: Path, environment: dict[str, str]
) -> None:
    slow = tmp_path / "slow"
    slow.mkdir()
    pid = tmp_path / "pid"
    (slow / "uv").write_text(
        f"#!/bin/sh\necho $$ >'{pid}.new'; mv '{pid}.new' '{pid}'\nexec sleep 60\n"
    )
    (slow / "uv").chmod(0o755)
    process = subprocess.Popen(
        [sys._base_executable, "-m", "capas"],  # type: ignore[attr-defined]
        cwd=tree,
        env={**environment, "PATH": f"{slow}:{environment['PATH']}"},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 30
    while not pid.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert start(path=uv).returncode == 0


def test_plain_pip_where_uv_cannot_be_had(start: Start, tmp_path: Path) -> None:
    done = start(PYTHONPATH=blind(tmp_path, "uv"))
    assert '"tiny": "1.0"' in done.stdout, done.stderr
    assert "fetching packages with pip" in done.stderr


def test_without_ensurepip_the_outer_pip_does(start: Start, tmp_path: Path) -> None:
    pytest.importorskip("pip")
    done = start(PYTHONPATH=blind(tmp_path, "uv", "ensurepip"))
    assert '"tiny": "1.0"' in done.stdout, done.stderr


def test_without_any_pip_a_sentence_says_what_to_install(start: Start, tmp_path: Path) -> None:
    apt = tmp_path / "apt-bin"
    apt.mkdir()
    (apt / "apt").symlink_to("/bin/true")
    hidden = blind(tmp_path, "uv", "ensurepip", "pip")
    done = start(path=apt, PYTHONPATH=hidden)
    assert done.returncode == 1
    assert "sudo apt install python3-venv" in done.stderr.splitlines()[-1]
    spanish = start(path=apt, PYTHONPATH=hidden, CAPAS_LANG="es")
    assert "ejecutá `sudo apt install python3-venv`" in spanish.stderr.splitlines()[-1]


def test_no_network_is_a_sentence(start: Start, uv: Path) -> None:
    done = start(
        path=uv,
        PIP_NO_INDEX="0",
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_FIND_LINKS="",
        UV_HTTP_RETRIES="0",
        PIP_RETRIES="0",
    )
    assert done.returncode == 1
    assert "check the network connection" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "error: Failed to write\n  Caused by: No space left on device (os error 28)",
            "no disk space",
        ),
        ("ERROR: [Errno 30] Read-only file system: '/x'", "may not write"),
        ("error: Request failed\n  cause: dns error", "check the network"),
        ("ERROR: No matching distribution found for tiny==9", "No matching distribution"),
    ],
)
def test_what_failed_is_told_in_a_sentence(said: str, sentence: str) -> None:
    told = bootstrap.explain([said])
    assert sentence in told
    assert "\n" not in told


@pytest.mark.parametrize(("number", "sentence"), [(28, "no disk space"), (30, "may not write")])
def test_the_file_system_refuses(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    number: int,
    sentence: str,
) -> None:
    monkeypatch.setattr(bootstrap, "is_current", lambda requirements: False)

    def provide(requirements: Path) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path))

    monkeypatch.setattr(bootstrap, "provide", provide)
    assert bootstrap.main(["lab"]) == 1
    assert sentence in capsys.readouterr().err


def test_uv_is_told_what_pip_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("UV_")] + ["SSL_CERT_FILE"]:
        monkeypatch.delenv(name, raising=False)
    told = bootstrap.uv_environment(
        {
            "index-url": "https://packages.example/simple",
            "extra-index-url": "https://a.example/simple\nhttps://b.example/simple",
            "cert": "/etc/ours.pem",
        }
    )
    assert told == {
        "UV_SYSTEM_CERTS": "true",
        "UV_DEFAULT_INDEX": "https://packages.example/simple",
        "UV_INDEX": "https://a.example/simple https://b.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "/etc/ours.pem",
    }
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine.example/simple")
    assert "UV_DEFAULT_INDEX" not in bootstrap.uv_environment({"index-url": "https://x/simple"})


@pytest.mark.parametrize("name", ["__init__", "__main__"])
def test_python_3_6_can_read_what_refuses_it(name: str) -> None:
    ast.parse((ROOT / f"capas/{name}.py").read_text("utf-8"), feature_version=(3, 6))


def test_an_old_python_is_refused_in_a_sentence(tree: Path) -> None:
    code = (
        "import runpy, sys; sys.version_info = (3, 8, 0, 'final', 0)\n"
        "runpy.run_module('capas', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tree,
        env={"PATH": "/nowhere"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Capas needs Python 3.11 or newer and this is 3.8:")
    assert done.stderr.count("\n") == 1
