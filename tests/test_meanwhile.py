"""A command that runs beside a cell: it is read, ended, and shown."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import capas
from capas.language import use
from capas.meanwhile import beside


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    use("en")
    yield
    use(None)


def python(tmp_path: Path, code: str) -> str:
    (tmp_path / "it.py").write_text(code)
    return f'"{sys.executable}" -u "{(tmp_path / "it.py").as_posix()}"'


@pytest.mark.skipif(sys.platform == "win32", reason="paths in quotes: as POSIX shells read them")
def test_it_is_ready_before_the_body_and_ended_after(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = python(
        tmp_path,
        "import time\nprint('ready')\nn = 0\n"
        "while True:\n    n += 1; print('line', n); time.sleep(0.02)\n",
    )
    with beside(command, ready="ready", until="line 9", seconds=20) as it:
        assert "ready" in it.output
    assert "line 9" in capsys.readouterr().out
    assert it._process is not None and it._process.poll() is not None


@pytest.mark.skipif(sys.platform == "win32", reason="paths in quotes: as POSIX shells read them")
def test_what_never_comes_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = time.monotonic()
    with beside(python(tmp_path, "print('no')\n"), until="yes", seconds=20, quiet=True):
        pass
    assert "did not print “yes”" in capsys.readouterr().out
    assert time.monotonic() - before < 15, "it had ended: nothing to wait for"


@pytest.mark.skipif(sys.platform == "win32", reason="paths in quotes: as POSIX shells read them")
def test_it_ends_when_the_body_fails(tmp_path: Path) -> None:
    command = python(tmp_path, "import time\ntime.sleep(60)\n")
    with pytest.raises(ValueError, match="mine"), beside(command, until="never") as it:
        raise ValueError("mine")
    assert it._process is not None and it._process.poll() is not None


def test_no_such_command_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with beside("no-such-command-here --at-all", until="x"):
        pass
    assert "no command “no-such-command-here”" in capsys.readouterr().out


def test_a_lesson_finds_it_every_time() -> None:
    assert capas.beside is capas.beside is beside
