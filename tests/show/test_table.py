"""A table tells the same to everyone: in HTML, without its style, and as text."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from capas import language
from capas.doctor import Check
from capas.show import Table, doctor_table


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    language.use("en")
    yield
    language.use(None)


CHECKS = [
    Check("python", "Python", "ok", "3.13.5"),
    Check("engine", "Engine", "fail", "none <answers>", "Start Docker Desktop & come back"),
    Check("memory", "Memory", "warn", "2 GB"),
]


def test_html_is_a_table_with_row_and_column_headers() -> None:
    html = doctor_table(CHECKS)._repr_html_()
    root = ET.fromstring(html)
    assert [th.get("scope") for th in root.iter("th")] == ["col"] * 4 + ["row"] * 3
    assert [td.text for td in root.iter("td")][3:6] == [
        "✗ missing",
        "none <answers>",
        "Start Docker Desktop & come back",
    ]


def test_looks_follow_jupyter_and_nothing_is_lost_without_them() -> None:
    html = doctor_table(CHECKS)._repr_html_()
    assert "var(--jp-error-color1," in html
    assert "<style" not in html and "class=" not in html
    bare = re.sub(r' style="[^"]*"', "", html)
    assert all(sign in bare for sign in ("✓", "✗", "!"))


def test_plain_text_lines_up() -> None:
    lines = repr(doctor_table(CHECKS)).splitlines()
    assert len(lines) == 5
    column = lines[0].index("Found")
    assert lines[2][column:].startswith("3.13.5")
    assert lines[4][column:].startswith("2 GB")


def test_a_plain_table_with_a_caption() -> None:
    table = Table(["image", "size"], [["busybox", 2], ["python", 129]], caption="Sizes in MB")
    assert repr(table).startswith("Sizes in MB\n\nimage")
    assert "<caption" in table._repr_html_()
    assert "State" not in repr(table)


def test_rows_and_states_must_fit() -> None:
    with pytest.raises(ValueError, match="2 cells"):
        Table(["a", "b"], [["only one"]])
    with pytest.raises(ValueError, match="one for every row"):
        Table(["a"], [["x"]], states=[])


def test_it_speaks_spanish() -> None:
    language.use("es")
    assert repr(doctor_table(CHECKS)).startswith("Qué")
    assert "Qué hacer" in doctor_table(CHECKS)._repr_html_()


def test_what_stands_between_backticks_is_code_and_nothing_else_is_html() -> None:
    html = Table(["a", "b"], [["`x`", "do `rm <file>`, not ` or <b>"]])._repr_html_()
    assert "><code>x</code></th>" in html
    assert "<td" in html and "do <code>rm &lt;file&gt;</code>, not ` or &lt;b&gt;</td>" in html
