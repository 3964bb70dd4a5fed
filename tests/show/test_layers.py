"""The layers of images: each with the instruction that made it, and shared ones once."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from capas import language
from capas.engine import Engine, history
from capas.engine.history import Image, Step, has_layer, instruction
from capas.errors import CapasError
from capas.show.layers import beside, human, layers, pile, shared


def image(name: str, *steps: tuple[str, int, str | None]) -> Image:
    return Image(name, tuple(Step(*step) for step in steps))


BASE = image("base:1", ("ADD rootfs.tar /", 80_000_000, "a"), ('CMD ["sh"]', 0, None))
ONE = image(
    "capas/one",
    *[(s.instruction, s.size, s.layer) for s in BASE.steps],
    ("LABEL capas=x", 0, None),
    ("RUN make big", 20_000_000, "b"),
    ("RUN rm big", 0, "c"),
)
TWO = image(
    "capas/two",
    *[(s.instruction, s.size, s.layer) for s in BASE.steps],
    ("RUN make big && rm big", 0, "d"),
    ("RUN rm big", 0, "c"),
)


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ("RUN /bin/sh -c rm  data.bin # buildkit", "RUN rm data.bin"),
        ("COPY hello.py . # buildkit", "COPY hello.py ."),
        ('/bin/sh -c #(nop)  CMD ["python3"]', 'CMD ["python3"]'),
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("|1 COURSE=x /bin/sh -c echo $COURSE", "RUN echo $COURSE"),
        ("RUN |1 COURSE=x /bin/sh -c echo $COURSE # buildkit", "RUN echo $COURSE"),
        ("# debian.sh --arch 'amd64'", "# debian.sh --arch 'amd64'"),
    ],
)
def test_an_entry_reads_like_the_dockerfile(told: str, line: str) -> None:
    assert instruction({"CreatedBy": told}) == line


def test_what_has_no_instruction_says_where_it_comes_from() -> None:
    assert instruction({"CreatedBy": "", "Comment": "Imported from -"}) == "Imported from -"


def test_counting_tells_layers_from_settings() -> None:
    told = [
        {"CreatedBy": "ADD x /", "Size": 5},
        {"CreatedBy": "WORKDIR /app", "Size": 0},
        {"CreatedBy": "RUN /bin/sh -c rm x", "Size": 0},
        {"CreatedBy": 'CMD ["sh"]', "Size": 0},
    ]
    assert has_layer(told, 3) == [True, True, True, False]
    assert has_layer(told, 1) == [True, False, False, False]
    # One of two: counting does not say which.
    assert has_layer(told, 2) is None


def test_what_two_images_share_ends_at_the_first_difference() -> None:
    assert shared(ONE, TWO) == 1  # "c" is in both, on different ground
    assert shared(ONE, ONE) == 3
    assert shared(ONE, image("other", ("COPY x /", 1, "z"))) == 0


def test_the_pile_shows_each_step_and_the_base_as_one() -> None:
    words = pile(ONE, BASE).alt
    assert "RUN rm big: 0B" in words
    assert "base:1 (1 layer): 80MB" in words
    assert "3 layers, 100MB in all" in words
    assert "ADD rootfs" not in words
    assert "ADD rootfs" in pile(ONE).alt
    assert "base:1" not in pile(image("x", ("COPY x /", 1, "z")), BASE).alt


def test_shared_bytes_are_counted_once() -> None:
    words = beside(ONE, TWO, BASE).alt
    assert "100MB + 80MB = 180MB. On disk: 100MB." in words
    assert beside(ONE, TWO).alt.count("ADD rootfs") == 1


def test_sizes_beside_each_other_add_up_as_they_are_shown() -> None:
    one = image("a:1", ("RUN a", 148_490_000, "a"))
    other = image("b:1", ("RUN b", 128_490_000, "b"))
    assert "148MB + 128MB = 276MB." in beside(one, other).alt


def test_a_long_instruction_is_cut_not_refused() -> None:
    long = image(f"capas/{'name' * 30}", (f"RUN {'apt-get install ' * 40}", 10**12, "a"))
    for spoken in language.languages():
        language.use(spoken)
        try:
            assert "…" in pile(long).svg
            assert "…" in beside(long, long).svg
            assert "…" in beside(long, ONE, long).svg
        finally:
            language.use(None)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (61, "61B"),
        (999, "999B"),
        (1000, "1kB"),
        (999_600, "1MB"),
        (148_254_746, "148MB"),
    ],
)
def test_sizes_are_written_as_docker_writes_them(size: int, text: str) -> None:
    assert human(size) == text


DOCKERFILE = """\
FROM busybox
LABEL capas="tests"
WORKDIR /layers
RUN head -c 3000000 /dev/zero > big
RUN rm big
ENV A=1
CMD ["true"]
"""


@pytest.fixture(scope="module")
def built(engine: Engine) -> Iterator[str]:
    from capas.engine import images

    images.ensure(engine, ["busybox"])
    name = "capas/test-layers"
    engine.run("build", "--quiet", "--tag", name, "-", input=DOCKERFILE, check=True)
    yield name
    engine.run("image", "rm", name, check=True)


@pytest.mark.engine
def test_a_real_image_pairs_layers_with_instructions(
    engine: Engine, built: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(engine.client()) as client:
        counted = history.read(client, built)
        # Without counting, out of the image's own configuration: the same.
        monkeypatch.setattr(history, "has_layer", lambda _history, _layers: None)
        assert history.read(client, built) == counted
        base = history.read(client, "busybox")
    assert counted.layers[: len(base.layers)] == base.layers
    ours = counted.layers[len(base.layers) :]
    assert [step.instruction.split()[0] for step in ours] == ["WORKDIR", "RUN", "RUN"]
    assert ours[1].size >= 3_000_000
    assert counted.size >= base.size + 3_000_000
    with closing(engine.client()) as client:
        told = client.images.get(built).attrs["RootFS"]["Layers"]
    assert [step.layer for step in counted.layers] == told


@pytest.mark.engine
def test_an_image_that_is_not_there_is_a_sentence(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CapasError, match="no image “capas/none”"):
        layers("capas/none")


def test_a_name_is_a_function_the_second_time_too() -> None:
    """In an interpreter of its own: importing the module here has put it in the name's place."""
    program = "from capas import show; show.layers; assert callable(show.layers)"
    subprocess.run([sys.executable, "-c", program], check=True)
