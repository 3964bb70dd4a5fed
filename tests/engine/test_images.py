"""Base images: where they come from, in which order, and what interruptions leave behind."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest
from docker.errors import ImageNotFound

from capas.engine import Engine, certificates, images, mirror
from capas.engine.copying import Copies
from capas.engine.images import BaseImage, Images, ImagesError, catalogue
from capas.engine.mirror import Mirror
from capas.engine.model import EngineError
from capas.engine.stand_ins import LABEL, RECIPE
from capas.engine.steps import GivenUp
from capas.paths import ROOT
from capas.ports import HOST
from tests.engine.machine import wait_for

# --- the catalogue ---------------------------------------------------------------------------

ALL = list(catalogue().values())


def test_the_core_images_are_those_of_the_first_lessons() -> None:
    core = ["hello-world:latest", "python:3.13-slim", "node:24-slim", "busybox:latest"]
    assert images.names() == core
    assert set(core) < set(images.names(all=True))


@pytest.mark.parametrize("image", ALL, ids=lambda image: image.name)
def test_an_entry_is_whole(image: BaseImage) -> None:
    made_by = ["setup.sh"] if image.name.startswith("debian:") else ["Dockerfile"]
    assert all((image.stand_in / name).exists() for name in made_by)
    assert set(image.needs) <= set(catalogue())
    assert image.size > 0
    assert set(image.platforms) == {"linux/amd64", "linux/arm64"}
    assert image.check or image.name == "hello-world:latest"
    repository, tag = image.hub.split(":")
    assert repository == image.name.split(":")[0]
    exact = re.search(r"\d+\.\d+\.\d+|\d\d\.\d+|\d{8}|17\.\d+", tag)
    assert exact or image.digest or repository == "hello-world"


def test_no_name_is_given_twice() -> None:
    names = [name for image in ALL for name in (image.name, *image.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("image", ALL, ids=lambda image: image.name)
def test_a_stand_in_is_made_from_what_the_catalogue_says(image: BaseImage) -> None:
    dockerfile = image.stand_in / "Dockerfile"
    text = dockerfile.read_text() if dockerfile.exists() else ""
    assert set(re.findall(r"^FROM (\S+:\S+)", text, re.M)) == set(image.needs)
    assert "# syntax" not in text, "needs Docker Hub"
    for entrypoint in image.stand_in.rglob("docker-entrypoint.sh"):
        assert entrypoint.stat().st_mode & 0o111


# --- the order, on an engine that is only a folder --------------------------------------------

FAKE_DOCKER = """#!{python}
import json, pathlib, sys
folder = pathlib.Path({folder!r})
command, arguments = sys.argv[1], sys.argv[2:]
(folder / "calls").open("a").write(" ".join([command, *arguments]) + "\\n")
def make(name, labels):
    file = folder / "images" / name.replace("/", "%")
    file.write_text(json.dumps({{"id": "sha256:" + name, "labels": labels}}))
if command == "pull":
    if arguments[-1] not in (folder / "offered").read_text().split():
        sys.exit("Error response from daemon: not found")
    make(arguments[-1], {{}})
elif command == "build":
    if (folder / "fault").exists():
        sys.exit((folder / "fault").read_text())
    labels = dict(a[8:].split("=", 1) for a in arguments if a.startswith("--label="))
    make(arguments[arguments.index("--tag") + 1], labels)
elif command == "run" and (folder / "broken").exists():
    sys.exit("exec format error")
"""


class FakeEngine:
    """A docker CLI and an API that keep images as files."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        (folder / "images").mkdir(parents=True)
        (folder / "offered").touch()
        (folder / "calls").touch()
        self.docker = folder / "docker"
        self.docker.write_text(FAKE_DOCKER.format(python=sys.executable, folder=str(folder)))
        self.docker.chmod(0o755)
        self.images = self
        self.hub = False
        self.said: list[str] = []
        monkeypatch.delenv("CAPAS_MIRROR", raising=False)

    def look(self, catalogue: dict[str, BaseImage], **more: Any) -> Images:
        engine: Any = SimpleNamespace(host="fake", kind="found", environment=dict)
        found = Images(
            engine,
            images=catalogue,
            home=self.folder / "home",
            report=self.said.append,
            hub_answers=lambda: self.hub,
            **{"own_certificates": [], **more},
        )
        found.__dict__ |= {"client": self, "docker": str(self.docker)}
        return found

    def offer(self, *references: str) -> None:
        (self.folder / "offered").write_text("\n".join(references))

    @property
    def calls(self) -> list[str]:
        return [line.split()[0] for line in (self.folder / "calls").read_text().splitlines()]

    @property
    def pulled(self) -> list[str]:
        lines = (self.folder / "calls").read_text().splitlines()
        return [line.split()[-1] for line in lines if line.startswith("pull")]

    @property
    def names(self) -> set[str]:
        return {file.name.replace("%", "/") for file in (self.folder / "images").iterdir()}

    # what Images asks of the docker SDK

    def info(self) -> dict[str, str]:
        return {"ID": "fake"}

    def version(self) -> dict[str, str]:
        return {"Arch": "amd64"}

    def _file(self, name: str) -> Path:
        return self.folder / "images" / name.replace("/", "%")

    def get(self, name: str) -> Any:
        if not self._file(name).exists():
            raise ImageNotFound(name)
        facts = json.loads(self._file(name).read_text())

        def tag(repository: str, tag: str) -> None:
            self._file(f"{repository}:{tag}").write_text(json.dumps(facts))

        return SimpleNamespace(**facts, tag=tag, attrs={"Size": 1}, tags=[name])

    def remove(self, name: str, noprune: bool = False) -> None:
        self._file(name).unlink(missing_ok=True)

    def list(self, filters: dict[str, str]) -> list[Any]:
        start = filters["reference"].rstrip("*")
        return [self.get(name) for name in self.names if name.startswith(start)]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    return FakeEngine(tmp_path, monkeypatch)


def one(folder: Path, **more: Any) -> dict[str, BaseImage]:
    """Return a catalogue of one image, whose stand-in is a small program."""
    stand_in = folder / "stand-in"
    stand_in.mkdir(exist_ok=True)
    (stand_in / "message.txt").write_text("here I am\n")
    (stand_in / "Dockerfile").write_text('FROM scratch\nCOPY hello /\nCMD ["/hello"]\n')
    facts = {"name": "thing:1", "hub": "thing:1.2.3", "stand_in": stand_in}
    facts |= {"platforms": ("linux/amd64", "linux/arm64")}
    image = BaseImage(**{**facts, **more})
    return {image.name: image}


def status_of(found: Images) -> tuple[str, str | None]:
    (only,) = found.status()
    return only.state, only.origin


def test_what_is_there_is_taken(fake: FakeEngine, tmp_path: Path) -> None:
    fake.hub = True
    fake.offer("thing:1")
    subprocess.run([fake.docker, "pull", "thing:1"], check=True)
    found = fake.look(one(tmp_path))
    found.ensure(all=True)
    found.wait(["thing:1"])
    assert fake.calls == ["pull"], "the test's own"
    assert status_of(found) == ("ready", "local")
    assert fake.said == []
    found.remove()
    assert "thing:1" in fake.names, "not ours to remove"


def test_an_engine_that_ends_meanwhile_is_a_sentence(fake: FakeEngine, tmp_path: Path) -> None:
    gone = docker.DockerClient(base_url=f"unix://{tmp_path}/no.sock", version="1.44")
    found = fake.look(one(tmp_path))

    def report(_line: str) -> None:
        found.client = gone

    found._report = report
    with pytest.raises(ImagesError, match=r"^thing:1 could not be prepared \(the engine gives no"):
        found.ensure(all=True)
    for ask in (lambda: found.ensure(all=True), found.status, found.remove):
        with pytest.raises(EngineError, match=r"does not answer .*no answer;.* what to do\.$"):
            ask()


def test_docker_hub_first_by_the_exact_reference(fake: FakeEngine, tmp_path: Path) -> None:
    fake.hub = True
    fake.offer("thing:1.2.3")
    found = fake.look(one(tmp_path))
    found.ensure(["thing:1"])
    assert fake.calls == ["pull", "run"]
    assert fake.names == {"thing:1"}
    assert status_of(found) == ("ready", "hub")
    found.remove()
    assert fake.names == set()


def test_a_digest_decides(fake: FakeEngine, tmp_path: Path) -> None:
    fake.hub = True
    fake.offer("thing:1.2.3@sha256:abc")
    fake.look(one(tmp_path, digest="sha256:abc")).ensure(all=True)
    assert fake.pulled == ["thing:1.2.3@sha256:abc"]
    assert "thing:1" in fake.names


def test_then_the_classroom_mirror(
    fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.hub = True  # but it refuses
    monkeypatch.setenv("CAPAS_MIRROR", "http://room:5000/")
    fake.offer("room:5000/library/thing:1")
    found = fake.look(one(tmp_path))
    found.ensure(all=True)
    assert fake.pulled == ["thing:1.2.3", "thing:1", "room:5000/library/thing:1"]
    assert fake.names == {"thing:1"}
    assert status_of(found) == ("ready", "mirror")


def test_then_a_stand_in(fake: FakeEngine, tmp_path: Path) -> None:
    fake.hub = True
    found = fake.look(one(tmp_path, aliases=("thing:latest",)))
    found.ensure(all=True)
    assert fake.calls == ["pull", "pull", "build", "run"]
    assert fake.names == {"thing:1", "thing:latest"}
    assert status_of(found) == ("ready", "stand-in")
    assert found.client.images.get("thing:1").labels[LABEL] == "thing:1"


def test_a_retired_reference_is_followed_by_the_plain_name(
    fake: FakeEngine, tmp_path: Path
) -> None:
    fake.hub = True
    fake.offer("thing:1")
    found = fake.look(one(tmp_path))
    found.ensure(all=True)
    assert fake.pulled == ["thing:1.2.3", "thing:1"]
    assert status_of(found) == ("ready", "hub")
    assert "thing:1: not from Docker Hub (Error response from daemon: not found)" in fake.said
    assert any("pulling it from Docker Hub, as thing:1" in line for line in fake.said)


def test_what_was_pulled_by_its_plain_name_and_does_not_run_is_not_left(
    fake: FakeEngine, tmp_path: Path
) -> None:
    fake.hub = True
    fake.offer("thing:1")
    (tmp_path / "broken").touch()
    with pytest.raises(ImagesError, match="exec format error"):
        fake.look(one(tmp_path)).ensure(all=True)
    assert fake.names == set()


@pytest.mark.parametrize("error", [EngineError("no"), docker.errors.APIError("no"), OSError("no")])
def test_whatever_happens_in_a_pull_the_next_origin_is_tried(
    fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    fake.hub = True
    fake.offer("thing:1.2.3")
    right = fake.get

    def get(name: str) -> Any:
        if name == "thing:1.2.3" and fake.pulled:
            raise error
        return right(name)

    monkeypatch.setattr(fake, "get", get)
    found = fake.look(one(tmp_path))
    found.ensure(all=True)
    assert status_of(found) == ("ready", "stand-in")


def test_an_alias_that_somebody_else_has_is_theirs(fake: FakeEngine, tmp_path: Path) -> None:
    fake.offer("thing:latest")
    subprocess.run([fake.docker, "pull", "thing:latest"], check=True)
    theirs = fake.get("thing:latest").id
    found = fake.look(one(tmp_path, aliases=("thing:latest", "thing:one")))
    found.ensure(all=True)
    assert fake.get("thing:latest").id == theirs
    ours = fake.get("thing:one").id
    assert ours == fake.get("thing:1").id
    renewed = fake.look(
        one(tmp_path, aliases=("thing:latest", "thing:one")), own_certificates=["a new CA"]
    )
    renewed.ensure(all=True)
    assert fake.get("thing:one").labels == fake.get("thing:1").labels, "ours goes along"
    renewed.remove()
    assert fake.names == {"thing:latest"}


def test_an_engine_with_a_registry_mirror_is_tried(
    fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {"ID": "fake", "RegistryConfig": {"Mirrors": ["https://mirror.university.test/"]}}
    monkeypatch.setattr(fake, "info", lambda: facts)
    fake.offer("thing:1.2.3")
    found = fake.look(one(tmp_path))
    found.ensure(all=True)
    assert status_of(found) == ("ready", "hub")
    assert "https://mirror.university.test/" in fake.said[0]
    found.remove()
    fake.offer("nothing")
    found = fake.look(one(tmp_path))
    found.ensure(all=True)
    assert status_of(found) == ("ready", "stand-in")
    assert fake.pulled[2:] == ["thing:1.2.3"], "the trial only"


def test_what_was_here_lacks_the_hosts_own_certificates(fake: FakeEngine, tmp_path: Path) -> None:
    fake.offer("thing:1")
    subprocess.run([fake.docker, "pull", "thing:1"], check=True)
    found = fake.look(one(tmp_path), own_certificates=["a CA"])
    found.ensure(all=True)
    (told,) = fake.said
    assert told.startswith("thing:1 was here before and is left as it is")
    assert [status.detail for status in found.status()] == [told]


def test_large_copies_are_left_to_one_process_of_their_own(
    fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    def start(command: list[str], **_more: Any) -> Any:
        started.append(command)
        return SimpleNamespace(wait=lambda: 0)

    monkeypatch.setattr("capas.engine.mirror.has", lambda *_: False)
    found = fake.look(
        one(tmp_path, size=100, aliases=("thing:latest",)), own_mirror=SimpleNamespace(port=1)
    )
    found.ensure(all=True)
    assert fake.calls == ["build", "run"], "nothing is copied before it is ready"
    monkeypatch.setattr("capas.engine.copying.subprocess.Popen", start)
    with Copies(found).lock():
        found.copy()
    assert not started, "another process is at it"
    found.copy()
    assert [command[1:] for command in started] == [["-m", "capas.engine.copying", "fake"]]
    fake.remove("thing:1")
    found.copy()
    assert len(started) == 1, "nothing to copy"


def test_copies_end_with_the_engine(tmp_path: Path) -> None:
    copying = subprocess.run(
        [sys.executable, "-m", "capas.engine.copying", f"unix://{tmp_path}/none.sock"],
        cwd=ROOT,
        env={**os.environ, "CAPAS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "Traceback" not in copying.stderr


def test_out_of_reach_docker_hub_is_not_asked(fake: FakeEngine, tmp_path: Path) -> None:
    fake.look(one(tmp_path)).ensure(all=True)
    assert fake.calls == ["build", "run"]


def test_a_stand_in_of_an_older_recipe_is_made_anew(fake: FakeEngine, tmp_path: Path) -> None:
    fake.look(one(tmp_path)).ensure(all=True)
    before = fake.get("thing:1").labels[RECIPE]
    fake.look(one(tmp_path)).ensure(all=True)
    assert fake.calls.count("build") == 1
    fake.look(one(tmp_path), own_certificates=["a new CA"]).ensure(all=True)
    assert fake.calls.count("build") == 2
    assert fake.get("thing:1").labels[RECIPE] != before


def test_a_fault_is_a_sentence_and_hinders_no_other(fake: FakeEngine, tmp_path: Path) -> None:
    fake.hub = True
    fake.offer("other:1.0.0")
    (tmp_path / "fault").write_text("#5 0.1 E: Unable to locate package nonsense")
    other = one(tmp_path, name="other:1", hub="other:1.0.0")
    child = one(tmp_path, name="child:1", hub="child:1.0.0", needs=("thing:1",))
    found = fake.look({**one(tmp_path), **other, **child})
    with pytest.raises(ImagesError) as caught:
        found.ensure(all=True)
    sentences = str(caught.value).splitlines()
    assert sentences[0].startswith(
        "thing:1 could not be pulled (Error response from daemon: not found). "
        "thing:1 could not be prepared (E: Unable to locate package"
    )
    assert str(tmp_path / "home/log/images/thing-1.log") in sentences[0]
    assert sentences[1:] == ["child:1 is not ready, because it is made from thing:1."]
    assert fake.names == {"other:1"}
    assert [status.state for status in found.status()] == ["failed", "ready", "missing"]
    (tmp_path / "fault").unlink()
    found.ensure(all=True)
    assert {status.state for status in found.status()} == {"ready"}


def test_a_full_disk_is_a_sentence(fake: FakeEngine, tmp_path: Path) -> None:
    (tmp_path / "fault").write_text("write /a/b: no space left on device")
    with pytest.raises(ImagesError, match=r"no room left on the disk for thing:1: free some GB"):
        fake.look(one(tmp_path)).ensure(all=True)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "There is no room left on the disk for"),
        (errno.EDQUOT, "There is no room left on the disk for"),
        (errno.EACCES, "cannot be written to .Permission denied.: see to whom it belongs"),
    ],
)
def test_no_folder_for_temporary_files_is_a_sentence(
    fake: FakeEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    sentence: str,
) -> None:
    def refuse(**_kw: Any) -> str:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("capas.engine.preparing.tempfile.mkdtemp", refuse)
    with pytest.raises(ImagesError, match=sentence):
        fake.look(one(tmp_path)).ensure(all=True)


def test_what_does_not_run_does_not_count(fake: FakeEngine, tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    with pytest.raises(ImagesError, match="exec format error"):
        fake.look(one(tmp_path)).ensure(all=True)
    assert fake.names == set()


def test_another_processor_is_a_sentence(fake: FakeEngine, tmp_path: Path) -> None:
    with pytest.raises(ImagesError, match="There is no thing:1 for linux/amd64"):
        fake.look(one(tmp_path, platforms=("linux/arm64",))).ensure(all=True)


def test_an_unknown_name_is_a_sentence(fake: FakeEngine, tmp_path: Path) -> None:
    with pytest.raises(ImagesError, match="nonsense is not one of the course's base images"):
        fake.look(one(tmp_path)).ensure(["nonsense"])


def test_what_a_killed_process_left_is_swept(fake: FakeEngine, tmp_path: Path) -> None:
    fake.offer("capas-preparing/thing:1")
    subprocess.run([fake.docker, "pull", "capas-preparing/thing:1"], check=True)
    leftover = tmp_path / "home/tmp/images-killed"
    leftover.mkdir(parents=True)
    (leftover / "lock").touch()
    fake.look(one(tmp_path)).ensure(all=True)
    assert fake.names == {"thing:1"}
    assert not leftover.exists()


# --- on a real engine --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine(engine: Engine) -> Engine:
    """Return the tests' engine, with the core images on it."""
    images.wait(engine, images.names())
    return engine


@pytest.fixture(scope="module")
def client(engine: Engine) -> Iterator[docker.DockerClient]:
    client = engine.client()
    yield client
    client.close()


@pytest.fixture
def name(client: docker.DockerClient) -> Iterator[str]:
    """Return a name for a test's own image; it is removed with all that goes with it."""
    name = f"capas-test-{uuid.uuid4().hex[:8]}:1"
    yield name
    for image in client.images.list():
        for tag in image.tags:
            if name.split(":")[0] in tag:
                client.images.remove(tag, force=True)


@pytest.mark.engine
def test_a_stand_in_runs_and_says_what_it_is(
    engine: Engine, client: docker.DockerClient, name: str, tmp_path: Path
) -> None:
    said: list[str] = []
    found = Images(engine, images=one(tmp_path, name=name), home=tmp_path, report=said.append)
    found.__dict__["hub_is_reached"] = False
    found.ensure(all=True)
    labels = {"capas": "test"}
    assert client.containers.run(name, remove=True, labels=labels) == b"here I am\n"
    assert client.images.get(name).labels[LABEL] == name
    assert "not official" in client.images.get(name).labels["org.opencontainers.image.description"]
    assert said[-1].startswith(f"{name}: ready (stand-in")
    told, log = len(said), found.log(found.images[name])
    log.unlink()
    found.wait([name])
    found.ensure(all=True)
    assert (len(said), log.exists()) == (told, False), "nothing to wait for, nothing done"
    found.remove()
    assert [status.state for status in found.status()] == ["missing"]
    assert not list((tmp_path / "tmp").iterdir())


# The interrupt is set anew: below a shell's `&`, where CI may run, programs ignore it.
DRIVE = """
import signal, sys, threading
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {root!r})
from capas.engine import Engine
from capas.engine.images import BaseImage, Images
what, name, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
image = BaseImage(name, name, folder / "stand-in", ("linux/amd64", "linux/arm64"))
images = Images(Engine({host!r}, "found", "test", "0", 0), images={{name: image}}, home=folder,
                report=lambda line: print(line, flush=True), hub_answers=lambda: False)
images.wait([name]) if what == "wait" else images.ensure(all=True)
"""


class Process:
    """Another process that prepares the test's image."""

    def __init__(self, what: str, engine: Engine, name: str, folder: Path) -> None:
        code = DRIVE.format(root=str(ROOT), host=engine.host)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, what, name, str(folder)],
            env={**os.environ, **engine.environment(), "CAPAS_LANG": "en"},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def end(self) -> str:
        out, _ = self.process.communicate(timeout=30)
        return out


def slow(folder: Path, seconds: float, mark: str) -> None:
    """Write a stand-in that takes a while to build."""
    (folder / "stand-in").mkdir(exist_ok=True)
    (folder / "stand-in/Dockerfile").write_text(
        f'FROM busybox\nRUN echo {mark} && sleep {seconds}\nCMD ["true"]\n'
    )


def is_building(folder: Path, name: str, mark: str) -> bool:
    log = folder / "log/images" / f"{name.replace(':', '-')}.log"
    return log.exists() and re.search(rf"^#\d+ [\d.]+ {mark}$", log.read_text(), re.M) is not None


@pytest.mark.engine
def test_two_processes_make_it_once(engine: Engine, name: str, tmp_path: Path) -> None:
    slow(tmp_path, 2, mark := uuid.uuid4().hex)
    first = Process("ensure", engine, name, tmp_path)
    wait_for(lambda: is_building(tmp_path, name, mark), 20, "the build")
    image = BaseImage(name, name, tmp_path / "stand-in", ("linux/amd64", "linux/arm64"))
    found = Images(engine, images={name: image}, home=tmp_path)
    assert [status.state for status in found.status()] == ["preparing"]
    second = Process("wait", engine, name, tmp_path)
    assert "ready (stand-in" in first.end()
    waited = second.end()
    assert waited.splitlines()[0] == f"Waiting for {name}; this is needed once."
    assert f"{name}: another process prepares it" in waited
    assert "ready" not in waited, "the first one made it"
    assert [first.process.returncode, second.process.returncode] == [0, 0]


@pytest.mark.engine
@pytest.mark.parametrize("sign", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_interrupted_it_leaves_nothing_that_the_next_run_trips_over(
    engine: Engine, client: docker.DockerClient, name: str, tmp_path: Path, sign: str
) -> None:
    slow(tmp_path, 60, mark := uuid.uuid4().hex)
    cut = Process("ensure", engine, name, tmp_path)
    wait_for(lambda: is_building(tmp_path, name, mark), 20, "the build")
    cut.process.send_signal(signal.Signals[sign])
    cut.end()
    assert cut.process.returncode != 0
    wait_for(lambda: not mentioned(name), 10, "the end of docker build")
    slow(tmp_path, 0, uuid.uuid4().hex)
    again = Process("ensure", engine, name, tmp_path)
    assert "ready (stand-in" in again.end()
    assert not list((tmp_path / "tmp").iterdir())
    assert not client.images.list(filters={"reference": f"capas-preparing/{name}"})


def mentioned(name: str) -> bool:
    """Whether a process other than this one has the name in its command line."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if name.encode() in file.read_bytes() and int(file.parent.name) != os.getpid():
                return True
        except OSError:
            continue
    return False


@pytest.mark.engine
def test_it_can_be_given_up_from_another_thread(engine: Engine, name: str, tmp_path: Path) -> None:
    slow(tmp_path, 60, mark := uuid.uuid4().hex)
    image = BaseImage(name, name, tmp_path / "stand-in", ("linux/amd64", "linux/arm64"))
    stop = threading.Event()
    found = Images(
        engine, images={name: image}, home=tmp_path, stop=stop, hub_answers=lambda: False
    )

    def give_up() -> None:
        wait_for(lambda: is_building(tmp_path, name, mark), 20, "the build")
        stop.set()

    thread = threading.Thread(target=give_up)
    thread.start()
    with pytest.raises(GivenUp):
        found.ensure(all=True)
    thread.join()
    assert [status.state for status in found.status()] == ["missing"]


@pytest.fixture
def own(registry: Path, tmp_path: Path) -> Iterator[Mirror]:
    """A mirror of the test's own."""
    mirror = Mirror(tmp_path, registry)
    mirror.up()
    yield mirror
    mirror.down()


@pytest.mark.engine
def test_a_removed_image_comes_back_from_the_mirror(
    engine: Engine, client: docker.DockerClient, own: Mirror, name: str, tmp_path: Path
) -> None:
    found = Images(
        engine,
        images=one(tmp_path, name=name),
        home=tmp_path,
        own_mirror=own,
        hub_answers=lambda: False,
    )
    found.ensure(all=True)
    assert mirror.has(f"{HOST}:{own.port}", name), "small ones are copied at once"
    assert Copies(found).missing() == []
    made = client.images.get(name).id
    assert client.images.get(name).tags == [name], "no passing names are left"
    client.images.remove(name)
    said: list[str] = []
    found._report = said.append
    found.ensure(all=True)
    assert client.images.get(name).id == made
    assert not [line for line in said if "making" in line]
    assert status_of(found) == ("ready", "stand-in")
    assert client.images.get(name).tags == [name]


@pytest.mark.engine
def test_a_large_image_is_copied_afterwards_under_its_own_names_only(
    engine: Engine, client: docker.DockerClient, own: Mirror, name: str, tmp_path: Path
) -> None:
    alias, theirs = (name.replace(":1", tag) for tag in (":one", ":theirs"))
    client.images.get("busybox:latest").tag(*theirs.split(":"))
    found = Images(
        engine,
        images=one(tmp_path, name=name, aliases=(alias, theirs), size=100),
        home=tmp_path,
        own_mirror=own,
        hub_answers=lambda: False,
    )
    found.ensure(all=True)
    (image,) = Copies(found).missing()
    Copies(found).copy(image)
    assert Copies(found).missing() == []
    held = [mirror.has(f"{HOST}:{own.port}", each) for each in (name, alias, theirs)]
    assert held == [True, True, False]


@pytest.mark.engine
def test_a_pulled_image_gets_the_hosts_own_certificates(
    engine: Engine,
    client: docker.DockerClient,
    own: Mirror,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client.images.get("busybox:latest").tag(*name.split(":"))
    own.push(engine, name)
    client.images.remove(name)
    monkeypatch.setenv("CAPAS_MIRROR", f"{HOST}:{own.port}")
    pem = "-----BEGIN CERTIFICATE-----\nQSBDQSBvZiBvdXIgb3du\n-----END CERTIFICATE-----\n"
    image = one(tmp_path, name=name, check=("true",))
    found = Images(
        engine, images=image, home=tmp_path, own_certificates=[pem], hub_answers=lambda: False
    )
    found.ensure(all=True)
    assert status_of(found) == ("ready", "mirror")
    look = ["sh", "-c", f"env; cat {certificates.BUNDLE} {certificates.ANCHORS}/*"]
    inside = client.containers.run(name, look, remove=True, labels={"capas": "test"}).decode()
    assert f"SSL_CERT_FILE={certificates.BUNDLE}" in inside
    assert inside.count("QSBDQSBvZiBvdXIgb3du") == 2
    assert inside.count("BEGIN CERTIFICATE") > 50, "the others are still there"


# --- the images that lessons use, whatever their origin -----------------------------------------


def inside(client: docker.DockerClient, image: str, script: str, **more: Any) -> str:
    command = ["sh", "-ec", script]
    output = client.containers.run(
        image, command, remove=True, labels={"capas": "test"}, stderr=True, **more
    )
    return str(output.decode())


@pytest.mark.engine
def test_python_has_what_lessons_use(client: docker.DockerClient) -> None:
    script = """
    which python pip python3
    python -c 'import sys; print(sys.version_info[:2])'
    python -m venv /tmp/venv && /tmp/venv/bin/pip --version
    cd /tmp && pip download --quiet --no-deps six && ls *.whl
    """
    output = inside(client, "python:3.13-slim", script)
    for expected in ("/usr/local/bin/python\n", "/usr/local/bin/pip\n", "(3, 13)", "six-"):
        assert expected in output


@pytest.mark.engine
def test_node_has_what_lessons_use(client: docker.DockerClient) -> None:
    script = "node --version; npm --version; npx --version; id node; npm view is-odd name"
    output = inside(client, "node:24-slim", script)
    for expected in ("v24.", "uid=1000(node) gid=1000(node)", "is-odd"):
        assert expected in output
    labels = {"capas": "test"}
    answer = client.containers.run("node:24-slim", ["-p", "6 * 7"], remove=True, labels=labels)
    assert answer == b"42\n"


@pytest.mark.engine
def test_busybox_has_its_applets(client: docker.DockerClient) -> None:
    assert inside(client, "busybox", "echo a b | awk '{print $2}'; wget --help 2>&1; id -u")


@pytest.mark.engine
@pytest.mark.parametrize("image", images.names())
def test_a_stand_in_can_be_told(client: docker.DockerClient, image: str) -> None:
    labels = client.images.get(image).labels
    if labels.get(LABEL) != image:
        pytest.skip("the official image")
    assert labels["org.opencontainers.image.title"] == f"{image} (stand-in)"
    assert "capas" not in labels, "`capas clean` would remove what students make from it"
    if image.startswith("hello-world"):
        said = client.containers.run(image, remove=True, labels={"capas": "test"}).decode()
        assert "Hello from a container!" in said
        assert "¡Hola desde un container!" in said
    else:
        told = inside(client, image, "cat /etc/capas-stand-in")
        assert told.startswith(f"This is {image} of the course Capas")


@pytest.fixture
def service(engine: Engine, client: docker.DockerClient) -> Iterator[Any]:
    """Return a function that starts a container of an image; it is removed afterwards."""
    started = []

    def start(image: str, **more: Any) -> Any:
        if not any(image in (tag, tag.split(":")[0]) for tag in tags(client)):
            pytest.skip(f"{image} is not on this engine: `capas images --all` prepares it")
        container = client.containers.run(image, detach=True, labels={"capas": "test"}, **more)
        started.append(container)
        return container

    yield start
    for container in started:
        container.remove(force=True, v=True)


def tags(client: docker.DockerClient) -> list[str]:
    return [tag for image in client.images.list() for tag in image.tags]


def says(container: Any, *command: str) -> str:
    """Return the output of a command in the container when it has succeeded."""
    _code, output = wait_for(
        lambda: (done := container.exec_run(list(command))).exit_code == 0 and done, 30, command[0]
    )
    return str(output.decode())


@pytest.mark.engine
def test_postgres_takes_the_official_variables_and_scripts(service: Any, tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text("CREATE TABLE made (id int)")
    tmp_path.chmod(0o755)
    database = service(
        "postgres:17",
        environment={"POSTGRES_PASSWORD": "p", "POSTGRES_USER": "notes", "POSTGRES_DB": "notes"},
        volumes=[f"{tmp_path}:/docker-entrypoint-initdb.d:ro"],
    )
    says(database, "pg_isready", "--host=127.0.0.1")
    assert "made" in says(database, "psql", "-U", "notes", "-c", r"\dt")


@pytest.mark.engine
def test_postgres_without_a_password_says_so(service: Any) -> None:
    database = service("postgres:17")
    assert database.wait(timeout=30)["StatusCode"] == 1
    assert "POSTGRES_PASSWORD" in database.logs().decode()


@pytest.mark.engine
def test_redis_answers(service: Any) -> None:
    assert says(service("redis:8"), "redis-cli", "ping") == "PONG\n"


@pytest.mark.engine
def test_nginx_serves_templates_and_logs_to_the_container(service: Any, tmp_path: Path) -> None:
    template = "server { listen 80; return 200 '$WORD, $uri'; }\n"
    (tmp_path / "default.conf.template").write_text(template)
    tmp_path.chmod(0o755)
    server = service(
        "nginx",
        environment={"WORD": "hello"},
        volumes=[f"{tmp_path}:/etc/nginx/templates:ro"],
    )
    assert says(server, "curl", "-s", "http://127.0.0.1/x") == "hello, /x"
    wait_for(lambda: b"GET /x" in server.logs(), 5, "the access log")


@pytest.mark.engine
def test_registry_answers(service: Any, client: docker.DockerClient) -> None:
    registry = service("registry:2")
    registry.reload()
    network = f"container:{registry.id}"
    script = "until wget -q -O - http://127.0.0.1:5000/v2/_catalog; do sleep 0.1; done"
    assert "repositories" in inside(client, "busybox", script, network_mode=network)
