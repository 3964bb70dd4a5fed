"""Submissions that mean harm: reported as such, harmless to the grader, gone afterwards."""

import json
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from capas.engine import Engine, cgroups, images
from capas.exercises import Limits, Verdict, judge
from capas.exercises.catalogue import find
from capas.exercises.limits import MB, not_held
from capas.grading import worker
from capas.grading.submissions import pack
from tests.exercises.variants import left_by
from tests.grading.handing_in import NAME, solved

pytestmark = pytest.mark.engine

TIGHT = Limits(
    memory=128 * MB,
    processes=64,
    cpus=1.0,
    build_memory=256 * MB,
    build_processes=64,
    build_seconds=20,
    output=MB,
    disk=200 * MB,
    context=20 * MB,
    packages=False,
    caches=False,
    pull=False,
)
FROM = "FROM python:3.13-slim\n"
SERVER = FROM + 'CMD ["python", "-m", "http.server", "8000"]\n'


@pytest.fixture(autouse=True)
def images_are_there(engine: Engine) -> None:
    images.ensure(engine, ["python:3.13-slim", "busybox", "redis:8"])


def judged(
    engine: Engine,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float = 90,
    **limits: object,
) -> Verdict:
    monkeypatch.setenv("CAPAS_ENGINE", engine.host)
    own = replace(TIGHT, **limits)  # type: ignore[arg-type]
    identity = uuid4().hex[:10]
    found = worker.run(NAME, pack(folder), own, seconds, identity)
    assert left_by(engine, identity) == []
    assert running_builds() == []
    assert json.loads(json.dumps(found)) == found
    return Verdict.from_dict(found)


def running_builds() -> list[str]:
    """Return the processes that builds of checks have left."""
    groups = [*cgroups.ROOT.glob("capas-check-*"), *cgroups.ROOT.glob("*/capas-check-*")]
    return [
        number
        for group in groups
        for listed in group.glob("**/cgroup.procs")
        for number in listed.read_text().split()
    ]


def dockerfile(folder: Path, text: str) -> Path:
    return solved(folder, Dockerfile=text)


def test_a_fork_bomb_in_the_build(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if len(not_held(engine, TIGHT)) > 1:
        pytest.skip("this engine does not limit builds: said in the report")
    bomb = FROM + 'RUN ["sh", "-c", "b() { b | b & wait; }; b; exit 7"]\n'
    found = judged(engine, dockerfile(tmp_path / "a", bomb), monkeypatch)
    assert found.hints[0] in ("build-fails", "build-slow", "too-much-output")


def test_a_fork_bomb_in_the_container(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = FROM + 'CMD ["sh", "-c", "b() { b | b & wait; }; while :; do b; done"]\n'
    found = judged(engine, dockerfile(tmp_path / "a", bomb), monkeypatch)
    assert found.hints[0] in ("exits", "no-answer", "out-of-memory")


def test_an_endless_build(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = FROM + "RUN while :; do sleep 1; done\n"
    found = judged(engine, dockerfile(tmp_path / "a", endless), monkeypatch, build_seconds=4)
    assert found.hints == ["build-slow"]


def test_endless_output_of_a_build(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # BuildKit itself shows only the beginning of a step's output: many steps say much.
    loud = FROM + "".join(f"RUN yes {n} | head -c 1000000\n" for n in range(4)) + "RUN yes\n"
    found = judged(engine, dockerfile(tmp_path / "a", loud), monkeypatch, build_seconds=15)
    assert found.hints[0] in ("too-much-output", "build-slow")


def test_endless_output_of_a_container(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loud = FROM + 'CMD ["yes", "a line that never ends to be written"]\n'
    found = judged(engine, dockerfile(tmp_path / "a", loud), monkeypatch)
    assert found.hints == ["no-answer"]


@pytest.mark.parametrize("where", ["build", "container"])
def test_the_disk_is_filled(
    where: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = "dd if=/dev/zero of=/big bs=1M count=3000"
    text = FROM + (f"RUN {fill}\n" if where == "build" else f'CMD ["sh", "-c", "{fill}; sleep 60"]')
    found = judged(engine, dockerfile(tmp_path / "a", text), monkeypatch)
    assert found.hints == ["disk-full"]


def test_a_huge_context(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = dockerfile(tmp_path / "a", SERVER)
    with (folder / "huge").open("wb") as file:
        file.truncate(30 * MB)
    assert judged(engine, folder, monkeypatch).hints == ["too-large"]


REACHING_OUT = {
    "privileged": "    privileged: true\n",
    "host folder": "    volumes: ['/:/host']\n",
    "parent folder": "    volumes: ['..:/host']\n",
    "docker.sock": "    volumes: ['/var/run/docker.sock:/var/run/docker.sock']\n",
    "host network": "    network_mode: host\n",
    "host processes": "    pid: host\n",
    "capability": "    cap_add: [SYS_ADMIN]\n",
    "device": "    devices: ['/dev/kmsg:/dev/kmsg']\n",
    "no seccomp": "    security_opt: ['seccomp:unconfined']\n",
    "another's volume": "    volumes: ['other:/other']\nvolumes: {other: {external: true}}\n",
    "a volume that is a folder": (
        "    volumes: ['other:/other']\n"
        "volumes: {other: {driver_opts: {type: none, o: bind, device: /etc}}}\n"
    ),
    "a secret of the host": "    secrets: [s]\nsecrets: {s: {file: /etc/shadow}}\n",
    "control group": "    cgroup_parent: /\n",
}


@pytest.mark.parametrize("lines", REACHING_OUT.values(), ids=REACHING_OUT.keys())
def test_a_compose_file_that_reaches_out(lines: str, engine: Engine, tmp_path: Path) -> None:
    exercise = find("09")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "compose.yaml").write_text(f"services:\n  web:\n    image: redis:8\n{lines}")
    identity = uuid4().hex[:10]
    found = judge(exercise, engine, tmp_path / "a", limits=TIGHT, identity=identity)
    assert left_by(engine, identity) == []
    assert found.hints[:1] == ["refused"]


def test_an_image_that_ignores_sigterm(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = FROM + 'COPY . /app\nCMD ["sh", "-c", "trap : TERM; while :; do sleep 1; done"]\n'
    found = judged(engine, dockerfile(tmp_path / "a", deaf), monkeypatch)
    assert found.hints[0] == "no-answer"


def test_all_of_it_takes_too_long(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = FROM + 'CMD ["sleep", "infinity"]\n'
    found = judged(engine, dockerfile(tmp_path / "a", deaf), monkeypatch, seconds=8)
    assert found.hints == ["took-too-long"]


def test_a_check_of_the_students_own_shadows_nothing(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "ran"
    evil = f"open({str(mark)!r}, 'w').close()\ndef __getattr__(name): return lambda bench: None\n"
    folder = solved(tmp_path / "a", check__py=evil, sitecustomize__py=evil, exercise__yaml="{}")
    (folder / "Dockerfile").unlink()
    (folder / "capas").mkdir()
    (folder / "capas" / "__init__.py").write_text(evil)
    found = judged(engine, folder, monkeypatch)
    assert found.hints == ["no-dockerfile"]
    assert not mark.exists()


def test_a_build_reaches_neither_the_network_nor_our_environment(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADER_TOKEN", "not-for-students")
    reach = FROM + (
        "ARG GRADER_TOKEN\n"
        'RUN test -z "$GRADER_TOKEN" && ! env | grep -q not-for-students\n'
        "RUN python -c \"import socket; socket.create_connection(('172.17.0.1', 1), 3)\" 2>&1 "
        "| grep -q 'Network is unreachable'\n"
        "RUN false\n"
    )
    found = judged(engine, dockerfile(tmp_path / "a", reach), monkeypatch)
    (first, *_) = found.outcomes
    assert first.hint == "build-fails"
    assert "/bin/sh -c false" in first.values["line"], first.values


@pytest.mark.parametrize("shared", [False, True])
def test_what_a_build_leaves_in_a_cache_reaches_no_other(
    shared: bool, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = f"RUN --mount=type=cache,id={uuid4().hex},target=/cache"
    # What is copied is the same for both, and so is the step after it.
    after = f"{FROM}COPY --from=one /etc/debian_version /one\n{mount} cp -r /cache /seen\n"
    one = FROM.replace("\n", " AS one\n")
    attack = dockerfile(tmp_path / "a", f"{one}{mount} touch /cache/poison\n{after}")
    victim = dockerfile(tmp_path / "b", f"{one}{after}RUN test ! -e /seen/poison\n")
    judged(engine, attack, monkeypatch, caches=shared)
    found = judged(engine, victim, monkeypatch, caches=shared)
    assert ("build-fails" in found.hints) == shared  # shared, it would


def test_a_container_gets_no_answer_from_outside(engine: Engine) -> None:
    from capas.exercises import Bench

    with Bench(engine, find("06").solution, TIGHT) as bench:
        attempt = "wget -T 3 -q -O- http://192.0.2.1 || echo nobody"
        container = bench.run("busybox", ["sh", "-c", attempt])
        container.wait(30)
        assert "nobody" in container.logs()
        options = bench.client.networks.get(bench.network).attrs["Options"]
        assert options["com.docker.network.bridge.enable_ip_masquerade"] == "false"
