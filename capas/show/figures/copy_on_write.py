"""Lesson 05: what a container sees, layer by layer."""

from capas.show.drawing import MARGIN, SMALL, SMALLEST, Drawing

TITLE = ("What Ana's container sees", "Qué ve el container de Ana")
ALT = (
    "Reading looks from the top down: what the container's own layer does not hold comes from the "
    "image. A changed file is copied up first; a deleted one is hidden by a whiteout.",
    "Se lee de arriba hacia abajo: lo que la capa propia del container no tiene viene de la "
    "imagen. Un archivo que cambia se copia antes hacia arriba; uno borrado queda tapado por un "
    "whiteout.",
)
HEIGHT = 516

COLUMNS = ((262, "letter"), (426, "bill"), (590, "photo"), (754, "list"))
WIDE = 148


def draw(d: Drawing) -> None:
    """Draw three rows, what is seen on top of the layers that it comes from; files as columns."""
    rows = [
        (112, ("what it sees", "lo que ve"), ("all of /desk", "todo /desk"), None),
        (
            242,
            ("its own layer", "su capa propia"),
            ("can be written", "se puede escribir"),
            "container",
        ),
        (
            372,
            ("the image", "la imagen"),
            ("read-only", "sólo lectura"),
            "image",
        ),
    ]
    for y, name, sub, role in rows:
        d.box(MARGIN, y, 880, 88, None, role, dashed=role == "container", radius=12)
        d.text(MARGIN + 18, y + 40, name, bold=True, width=196)
        d.paragraph(MARGIN + 18, y + 63, sub, width=196, lines=1, size=SMALLEST)
    for x, file in COLUMNS:
        if file == "bill":
            d.hole(x, 128, WIDE, 56, ("nothing", "nada"))
        else:
            d.box(x, 128, WIDE, 56, file, "image" if file == "photo" else "container", mono=True)
        if file in ("letter", "bill", "photo"):
            d.box(x, 388, WIDE, 56, file, "image", mono=True, solid=file == "photo")
    d.box(262, 258, WIDE, 56, "letter", "container", mono=True, solid=True)
    d.box(426, 258, WIDE, 56, "whiteout", "error", sub="bill")
    d.box(754, 258, WIDE, 56, "list", "container", mono=True, solid=True)
    d.arrow((336, 388), (336, 314), role="container")
    d.text(346, 356, ("copied up", "se copia"), size=SMALLEST, width=100)
    d.arrow((336, 258), (336, 184))
    d.arrow((828, 258), (828, 184))
    d.arrow((664, 388), (664, 184))
    d.arrow((500, 388), (500, 314), crossed=True)
    d.text(
        MARGIN,
        484,
        ("C letter  ·  D bill  ·  A list", "C letter  ·  D bill  ·  A list"),
        size=SMALL,
        mono=True,
    )
    d.text(
        360,
        484,
        ("is what docker diff prints", "es lo que imprime docker diff"),
        size=SMALL,
        ink="muted",
    )
