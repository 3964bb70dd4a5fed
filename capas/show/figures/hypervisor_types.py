"""Lesson 01: where the hypervisor stands."""

from capas.show.drawing import MARGIN, SMALL, Drawing, Words

TITLE = ("Where does the hypervisor stand?", "¿Dónde está el hypervisor?")
ALT = (
    "Type 1: the hypervisor stands right on the hardware, all systems are guests. KVM: the "
    "host's own kernel is the hypervisor, each guest is a process. Type 2: the hypervisor is a "
    "program on the host's operating system, as in the lecture.",
    "Tipo 1: el hypervisor está directamente sobre el hardware y todos los sistemas son guests. "
    "KVM: el propio kernel del host es el hypervisor y cada guest es un proceso. Tipo 2: el "
    "hypervisor es un programa sobre el sistema operativo host, como en la clase.",
)
HEIGHT = 560
TALL, GAP, BOTTOM = 52, 8, 440
WIDE, PITCH = 276, 302


def draw(d: Drawing) -> None:
    """Draw three piles with the same guests on top."""
    host: Words = ("host operating system", "sistema operativo host")
    piles: list[tuple[Words, Words, list[tuple[Words, str]]]] = [
        (
            ("Type 1", "Tipo 1"),
            "Xen, VMware ESXi, Hyper-V",
            [("hardware", "hardware"), ("hypervisor", "hypervisor")],
        ),
        (
            "KVM",
            "Linux; Google Cloud, AWS Nitro",
            [("hardware", "hardware"), ("Linux + KVM", "kernel")],
        ),
        (
            ("Type 2", "Tipo 2"),
            "VirtualBox, VMware Workstation",
            [("hardware", "hardware"), (host, "kernel"), ("hypervisor", "hypervisor")],
        ),
    ]
    says: list[Words] = [
        (
            "It is the lowest program of all: it schedules, and the systems are all guests.",
            "Es el programa de más abajo: él reparte, y los sistemas son todos guests.",
        ),
        (
            "The host's kernel itself runs the guests; each is one process of the host.",
            "El kernel del host mismo corre los guests; cada uno es un proceso del host.",
        ),
        (
            "A program like any other, on a system that is there for other things, too.",
            "Un programa como cualquier otro, sobre un sistema que también hace otras cosas.",
        ),
    ]
    for n, (name, examples, rows) in enumerate(piles):
        x = MARGIN + n * PITCH
        d.text(x, 104, name, bold=True, size=21)
        d.text(x, 130, examples, size=SMALL, ink="muted", width=WIDE)
        top = d.layers(x, BOTTOM, WIDE, rows, h=TALL, gap=GAP)[-1]
        half = (WIDE - 12) / 2
        guest: list[tuple[Words, str]] = [
            (("guest OS", "SO guest"), "guest"),
            ("apps", "application"),
        ]
        if n == 1:
            guest.insert(0, ("QEMU", "hypervisor"))
        for g in range(2):
            left = x + g * (half + 12)
            d.layers(
                left,
                top.y - GAP,
                half,
                guest,
                h=TALL - 8,
                gap=6,
                size=17,
            )
        d.paragraph(x, BOTTOM + 34, says[n], width=WIDE, lines=4)
