"""Lesson 13: a container is a process about which the kernel holds four kinds of things."""

from capas.show.drawing import MARGIN, Drawing, Words

TITLE = (
    "A container: a process, and what the kernel does about it",
    "Un container: un proceso, y lo que el kernel hace con él",
)
ALT = (
    "A process in the middle of four things that the one kernel of the machine keeps about it: "
    "namespaces say what it sees, a control group says how much it may use, an overlay with its "
    "own root holds its files, capabilities and seccomp say what it may do.",
    "Un proceso en medio de cuatro cosas que el único kernel de la máquina guarda sobre él: los "
    "namespaces dicen qué ve, un control group cuánto puede usar, un overlay con una raíz propia "
    "tiene sus archivos, y las capabilities y seccomp dicen qué puede hacer.",
)
HEIGHT = 560

PARTS: list[tuple[float, float, Words, Words, Words]] = [
    (
        MARGIN,
        96,
        ("What it sees", "Qué ve"),
        ("namespaces", "namespaces"),
        ("processes, mounts, network, name", "procesos, mounts, red, nombre"),
    ),
    (
        620,
        96,
        ("How much it may use", "Cuánto puede usar"),
        ("control group", "control group"),
        ("memory, CPU, processes", "memoria, CPU, procesos"),
    ),
    (
        MARGIN,
        300,
        ("Its files", "Sus archivos"),
        ("overlay + pivot_root", "overlay + pivot_root"),
        ("the image, and a layer on top", "la imagen, y una capa encima"),
    ),
    (
        620,
        300,
        ("What it may do", "Qué puede hacer"),
        ("capabilities, seccomp", "capabilities, seccomp"),
        ("root, but not all-powerful", "root, pero no todopoderoso"),
    ),
]


def draw(d: Drawing) -> None:
    """Draw the process, the four things around it, and the kernel below."""
    process = d.box(372, 196, 216, 104, ("a process", "un proceso"), "application", sub="PID 1")
    for x, y, name, how, what in PARTS:
        box = d.box(x, y, 300, 112, None, "container")
        d.text(x + 18, y + 34, name, bold=True, width=264)
        d.text(x + 18, y + 64, how, mono=True, size=16, width=264)
        d.text(x + 18, y + 92, what, size=15, ink="muted", width=268)
        left = x < 300
        start = box.east() if left else box.west()
        end = (
            process.west(0.3 if y < 200 else 0.7) if left else process.east(0.3 if y < 200 else 0.7)
        )
        d.arrow(start, end)
    d.box(
        MARGIN,
        456,
        880,
        64,
        (
            "the machine's one kernel keeps all four, for each process",
            "el único kernel de la máquina lleva las cuatro, por cada proceso",
        ),
        "kernel",
    )
