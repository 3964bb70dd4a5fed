"""A student's own side: files that nothing overwrites, progress, hints step by step."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from capas.cli import app
from capas.errors import CapasError
from capas.exercises import Outcome, Verdict, find, progress, student
from capas.language import use

EXERCISE = find("06")


@pytest.fixture(autouse=True)
def own_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAPAS_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "work"


def found(*hints: str) -> Verdict:
    """Return a verdict: a mistake for each hint, the rest done."""
    outcomes = [
        Outcome(check.name, "hint" if hint else "done", hint, {"shelf": "x", "file": "x"})
        for check, hint in zip(EXERCISE.checks, [*hints, *[""] * 5], strict=False)
    ]
    return Verdict(EXERCISE.name, tuple(outcomes), (), 3.21)


def judging(monkeypatch: pytest.MonkeyPatch, verdict: Verdict) -> Verdict:
    """Check with a bench that finds this; return what the student is shown."""
    monkeypatch.setattr(student, "judge", lambda *args, **more: verdict)
    return student.check(EXERCISE, None, print)  # type: ignore[arg-type]


def test_what_is_the_students_is_never_overwritten(own_work: Path) -> None:
    own = student.begin(EXERCISE)
    assert own == own_work / "exercises" / EXERCISE.name
    assert (own / "app.py").read_text() == (EXERCISE.start / "app.py").read_text()
    (own / "app.py").write_text("mine")
    (own / "requirements.txt").unlink()
    assert student.begin(EXERCISE) == own
    assert (own / "app.py").read_text() == "mine"
    assert not (own / "requirements.txt").exists()


def test_a_copy_that_was_interrupted_is_made_whole(own_work: Path) -> None:
    half = own_work / "exercises" / f".{EXERCISE.name}.new"
    half.mkdir(parents=True)
    own = student.begin(EXERCISE)
    assert {path.name for path in own.iterdir()} == {p.name for p in EXERCISE.start.iterdir()}
    assert not half.exists()


def test_progress_is_kept_and_what_was_finished_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    judging(monkeypatch, found("no-name"))
    assert (progress.done()[EXERCISE.name].done, progress.done()[EXERCISE.name].finished) == (4, "")
    judging(monkeypatch, found())
    first = progress.done()[EXERCISE.name].finished
    assert first
    judging(monkeypatch, found("no-name"))
    assert progress.done()[EXERCISE.name].finished == first


def test_another_folder_makes_no_progress(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_work: Path
) -> None:
    monkeypatch.setattr(student, "judge", lambda *args, **more: found())
    student.check(EXERCISE, None, print, tmp_path)  # type: ignore[arg-type]
    assert progress.done() == {}
    assert not own_work.exists()


def test_a_progress_file_that_is_damaged_counts_as_none(own_work: Path) -> None:
    own_work.mkdir()
    (own_work / "progress.json").write_text("[]")
    assert progress.done() == {}
    (own_work / "progress.json").write_text('{"06": {"what": 1}}')
    assert progress.done() == {}


def test_hints_come_step_by_step_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Check first" in student.more(EXERCISE)
    steps = [step["en"] for step in EXERCISE.hints["runs-as-root"]]
    shown = judging(monkeypatch, found("runs-as-root"))
    assert steps[0] in repr(shown) and steps[1] not in repr(shown)
    assert steps[1] in student.more(EXERCISE)
    shown = judging(monkeypatch, found("runs-as-root"))
    assert steps[1] in repr(shown)
    assert "No hint goes further" in student.more(EXERCISE)
    judging(monkeypatch, found())
    assert "no mistake" in student.more(EXERCISE)


def test_a_hint_that_needs_values_shows_them_at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = found()
    failed = Outcome("built", "hint", "build-fails", {"line": "LINE", "said": "SAID"})
    verdict = replace(verdict, outcomes=(failed, *verdict.outcomes[1:]))
    assert "LINE" in repr(judging(monkeypatch, verdict))
    assert "SAID" in student.more(EXERCISE)


def test_a_verdict_speaks_with_three_voices_in_both_languages() -> None:
    verdict = replace(
        found("runs-as-root"),
        outcomes=(
            Outcome("built", "done"),
            Outcome("answers", "todo"),
            Outcome("unprivileged", "hint", "runs-as-root"),
        ),
        advice=("whole-context",),
    )
    try:
        for language, words in {
            "en": ("✓ done", "○ to do", "! hint", "1 of 3 done. Checked in 3.2 s.", "Advice"),
            "es": ("✓ hecho", "○ por hacer", "! pista", "1 de 3 hechas. Revisado en 3,2 s."),
        }.items():
            use(language)
            for word in words:
                assert word in repr(verdict)
                assert word in verdict._repr_html_()
    finally:
        use(None)


def test_what_a_program_says_is_no_html_and_obeyed_by_no_terminal() -> None:
    from capas.exercises import Wrong

    wrong = Wrong("build-fails", line="<b>\x1b[31m\n{x}" + "y" * 500, said="")
    verdict = Verdict(EXERCISE.name, (Outcome("built", "hint", wrong.hint, wrong.values),), (), 1.0)
    assert "<b>" not in verdict._repr_html_()
    assert "\x1b" not in repr(verdict)
    assert len(wrong.values["line"]) <= 160


def test_a_verdict_survives_its_way_through_json() -> None:
    verdict = found("no-name", "runs-as-root")
    assert Verdict.from_dict(json.loads(json.dumps(verdict.to_dict()))) == verdict


@pytest.mark.parametrize("name", ["6", "06", "06-dockerfile"])
def test_an_exercise_is_found_by_number_or_name(name: str) -> None:
    assert find(name).name == "06-dockerfile"


@pytest.mark.parametrize("name", ["99", "06-other", "", "dockerfile", "../06"])
def test_of_an_exercise_that_is_not_there_the_sentence_names_those_that_are(name: str) -> None:
    with pytest.raises(CapasError, match="06-dockerfile"):
        find(name)


def test_the_command_line_shows_progress_and_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    judging(monkeypatch, found("runs-as-root"))
    shown = CliRunner().invoke(app, ["progress"])
    assert shown.exit_code == 0
    assert f"4/{len(EXERCISE.checks)}" in shown.output
    hint = CliRunner().invoke(app, ["check", "06", "--hint"])
    assert EXERCISE.hints["runs-as-root"][1]["en"] in " ".join(hint.output.split())
