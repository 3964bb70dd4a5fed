"""Lesson 01: what a virtual machine adds, layer by layer."""

from capas.show.drawing import MARGIN, Drawing, Words

TITLE = ("One layer more, and a whole system above it", "Una capa más, y arriba un sistema entero")
ALT = (
    "Left: hardware, operating system, libraries, application. Right: on hardware and host system "
    "a hypervisor, and in it two guests, each with virtual hardware, an operating system, "
    "libraries and an application of its own.",
    "Izquierda: hardware, sistema operativo, bibliotecas, aplicación. Derecha: sobre hardware y "
    "sistema host, un hypervisor; en él dos guests, cada uno con hardware virtual, sistema "
    "operativo, bibliotecas y aplicación propios.",
)
HEIGHT = 572
BOTTOM, TALL, GAP = 528, 50, 8
LEFT, RIGHT, WIDE = 230, 380, 540


def draw(d: Drawing) -> None:
    """Draw the two piles on one ground, so that what is more can be seen."""
    hardware: Words = "hardware"
    low: list[tuple[Words, str]] = [
        (hardware, "hardware"),
        (("operating system", "sistema operativo"), "kernel"),
    ]
    own: list[tuple[Words, str]] = [
        (("libraries", "bibliotecas"), "library"),
        (("application", "aplicación"), "application"),
    ]
    d.layers(MARGIN, BOTTOM, LEFT, [*low, *own], h=TALL, gap=GAP)
    d.text(MARGIN, BOTTOM - 4 * (TALL + GAP) - 14, ("without", "sin virtualizar"), ink="muted")

    host: list[tuple[Words, str]] = [
        (hardware, "hardware"),
        (("host operating system", "sistema operativo host"), "kernel"),
        (("hypervisor: the extra layer", "hypervisor: la capa extra"), "hypervisor"),
    ]
    *_rest, hypervisor = d.layers(RIGHT, BOTTOM, WIDE, host, h=TALL, gap=GAP)
    half = (WIDE - 16) / 2
    guest: list[tuple[Words, str]] = [
        (("virtual hardware", "hardware virtual"), "hardware"),
        (("guest OS", "SO guest"), "guest"),
        *own,
    ]
    for n, name in enumerate(("guest 1", "guest 2")):
        x = RIGHT + n * (half + 16)
        top = hypervisor.y - GAP - 4 * (TALL + 6) - 54
        d.region(x, top, half, hypervisor.y - GAP - top, name, "guest")
        d.layers(x + 12, hypervisor.y - GAP - 12, half - 24, guest, h=TALL, gap=6, size=17)
