"""The READMEs' pictures: there, in each language, small, and still what the lab shows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from capas.paths import ROOT
from docs.pictures import CAPTION, CAPTIONS, HEIGHT, OUT, WIDTH

READMES = {
    path: "en" if path.suffixes == [".md"] else path.suffixes[0][1:]
    for path in ROOT.glob("README*.md")
}


def test_each_readme_has_a_film_of_its_language() -> None:
    assert sorted(READMES.values()) == sorted(CAPTIONS)
    assert len({len(scenes) for scenes in CAPTIONS.values()}) == 1


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_a_readme_shows_what_is_there_and_says_it_in_words(readme: Path) -> None:
    text, language = readme.read_text(encoding="utf-8"), READMES[readme]
    shown = [
        (words, source)
        for words, source in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", text)
        if not source.startswith("https://")
    ]
    for image in re.findall(r"<img[^>]*>", text):
        source, words = (re.search(rf'{name}="([^"]+)"', image) for name in ("src", "alt"))
        assert source and words, image
        shown.append((words[1], source[1]))
    shown += [("the same, still", source) for source in re.findall(r'srcset="([^"]+)"', text)]
    assert {Path(source).name for _words, source in shown} == {
        path.name for path in OUT.glob(f"*-{language}.*")
    }
    for words, source in shown:
        assert len(words) > 10
        assert (ROOT / source).stat().st_size < 1_000_000, f"{source} is slow to load"


@pytest.mark.parametrize("language", CAPTIONS)
def test_a_film_is_short_and_moves(language: str) -> None:
    with Image.open(OUT / f"tour-{language}.gif") as film:
        assert film.size == (WIDTH, HEIGHT + CAPTION)
        frames = getattr(film, "n_frames", 1)
        seconds = 0.0
        for frame in range(frames):
            film.seek(frame)
            seconds += film.info["duration"] / 1000
    assert frames > len(CAPTIONS[language])
    assert 15 < seconds < 40


@pytest.mark.engine
@pytest.mark.slow
def test_they_can_be_made_again(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "docs.pictures", "--lang", "es", "--out", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=900)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in OUT.glob("*-es.*")}
