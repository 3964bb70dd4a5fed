"""Taking a kit: whole or not at all, gone on with, and what is no kit is a sentence."""

import errno
import json
import shutil
import zipfile
from collections import namedtuple
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from capas import paths
from capas.errors import CapasError
from capas.kit import using
from capas.kit.contents import NAME, Archive, Item, Site, open_kit
from tests.kit.conftest import write


def taken(home: Path) -> set[str]:
    place = home / "kit"
    return {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}


def use(place: Path | str) -> list[str]:
    said: list[str] = []
    using.use(open_kit(str(place)), said.append)
    return said


def test_a_machine_takes_what_it_needs(archive: Path, files: dict[str, bytes], home: Path) -> None:
    assert using.in_use() is None
    use(archive)
    assert taken(home) == {*files, NAME} - {"elsewhere.bin"}
    assert (home / "kit/large.bin").read_bytes() == files["large.bin"]
    assert using.in_use() is not None


def test_what_is_there_is_not_taken_again(archive: Path, home: Path) -> None:
    use(archive)
    assert use(archive) == []
    (home / "kit/large.bin").write_bytes(b"somebody has been here")
    assert "1 files" in use(archive)[0]
    assert (home / "kit/large.bin").stat().st_size > 1000


def test_another_kit_takes_the_place_of_the_first(
    archive: Path, tmp_path: Path, facts: dict[str, Any], home: Path
) -> None:
    use(archive)
    use(write(tmp_path / "other.zip", {"other.bin": b"other"}, facts | {"images": {}}))
    assert taken(home) == {"other.bin", NAME}


def test_a_folder_is_a_kit_too(archive: Path, tmp_path: Path, home: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "unpacked")
    use(tmp_path / "unpacked")
    assert "large.bin" in taken(home)


def test_an_interrupted_run_is_gone_on_with(
    archive: Path, files: dict[str, bytes], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of a large file: its beginning is kept, nothing counts as there."""
    starts: list[int] = []
    original = Archive.open

    class Interrupted:
        def __init__(self, stream: BinaryIO) -> None:
            self.stream, self.left = stream, 2

        def __enter__(self) -> "Interrupted":
            return self

        def __exit__(self, *error: object) -> None:
            self.stream.close()

        def read(self, size: int) -> bytes:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return self.stream.read(size)

    def interrupted(self: Archive, item: Item, start: int = 0) -> Any:
        stream = original(self, item, start)
        return Interrupted(stream) if item.path == "large.bin" else stream

    def counted(self: Archive, item: Item, start: int = 0) -> BinaryIO:
        starts.append(start)
        return original(self, item, start)

    monkeypatch.setattr(Archive, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        use(archive)
    assert using.in_use() is None
    assert not (home / "kit/large.bin").exists()
    monkeypatch.setattr(Archive, "open", counted)
    use(archive)
    assert starts == [2 * using.CHUNK, 0, 0]  # the rest of it, and the wheels after it
    assert (home / "kit/large.bin").read_bytes() == files["large.bin"]
    assert not [name for name in taken(home) if name.endswith(".part")]


@pytest.mark.parametrize("text", [b"no archive at all", b"PK\x03\x04 neither", b""])
def test_what_is_no_archive_is_foreign(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "other.zip"
    file.write_bytes(text)
    with pytest.raises(CapasError, match=r"other.zip is not a kit of this course"):
        open_kit(str(file))


@pytest.mark.parametrize("content", ["{}", '{"kind": "other", "version": 1}', "[]", "no JSON"])
def test_an_archive_of_something_else_is_foreign(tmp_path: Path, content: str) -> None:
    file = tmp_path / "other.zip"
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr(NAME, content)
    with pytest.raises(CapasError, match=r"other.zip is not a kit of this course"):
        open_kit(str(file))
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("holiday.jpg", content)
    with pytest.raises(CapasError, match=r"other.zip is not a kit of this course"):
        open_kit(str(file))


def test_a_place_without_anything_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CapasError, match=r"There is no kit at .*nothing.zip"):
        open_kit(str(tmp_path / "nothing.zip"))


def test_a_cut_off_archive_is_damaged(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-5000])
    with pytest.raises(CapasError, match=r"kit.zip is damaged .* copy or download it again"):
        open_kit(str(archive))


def test_one_wrong_byte_is_damage(archive: Path, files: dict[str, bytes], home: Path) -> None:
    data = bytearray(archive.read_bytes())
    data[data.index(files["large.bin"][:1000]) + 2_000_000] ^= 1
    archive.write_bytes(data)
    with pytest.raises(CapasError, match=r"kit.zip is damaged \(large.bin\)"):
        use(archive)
    assert using.in_use() is None
    assert "large.bin" not in taken(home)


def test_a_changed_index_is_damage(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "unpacked")
    index = tmp_path / "unpacked" / NAME
    data = json.loads(index.read_text())
    data["files"]["large.bin"]["size"] += 1
    index.write_text(json.dumps(data))
    with pytest.raises(CapasError, match=r"damaged \(kit.json\)"):
        open_kit(str(tmp_path / "unpacked"))


@pytest.mark.parametrize(
    "path", ["../outside", "/etc/outside", "a/../../outside", ".hidden", "a\\b", "a//b", "C:/b"]
)
def test_no_path_leads_out_of_the_folder(
    tmp_path: Path, facts: dict[str, Any], path: str, home: Path
) -> None:
    hostile = write(tmp_path / "hostile.zip", {path: b"hostile"}, facts)
    with pytest.raises(CapasError, match=r"damaged \(kit.json\)"):
        open_kit(str(hostile))
    assert not (home / "kit").exists()


def test_of_another_version(archive: Path, tmp_path: Path) -> None:
    file = tmp_path / NAME
    file.write_text('{"kind": "capas-kit", "version": 99, "files": {}}')
    with pytest.raises(CapasError, match="update the course"):
        open_kit(str(tmp_path))


def test_no_room_is_said_before_anything_is_taken(
    archive: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(CapasError, match=r"needs 105 MB more .* and 1 MB are free: make room"):
        use(archive)
    assert taken(home) == set()


def test_a_disk_that_fills_is_a_sentence(
    archive: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(using, "copy", full)
    with pytest.raises(CapasError, match=r"no room left .* it goes on from here"):
        use(archive)
    assert using.in_use() is None


def test_nobody_answers_is_a_sentence() -> None:
    with pytest.raises(CapasError, match=r"http://127.0.0.1:9 does not answer .*same network"):
        open_kit("http://127.0.0.1:9")
    assert Site("http://room:1/kit.json").url == "http://room:1"


def test_dropped_it_is_gone(archive: Path, home: Path) -> None:
    use(archive)
    assert using.drop()
    assert not (home / "kit").exists()
    assert paths.home() == home.resolve()
    assert not using.drop()


def test_for_another_system_it_has_nothing(tmp_path: Path, facts: dict[str, Any]) -> None:
    source = open_kit(str(write(tmp_path / "kit.zip", {"elsewhere.bin": b"x"}, facts)))
    with pytest.raises(CapasError, match=r"no packages for .*, only for plan9-vax-3.11"):
        using.take_wheels(source, print)
