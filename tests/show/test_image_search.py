"""Where a text stands in an image: what a lesson says of secrets must be so."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from capas.engine import Engine, images
from capas.errors import CapasError
from capas.show import find_in_image
from capas.show.image_search import find_in_archive

SECRET = "hunter2-not-real"


def tar(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def saved(config: Mapping[str, Any], *layers: bytes) -> io.BytesIO:
    """Return what ``docker save`` writes of an image."""
    names = [f"blobs/sha256/{n}" for n in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": ["x:latest"], "Layers": names}]
    files = {
        "config.json": json.dumps(config).encode(),
        "manifest.json": json.dumps(manifest).encode(),
        **dict(zip(names, layers, strict=True)),
    }
    return io.BytesIO(tar(files))


def test_an_image_without_the_text_has_no_places() -> None:
    config = {"config": {"Env": ["A=b"], "Cmd": ["sh"]}, "history": [{"created_by": "RUN x"}]}
    assert find_in_archive(saved(config, tar({"etc/file": b"nothing here"})), SECRET) == []


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"config": {"Env": ["PATH=/bin", f"TOKEN={SECRET}"]}}, "environment"),
        ({"config": {"Labels": {"token": SECRET}}}, "settings"),
        ({"config": {"Cmd": ["login", SECRET]}}, "settings"),
        ({"history": [{"created": "x"}, {"created_by": f"RUN |1 TOKEN={SECRET} sh"}]}, "history"),
        ({"config": None, "history": [{"created_by": f"ENV TOKEN={SECRET}"}]}, "history"),
    ],
)
def test_it_finds_the_text_in_the_settings(config: Mapping[str, Any], place: str) -> None:
    assert find_in_archive(saved(config), SECRET) == [place]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "compressed"])
def test_it_finds_the_text_in_a_layer_below_the_one_that_removes_the_file(pack: Any) -> None:
    below = tar({"./token.txt": f"key: {SECRET}\n".encode()})
    above = tar({".wh.token.txt": b""})
    assert find_in_archive(saved({}, pack(below), pack(above)), SECRET) == ["layer with /token.txt"]


def test_it_finds_a_text_that_is_cut_by_reading_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capas.show.image_search.PIECE", 8)
    layer = tar({"big": b"x" * 21 + SECRET.encode() + b"y" * 21})
    assert find_in_archive(saved({}, layer), SECRET) == ["layer with /big"]


def test_it_finds_the_text_in_the_name_of_a_file() -> None:
    layer = tar({f"home/{SECRET}.pem": b""})
    assert find_in_archive(saved({}, layer), SECRET) == [f"layer with /home/{SECRET}.pem"]


@pytest.mark.engine
def test_it_reads_an_image_of_the_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    name = f"capas/test-search:{uuid4().hex[:8]}"
    images.wait(engine, ["busybox"], print)
    client = engine.client()
    try:
        dockerfile = f"FROM busybox\nLABEL capas=test\nRUN echo {SECRET} > /a\nRUN rm /a\n"
        client.images.build(
            fileobj=io.BytesIO(dockerfile.encode()), tag=name, rm=True, forcerm=True
        )
        assert find_in_image(name, SECRET) == ["history", "layer with /a"]
        client.images.remove(name)
        with pytest.raises(CapasError, match="There is no image"):
            find_in_image(name, SECRET)
    finally:
        engine.run("image", "rm", "--force", name)
        client.close()
