"""How wide text gets: advance widths, in thousandths of the font size.

Readers see a figure in their own system's font, so its text is measured in the widest of
the usual ones, DejaVu Sans: what fits there fits everywhere. Written by reading that
font's ``hmtx`` table; a machine that builds figures needs no font at all.
"""

from typing import Literal

Weight = Literal["regular", "bold", "mono"]

MONO = 602
"""Every character of the widest usual monospaced fonts (DejaVu Sans Mono, Menlo)."""

_CHARACTERS = (
    " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
    "abcdefghijklmnopqrstuvwxyz{|}~"
    "¡¿áéíóúüñÁÉÍÓÚÜÑ«»·×°…–—‘’“”→←↑↓✓✗≥≤½"
)
_REGULAR = (
    318,
    401,
    460,
    838,
    636,
    950,
    780,
    275,
    390,
    390,
    500,
    838,
    318,
    361,
    318,
    337,
    636,
    636,
    636,
    636,
    636,
    636,
    636,
    636,
    636,
    636,
    337,
    337,
    838,
    838,
    838,
    531,
    1000,
    684,
    686,
    698,
    770,
    632,
    575,
    775,
    752,
    295,
    295,
    656,
    557,
    863,
    748,
    787,
    603,
    787,
    695,
    635,
    611,
    732,
    684,
    989,
    685,
    611,
    685,
    390,
    337,
    390,
    838,
    500,
    500,
    613,
    635,
    550,
    635,
    615,
    352,
    635,
    634,
    278,
    278,
    579,
    278,
    974,
    634,
    612,
    635,
    635,
    411,
    521,
    392,
    634,
    592,
    818,
    592,
    592,
    525,
    636,
    337,
    636,
    838,
    401,
    531,
    613,
    615,
    278,
    612,
    634,
    634,
    634,
    684,
    632,
    295,
    787,
    732,
    732,
    748,
    612,
    612,
    318,
    838,
    500,
    1000,
    500,
    1000,
    318,
    318,
    518,
    518,
    838,
    838,
    838,
    838,
    838,
    838,
    838,
    838,
    969,
)
_BOLD = (
    348,
    456,
    521,
    838,
    696,
    1002,
    872,
    306,
    457,
    457,
    523,
    838,
    380,
    415,
    380,
    365,
    696,
    696,
    696,
    696,
    696,
    696,
    696,
    696,
    696,
    696,
    400,
    400,
    838,
    838,
    838,
    580,
    1000,
    774,
    762,
    734,
    830,
    683,
    683,
    821,
    837,
    372,
    372,
    775,
    637,
    995,
    837,
    850,
    733,
    850,
    770,
    720,
    682,
    812,
    774,
    1103,
    771,
    724,
    725,
    457,
    365,
    457,
    838,
    500,
    500,
    675,
    716,
    593,
    716,
    678,
    435,
    716,
    712,
    343,
    343,
    665,
    343,
    1042,
    712,
    687,
    716,
    716,
    493,
    595,
    478,
    712,
    652,
    924,
    645,
    652,
    582,
    712,
    365,
    712,
    838,
    456,
    580,
    675,
    678,
    343,
    687,
    712,
    712,
    712,
    774,
    683,
    372,
    850,
    812,
    812,
    837,
    646,
    646,
    380,
    838,
    500,
    1000,
    500,
    1000,
    380,
    380,
    657,
    657,
    838,
    838,
    838,
    838,
    838,
    838,
    838,
    838,
    1035,
)

_TABLES: dict[str, dict[str, int]] = {
    "regular": dict(zip(_CHARACTERS, _REGULAR, strict=True)),
    "bold": dict(zip(_CHARACTERS, _BOLD, strict=True)),
}


def width(text: str, size: float, weight: Weight = "regular") -> float:
    """Return how wide ``text`` is at most, in the unit of ``size``.

    Raises:
        KeyError: a character that the table lacks (and many fonts would, too).
    """
    if weight == "mono":
        return len(text) * MONO * size / 1000
    table = _TABLES[weight]
    return sum(table[character] for character in text) * size / 1000


def wrap(text: str, size: float, limit: float, weight: Weight = "regular") -> list[str]:
    """Break ``text`` into lines no wider than ``limit``, as even as can be.

    Greedy breaking gives the number of lines; the lines are then made narrower as long as
    that number holds, so that no single word is left over at the end.
    """

    def greedy(limit: float) -> list[str]:
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and width(longer, size, weight) <= limit:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    best = greedy(limit)
    while limit > size:
        limit -= size / 2
        lines = greedy(limit)
        too_wide = any(width(line, size, weight) > limit for line in lines)
        if len(lines) > len(best) or too_wide:
            break
        best = lines
    return best
