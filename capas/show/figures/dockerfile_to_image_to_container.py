"""Lesson 06: a recipe, what it makes, and what runs."""

from capas.show.drawing import MARGIN, SMALL, Drawing

TITLE = ("Dockerfile, image, container", "Dockerfile, imagen, container")
ALT = (
    "docker build turns the lines of a Dockerfile that change files into the read-only layers "
    "of an image; docker run puts a thin writable layer on top for each container.",
    "docker build convierte las líneas del Dockerfile que cambian archivos en las capas de sólo "
    "lectura de la imagen; docker run agrega arriba una capa fina de escritura por cada container.",
)
HEIGHT = 500


def draw(d: Drawing) -> None:
    """Draw three columns; a line and its layer share their number."""
    rows = d.file(
        MARGIN,
        128,
        276,
        "Dockerfile",
        [
            ("FROM python:3.13", None),
            ("WORKDIR /app", None),
            ("COPY Pipfile* ./", None),
            ("RUN pipenv …", None),
            ("COPY . ./", None),
            ("CMD uvicorn …", None),
        ],
        leading=44,
        indent=58,
    )
    for n, row in enumerate(rows[:5], 1):
        d.number(row.x + 32, row.cy, n, "image")

    d.text(420, 112, ("image", "imagen"), bold=True, ink="image")
    left, wide = 420, 190
    boxes = d.layers(
        left,
        450,
        wide,
        [
            ("python:3.13", "image"),
            ("/app", "image"),
            ("Pipfile*", "image"),
            (("packages", "paquetes"), "image"),
            (("your code", "tu código"), "image"),
        ],
        h=48,
        gap=6,
    )
    for n, box in enumerate(boxes, 1):
        d.number(box.x, box.cy, n, "image")
    d.box(left, 128, wide, 54)
    d.text(left + wide / 2, 151, "CMD uvicorn …", mono=True, size=16, anchor="middle", width=170)
    d.text(
        left + wide / 2,
        172,
        ("a setting, no layer", "un ajuste, no una capa"),
        size=15,
        ink="muted",
        anchor="middle",
        width=180,
    )
    middle = 291
    d.arrow((MARGIN + 276, middle), (left, middle), role="client")
    d.text(358, middle - 12, "build", bold=True, anchor="middle", size=SMALL)

    d.text(700, 112, "containers", bold=True, ink="container")
    for y, name in ((128, "container 1"), (300, "container 2")):
        d.box(
            700,
            y,
            220,
            62,
            name,
            "container",
            dashed=True,
            sub=("can be written", "se puede escribir"),
        )
        d.box(
            700,
            y + 68,
            220,
            62 + 20,
            ("the same image", "la misma imagen"),
            "image",
            sub=("read-only", "sólo lectura"),
        )
        d.arrow((left + wide, middle), (655, middle), (655, y + 90), (700, y + 90), role="client")
    d.text(634, middle - 12, "run", bold=True, anchor="middle", size=SMALL)
