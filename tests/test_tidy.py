"""docker's output without its progress: recorded logs in, what a lesson shows out."""

import io
import random
from pathlib import Path

import pytest
from nbval.plugin import carriagereturn_pat

from capas.tidy import LineEnds, Tidy

LOGS = Path(__file__).parent / "data" / "docker"


def tidy(raw: str, seed: int | None = None) -> str:
    """Send a text through the filter, cut at random places, and read it as a notebook does."""
    out = io.StringIO()
    stream = Tidy(out)
    cuts = random.Random(seed)
    at = 0
    while at < len(raw):
        size = len(raw) if seed is None else cuts.choice([1, 2, 7, 40, 400])
        stream.write(raw[at : at + size])
        stream.flush()
        at += size
    stream.finish()
    return str(carriagereturn_pat.sub("", out.getvalue()))


def log(name: str) -> str:
    return (LOGS / f"{name}.log").read_bytes().decode()


def lines(name: str) -> list[str]:
    return tidy(log(name)).splitlines()


def test_a_build_is_one_line_a_step_and_the_image() -> None:
    assert lines("build") == [
        "[1/5] FROM docker.io/library/python:3.13-slim",
        "[2/5] WORKDIR /app  0.0s",
        "[3/5] COPY requirements.txt ./  0.0s",
        "[4/5] RUN echo installing && python -c \"import time; print('working'); "
        'time.sleep(1.2)"  1.5s',
        "[5/5] COPY . .  0.0s",
        "naming to docker.io/library/lessons-a",
    ]


def test_steps_from_the_cache_come_in_the_dockerfiles_order() -> None:
    raw = log("build-cached")
    assert raw.index("[3/5]") < raw.index("[2/5]"), "the recording shows the disorder"
    shown = lines("build-cached")
    assert [line[:5] for line in shown[:5]] == ["[1/5]", "[2/5]", "[3/5]", "[4/5]", "[5/5]"]
    assert [line.endswith("  CACHED") for line in shown] == [False, True, True, True, True, False]


def test_a_base_image_that_is_pulled_shows_neither_layers_nor_digest() -> None:
    assert lines("build-pull") == [
        "[1/2] FROM 127.0.0.1:15077/big:latest",
        "[2/2] RUN echo yes  0.2s",
        "naming to docker.io/library/lessons-p",
    ]


def test_a_failing_step_keeps_the_whole_report_without_its_stopwatch() -> None:
    shown = lines("build-run")
    assert shown[3] == '[4/5] RUN echo first && python -c "import nothing"  ERROR'
    report = log("build-run").replace("\r\n", "\n").split("------\n", 1)[1]
    for line in report.splitlines():
        assert line in ("", *shown) or line.partition(" ")[2] in shown, line
    assert "first" in shown
    assert "ModuleNotFoundError: No module named 'nothing'" in shown
    assert '   4 | >>> RUN echo first && python -c "import nothing"' in shown
    assert shown[-1].startswith("ERROR: failed to solve: process ")


def test_a_report_that_lost_half_a_line_gets_it_back() -> None:
    assert "\napk: not found\r\n" in log("build-split"), "the recording shows the loss"
    assert "/bin/sh: 1: apk: not found" in lines("build-split")
    assert "apk: not found" not in lines("build-split")


def test_a_parse_error_is_all_there_is() -> None:
    shown = lines("build-parse")
    assert shown[0] == "Dockerfile.parse:5"
    assert "   5 | >>> COPY ." in shown
    assert shown[-1].startswith("ERROR: failed to solve: dockerfile parse error on line 5")


def test_a_missing_file_and_a_missing_base_are_told() -> None:
    assert '"/absent.txt": not found' in lines("build-copy")[-1]
    assert lines("build-base")[-1].startswith("ERROR: failed to solve: nosuchimage:1")


def test_stages_are_sorted_and_what_they_share_is_left_out() -> None:
    assert lines("stages") == [
        "[build 2/3] RUN echo x > /x  0.2s",
        "[build 3/3] RUN sleep 0.5  0.7s",
        "[other 2/2] RUN echo y > /y  0.2s",
        "[stage-2 2/3] COPY --from=build /x /x  0.0s",
        "[stage-2 3/3] COPY --from=other /y /y  0.0s",
        "naming to docker.io/library/ms",
    ]


def test_of_several_stages_only_the_failing_one_is_told() -> None:
    shown = lines("stages-fail")
    assert shown[:2] == [
        "[build 2/3] RUN echo x > /x  0.2s",
        "[build 3/3] RUN sleep 1; false  ERROR",
    ]
    assert not any("other" in line and "RUN sleep 3" in line for line in shown)


def test_a_base_image_told_under_another_builds_name_is_dropped() -> None:
    raw = log("build").replace(
        "#5 [internal] load build context",
        "#12 [1/8] FROM docker.io/library/python:3.13\r\n#12 CACHED\r\n\r\n"
        "#5 [internal] load build context",
    )
    assert tidy(raw) == tidy(log("build"))


def test_compose_shows_final_states() -> None:
    assert lines("compose-up")[-4:] == [
        "naming to docker.io/library/lessonscomp-api",
        " Network lessonscomp_default  Created",
        " Container lessonscomp-api-1  Healthy",
        " Container lessonscomp-web-1  Healthy",
    ]
    assert lines("compose-down") == [
        " Container lessonscomp-api-1  Removed",
        " Container lessonscomp-web-1  Removed",
        " Network lessonscomp_default  Removed",
    ]
    assert lines("compose-pull") == [
        " Network lp_default  Created",
        " Image a  Pulled",
        " Container lp-a-1  Created",
        "Attaching to a-1",
        "a-1 exited with code 0",
    ]


def test_newer_composes_spacing_is_read_too() -> None:
    assert tidy(" Container web-1 Starting \r\n Container web-1 Started \r\n") == (
        " Container web-1  Started\n"
    )


def test_pull_and_push_show_what_is_left_on_a_terminal() -> None:
    assert lines("pull") == [
        "Using default tag: latest",
        "latest: Pulling from big",
        "6e99e3f69279: Already exists",
        "5b6b2bda9cc8: Pull complete",
        "e8421ef13707: Pull complete",
        "ad1042124758: Pull complete",
        "Digest: sha256:996e727bd25c7e9665b309aeea811115572abdc8020e93f207657b163918bce8",
        "Status: Downloaded newer image for 127.0.0.1:15077/big:latest",
        "127.0.0.1:15077/big:latest",
    ]
    assert [line for line in lines("push") if line.endswith(": Pushed")] != []
    assert not any("Pushing" in line for line in lines("push"))


def test_logs_of_containers_lose_only_escape_sequences() -> None:
    shown = tidy(log("compose-logs"))
    assert shown == log("compose-logs").replace("\x1b[2K", "").replace("\r\n", "\n")


@pytest.mark.parametrize(
    "text",
    [
        "#1 is what a program may print\n#2 [1/2] too\n",
        "Container ships\n Container\n  Container web Started late\n",
        "------\n > not a report\n0.123 a number at the beginning\n",
        "0.123 mean\n0.456 deviation\n",
        "deadbeef0123: no state of a layer\n",
        "\n\ntwo empty lines, and an unfinished one",
        "docker: Error response from daemon: no such host.\nSee 'docker run --help'.\n",
        "┌─┐ ñandú 層\n",
    ],
)
def test_what_is_not_recognised_passes(text: str) -> None:
    assert tidy(text.replace("\n", "\r\n")) == text
    for seed in range(20):
        assert tidy(text.replace("\n", "\r\n"), seed) == text


@pytest.mark.parametrize("path", sorted(LOGS.glob("*.log")), ids=lambda path: path.stem)
def test_where_the_output_is_cut_does_not_matter(path: Path) -> None:
    raw = path.read_bytes().decode()
    whole = tidy(raw)
    for seed in range(25):
        assert tidy(raw, seed) == whole


def test_a_prompt_appears_before_its_line_ends() -> None:
    out = io.StringIO()
    stream = Tidy(out)
    stream.write("Password: ")
    stream.flush()
    assert out.getvalue() == "Password: "
    stream.write("\r\nthanks\r\n")
    stream.finish()
    assert out.getvalue() == "Password: \nthanks\n"


def test_a_running_step_is_seen_and_leaves_nothing() -> None:
    out = io.StringIO()
    stream = Tidy(out)
    before, _, after = log("build").partition("#8 1.418 working")
    stream.write(before)
    assert out.getvalue().rpartition("\r")[2].startswith("[4/5] RUN echo installing")
    stream.write(after)
    stream.finish()
    assert "…\n" not in carriagereturn_pat.sub("", out.getvalue())


def test_a_build_that_is_killed_tells_how_far_it_came() -> None:
    before = log("build").partition("#8 1.418 working")[0]
    assert tidy(before).splitlines()[-1].startswith("[4/5] RUN echo installing")


def test_line_ends_become_plain() -> None:
    out = io.StringIO()
    stream = LineEnds(out)
    for piece in ("one\r", "\ntwo\r", "three\r\n", "four\r"):
        stream.write(piece)
    stream.finish()
    assert out.getvalue() == "one\ntwo\rthree\nfour\r"


@pytest.mark.parametrize("piece", ["1: apk: not found", ""])
def test_of_a_line_printed_in_pieces_the_report_shows_all(piece: str) -> None:
    """BuildKit's report on a failed step has only the last piece; here it was the line's end."""
    printed = (
        '#0 building with "default" instance using docker driver\n'
        "#5 [1/2] FROM docker.io/library/busybox\n#5 CACHED\n"
        "#6 [2/2] RUN apk add git\n#6 0.063 /bin/sh: 1: apk: not found\n"
        '#6 ERROR: process "/bin/sh -c apk add git" did not complete successfully\n'
        f"------\n > [2/2] RUN apk add git:\n0.063 {piece}\n------\n"
        "ERROR: failed to solve\n"
    )
    assert "RUN apk add git:\n/bin/sh: 1: apk: not found\n------" in tidy(printed, seed=1)
