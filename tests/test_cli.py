"""The command line: help that teaches, failures that are sentences."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
import requests
from typer.testing import CliRunner

import capas
from capas import cli, doctor, lessons
from capas.errors import CapasError
from capas.paths import ROOT

COMMANDS = [[], ["lab"], ["test"], ["doctor"], ["clean"], ["images"], ["build"], ["engine"]]
COMMANDS += [["engine", name] for name in ("up", "down", "status", "remove")]
COMMANDS += [["kit"], *(["kit", name] for name in ("make", "use", "serve", "drop"))]


def invoke(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli.app, arguments, prog_name="capas", env={"COLUMNS": "200"})
    return done.exit_code, done.stdout, done.stderr


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "capas.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_explains_itself(command: list[str], option: str) -> None:
    code, out, _err = invoke(*command, option)
    assert code == 0
    assert f"Usage: capas {' '.join(command)}".strip() in out


def test_without_a_command_there_is_help() -> None:
    code, out, err = invoke()
    assert "lab" in out + err
    assert code in (0, 2)


def test_version() -> None:
    assert invoke("--version")[:2] == (0, f"capas {capas.__version__}\n")


def test_help_speaks_spanish() -> None:
    assert "Abrir el curso en JupyterLab" in run("--help", CAPAS_LANG="es").stdout


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, runpy; sys.argv = ['capas', '--help']\n"
        "try: runpy.run_module('capas.cli', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(sorted({'docker', 'requests', 'nbformat', 'jupyterlab'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["lab", "--port", "0"], ["lab", "--lang", "xx"], ["doctor", "--what"]],
    ids=" ".join,
)
def test_a_wrong_command_is_a_usage_error(arguments: list[str]) -> None:
    code, _out, err = invoke(*arguments)
    assert code == 2
    assert "Traceback" not in err


def test_a_users_situation_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def checks(engine: str | None) -> NoReturn:
        raise CapasError("Plug it in.")

    monkeypatch.setattr(doctor, "checks", checks)
    assert invoke("doctor") == (1, "", "Plug it in.\n")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "no room left"),
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), "/x/y"),
        (OSError(errno.EROFS, "Read-only file system", "/x/y"), "/x/y is on a disk"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (requests.ConnectionError("nobody\nthere"), "nobody there"),
    ],
    ids=["full", "forbidden", "read-only", "other", "library"],
)
def test_what_the_system_refuses_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    def checks(engine: str | None) -> NoReturn:
        raise error

    monkeypatch.setattr(doctor, "checks", checks)
    code, out, err = invoke("doctor")
    assert (code, out) == (1, "")
    assert said in err
    assert err.count("\n") == 1
    assert err.endswith(".\n")


def test_output_is_utf_8_whatever_the_machine_says() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "capas.cli", "doctor", "--help"],
        cwd=ROOT,
        env={**os.environ, "CAPAS_LANG": "es", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert "máquina" in done.stdout.decode()


@pytest.mark.parametrize("command", [("images", "--status"), ("clean", "--dry-run")], ids=" ".join)
def test_who_only_looks_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    from capas import engine

    def ensure(*_: object, **__: object) -> NoReturn:
        raise AssertionError("started")

    monkeypatch.setenv("CAPAS_HOME", str(tmp_path))
    monkeypatch.setattr(engine, "find", lambda which=None: None)
    monkeypatch.setattr(engine, "ensure", ensure)
    monkeypatch.setattr(engine.PrivateEngine, "status", lambda self: "down")
    code, out, err = invoke(*command)
    assert "No Docker Engine answers" in err or "nothing was looked at" in out
    assert code == (0 if out else 1)


def test_ctrl_c_is_130_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def checks(engine: str | None) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "checks", checks)
    code, _out, err = invoke("doctor")
    assert code == 130
    assert "Traceback" not in err


def test_a_missing_package_is_mended_by_the_next_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from capas import bootstrap

    def checks(engine: str | None) -> NoReturn:
        raise ModuleNotFoundError("No module named 'docker'", name="docker.errors")

    stamp = tmp_path / "capas.json"
    stamp.touch()
    monkeypatch.setattr(bootstrap, "STAMP", stamp)
    monkeypatch.setattr(doctor, "checks", checks)
    code, _out, err = invoke("doctor")
    assert code == 1
    assert "python3 -m capas" in err
    assert not stamp.exists()


def test_an_unknown_engine_is_a_sentence() -> None:
    code, _out, err = invoke("engine", "status", "--engine", "steam")
    assert code == 1
    assert "steam" in err
    assert err.count("\n") == 1


def test_doctor_says_by_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor, "checks", lambda engine: [doctor.Check("x", "X", "fail", "gone", "get it")]
    )
    code, out, _err = invoke("doctor", "--json")
    assert code == 1
    assert json.loads(out)["checks"][0]["advice"] == "get it"
    assert invoke("doctor")[0] == 1


def test_build_check_lists_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lessons, "check", lambda: ["06 is stale: capas build 06."])
    assert invoke("build", "--check") == (1, "", "06 is stale: capas build 06.\n")
    monkeypatch.setattr(lessons, "check", list)
    assert invoke("build", "--check")[0] == 0


@pytest.mark.parametrize(("given", "number"), [("6", 6), ("06", 6), ("06-dockerfile", 6)])
def test_a_lesson_is_named_by_number(given: str, number: int) -> None:
    assert cli._number(given) == number


def test_completion_knows_languages_and_lessons() -> None:
    assert cli._complete_language("e") == ["en", "es"]
    assert cli._complete_engine("pri") == ["private"]
    assert "00-start-here" in cli._complete_lesson("0")
    assert cli._complete_lesson("00") == ["00-start-here"]


@pytest.mark.parametrize("command", ["", "grade", "engine up"])
def test_help_is_spanish_to_its_frame(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "capas.cli", *command.split(), "--help"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, "CAPAS_LANG": "es", "COLUMNS": "120"},
    )
    assert done.returncode == 0, done.stderr
    assert "Mostrar esta ayuda." in done.stdout
    assert "─ Opciones ─" in done.stdout
    english = ("Options ─", "Arguments ─", "Commands ─", "default:", "env var", "required", " the ")
    assert [word for word in english if word in done.stdout] == []
