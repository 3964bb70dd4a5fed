"""Lesson 06: the order of a Dockerfile decides what a change costs."""

from capas.show.drawing import MARGIN, Drawing, Words

TITLE = (
    "One line of code changed: what is built again?",
    "Cambió una línea de código: ¿qué se reconstruye?",
)
ALT = (
    "After main.py changes, the bad order (COPY . ./ first) rebuilds the dependencies too; "
    "the good order (Pipfile first) rebuilds only the last copy.",
    "Cuando cambia main.py, el orden malo (COPY . ./ primero) reconstruye también las "
    "dependencias; el bueno (Pipfile primero) sólo rehace la última copia.",
)
HEIGHT = 520

Step = tuple[str, Words | None, bool]  # instruction, what it does, built again
BAD: list[Step] = [
    ("FROM python:3.13-slim", None, False),
    ("WORKDIR /app", None, False),
    ("COPY . ./", ("main.py is in here", "acá está main.py"), True),
    ("RUN pipenv install …", ("slow", "lento"), True),
]
GOOD: list[Step] = [
    ("FROM python:3.13-slim", None, False),
    ("WORKDIR /app", None, False),
    ("COPY Pipfile* ./", None, False),
    ("RUN pipenv install …", ("slow", "lento"), False),
    ("COPY . ./", ("main.py is in here", "acá está main.py"), True),
]


def draw(d: Drawing) -> None:
    """Draw both orders as rows; what is built again stands out by colour, icon and word."""
    columns: list[tuple[float, Words, str, list[Step]]] = [
        (MARGIN, ("Copy all at once", "Copiar todo de una"), "error", BAD),
        (500, ("What changes, last", "Lo que cambia, al final"), "ok", GOOD),
    ]
    for x, name, state, steps in columns:
        d.badge(x + 14, 105, state, r=14)
        d.text(x + 40, 112, name, bold=True, size=20, width=380)
        for row, (line, note, again) in enumerate(steps):
            y = 138 + 62 * row
            box = d.box(x, y, 290, 52, None, "warn" if again else "image")
            if note is None:
                d.text(x + 16, box.cy + 6, line, mono=True, size=17, width=262)
            else:
                d.text(x + 16, box.cy - 3, line, mono=True, size=17, width=262)
                d.text(x + 16, box.cy + 17, note, size=15, ink="muted", width=262)
            d.badge(x + 310, box.cy, "warn" if again else "ok")
            words: Words = ("rebuilt", "se rehace") if again else "CACHED"
            d.text(
                x + 330,
                box.cy + 6,
                words,
                bold=again,
                ink="ink" if again else "muted",
                size=16,
                width=92,
            )
    d.paragraph(
        MARGIN,
        478,
        (
            "From the first changed step on, everything below it is built again.",
            "Desde el primer paso que cambió, todo lo que sigue se reconstruye.",
        ),
        width=880,
        lines=1,
        size=18,
        ink="ink",
    )
