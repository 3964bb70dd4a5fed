"""Submissions are unpacked as plain files, or refused by name."""

import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from capas.errors import CapasError
from capas.exercises import Limits
from capas.grading.submissions import Answer, Entry, digest, entries, extract, pack, unpack
from tests.grading.handing_in import EXERCISE, NAME, bundled, solved, tarred, zipped

LIMITS = Limits(context=1_000_000, files=100)


def one(path: Path, place: Path, only: str | None = None) -> Answer:
    (answer,) = unpack(Entry("ana", path), place / "unpacked", LIMITS, only)
    return answer


def test_every_form_gives_the_same_files(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    solved(folder / "deep" / NAME)
    bundle = bundled(tmp_path / "b.bundle", solved(tmp_path / "own" / NAME).parent)
    paths = [folder, zipped(tmp_path / "a.zip"), tarred(tmp_path / "a.tar.gz"), bundle]
    answers = [one(path, tmp_path / str(n)) for n, path in enumerate(paths)]
    assert [answer.exercise for answer in answers] == [NAME] * 4
    assert {answer.digest for answer in answers} == {digest(EXERCISE.solution)}


def test_of_one_exercise_the_files_alone_are_enough(tmp_path: Path) -> None:
    answer = one(solved(tmp_path / "ana" / "my answer").parent, tmp_path, NAME)
    assert answer.digest == digest(EXERCISE.solution)


def test_what_is_not_the_answer_is_left_out(tmp_path: Path) -> None:
    folder = solved(tmp_path / "ana" / NAME)
    for name in (".git/config", "__pycache__/app.pyc", "node_modules/a/b.js"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("x")
    assert one(folder.parent, tmp_path).digest == digest(EXERCISE.solution)


def test_line_ends_make_no_other_answer(tmp_path: Path) -> None:
    folder = solved(tmp_path / NAME)
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes().replace(b"\n", b" \r\n"))
    assert digest(folder) == digest(EXERCISE.solution)


def test_students_are_called_as_their_files(tmp_path: Path) -> None:
    (tmp_path / "Ana Díaz").mkdir()
    for name in ("bruno.zip", "carla.tar.gz", "dario.bundle", ".hidden", "notes.txt"):
        (tmp_path / name).touch()
    assert [e.student for e in entries(tmp_path)] == ["Ana Díaz", "bruno", "carla", "dario"]
    (tmp_path / "bruno.bundle").touch()
    with pytest.raises(CapasError, match="both of bruno"):
        entries(tmp_path)


def test_nothing_handed_in_is_told(tmp_path: Path) -> None:
    with pytest.raises(CapasError, match="no submissions"):
        entries(tmp_path)


def problem(path: Path, place: Path) -> str:
    answer = one(path, place)
    assert answer.folder is None
    assert [*(place / "unpacked").rglob("*")] == []  # nothing half-done is left
    return answer.problem


def test_a_zip_bomb(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", bomb="\0" * 3_000_000)
    assert path.stat().st_size < 20_000
    assert problem(path, tmp_path) == "too-large"


def test_an_archive_of_very_many_files(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", **{f"f{n}": "" for n in range(200)})
    assert problem(path, tmp_path) == "too-many-files"


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "a/../../out", "..\\out", "C:\\out"])
def test_a_path_that_leads_out(name: str, tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    assert problem(zipped(tmp_path / "a.zip", **{name: "x"}), place) == "path-outside"
    member = tarfile.TarInfo(name)
    assert problem(tarred(tmp_path / "a.tar.gz", member), place) == "path-outside"
    assert not [*tmp_path.rglob("out")]


def test_links_that_lead_out(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("hosts")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/hosts")
    assert problem(path, tmp_path) == "link-outside"
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        member = tarfile.TarInfo("hosts")
        member.type, member.linkname = kind, "/etc/hosts"
        assert problem(tarred(tmp_path / "a.tar.gz", member), tmp_path) == "link-outside"
    folder = solved(tmp_path / "ana" / NAME)
    (folder / "hosts").symlink_to("/etc/hosts")
    assert problem(folder.parent, tmp_path) == "link-outside"
    assert problem(bundled(tmp_path / "b.bundle", folder.parent), tmp_path) == "link-outside"


def test_a_device(tmp_path: Path) -> None:
    member = tarfile.TarInfo("disk")
    member.type = tarfile.BLKTYPE
    assert problem(tarred(tmp_path / "a.tar.gz", member), tmp_path) == "link-outside"


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.bundle"])
def test_what_is_no_archive(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"no archive at all")
    assert problem(path, tmp_path) == "not-an-archive"


def test_a_bundle_runs_nothing(tmp_path: Path) -> None:
    folder = solved(tmp_path / "own" / NAME)
    (folder / ".gitattributes").write_text("* filter=evil\n")
    answer = one(bundled(tmp_path / "a.bundle", folder.parent), tmp_path)
    assert answer.folder and (answer.folder / ".gitattributes").exists()


@pytest.mark.parametrize("filters", [True, False])
def test_what_is_packed_for_a_worker_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: bool
) -> None:
    if not filters:  # as in Debian 12's Python, 3.11.2
        real = tarfile.TarFile.extractall
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
        monkeypatch.setattr(tarfile.TarFile, "extractall", lambda tar, path: real(tar, path))
    extract(pack(EXERCISE.solution), tmp_path / "files")
    assert digest(tmp_path / "files") == digest(EXERCISE.solution)
    assert os.access(tmp_path / "files" / "app.py", os.R_OK)
