"""Lesson 00: the fourteen lessons as one path."""

from capas.show.drawing import SMALL, Drawing, Words

TITLE = ("Fourteen lessons, one path", "Catorce lecciones, un camino")
ALT = (
    "The fourteen lessons as a path in four groups: virtualization (00–03), one container "
    "(04–07), two apps together (08–10), and beyond (11–13).",
    "Las catorce lecciones como un camino de cuatro tramos: virtualización (00–03), un "
    "container (04–07), dos aplicaciones juntas (08–10) y más allá (11–13).",
)
HEIGHT = 516

GROUPS: list[tuple[Words, str, list[Words]]] = [
    (
        ("Virtualization", "Virtualización"),
        "hypervisor",
        [
            ("Start here", "Empezá acá"),
            ("What virtualization is", "Qué es virtualizar"),
            ("Benefits and costs, measured", "Ventajas y costos, medidos"),
            ("Docker and the kernel", "Docker y el kernel"),
        ],
    ),
    (
        ("One container", "Un container"),
        "image",
        [
            ("Architecture", "Arquitectura"),
            ("Images and containers", "Imágenes y containers"),
            "Dockerfile",
            "docker run",
        ],
    ),
    (
        ("Two apps together", "Dos apps juntas"),
        "network",
        [
            ("The SvelteKit image", "La imagen de SvelteKit"),
            ("Compose: the file", "Compose: el archivo"),
            ("Compose: the commands", "Compose: los comandos"),
        ],
    ),
    (
        ("And beyond", "Y más allá"),
        "kernel",
        [
            ("Docker Desktop, and our own", "Docker Desktop, y uno propio"),
            ("Production images", "Imágenes de producción"),
            ("Inside a container", "Adentro de un container"),
        ],
    ),
]
PITCH, LEFT, TOP, STEP = 222, 62, 184, 80


def draw(d: Drawing) -> None:
    """Draw four columns of stations, joined from the foot of one to the head of the next."""
    lesson = 0
    for column, (name, role, lessons) in enumerate(GROUPS):
        x = LEFT + PITCH * column
        last = TOP + STEP * (len(lessons) - 1)
        if column < len(GROUPS) - 1:
            lane, foot, head = x + PITCH - 34, HEIGHT - 44, TOP - 48
            after = x + PITCH
            d.arrow(
                (x, last),
                (x, foot),
                (lane, foot),
                (lane, head),
                (after, head),
                (after, TOP - 21),
                dashed=True,
            )
        d.line((x, TOP), (x, last), role=role)
        d.text(x - 22, 112, name, bold=True, ink=role, width=PITCH - 8)
        for row, title in enumerate(lessons):
            y = TOP + STEP * row
            d.station(x, y, f"{lesson:02}", role)
            d.paragraph(
                x + 32, y, title, width=PITCH - 76, lines=2, size=SMALL, ink="ink", middle=True
            )
            lesson += 1
