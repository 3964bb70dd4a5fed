"""`capas slides`: what it writes, and what it says when something is missing."""

import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from capas.cli import app
from capas.errors import CapasError
from capas.slides import reveal, site


def said(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["slides", *arguments], prog_name="capas")
    return done.exit_code, done.stderr.strip().splitlines()[-1]


def test_one_lesson_in_one_language(tmp_path: Path) -> None:
    out = tmp_path / "deck"
    done = CliRunner().invoke(app, ["slides", "03", "--lang", "es", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(out / "es/index.html")
    assert sorted(path.name for path in out.rglob("*.html")) == [
        "03-docker-and-the-kernel.html",
        "index.html",
    ]
    index = (out / "es/index.html").read_text(encoding="utf-8")
    assert 'href="03-docker-and-the-kernel.html?index"' in index and "04-" not in index
    assert "De la clase" in (out / "es/03-docker-and-the-kernel.html").read_text(encoding="utf-8")


def test_no_such_lesson_no_such_language(tmp_path: Path) -> None:
    out = str(tmp_path / "deck")
    code, sentence = said("77", "--out", out)
    assert code == 1 and "There is no lesson 77" in sentence
    assert said("--lang", "xx", "--out", out) == (1, "No lesson is written in xx.")


def test_without_chromium_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPAS_BROWSER", str(tmp_path / "none"))
    code, sentence = said("00", "--pdf", "--out", str(tmp_path / "deck"))
    assert code == 1
    assert "Chromium or Chrome is needed" in sentence
    assert not (tmp_path / "deck").exists()


def test_reveal_is_kept_and_a_wrong_hash_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = reveal.files()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("fetched again"))
    assert reveal.files() == kept
    assert "reveal.js" in (kept / "dist/reveal.js").read_text(encoding="utf-8")[:60]
    monkeypatch.undo()

    monkeypatch.setenv("CAPAS_HOME", str(tmp_path))
    wrong = tmp_path / "requirements.txt"
    wrong.write_text(reveal.REQUIREMENTS.read_text(encoding="utf-8")[:-5] + "0000\n")
    monkeypatch.setattr(reveal, "REQUIREMENTS", wrong)
    with pytest.raises(CapasError, match="cannot be fetched"):
        reveal.files()
    assert list((tmp_path / "slides").iterdir()) == []


def test_without_a_network_reveal_comes_from_a_folder_or_a_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPAS_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(CapasError, match="try again with a network"):
        reveal.files()


@pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium here")
def test_a_page_for_each_slide(tmp_path: Path) -> None:
    [page] = site.make([11], ["en"], tmp_path)
    site._print("chromium", page)
    pdf = page.with_suffix(".pdf").read_bytes()
    slides = page.read_text(encoding="utf-8").count("<section")
    assert pdf.count(b"/Type /Page\n") == slides
