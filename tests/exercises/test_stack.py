"""A Compose project in a check."""

from pathlib import Path

import pytest

from capas.engine import Engine, images
from capas.exercises import Bench

pytestmark = pytest.mark.engine

FILE = r"""
services:
  said:
    image: busybox
    command: ["sh", "-c", "word=once; echo $$word; sleep 600"]
    init: true
    volumes: [/nameless, "kept:/kept"]
volumes:
  kept:
"""


def test_a_dollar_sign_stays_one_and_down_leaves_only_volumes_with_a_name(
    engine: Engine, tmp_path: Path
) -> None:
    images.ensure(engine, ["busybox"])
    files = tmp_path / "files"
    files.mkdir()
    (files / "compose.yaml").write_text(FILE)
    with Bench(engine, files) as bench:
        stack = bench.stack()
        stack.up()
        said = stack.container("said")
        assert said.until(lambda it: bool(it.logs()), 20)
        assert said.logs().strip() == "once"
        names = {mount["Name"] for mount in said.attributes["Mounts"]}
        assert len(names) == 2
        stack.down()
        left = {str(volume.name) for volume in bench.client.volumes.list()} & names
        assert [name.removeprefix(stack.name) for name in left] == ["_kept"]
