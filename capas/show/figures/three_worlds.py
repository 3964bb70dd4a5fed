"""Lesson 02: what lies between a program and the hardware, in three worlds."""

from capas.show.drawing import MARGIN, SMALL, Drawing, Words

TITLE = ("Whose kernel answers the program?", "¿El kernel de quién le responde al programa?")
ALT = (
    "Process and container both ask the host's kernel, directly; around the container is only a "
    "view of its own. The program in the VM asks the guest's kernel; what touches a device goes "
    "on through the hypervisor to the host's kernel.",
    "El proceso y el container le piden directo al kernel del host; alrededor del container hay "
    "sólo una vista propia. El programa de la VM le pide al kernel del guest; lo que toca un "
    "dispositivo sigue por el hypervisor hasta el kernel del host.",
)
HEIGHT = 560
WIDE, GAP = 272, 32
PROGRAM, GUEST, HYPERVISOR, KERNEL, HARDWARE = 150, 246, 340, 428, 492


def draw(d: Drawing) -> None:
    """Draw three programs above one kernel, and what each of them has to go through."""
    process, container, machine = (MARGIN + n * (WIDE + GAP) for n in range(3))
    host = d.box(MARGIN, KERNEL, 880, 52, ("the host's kernel", "el kernel del host"), "kernel")
    d.box(MARGIN, HARDWARE, 880, 44, "hardware", "hardware")

    d.text(process + 20, 137, ("process", "proceso"), bold=True)
    d.region(container, 106, WIDE, 108, "container", "container")
    d.region(machine, 106, WIDE, 206, ("virtual machine", "máquina virtual"), "guest")
    program: Words = ("program", "programa")
    alone, viewed, inside = (
        d.box(x + 16, PROGRAM, WIDE - 32, 48, program, "application")
        for x in (process, container, machine)
    )
    for box in (alone, viewed):
        d.arrow(box.south(), (box.cx, host.y), role="application")
        d.text(box.cx + 14, 320, ("every call", "cada llamada"), size=SMALL, ink="muted")
    guest = d.box(
        machine + 16, GUEST, WIDE - 32, 48, ("the guest's kernel", "el kernel del guest"), "kernel"
    )
    d.arrow(inside.south(), guest.north(), role="application")
    d.text(inside.cx + 14, 228, ("every call", "cada llamada"), size=SMALL, ink="muted")
    hypervisor = d.box(machine, HYPERVISOR, WIDE, 48, "hypervisor", "hypervisor")
    d.arrow(guest.south(), hypervisor.north(), role="guest")
    d.arrow(hypervisor.south(), (hypervisor.cx, host.y), role="hypervisor")
    d.text(hypervisor.cx + 14, 331, ("devices", "dispositivos"), size=SMALL, ink="muted")
