"""A container in a check."""

from pathlib import Path

import pytest

from capas.engine import Engine, images
from capas.exercises import Bench, Wrong

pytestmark = pytest.mark.engine


def test_a_container_that_has_ended_is_not_said_to_publish_nothing(
    engine: Engine, tmp_path: Path
) -> None:
    images.ensure(engine, ["busybox"])
    with Bench(engine, tmp_path) as bench:
        image = bench.build(inline="FROM busybox\nCMD echo the end; exit 3")
        ended = bench.run(image, publish=[8000])
        assert ended.wait() == 3
        with pytest.raises(Wrong) as wrong:
            ended.port(8000)
    assert wrong.value.hint == "exits"
    assert wrong.value.values == {"code": "3", "line": "the end"}
