"""Making a kit, and using what was made; a small one: one image, two wheels, an npm package."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from capas.engine import Engine
from capas.engine.images import Images
from capas.errors import CapasError
from capas.kit import contents, making, needs, npm, server, using, wheels
from capas.kit.contents import Archive, open_kit
from capas.paths import ROOT
from tests.kit.test_server import running

INTEGRITY = (  # of isarray 2.0.5
    "sha512-"
    "xHjhDr3cNBK0BzdUJSPXZntQUx/mwMS5Rw4A7lPJ90XGAO6ISP/ePDNuo0vhqOZU+UD5JoodwCAAoZQd3FeAKw=="
)


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course's folder that needs little."""
    root = tmp_path / "course"
    app = root / "sample_apps/app"
    app.mkdir(parents=True)
    (root / "requirements.txt").write_text("iniconfig==2.3.0\n")
    (app / "Dockerfile").write_text(
        "FROM python:3.13-slim\n"
        "RUN apt-get update && \\\n    apt-get install -y --no-install-recommends tini \\\n"
        "    curl=8.* && rm -rf /var/lib/apt/lists/*\n"
        "RUN pip install --no-cache-dir -r requirements.txt 'toolz==1.*' && echo done\n"
        "RUN pip install -t /x ./local https://example.org/x.whl\n"
    )
    (app / "requirements.txt").write_text("# notes\npluggy>=1.5  # hooks\n-e .\n")
    lock = {
        "packages": {
            "": {"name": "app"},
            "node_modules/isarray": {"version": "2.0.5", "integrity": INTEGRITY},
            "node_modules/a": {"version": "1.0.0", "integrity": "sha512-x", "os": ["darwin"]},
            "node_modules/b": {"version": "1.0.0", "integrity": "sha512-x", "libc": ["musl"]},
            "node_modules/c": {"version": "1.0.0", "integrity": "sha512-x", "cpu": ["arm"]},
            "node_modules/d": {"link": True, "integrity": "sha512-x", "version": "1.0.0"},
        }
    }
    (app / "package-lock.json").write_text(json.dumps(lock))
    lessons = root / "notebooks/src"
    lessons.mkdir(parents=True)
    (lessons / "01-lesson.md").write_text(
        "Never `pip install django` in prose.\n\nRUN pip install attrs\n"
    )
    broken = root / "exercises/01-lesson/start"
    broken.mkdir(parents=True)
    (broken / "package-lock.json").write_text("{ not JSON")
    (broken / "Pipfile.lock").write_text(
        json.dumps({"default": {"six": {"version": "==1.17.0"}}, "develop": {}})
    )
    return root


def test_what_builds_install_is_read_from_the_course(course: Path) -> None:
    found = {pins.requirements for pins in needs.pip(course)}
    assert found == {
        ("toolz==1.*",),
        ("pluggy>=1.5",),
        ("attrs",),
        ("six==1.17.0",),
        needs.BASICS,
    }
    assert needs.apt(course) == ["curl", "tini"]
    assert [package.spec for package in needs.npm(course)] == ["isarray@2.0.5"]


def test_of_this_course_all_builds_are_found() -> None:
    """Lock files and `RUN pip install …` of lessons and sample apps."""
    names = {word for pins in needs.pip() for word in pins.requirements}
    assert any(name.startswith("pipenv==") for name in names)
    assert any(name.startswith("fastapi==") for name in names)
    assert any(name.startswith("pip-audit==") for name in names)  # only in lesson 12
    assert "iproute2" in needs.apt()  # only in lesson 13
    assert "vite" in {package.name for package in needs.npm()}


def test_targets_take_the_wheel_that_fits() -> None:
    def wheel(name: str) -> dict[str, object]:
        return {"url": f"https://example.org/{name}", "hashes": {"sha256": "0" * 64}, "size": 1}

    tags = ["py3-none-any", "cp312-cp312-win_amd64", "cp312-cp312-manylinux_2_17_x86_64"]
    tags += ["cp312-cp312-musllinux_1_2_x86_64", "cp311-abi3-macosx_11_0_arm64"]
    files = [wheel(f"thing-1-{tag}.whl") for tag in tags]
    package = {"name": "thing", "version": "1", "wheels": files}
    only_linux = {"name": "only", "version": "1", "wheels": files[1:3]}
    on_windows = {**package, "name": "win", "marker": "sys_platform == 'win32'"}
    plan = wheels.Plan()
    for system in wheels.SYSTEMS:
        target = wheels.Target(system, "3.12")
        plan.add([package, only_linux, on_windows], target, target.key)
    chosen = {name: set(found.targets) for name, found in plan.wheels.items()}
    assert chosen["thing-1-cp312-cp312-win_amd64.whl"] == {"windows-x86_64-3.12"}
    assert chosen["thing-1-cp312-cp312-manylinux_2_17_x86_64.whl"] == {"linux-x86_64-3.12"}
    assert chosen["thing-1-cp311-abi3-macosx_11_0_arm64.whl"] == {"macos-aarch64-3.12"}
    assert chosen["thing-1-py3-none-any.whl"] == {"linux-aarch64-3.12", "macos-x86_64-3.12"}
    assert plan.missing == {
        key: ["only==1"]
        for key in ("linux-aarch64-3.12", "macos-x86_64-3.12", "macos-aarch64-3.12")
    }


def test_this_machine_is_one_of_the_targets() -> None:
    system, _dash, python = using.target().rpartition("-")
    if f"{sys.version_info[0]}.{sys.version_info[1]}" in wheels.PYTHONS:
        assert python in wheels.PYTHONS
    assert system in wheels.SYSTEMS or platform.machine() not in ("x86_64", "aarch64", "arm64")


def test_a_machine_that_uses_a_kit_makes_none(archive: Path, tmp_path: Path) -> None:
    using.use(open_kit(str(archive)), print)
    kit = making.Kit(tmp_path / "new.zip", Engine("unix:///none", "found", "", "", 0), print)
    with pytest.raises(CapasError, match="uses a kit itself"):
        kit.make()


@pytest.mark.engine
def test_made_interrupted_gone_on_with_served_and_used(
    course: Path, tmp_path: Path, engine: Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The engine's images are those of this machine's own home.
    monkeypatch.setattr(Images, "ensure", lambda self, names: None)
    out = tmp_path / "kit.zip"
    said: list[str] = []
    here = [wheels.Target(using.target().rpartition("-")[0], using.target().rpartition("-")[2])]

    def kit() -> making.Kit:
        return making.Kit(
            out,
            engine,
            said.append,
            targets=here,
            images=["busybox:latest"],
            root=course,
            system=False,
        )

    # No Debian packages in the small one: three containers' apt would take half a minute.
    monkeypatch.setattr(needs, "apt", lambda root: [])
    # Nor many sets of Python packages: the index is asked for each.
    monkeypatch.setattr(needs, "pip", lambda root: [needs.Pins("Dockerfile", ("toolz==1.*",))])

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(npm, "fetch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            kit().make()
    assert not out.exists()
    assert any("the kit will be about" in line for line in said)
    arrived = {path for path in (tmp_path / "kit.zip.making/wheels").iterdir()}
    assert {path.name.partition("-")[0] for path in arrived} >= {"iniconfig", "toolz", "pip", "uv"}

    with monkeypatch.context() as patch:  # what has arrived is not fetched again
        patch.setattr(wheels, "_fetch", interrupted)
        made = kit().make()
    assert made.size == sum(item.size for item in made.items.values()) > 10_000_000
    assert not (tmp_path / "kit.zip.making").exists()
    source = open_kit(str(out))
    assert isinstance(source, Archive)
    assert set(source.contents.get("images")) == {"busybox:latest"}

    with running(out) as served:
        url = f"http://127.0.0.1:{served.port}"
        using.use(open_kit(url), said.append)
        # As the bootstrap does it: from the kit's wheels alone, with the kit's own uv.
        place = tmp_path / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
        uv = using.provide_uv(place / "bin")
        assert uv and using.wheels() == home / "kit/wheels"
        command = [str(uv), "pip", "install", "--quiet", "--offline", "--no-index", "--no-config"]
        command += ["--find-links", str(using.wheels()), "--python", str(place / "bin/python")]
        subprocess.run([*command, "-r", str(course / "requirements.txt"), "pip"], check=True)
        # npm's side: a document with a file that is what the lock wants.
        document = server.Shelf(open_kit(str(home / "kit"))).answer("/npm/isarray", "room:1")
        assert isinstance(document.body, bytes)
        dist = json.loads(document.body)["versions"]["2.0.5"]["dist"]
        assert dist["integrity"] == INTEGRITY
        # The image comes back, the same one.
        name = "capas-test-kit/busybox:1"
        local = Images(engine).kit
        assert local is None  # no server runs: nothing is offered yet
        from capas.kit.local import Local

        file = tmp_path / "image.tar"
        Local(contents.Folder(home / "kit"), url).archive(
            Images(engine).images["busybox:latest"], name, file
        )
        client = engine.client()
        try:
            with file.open("rb") as stream:
                client.images.load(stream)
            assert client.images.get(name).id == client.images.get("busybox:latest").id
        finally:
            client.images.remove(name)
            client.close()


def test_the_real_requirements_are_a_kits(home: Path) -> None:
    assert making.requirements_digest() == making.requirements_digest(ROOT) != ""
