"""Lesson 01: sixty years, and two roads that meet. The lesson links a source for each date."""

from capas.show.drawing import MARGIN, Drawing, Words

TITLE = ("Sixty years of pretending to be more machines", "Sesenta años simulando más máquinas")
ALT = (
    "Virtual machines: CP-40 1967, CP-67 1968, VM/370 1972, VMware Workstation 1999, Xen 2003, "
    "VT-x and AMD-V 2005 and 2006, KVM 2007. Containers: namespaces 2002, cgroups and LXC 2008, "
    "Docker 2013, OCI 2015.",
    "Máquinas virtuales: CP-40 1967, CP-67 1968, VM/370 1972, VMware Workstation 1999, Xen 2003, "
    "VT-x y AMD-V 2005 y 2006, KVM 2007. Containers: namespaces 2002, cgroups y LXC 2008, "
    "Docker 2013, OCI 2015.",
)
HEIGHT = 584
GAP = 22

MACHINES: list[tuple[str, str, Words]] = [
    ("1967", "CP-40", ("IBM: 14 machines in one", "IBM: 14 máquinas en una")),
    ("1968", "CP-67", ("for customers", "para clientes")),
    ("1972", "VM/370", ("a product", "un producto")),
    ("1999", "VMware", ("on a PC, by tricks", "en una PC, con trucos")),
    ("2003", "Xen", ("open source, type 1", "código abierto, tipo 1")),
    ("2005, 2006", "VT-x, AMD-V", ("processors help", "el procesador ayuda")),
    ("2007", "KVM", ("in Linux itself", "en Linux mismo")),
]
CONTAINERS: list[tuple[str, str, Words]] = [
    ("2002", "namespaces", ("own view: mounts first", "vista propia: mounts")),
    ("2008", "cgroups", ("own share", "porción propia")),
    ("2008", "LXC", ("both, as a tool", "ambos, en una herramienta")),
    ("2013", "Docker", ("images, and a registry", "imágenes, y un registry")),
    ("2015", "OCI", ("the standard", "el estándar")),
]


def draw(d: Drawing) -> None:
    """Draw a row for each road; within a row, time goes from left to right, not to scale."""
    _road(d, 104, ("Virtual machines", "Máquinas virtuales"), "hypervisor", MACHINES, 4)
    name = ("Containers: the same kernel, another view", "Containers: el mismo kernel, otra vista")
    _road(d, 424, name, "container", CONTAINERS, 5)


def _road(
    d: Drawing,
    top: float,
    name: Words,
    role: str,
    stops: list[tuple[str, str, Words]],
    columns: int,
) -> None:
    d.text(MARGIN, top, name, bold=True, size=20)
    pitch = (880 + GAP) / columns
    for n, (year, what, why) in enumerate(stops):
        row, column = divmod(n, columns)
        x, y = MARGIN + column * pitch, top + 18 + row * 140
        box = d.box(x, y, pitch - GAP, 64, what, role, sub=year)
        if column + 1 < columns and n + 1 < len(stops):
            d.arrow(box.east(), (box.right + GAP, box.cy), role=role)
        d.paragraph(x + 4, y + 88, why, width=pitch - GAP - 4, lines=2)
