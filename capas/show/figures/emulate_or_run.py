"""Lesson 01: who executes the guest's instructions."""

from capas.show.drawing import MARGIN, SMALL, Drawing, Words

TITLE = ("Who executes the guest's instructions?", "¿Quién ejecuta las instrucciones del guest?")
ALT = (
    "Emulation: QEMU translates every instruction of the guest into others for the processor. "
    "Hardware virtualization: the processor runs them itself, and only the few that touch "
    "devices or privileges go through the hypervisor.",
    "Emulación: QEMU traduce cada instrucción del guest a otras para el procesador. "
    "Virtualización por hardware: el procesador las corre él mismo, y sólo las pocas que tocan "
    "dispositivos o privilegios pasan por el hypervisor.",
)
HEIGHT = 480


def draw(d: Drawing) -> None:
    """Draw two paths from the guest down to the processor."""
    half = 420
    columns: list[tuple[float, Words, Words]] = [
        (MARGIN, ("Emulation (TCG)", "Emulación (TCG)"), ("all of them", "todas")),
        (
            MARGIN + half + 40,
            ("Virtualization (VT-x, AMD-V)", "Virtualización (VT-x, AMD-V)"),
            ("few", "pocas"),
        ),
    ]
    for n, (x, name, many) in enumerate(columns):
        d.text(x, 104, name, bold=True, size=20)
        guest = d.box(
            x, 124, half, 60, ("guest: its instructions", "guest: sus instrucciones"), "guest"
        )
        middle = d.box(
            x if n == 0 else x + half - 210,
            234,
            half if n == 0 else 210,
            72,
            ("QEMU translates", "QEMU traduce") if n == 0 else "hypervisor",
            "hypervisor",
            sub=("block by block", "bloque por bloque")
            if n == 0
            else ("devices…", "dispositivos…"),
        )
        cpu = d.box(x, 356, half, 56, ("processor", "procesador"), "hardware")
        d.arrow((middle.cx, guest.bottom), middle.north(), role="guest")
        d.arrow(middle.south(), (middle.cx, cpu.y), role="hypervisor")
        d.text(middle.cx + 14, 214, many, size=SMALL, ink="muted")
        if n == 1:
            straight = x + 90
            d.arrow((straight, guest.bottom), (straight, cpu.y), role="guest")
            d.text(straight + 14, 276, ("nearly all", "casi todas"), size=SMALL, ink="muted")
    notes: list[Words] = [
        ("any processor on any other, slowly", "cualquier procesador sobre otro, lento"),
        ("the same processor, nearly at its speed", "el mismo procesador, casi a su velocidad"),
    ]
    for (x, _name, _many), note in zip(columns, notes, strict=True):
        d.text(x, 448, note, ink="muted", width=half)
