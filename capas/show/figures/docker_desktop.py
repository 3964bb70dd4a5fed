"""Lesson 11: what Docker Desktop consists of, and what there is on Linux without it."""

from capas.show.drawing import MARGIN, Drawing

TITLE = ("Docker Desktop, and Docker without it", "Docker Desktop, y Docker sin él")
ALT = (
    "On Windows and macOS, Docker Desktop's window and the docker command talk to an engine "
    "inside a Linux virtual machine, whose kernel the containers share. On Linux, engine and "
    "containers are on the machine's own kernel.",
    "En Windows y macOS, la ventana de Docker Desktop y el comando docker hablan con un "
    "engine dentro de una máquina virtual Linux, cuyo kernel comparten los containers. En "
    "Linux, engine y containers usan el kernel de la máquina.",
)
HEIGHT = 600


def draw(d: Drawing) -> None:
    """Draw both machines side by side, each from who asks at the top to the kernel below."""
    wide = 470
    d.region(MARGIN, 80, wide, 496, ("Windows or macOS", "Windows o macOS"))
    window = d.box(
        60, 126, 205, 70, ("Desktop's window", "La ventana"), "client", sub=("a GUI", "una GUI")
    )
    command = d.box(285, 126, 205, 70, "docker, compose", "client", mono=True, sub="CLI")
    d.region(
        60,
        210,
        430,
        286,
        ("virtual machine", "máquina virtual"),
        "guest",
    )
    engine = d.box(84, 260, 382, 58, "Docker Engine", "daemon")
    for n in range(3):
        d.box(84 + n * 132, 352, 118, 58, "container", "container", dashed=True, size=17)
        d.arrow((143 + n * 132, engine.bottom), (143 + n * 132, 352))
    d.box(84, 430, 382, 48, ("Linux kernel", "kernel de Linux"), "kernel")
    d.box(
        60,
        510,
        430,
        48,
        ("kernel of Windows or macOS", "kernel de Windows o macOS"),
        "kernel",
    )
    d.arrow(window.south(0.9), (window.south(0.9)[0], engine.y))
    d.arrow(command.south(), (command.cx, engine.y))

    x = MARGIN + wide + 20
    d.region(x, 80, 390, 496, "Linux")
    command = d.box(x + 92, 126, 206, 70, "docker, compose", "client", mono=True, sub="CLI")
    engine = d.box(x + 14, 260, 362, 58, "Docker Engine", "daemon")
    for n in range(3):
        d.box(x + 14 + n * 124, 352, 114, 58, "container", "container", dashed=True, size=17)
        d.arrow((x + 71 + n * 124, engine.bottom), (x + 71 + n * 124, 352))
    d.box(x + 14, 510, 362, 48, ("Linux kernel", "kernel de Linux"), "kernel")
    d.arrow(command.south(), (command.cx, engine.y))
    d.paragraph(
        x + 195,
        454,
        ("no virtual machine: one kernel for all", "sin máquina virtual: un kernel para todos"),
        width=350,
        lines=2,
        anchor="middle",
    )
