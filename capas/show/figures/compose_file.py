"""Lesson 09: what each key of a Compose file makes."""

from capas.show.drawing import MARGIN, Drawing, Words

TITLE = ("What each line of the file makes", "Qué crea cada línea del archivo")
ALT = (
    "Each key of the Compose file beside what it makes: services become containers, build an "
    "image, ports a published port, volumes a mount, networks a network.",
    "Cada clave del archivo de Compose junto a lo que crea: services, containers; build, una "
    "imagen; ports, un puerto publicado; volumes, un montaje; networks, una red.",
)
HEIGHT = 630

LINES: list[tuple[str, str | None, Words]] = [
    ("services:", None, ""),
    ("  fastapi_example:", "container", ("a container, and its name", "un container, y su nombre")),
    (
        "    build: ./fastapi_example",
        "image",
        ("an image, from its Dockerfile", "una imagen, con su Dockerfile"),
    ),
    (
        '    ports: ["127.0.0.1:8000:8000"]',
        "network",
        ("a door, host to container", "una puerta, del host al container"),
    ),
    (
        "    environment: [DEBUG=1]",
        "application",
        ("a variable for the program", "una variable para el programa"),
    ),
    (
        '    volumes: ["./fastapi_example:/app"]',
        "volume",
        ("a folder of the host, mounted", "una carpeta del host, montada"),
    ),
    (
        "    networks: [app_network]",
        "network",
        ("a plug into that network", "un enchufe a esa red"),
    ),
    (
        "    restart: unless-stopped",
        "daemon",
        ("if it crashes, it starts again", "si se cae, arranca de nuevo"),
    ),
    ("  sveltekit_example:", "container", ("another container", "otro container")),
    (
        "    depends_on: [fastapi_example]",
        "daemon",
        ("an order of starting", "un orden de arranque"),
    ),
    ("networks:", None, ""),
    (
        "  app_network:",
        "network",
        ("a network where names resolve", "una red donde valen los nombres"),
    ),
]


def draw(d: Drawing) -> None:
    """Draw the file, and an arrow from each line to what it makes."""
    wide = 448
    lines = [(line, role) for line, role, _ in LINES]
    rows = d.file(MARGIN, 84, wide, "docker-compose.yaml", lines, leading=38)
    for row, (_, role, makes) in zip(rows, LINES, strict=True):
        if role is not None:
            box = d.box(572, row.cy - 15, 348, 30, None, role, radius=8)
            d.text(box.x + 16, row.cy + 6, makes, size=17, width=320)
            d.arrow((MARGIN + wide, row.cy), box.west(), role=role)
