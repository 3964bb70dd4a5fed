"""Lesson 06: ENTRYPOINT, CMD and the arguments of docker run."""

from capas.show.drawing import MARGIN, Drawing, Words

TITLE = ("What runs when the container starts?", "¿Qué corre cuando arranca el container?")
ALT = (
    "What runs in the container is ENTRYPOINT followed by CMD; arguments after the image's "
    "name in docker run replace CMD, not ENTRYPOINT.",
    "Lo que corre en el container es ENTRYPOINT seguido de CMD; los argumentos después del "
    "nombre de la imagen en docker run reemplazan a CMD, no a ENTRYPOINT.",
)
HEIGHT = 548

Run = tuple[list[tuple[str, str]], list[tuple[str, str]]]


def _piece(d: Drawing, x: float, y: float, text: str, kind: str) -> float:
    """Draw one part of a command; return where the next begins."""
    wide = len(text) * 10.3 + 28
    role, solid = {"entrypoint": ("image", True), "cmd": ("image", False), "you": ("client", True)}[
        kind
    ]
    d.box(x, y, wide, 40, text, role, solid=solid, mono=True, size=17, dashed=kind == "cmd")
    return x + wide + 8


def draw(d: Drawing) -> None:
    """Draw two images, two runs of each; every part keeps the colour of where it is from."""
    groups: list[tuple[Words, list[tuple[str, str]], list[tuple[str, list[tuple[str, str]]]]]] = [
        (
            ("CMD alone", "CMD solo"),
            [("CMD", ""), ("uvicorn main:app", "cmd")],
            [
                ("", [("uvicorn main:app", "cmd")]),
                ("bash", [("bash", "you")]),
            ],
        ),
        (
            ("ENTRYPOINT and CMD", "ENTRYPOINT y CMD"),
            [("ENTRYPOINT", ""), ("uvicorn", "entrypoint"), ("CMD", ""), ("main:app", "cmd")],
            [
                ("", [("uvicorn", "entrypoint"), ("main:app", "cmd")]),
                ("other:app", [("uvicorn", "entrypoint"), ("other:app", "you")]),
            ],
        ),
    ]
    y = 84.0
    for name, image, runs in groups:
        d.box(MARGIN, y, 880, 60)
        d.text(MARGIN + 20, y + 36, name, bold=True, width=240)
        x = 332.0
        for text, kind in image:
            if kind:
                x = _piece(d, x, y + 10, text, kind) + 16
            else:
                x += d.text(x, y + 36, text, mono=True, size=17) + 10
        for row, (extra, parts) in enumerate(runs):
            top = y + 74 + 56 * row
            t = d.terminal(
                MARGIN,
                top,
                370,
                [
                    [
                        ("$ ", "term-muted"),
                        ("docker run api", "term-muted"),
                        (f" {extra}", "term-ink"),
                    ]
                ]
                if extra
                else [[("$ docker run api", "term-muted")]],
            )
            d.arrow(t.east(), (500, t.cy))
            x = 500.0
            for text, kind in parts:
                x = _piece(d, x, t.cy - 20, text, kind)
        y += 208
    d.text(
        MARGIN,
        HEIGHT - 34,
        (
            "What you add replaces CMD, never ENTRYPOINT.",
            "Lo que agregás reemplaza a CMD, nunca a ENTRYPOINT.",
        ),
    )
