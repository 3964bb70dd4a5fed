"""What the front page says: the lessons and labs that are there, and how far one has come."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from capas import language, lessons, paths, studied
from capas.exercises import progress
from capas.front import engine, handlers
from capas.front.contents import contents, slides


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAPAS_WORK", str(tmp_path / "work"))
    monkeypatch.setattr(language, "_chosen", None)
    monkeypatch.setattr(engine, "_told", engine.Told())


@pytest.mark.parametrize("spoken", ["en", "es"])
def test_every_lesson_in_order_in_the_language(
    monkeypatch: pytest.MonkeyPatch, spoken: str
) -> None:
    monkeypatch.setenv("CAPAS_LANG", spoken)
    said = contents()
    assert said["language"] == spoken
    assert [one["path"] for one in said["lessons"]] == [
        f"notebooks/{spoken}/{lesson.name}.ipynb" for lesson in lessons.sources()
    ]
    for one, lesson in zip(said["lessons"], lessons.sources(), strict=True):
        assert (one["number"], one["title"], one["minutes"]) == (
            lesson.number,
            lesson.title(spoken),
            lesson.minutes,
        )
    assert [one["id"] for one in said["languages"]] == language.languages()
    assert {"en": "English", "es": "español"}.items() <= {
        one["id"]: one["name"] for one in said["languages"]
    }.items()
    json.dumps(said)


@pytest.fixture
def course(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A course of one lesson and two labs, somewhere else."""
    root = tmp_path / "course"

    def put(path: str, **course: Any) -> None:
        notebook = root / path
        notebook.parent.mkdir(parents=True, exist_ok=True)
        notebook.write_text(json.dumps({"cells": [], "metadata": {"capas": course}}))

    put("notebooks/en/01-one.ipynb", title="One", minutes=5)
    put("exercises/02-run/lab.en.ipynb", title="Run", minutes=20)
    put("exercises/01-pack/lab.en.ipynb", title="Pack", minutes=30)
    put("exercises/01-pack/lab.es.ipynb", title="Empaquetar", minutes=30)
    (root / "notebooks/en/untitled.ipynb").write_text("{}")
    monkeypatch.setattr(paths, "ROOT", root)
    monkeypatch.setenv("CAPAS_LANG", "en")
    return root


def test_labs_in_order_and_which_are_done(course: Path) -> None:
    (course / "exercises/02-run/exercise.yaml").write_text("lesson: 07-docker-run\n")
    said = contents(course)
    assert [one["title"] for one in said["lessons"]] == ["One"]  # not what the student has added
    assert [(one["title"], one["state"]) for one in said["labs"]] == [("Pack", ""), ("Run", "")]
    assert [one["after"] for one in said["labs"]] == [None, 7]
    assert said["labs"][0]["path"] == "exercises/01-pack/lab.en.ipynb"
    with progress.changing("02-run") as far:
        far.done, far.checks = 2, 5
    assert [(one["state"], one["checks"]) for one in contents(course)["labs"]] == [
        ("", None),
        ("begun", [2, 5]),
    ]
    with progress.changing("02-run") as far:
        far.done, far.finished = 5, progress.now()
    assert [one["state"] for one in contents(course)["labs"]] == ["", "done"]


def test_each_lesson_of_ours_has_slides(course: Path) -> None:
    assert contents(course)["lessons"][0]["slides"] == ""
    source = course / "notebooks/src/01-one.md"
    source.parent.mkdir()
    source.touch()
    assert contents(course)["lessons"][0]["slides"] == "capas/slides/en/01-one.html"


@pytest.mark.parametrize("path", ["en/99-none.html", "xx/06-dockerfile.html", "../x.html", ""])
def test_only_lessons_have_a_deck_made(path: str) -> None:
    assert asyncio.run(handlers._make(path)) == ""
    assert not slides().exists()


def test_why_a_deck_cannot_be_made_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CAPAS_HOME", str(tmp_path / "home"))  # without reveal.js
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    sentence = asyncio.run(handlers._make("en/06-dockerfile.html"))
    assert sentence.startswith("reveal.js, which shows the slides, cannot be fetched")


def test_paths_begin_where_jupyterlab_begins(course: Path) -> None:
    assert contents(course.parent)["lessons"][0]["path"] == "course/notebooks/en/01-one.ipynb"
    assert contents(course.parent)["folder"] == "course/notebooks/en"


def test_how_far_a_lesson_was_run(course: Path) -> None:
    assert contents(course)["lessons"][0]["state"] == ""
    studied.note("01-one", "begun")
    assert contents(course)["lessons"][0]["state"] == "begun"
    studied.note("01-one", "studied")
    studied.note("01-one", "begun")  # once more from the start: it stays studied
    assert contents(course)["lessons"][0]["state"] == "studied"


def test_a_record_that_somebody_has_broken_is_none(tmp_path: Path) -> None:
    studied.note("01-one", "begun")
    (tmp_path / "work/.studied.json").write_text("[")
    assert studied.record() == {}
    studied.note("01-one", "studied")
    assert studied.record() == {"01-one": "studied"}


def test_the_engine_is_told_of_until_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("CAPAS_LANG", "en")
    engine.hear({"stage": "starting", "line": "fetching docker.io", "language": "en"})
    assert engine.state() == {"state": "starting", "line": "Fetching docker.io …", "busy": True}
    monkeypatch.setenv("CAPAS_LANG", "es")  # a line of another language is not shown
    assert engine.state()["line"] == "Buscando un Docker Engine …"
    engine.hear({"stage": "failed", "line": "No instalado.", "language": "es"})
    assert engine.state() == {"state": "none", "line": "No instalado.", "busy": False}
    monkeypatch.setenv("CAPAS_LANG", "en")
    assert "python3 -m capas doctor" in engine.state()["line"]


def test_an_engine_that_has_gone_is_not_said_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    engine.hear({"stage": "ready", "kind": "private", "language": "en"})
    assert engine.state()["state"] == "none"


@pytest.mark.engine
def test_an_engine_that_answers(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from capas.front import engine as front

    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CAPAS_LANG", "en")
    front.hear({"stage": "ready", "kind": "private"})
    assert front.state() == {
        "state": "ready",
        "line": f"The course's own Docker Engine {engine.version} answers.",
        "busy": False,
    }
    front.hear({"stage": "images", "kind": "found", "line": "python:3.13-slim", "language": "en"})
    assert front.state() == {
        "state": "ready",
        "line": f"Docker Engine {engine.version} answers. Python:3.13-slim …",
        "busy": True,
    }
