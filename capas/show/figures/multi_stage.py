"""Lesson 12: what the last stage takes along, and what stays behind."""

from capas.show.drawing import MARGIN, SMALL, Drawing, Words

TITLE = ("Two stages: what goes along, what stays behind", "Dos etapas: qué pasa y qué queda")
ALT = (
    "The first stage has the base, Pipenv, its lists of packages, the virtual environment, the "
    "app and an empty data folder. COPY --from takes the last three into the second stage, which "
    "starts from a clean base; only the second stage becomes the image.",
    "La primera etapa tiene la base, Pipenv, sus listas de paquetes, el entorno virtual, la "
    "aplicación y una carpeta vacía de datos. COPY --from lleva estos tres últimos a la segunda "
    "etapa, que parte de una base limpia; sólo esta se convierte en la imagen.",
)
HEIGHT = 560
LEFT, RIGHT, WIDE = MARGIN + 30, 590, 300
BOTTOM, H, GAP = 504, 52, 10


def draw(d: Drawing) -> None:
    """Draw two piles side by side; what is copied stands at the same height in both."""
    base: Words = "python:3.13-slim"
    venv: Words = ("/venv, the libraries", "/venv, las bibliotecas")
    app: Words = ("/app, the code", "/app, el código")
    data: Words = ("/data, empty", "/data, vacía")
    pipenv: Words = ("Pipenv, its libraries", "Pipenv, sus bibliotecas")
    rest: Words = ("Pipfile, requirements.txt", "Pipfile, requirements.txt")

    d.region(MARGIN, 84, WIDE + 60, 440, "FROM … AS build", mono=True)
    d.region(RIGHT - 30, 84, WIDE + 60, 440, "FROM …", "image", mono=True)
    d.text(
        RIGHT + WIDE,
        115,
        ("this is the image", "esta es la imagen"),
        anchor="end",
        size=SMALL,
        ink="muted",
        width=190,
    )
    first = d.layers(
        LEFT,
        BOTTOM,
        WIDE,
        [
            (base, "image"),
            (pipenv, "library"),
            (rest, "application"),
            (venv, "library"),
            (app, "application"),
            (data, "volume"),
        ],
        h=H,
        gap=GAP,
    )
    d.box(RIGHT, first[0].y, WIDE, H, base, "image", radius=8)
    places: list[tuple[Words, str]] = [(venv, "library"), (app, "application"), (data, "volume")]
    for there, (words, role) in zip(first[3:], places, strict=True):
        here = d.box(RIGHT, there.y, WIDE, H, words, role, radius=8)
        d.arrow(there.east(), here.west())
    d.text(480, first[5].y - 12, "COPY --from", mono=True, size=SMALL, anchor="middle", width=140)
    for box in first[1:3]:
        d.badge(box.right + 62, box.cy, "error")
    d.hole(
        RIGHT, first[2].y, WIDE, 2 * H + GAP, ("was needed to build", "hizo falta para construir")
    )
