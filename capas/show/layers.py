"""The layers of an image of the engine, with the instruction that made each and its size.

``show.layers("capas/web")`` piles them up, the newest on top; ``show.layers("capas/a", "capas/b")``
draws two images beside each other, with what they share once, as it is on disk. With ``base=`` the
layers of a base image are summed up in one.
"""

from contextlib import closing

from capas.engine import client
from capas.engine.history import Image, Step, read
from capas.language import _, current, ngettext
from capas.show import metrics
from capas.show.drawing import BODY, CODE, MARGIN, SMALL, SMALLEST, WIDTH, Drawing
from capas.show.picture import Picture

TALL = {"layer": 46, "base": 62, "setting": 28}
"""Height of a row, by its kind."""
GAP = 6
TOP = 92
PILE = 600
"""How wide a pile of layers is."""
BAR = 170
"""Width of the largest layer's bar."""
INNER = WIDTH - 2 * MARGIN


def layers(image: str, other: str | None = None, *, base: str | None = None) -> Picture:
    """Draw an image's layers, or those of two images beside each other.

    `base`: the image that they are built from; its layers are drawn as one.

    Raises:
        CapasError: the engine does not have an image of that name, or does not answer.
    """
    with closing(client()) as engine:
        images = [read(engine, name) for name in (image, other) if name is not None]
        below = read(engine, base) if base is not None else None
    return pile(images[0], below) if other is None else beside(images[0], images[1], below)


def human(size: int) -> str:
    """Return bytes as docker writes them: three digits, in powers of 1000 (``21MB``)."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{value:.3g}{unit}"


def shared(one: Image, other: Image) -> int:
    """Return how many layers two images share: those at the bottom, up to the first difference.

    A layer is stored as a change to those below it: the same change on another ground is another.
    """
    pairs = zip(one.layers, other.layers, strict=False)
    return next(
        (n for n, (a, b) in enumerate(pairs) if a.layer != b.layer),
        min(len(one.layers), len(other.layers)),
    )


def _above(image: Image, count: int) -> list[Step]:
    """Return the steps, settings too, that come after the first `count` layers."""
    if not count:
        return [*image.steps]
    ground = image.layers[count - 1]
    at = next(n for n, step in enumerate(image.steps) if step is ground)
    return [*image.steps[at + 1 :]]


def _shorter(text: str, size: float, width: float, weight: metrics.Weight = "mono") -> str:
    """Return `text`, cut with an ellipsis where it is wider than `width`."""
    if metrics.width(text, size, weight) <= width:
        return text
    while text and metrics.width(f"{text}…", size, weight) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def _count(n: int) -> str:
    return ngettext("{n} layer", "{n} layers", n).format(n=n)


def pile(image: Image, base: Image | None = None) -> Picture:
    """Draw the layers of one image, the newest on top, as long bars where they are large."""
    below = base if base is not None and 0 < shared(image, base) == len(base.layers) else None
    steps: list[Step] = [*image.steps]
    if below is not None:  # the base's own settings are the base's
        whole = image.steps[: len(below.steps)] == below.steps
        steps = steps[len(below.steps) :] if whole else _above(image, len(below.layers))
    steps.reverse()
    sizes = [*(step.size for step in image.layers), below.size if below else 0, 1]
    total = _("{layers}, {size} in all").format(
        layers=_count(len(image.layers)), size=human(image.size)
    )
    title = _("The layers of {image}").format(image=image.name)
    says = [_said(step) for step in steps]
    says += [f"{below.name} ({_count(len(below.layers))}): {human(below.size)}"] if below else []
    alt = _("{title}, the newest first: {steps}. {total}.").format(
        title=title, steps="; ".join(says), total=total
    )
    tall = sum(TALL["layer" if step.layer else "setting"] + GAP for step in steps)
    tall += TALL["base"] + GAP if below else 0
    drawing = Drawing(current(), TOP + tall + 76, _shorter(title, 27, INNER, "bold"), alt)
    drawing.text(MARGIN, TOP, _("instruction, the newest on top"), size=SMALLEST, ink="muted")
    _right(drawing, TOP, _("adds"), ink="muted")
    y = TOP + 16.0
    for step in steps:
        h = TALL["layer" if step.layer else "setting"]
        size, ink = (CODE, "ink") if step.layer else (SMALLEST, "muted")
        if step.layer:
            drawing.box(MARGIN, y, PILE, h, None, "image", radius=8)
            _bar(drawing, y + h / 2, step.size, max(sizes))
        else:
            _right(drawing, y + h / 2 + 5, _("a setting, no layer"), ink="muted")
        line = _shorter(step.instruction, size, PILE - 32)
        drawing.text(MARGIN + 16, y + h / 2 + 6, line, size=size, mono=True, ink=ink, width=PILE)
        y += h + GAP
    if below is not None:
        h = TALL["base"]
        name = _shorter(below.name, BODY, PILE - 40, "bold")
        drawing.box(MARGIN, y, PILE, h, name, "image", sub=_count(len(below.layers)))
        _bar(drawing, y + h / 2, below.size, max(sizes))
        y += h + GAP
    _right(drawing, y + 26, total, size=BODY, bold=True)
    return Picture(drawing.svg(), alt)


def _right(
    drawing: Drawing,
    y: float,
    words: str,
    *,
    x: float = WIDTH - MARGIN,
    size: float = SMALLEST,
    bold: bool = False,
    ink: str = "ink",
) -> None:
    """Write a line that ends at `x`."""
    drawing.text(x, y, words, size=size, bold=bold, ink=ink, anchor="end")


def _bar(drawing: Drawing, middle: float, size: int, largest: int) -> None:
    """Draw how large a layer is: a bar, and a number."""
    if size:
        wide = max(2.0, BAR * size / largest)
        left = MARGIN + PILE + 20
        drawing.box(left, middle - 9, wide, 18, None, "image", solid=True, radius=3)
    _right(drawing, middle + 6, human(size), size=SMALL, bold=True)


def beside(one: Image, other: Image, base: Image | None = None) -> Picture:
    """Draw two images beside each other; the layers that both have lie under both, once."""
    common = shared(one, other)
    ground = one.layers[:common]
    if base is not None and 0 < len(base.layers) <= min(common, shared(one, base)):
        bottom = [(base.name, sum(s.size for s in base.layers), len(base.layers))]
        ground = ground[len(base.layers) :]
    else:
        bottom = []
    sides = [[s for s in _above(image, common) if s.layer] for image in (one, other)]
    taken = one.size + sum(step.size for step in sides[1])
    # Summed as shown: 148MB + 128MB is 276MB to who reads it, whatever the bytes say.
    both = sum(round(float(f"{image.size:.3g}")) for image in (one, other))
    title = _("What two images share")
    sums = _("Counted apart: {a} + {b} = {both}. On disk: {taken}.").format(
        a=human(one.size), b=human(other.size), both=human(both), taken=human(taken)
    )
    alt = " ".join(
        [
            _("{image} alone: {steps}.").format(
                image=image.name, steps="; ".join(map(_said, reversed(side))) or _("nothing")
            )
            for image, side in zip((one, other), sides, strict=True)
        ]
        + [
            _("Both: {steps}.").format(
                steps="; ".join(
                    [_said(step) for step in reversed(ground)]
                    + [f"{name} ({_count(n)}): {human(size)}" for name, size, n in bottom]
                )
                or _("nothing")
            ),
            sums,
        ]
    )
    row = TALL["layer"] + GAP
    upper = max(map(len, sides)) * row
    lower = len(ground) * row + len(bottom) * (TALL["base"] + GAP)
    drawing = Drawing(current(), round(TOP + 26 + upper + lower + 66), title, alt)
    wide = (INNER - 40) / 2
    for n, (image, side) in enumerate(zip((one, other), sides, strict=True)):
        x = MARGIN + n * (wide + 40)
        y = TOP + 22.0 + upper - len(side) * row
        name = _shorter(image.name, SMALL, wide - 90)
        drawing.text(x, TOP + 4, name, size=SMALL, mono=True, width=wide - 80)
        _right(drawing, TOP + 4, human(image.size), x=x + wide, size=SMALL, bold=True)
        for step in reversed(side):
            _row(drawing, x, y, wide, step)
            y += row
    y = TOP + 22.0 + upper
    for step in reversed(ground):
        _row(drawing, MARGIN, y, INNER, step)
        y += row
    for name, size, n in bottom:
        name = _shorter(name, BODY, INNER - 40, "bold")
        sub = f"{_count(n)}, {human(size)}"
        drawing.box(MARGIN, y, INNER, TALL["base"], name, "image", sub=sub)
        y += TALL["base"] + GAP
    _right(drawing, y + 30, sums, size=BODY, bold=True)
    return Picture(drawing.svg(), alt)


def _row(drawing: Drawing, x: float, y: float, wide: float, step: Step) -> None:
    h = TALL["layer"]
    drawing.box(x, y, wide, h, None, "image", radius=8)
    line = _shorter(step.instruction, CODE, wide - 120)
    drawing.text(x + 16, y + h / 2 + 6, line, size=CODE, mono=True, width=wide - 110)
    _right(drawing, y + h / 2 + 6, human(step.size), x=x + wide - 14, size=SMALL, bold=True)


def _said(step: Step) -> str:
    what = human(step.size) if step.layer else _("a setting, no layer")
    return f"{step.instruction}: {what}"
