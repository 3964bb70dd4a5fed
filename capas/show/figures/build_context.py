"""Lesson 06: what reaches the daemon, and what must not."""

from capas.show.drawing import MARGIN, Box, Drawing, Words

TITLE = (".dockerignore is a sieve", ".dockerignore es un colador")
ALT = (
    "The files of the folder pass through .dockerignore, as through a sieve: code goes to "
    "the daemon; .git, .venv, .env and caches stay out.",
    "Los archivos de la carpeta pasan por .dockerignore como por un colador: el código "
    "llega al daemon; .git, .venv, .env y las caches quedan afuera.",
)
HEIGHT = 584
IN = ["main.py", "Pipfile", "Pipfile.lock", "alembic/"]
OUT: list[tuple[str, Words]] = [
    (".env", ("passwords would stay in a layer", "las claves quedarían en una capa")),
    (".git/", ("the whole history, never needed", "toda la historia, nunca hace falta")),
    (".venv/", ("packages of another system", "paquetes de otro sistema")),
    ("__pycache__/", ("made again by itself", "se vuelve a hacer sola")),
]
SIEVE, TOP, STEP, GAP = 370, 146, 46, 34


def draw(d: Drawing) -> None:
    """Draw one row per file: some arrows go through a hole, others end at the wall."""
    d.text(MARGIN, 124, ("your folder", "tu carpeta"), bold=True, ink="muted")
    d.text(SIEVE, 118, ".dockerignore", mono=True, anchor="middle", size=17)
    context = d.region(490, 92, 230, 246, ("build context", "contexto de build"))
    daemon = d.box(784, context.cy - 50, 136, 100, "daemon", "daemon", sub="docker build", size=18)
    d.arrow((context.right, daemon.cy), daemon.west(), role="daemon")
    for row, name in enumerate(IN):
        y = TOP + STEP * row
        there = d.box(MARGIN, y, 180, 36, name, "application", mono=True, size=17)
        here = d.box(522, y, 166, 36, name, "application", mono=True, size=17)
        d.arrow(there.east(), here.west())
        d.path(f"M{SIEVE} {y - 14 if row else y - 18} V{y + 4}", "sieve")
    wall = TOP + STEP * len(IN)
    d.path(f"M{SIEVE} {wall - 14} V{HEIGHT - 36}", "sieve")
    for row, (name, why) in enumerate(OUT):
        box: Box = d.box(MARGIN, wall + GAP + STEP * row, 180, 36, name, mono=True, size=17)
        d.arrow(box.east(), (SIEVE - 3, box.cy))
        d.badge(SIEVE + 30, box.cy, "error")
        d.text(SIEVE + 56, box.cy + 6, why, size=17, ink="muted")
