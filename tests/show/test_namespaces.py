"""Who shares which view: told in letters, from the kernel's own names."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from capas import language
from capas.engine import Engine, images
from capas.errors import CapasError
from capas.show.drawing import texts
from capas.show.namespaces import KINDS, draw, namespaces


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    language.use("en")
    yield
    language.use(None)


def test_equal_letters_mean_the_same_namespace() -> None:
    shared = {kind: f"{kind}:[1]" for kind in KINDS}
    picture = draw({"one": shared, "two": shared | {"net": "net:[2]"}, "three": shared})
    assert "net: one A, two B, three A" in picture.alt
    assert "pid: one A, two A, three A" in picture.alt
    shown = texts(picture.svg)
    assert shown.count("B") == 1
    assert shown.count("A") == 3 * len(KINDS) - 1


@pytest.fixture
def container(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    images.ensure(engine, ["busybox"])
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    name = f"capas-test-{uuid4().hex[:8]}"
    command = ("busybox", "sh", "-c", "sleep 60 & sleep 60")
    engine.run("run", "--detach", "--label=capas", "--name", name, *command, check=True)
    yield name
    engine.run("rm", "--force", name)


@pytest.mark.engine
def test_processes_of_one_container_share_all(container: str) -> None:
    picture = namespaces({"first": 1, "same": 1}, container=container)
    assert "B" not in texts(picture.svg)


@pytest.mark.engine
def test_what_cannot_be_looked_at_is_a_sentence(container: str) -> None:
    with pytest.raises(CapasError, match="has ended: run the cells above again"):
        namespaces({"first": 1, "none": 999_999}, container=container)
    with pytest.raises(CapasError, match="cannot be asked: No such container"):
        namespaces({"first": 1}, container="capas-none")
