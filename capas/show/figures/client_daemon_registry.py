"""Lesson 04: who does what when a docker command runs."""

from capas.show.drawing import MARGIN, SMALLEST, Drawing

TITLE = ("The client asks, the daemon does", "El cliente pide, el daemon hace")
ALT = (
    "The client sends build, pull, run and push by HTTP to the daemon on the host. "
    "The daemon builds images (1), pulls them from the registry"
    " (2), makes containers from them (3) and pushes them to the registry (4).",
    "El cliente le manda build, pull, run y push por HTTP al daemon, en el host. "
    "El daemon construye imágenes (1), las baja del registry"
    " (2), crea containers a partir de ellas (3) y las sube al registry (4).",
)
HEIGHT = 500


def draw(d: Drawing) -> None:
    """Draw the three places, and the four things that the daemon does between them."""
    client = d.region(MARGIN, 84, 200, 384, ("client", "cliente"), "client", sub="docker")
    host = d.region(284, 84, 410, 384, "host", sub="Docker host")
    d.region(742, 84, 178, 384, "registry", "registry")

    daemon = d.box(host.x + 20, 132, 370, 62, "daemon", "daemon", sub="dockerd")
    bus = 262
    for n, verb in enumerate(("build", "pull", "run", "push")):
        terminal = d.terminal(client.x + 14, 139 + 76 * n, 172, [f"$ docker {verb}"], size=15)
        d.number(terminal.right - 4, terminal.y + 4, n + 1)
        bend = [(bus, daemon.cy)] if n else []
        d.line(terminal.east(), (bus, terminal.cy), *bend, role="client")
    d.arrow((bus - 1, daemon.cy), daemon.west(), role="client")
    d.text(client.x + 16, 452, ("asks by HTTP", "pide por HTTP"), size=16, ink="muted", width=176)

    left, right, there = host.x + 20, host.right - 172, 758
    d.text(left, 252, "containers", size=16, ink="muted", width=130)
    d.text(right, 252, ("images", "imágenes"), size=16, ink="muted", width=90)
    mine = d.box(right, 268, 152, 48, "my-app", "image")
    nginx = d.box(right, 348, 152, 48, "nginx", "image")
    for image in (mine, nginx):
        container = d.box(left, image.y, 126, 48, "container", "container", dashed=True)
        d.arrow(image.west(), container.east(), role="container")
        d.number((image.x + container.right) / 2 + 4, image.cy, 3)
    d.arrow((mine.x + 122, daemon.bottom), (mine.x + 122, mine.y), role="daemon")
    d.number(mine.x + 122, 228, 1)

    pushed = d.box(there, mine.y, 146, 48, "my-app", "image")
    official = d.box(there, nginx.y, 146, 48, "nginx", "image")
    d.arrow(mine.east(), pushed.west(), role="registry")
    d.number(715, mine.cy, 4)
    d.arrow(official.west(), nginx.east(), role="registry")
    d.number(721, nginx.cy, 2)
    d.text(there, 158, "Docker Hub,", size=16, ink="muted", width=150)
    d.text(
        there, 180, ("or one of your own", "o uno propio"), size=SMALLEST, ink="muted", width=150
    )
    d.text(there, 430, "postgres, redis,", size=16, ink="muted", width=150)
    d.text(there, 451, "python, node…", size=16, ink="muted", width=150)
