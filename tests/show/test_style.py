"""The palette can be read by everyone."""

from itertools import combinations

import pytest

from capas.show import style
from capas.show.style import FAMILIES, MODES, ROLES, SURFACES, Mode

# How each kind of colour blindness sees linear sRGB, at full severity: Machado, Oliveira
# and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# IEEE TVCG 15 (2009), table 1.
VISIONS = {
    "all cones": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
APART = 6.0
"""Least distance, in hundredths of Oklab, at which two patches side by side differ clearly."""


def oklab(colour: str, vision: str) -> tuple[float, float, float]:
    """Return the Oklab coordinates (Ottosson 2020) of a colour as one vision sees it."""
    rgb = style.linear(colour)
    r, g, b = (
        min(1.0, max(0.0, sum(k * c for k, c in zip(row, rgb, strict=True))))
        for row in VISIONS[vision]
    )
    l = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)  # noqa: E741
    m = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    s = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
        1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
        0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s,
    )


def distance(one: str, other: str, vision: str) -> float:
    pairs = zip(oklab(one, vision), oklab(other, vision), strict=True)
    return float(100 * sum((a - b) ** 2 for a, b in pairs) ** 0.5)


@pytest.mark.parametrize("mode", MODES)
def test_text_can_be_read(mode: Mode) -> None:
    s = SURFACES[mode]
    pairs = [
        (s.ink, s.paper),
        (s.ink, s.card),
        (s.muted, s.paper),
        (s.muted, s.card),
        (s.terminal_ink, s.terminal),
        (s.terminal_muted, s.terminal),
        (s.paper, s.ink),
    ]
    for role in ROLES.values():
        tone = role.tone(mode)
        pairs += [(s.ink, tone.fill), (s.muted, tone.fill), (tone.on, tone.accent)]
        pairs += [(tone.text, ground) for ground in (s.paper, s.card, tone.fill)]
    poor = [(pair, style.contrast(*pair)) for pair in pairs]
    assert [p for p in poor if p[1] < style.TEXT_CONTRAST] == []


@pytest.mark.parametrize("mode", MODES)
def test_edges_and_arrows_stand_out_from_the_paper(mode: Mode) -> None:
    s = SURFACES[mode]
    colours = {name: role.tone(mode).accent for name, role in ROLES.items()} | {"line": s.line}
    weak = {n for n, c in colours.items() if style.contrast(c, s.paper) < style.SHAPE_CONTRAST}
    assert weak == set()


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("mode", MODES)
def test_colours_that_meet_stay_apart(mode: Mode, vision: str) -> None:
    close = []
    for family in FAMILIES:
        for one, other in combinations(sorted(family), 2):
            gap = distance(ROLES[one].tone(mode).accent, ROLES[other].tone(mode).accent, vision)
            if gap < APART:
                close.append((one, other, round(gap, 1)))
    assert close == []


def test_every_meaning_has_one_colour_and_belongs_to_a_family() -> None:
    for mode in MODES:
        accents = [role.tone(mode).accent for role in ROLES.values()]
        assert len(set(accents)) == len(accents)
    assert set().union(*FAMILIES) == set(ROLES)


def test_css_variables_name_every_role() -> None:
    css = style.css_variables("dark")
    assert all(f"--capas-{name}-fill:#" in css for name in ROLES)
    assert "--capas-paper:#171b21" in css


def test_contrast_agrees_with_wcag() -> None:
    assert style.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert style.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
