import io
import platform
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from capas.engine import find, probe


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_program_is_a_whole_elf_file(machine: str) -> None:
    program = probe.static_program("Hello\n", machine)
    assert program.startswith(b"\x7fELF")
    assert program.endswith(b"Hello\n")
    (size,) = struct.unpack_from("<Q", program, 64 + 32)  # p_filesz
    assert size == len(program)


@pytest.mark.skipif(sys.platform != "linux", reason="a program for Linux")
def test_program_says_its_text(tmp_path: Path) -> None:
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("a program for other processors")
    text = "Hola, ¿qué tal?\n" * 1000
    file = tmp_path / "hello"
    file.write_bytes(probe.static_program(text, platform.machine()))
    file.chmod(0o755)
    done = subprocess.run([file], capture_output=True, text=True, check=True)
    assert done.stdout == text


def test_program_for_another_processor_is_refused() -> None:
    with pytest.raises(ValueError, match="riscv64"):
        probe.static_program("Hello", "riscv64")


def test_archive_is_a_root_file_system() -> None:
    with tarfile.open(fileobj=io.BytesIO(probe.archive("Hello", "aarch64", "hello"))) as tar:
        (entry,) = tar.getmembers()
    assert entry.name == "hello"
    assert entry.mode == 0o755


@pytest.mark.engine
def test_a_container_runs_and_nothing_of_it_stays() -> None:
    engine = find()
    if engine is None:
        pytest.skip("no engine answers")
    client = engine.client()
    seen = probe.probe(client)
    assert seen.architecture in ("x86_64", "aarch64")
    assert 0 < seen.seconds < 30
    assert engine.probe_seconds > 0
    (image,) = client.images.list(filters={"label": "capas.probe"})
    assert image.tags == [f"{probe.IMAGE}:{probe.VERSION}-{seen.architecture}"]
    client.close()
