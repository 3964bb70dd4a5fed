import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from capas.kit.contents import KIND, NAME, VERSION, Contents
from capas.kit.using import CONTAINER, target

Make = Callable[..., Path]


def wheel(name: str, version: str, code: str = "") -> bytes:
    """Return a real wheel with one module."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return out.getvalue()


def blob(data: bytes) -> tuple[str, bytes]:
    return f"images/sha256/{hashlib.sha256(data).hexdigest()}", data


@pytest.fixture
def files() -> dict[str, bytes]:
    """The files of a kit: two wheels, an image, something large, something for others only."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("hello"), io.BytesIO())
    path, data = blob(layer.getvalue())
    config_path, config = blob(b'{"rootfs": {}}')
    manifest = {
        "config": {"digest": "sha256:" + config_path.rpartition("/")[2]},
        "layers": [{"digest": "sha256:" + path.rpartition("/")[2]}],
    }
    manifest_path, manifest_data = blob(json.dumps(manifest).encode())
    return {
        "wheels/first_one-1.0-py3-none-any.whl": wheel("first_one", "1.0"),
        "wheels/second-2.0-py3-none-any.whl": wheel("second", "2.0"),
        path: data,
        config_path: config,
        manifest_path: manifest_data,
        "large.bin": bytes(range(256)) * 20_000,
        "elsewhere.bin": b"for another machine",
    }


@pytest.fixture
def facts(files: dict[str, bytes]) -> dict[str, Any]:
    manifest = list(files)[4].rpartition("/")[2]
    return {
        "machine": "x86_64",
        "images": {
            "tiny:1": {"manifest": f"sha256:{manifest}", "aliases": ["tiny:latest"]},
        },
    }


@pytest.fixture
def archive(tmp_path: Path, files: dict[str, bytes], facts: dict[str, Any]) -> Path:
    """A kit in one file."""
    return write(tmp_path / "kit.zip", files, facts)


def write(path: Path, files: dict[str, bytes], facts: dict[str, Any]) -> Path:
    listed = {}
    for name, data in files.items():
        listed[name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        if name.startswith("wheels/"):
            listed[name]["for"] = [target(), CONTAINER]
        if name.startswith("elsewhere"):
            listed[name]["for"] = ["plan9-vax-3.11"]
    contents = Contents({"kind": KIND, "version": VERSION, "files": listed, **facts})
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(NAME, contents.text())
        for name, data in files.items():
            packed.writestr(name, data)
    return path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of the test's own: no kit of this machine's is touched."""
    monkeypatch.setenv("CAPAS_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
