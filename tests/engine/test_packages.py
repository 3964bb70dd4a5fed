import hashlib
import shutil
import sys
from pathlib import Path

import pytest

from capas.engine import EngineError, packages

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Debian's packages")


def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, codename: str) -> Path:
    monkeypatch.setattr(shutil, "which", lambda command: f"/usr/bin/{command}")
    path = tmp_path / "os-release"
    path.write_text(f'PRETTY_NAME="{name} {codename}"\nID={name}\nVERSION_CODENAME={codename}\n')
    return path


@pytest.mark.parametrize(
    ("name", "codename", "newer", "compose"),
    [
        ("debian", "bookworm", "trixie", "docker-compose"),
        ("debian", "trixie", None, "docker-compose"),
        ("ubuntu", "jammy", None, "docker-compose-v2"),
        ("ubuntu", "noble", None, "docker-compose-v2"),
    ],
)
def test_releases(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    codename: str,
    newer: str | None,
    compose: str,
) -> None:
    found = packages.release(system(tmp_path, monkeypatch, name, codename))
    assert found.newer == newer
    assert compose in found.engine
    assert set(found.cli) < set(found.engine)
    assert {"docker.io", "containerd", "runc", "docker-registry", "iptables"} < set(found.engine)


@pytest.mark.parametrize(("name", "codename"), [("debian", "bullseye"), ("fedora", ""), ("x", "y")])
def test_unknown_systems_are_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, codename: str
) -> None:
    with pytest.raises(EngineError, match="Debian 12 and 13"):
        packages.release(system(tmp_path, monkeypatch, name, codename))


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    """A machine's /etc/apt with sources written in all the usual ways."""
    folder = tmp_path / "apt"
    (folder / "sources.list.d").mkdir(parents=True)
    (folder / "sources.list").write_text(
        "# deb http://no.example bookworm main\n"
        "deb cdrom:[Debian] bookworm main\n"
        "deb [arch=amd64 signed-by=/a.gpg,/b.gpg] http://one.example/debian bookworm main # x\n"
        "deb-src http://src.example/debian bookworm main\n"
    )
    (folder / "sources.list.d/security.sources").write_text(
        "Types: deb deb-src\n# where\nURIs: http://two.example/security\n"
        "Suites: bookworm-security\nComponents: main\nSigned-By:\n -----BEGIN\n .\n abc\n\n"
        "Types: deb\nEnabled: no\nURIs: http://off.example\nSuites: bookworm\nComponents: main\n"
    )
    return folder


BOOKWORM = packages.Release("bookworm", "trixie", ("docker.io",), "main", (), ("docker.io",))


def test_mirror_and_keys_are_the_machine_s_own(apt: Path) -> None:
    assert packages._sources(BOOKWORM, apt) == (
        "Types: deb\nURIs: http://one.example/debian\nSuites: bookworm trixie\n"
        "Components: main\nSigned-By: /a.gpg /b.gpg\n"
        "\n"
        "Types: deb\nURIs: http://two.example/security\n"
        "Suites: bookworm-security trixie-security\nComponents: main\n"
        "Signed-By: \n -----BEGIN\n .\n abc\n"
    )


def test_no_mirror_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="name no mirror for bookworm"):
        packages._sources(BOOKWORM, tmp_path)


def test_only_the_engine_comes_from_the_newer_release() -> None:
    pins = packages._preferences(BOOKWORM)
    assert "Package: *\nPin: release n=trixie*\nPin-Priority: 100\n" in pins
    assert "Package: docker.io\nPin: release n=trixie*\nPin-Priority: 900\n" in pins


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("26.1.5+dfsg1-9", (26, 1, 5)), ("5:27.0~rc1", (27, 0)), ("odd", ())],
)
def test_versions(version: str, numbers: tuple[int, ...]) -> None:
    assert packages._numbers(version) == numbers


def test_a_file_is_whole_or_not(tmp_path: Path) -> None:
    content = b"a package"
    checksum = "SHA256:" + hashlib.sha256(content).hexdigest()
    file = packages._File("x", "x_1_all.deb", len(content), checksum)
    assert not file.whole(tmp_path)
    (tmp_path / file.name).write_bytes(content[:-1])
    assert not file.whole(tmp_path)
    (tmp_path / file.name).write_bytes(b"another p")
    assert not file.whole(tmp_path)
    (tmp_path / file.name).write_bytes(content)
    assert file.whole(tmp_path)


def test_a_folder_is_complete_or_absent(tmp_path: Path) -> None:
    target = tmp_path / "there"

    def half(new: Path) -> None:
        (new / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        packages._replace(target, half)
    assert not list(tmp_path.iterdir())
    (tmp_path / ".there-left-by-kill-9").mkdir()
    packages._replace(target, lambda new: (new / "whole").touch())
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert (target / "whole").exists()


def test_shared_packages_are_links(tmp_path: Path) -> None:
    source = tmp_path / "prefix"
    (source / "usr/bin").mkdir(parents=True)
    (source / "usr/bin/docker").write_text("program")
    (source / "usr/bin/link").symlink_to("docker")
    (source / packages.COMPLETE).write_text("docker-cli_1_amd64.deb\n")
    packages.share(source, ["docker-cli"], tmp_path / "store")
    (kept,) = (tmp_path / "store/unpacked").iterdir()
    assert packages.has(kept, ["docker-cli"])
    assert not packages.has(kept, ["docker-cli", "docker.io"])
    assert (kept / "usr/bin/docker").samefile(source / "usr/bin/docker")
    assert (kept / "usr/bin/link").readlink() == Path("docker")


def test_too_little_room_is_told(tmp_path: Path) -> None:
    packages.need_room(tmp_path, 1)
    with pytest.raises(EngineError, match="make room, or set CAPAS_HOME"):
        packages.need_room(tmp_path / "not/yet/there", 10**9)


@pytest.mark.engine
def test_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    monkeypatch.setenv("CAPAS_HOME", str(tmp_path))
    try:
        mmdebstrap = packages.tool("mmdebstrap")
    except EngineError as error:
        pytest.skip(str(error))
    done = subprocess.run([mmdebstrap, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mmdebstrap")
    assert packages.tool("mmdebstrap") == mmdebstrap
    with pytest.raises(ValueError, match="no such tool"):
        packages.tool("rm")


def test_plugins_are_found_in_a_copy_too(tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    program = prefix / "usr/libexec/docker/cli-plugins/docker-compose"
    program.parent.mkdir(parents=True)
    program.write_text("compose")
    link = prefix / "capas/docker/cli-plugins/docker-compose"
    link.parent.mkdir(parents=True)
    link.symlink_to(program)  # as older versions did
    for _again in range(2):
        packages.plugins(prefix)
    prefix.rename(tmp_path / "copy")
    assert (tmp_path / "copy" / link.relative_to(prefix)).read_text() == "compose"
    assert [path.name for path in (tmp_path / "copy/capas/docker/cli-plugins").iterdir()] == [
        "docker-compose"
    ]
