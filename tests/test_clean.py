"""``capas clean`` removes what is labelled and nothing else."""

import io
import tarfile
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from docker import DockerClient
from docker.errors import APIError, NotFound

from capas import clean
from capas.clean import Leftover
from capas.engine import Engine


class FakeApi:
    """An engine that does not filter: what has no label must still be left alone."""

    def containers(self, **_: Any) -> list[dict[str, Any]]:
        return [
            {"Id": "c1", "Names": ["/ours"], "Labels": {"capas": ""}, "SizeRw": 12},
            {"Id": "c2", "Names": ["/theirs"], "Labels": {"capas.example": "x"}},
        ]

    def networks(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Id": "n", "Name": "theirs", "Labels": {}}]

    def volumes(self, **_: Any) -> dict[str, Any]:
        return {
            "Volumes": [{"Name": "v", "Labels": {"capas": "09"}}, {"Name": "w", "Labels": None}]
        }

    def df(self) -> dict[str, Any]:
        return {"Volumes": [{"Name": "v", "UsageData": {"Size": 5_000_000}}]}

    def images(self, **_: Any) -> list[dict[str, Any]]:
        image = {"RepoTags": ["a:1"], "Labels": {"capas": ""}, "Size": 30, "SharedSize": 10}
        return [
            {**image, "Id": "sha256:old", "Created": 1},
            {**image, "Id": "sha256:new", "Created": 2, "RepoTags": None},
            {**image, "Id": "sha256:not", "Created": 3, "Labels": {"capas.stand-in": "x"}},
        ]


class FakeClient:
    api = FakeApi()


def test_only_the_label_itself_counts() -> None:
    found = clean.leftovers(FakeClient())  # type: ignore[arg-type]
    assert found == [
        Leftover("container", "c1", "ours", 12),
        Leftover("volume", "v", "v", 5_000_000),
        Leftover("image", "sha256:new", "new", 20),
        Leftover("image", "sha256:old", "a:1", 20),
    ]


def test_one_thing_that_cannot_be_removed_does_not_stop_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Refusing(FakeApi):
        def remove_container(self, *_: Any, **__: Any) -> None:
            answer = requests.Response()
            answer.status_code = 500
            raise APIError("no", response=answer, explanation="driver failed")

        def remove_volume(self, *_: Any) -> None:
            pass

        def images(self, **_: Any) -> list[dict[str, Any]]:
            return []

    class Client:
        api = Refusing()

    monkeypatch.setenv("COLUMNS", "200")
    assert clean._clean(Client(), dry_run=False) is True  # type: ignore[arg-type]
    out = capsys.readouterr().out
    assert "could not be removed: driver failed" in out
    assert "5 MB in all" in out, "the volume went all the same"


@pytest.mark.parametrize(
    ("size", "said"),
    [(None, ""), (0, "0 B"), (999, "999 B"), (5_000_000, "5 MB"), (2_500_000_000, "2.5 GB")],
)
def test_sizes(size: int | None, said: str) -> None:
    assert clean.megabytes(size) == said


@pytest.fixture
def client(engine: Engine) -> DockerClient:
    return engine.client()


@pytest.fixture
def name(client: DockerClient) -> Iterator[str]:
    """A name for this test's things; they are removed even if the test fails."""
    name = f"capas-test-{uuid.uuid4().hex[:8]}"
    yield name
    for container in client.containers.list(all=True, filters={"name": name}):
        container.remove(force=True, v=True)
    for network in client.networks.list(filters={"name": name}):
        network.remove()
    for volume in client.volumes.list(filters={"name": name}):
        volume.remove()
    for image in client.images.list(filters={"reference": f"{name}*"}):
        client.images.remove(str(image.id), force=True)


def empty_image(client: DockerClient, tag: str, *changes: str) -> None:
    """Make an image with one file, without a base image and without running anything."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(tag))
    client.api.import_image_from_data(content.getvalue(), repository=tag, changes=list(changes))


@pytest.mark.engine
def test_on_a_real_engine(client: DockerClient, name: str) -> None:
    ours = {"capas": "test"}
    empty_image(client, f"{name}-ours", "LABEL capas=test", 'CMD ["x"]')
    empty_image(client, f"{name}-theirs", 'CMD ["x"]')
    for whose, labels in (("ours", ours), ("theirs", {"capas-not": "1"})):
        client.networks.create(f"{name}-{whose}", labels=labels)
        client.volumes.create(f"{name}-{whose}", labels=labels)
        client.containers.create(
            f"{name}-theirs", name=f"{name}-{whose}", labels=labels, volumes=["/data"]
        )
    found = [item for item in clean.leftovers(client) if name in item.name]
    assert [(item.kind, item.name) for item in found] == [
        ("container", f"{name}-ours"),
        ("network", f"{name}-ours"),
        ("volume", f"{name}-ours"),
        ("image", f"{name}-ours:latest"),
    ]
    anonymous = client.containers.get(f"{name}-ours").attrs["Mounts"][0]["Name"]
    assert [clean.remove(client, item) for item in found] == [("removed", "")] * 4
    assert [clean.remove(client, item)[0] for item in found] == ["gone"] * 4
    with pytest.raises(NotFound):
        client.volumes.get(anonymous)
    for collection in (client.containers, client.networks, client.volumes):
        assert collection.get(f"{name}-theirs")
    assert client.images.get(f"{name}-theirs")


@pytest.mark.engine
def test_an_anonymous_volume_that_was_handed_on_goes_with_its_container(
    client: DockerClient, name: str
) -> None:
    empty_image(client, f"{name}-image", 'CMD ["x"]')
    first = client.containers.create(f"{name}-image", volumes=["/data"])
    volume = str(first.attrs["Mounts"][0]["Name"])
    # As Compose does when it replaces a container: the next one has the volume by name.
    client.containers.create(
        f"{name}-image", name=name, labels={"capas": "test"}, volumes={volume: {"bind": "/data"}}
    )
    first.remove()
    for item in clean.leftovers(client):
        if item.name in (name, volume):
            assert clean.remove(client, item) == ("removed", "")
    with pytest.raises(NotFound):
        client.volumes.get(volume)


@pytest.mark.engine
def test_what_somebody_uses_stays(client: DockerClient, name: str) -> None:
    empty_image(client, f"{name}-ours", "LABEL capas=test", 'CMD ["x"]')
    container = client.containers.create(f"{name}-ours", name=f"{name}-theirs")
    # The container has its image's label, too: only the image is looked at here.
    image = next(i for i in clean.leftovers(client) if i.kind == "image" and name in i.name)
    outcome, reason = clean.remove(client, image)
    assert outcome == "kept"
    assert reason
    assert client.containers.get(f"{name}-theirs")
    container.remove()
    assert clean.remove(client, image)[0] == "removed"


@pytest.mark.engine
def test_a_dry_run_removes_nothing(
    client: DockerClient, engine: Engine, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    client.volumes.create(f"{name}-ours", labels={"capas": "test"})
    clean.clean(engine.host, dry_run=True)
    assert f"{name}-ours" in capsys.readouterr().out
    assert client.volumes.get(f"{name}-ours")
