"""Charts tell units, medians and the number of runs, to eyes and to screen readers."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from capas import language
from capas.errors import CapasError
from capas.show import bars, spread
from capas.show.chart import number
from capas.show.style import ROLES, SURFACES

RUNS = {"process": [0.001, 0.002, 0.004], "container": [0.2, 0.25, 0.19]}


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    language.use("en")
    yield
    language.use(None)


def texts(svg: str) -> str:
    return " ".join("".join(element.itertext()) for element in ET.fromstring(svg).iter())


@pytest.mark.parametrize("log", [False, True])
def test_medians_units_and_runs(log: bool) -> None:
    chart = spread(RUNS, "s", title="Time to start", log=log)
    for told in (texts(chart.svg), chart.alt):
        assert "Time to start" in told
        assert "0.002 s" in told
        assert "0.2 s" in told
    assert "(n = 3)" in texts(chart.svg)
    assert "median 0.002 s, from 0.001 to 0.004, 3 runs" in chart.alt
    assert ("logarithmic" in texts(chart.svg)) == log


def test_bars() -> None:
    chart = bars({"lecture": 1204, "ours": 129.5}, "MB", title="Size")
    assert chart.alt == "Size: lecture: 1,200 MB; ours: 130 MB."
    assert "130 MB" in texts(chart.svg)


def test_numbers_are_written_as_the_reader_does() -> None:
    assert number(1234.5) == "1,230"
    language.use("es")
    assert number(0.00123) == "0,00123"


def test_the_same_values_give_the_same_bytes() -> None:
    assert spread(RUNS, "s", title="t").svg == spread(RUNS, "s", title="t").svg


def test_every_colour_turns_dark_with_the_reader() -> None:
    svg = spread(RUNS, "s", title="t", roles={"container": "container"}).svg
    style, _end, drawn = svg.partition("</style>")
    for light, dark in (
        (ROLES["container"].light, ROLES["container"].dark),
        (SURFACES["light"].paper, SURFACES["dark"].paper),
        (SURFACES["light"].ink, SURFACES["dark"].ink),
    ):
        assert light in style
        assert dark in style.partition("prefers-color-scheme:dark")[2]
        assert light not in drawn


def test_the_three_worlds_have_their_names_and_colours() -> None:
    language.use("es")
    chart = spread({**RUNS, "VM, tcg": [2.0]}, "s", log=True)
    assert chart.alt.startswith("proceso: mediana")
    assert "VM, tcg" in texts(chart.svg)
    style = chart.svg.partition("</style>")[0]
    for role in ("application", "container", "guest"):
        assert ROLES[role].light in style
    assert bars({"process": 1.0}, "MB").alt == "proceso: 1 MB."


def test_nothing_measured_is_a_sentence() -> None:
    for chart in (spread, bars):
        with pytest.raises(CapasError, match="Nothing was measured"):
            chart({}, "s")


@pytest.mark.parametrize("log", [False, True])
def test_an_axis_writes_numbers_as_its_labels_do(log: bool) -> None:
    language.use("es")
    shown = texts(spread(RUNS, "s", title="t", log=log).svg)
    assert re.search(r"\b0,\d", shown)
    assert not re.search(r"\b0\.\d", shown)
