"""Lesson 06: where the database is when a migration runs."""

from capas.show.drawing import MARGIN, Drawing

TITLE = ("Migrate at build, or at start?", "¿Migrar en el build o al arrancar?")
ALT = (
    "A migration at build time writes to a SQLite file inside the image, with no database "
    "server there yet; at start it reaches the database that the app will use.",
    "Una migración durante el build escribe en un SQLite dentro de la imagen, cuando todavía "
    "no hay servidor de base de datos; al arrancar llega a la base que la aplicación va a usar.",
)
HEIGHT = 520


def draw(d: Drawing) -> None:
    """Draw build time on the left, run time on the right; a row for each choice."""
    d.text(300, 112, "docker build", mono=True, anchor="middle", ink="muted")
    d.text(710, 112, "docker run", mono=True, anchor="middle", ink="muted")
    d.line((490, 92), (490, 490))
    for y, state in ((132, "error"), (322, "ok")):
        bad = state == "error"
        d.badge(MARGIN + 14, y + 24, state, r=14)
        when = ("at build", "en el build") if bad else ("at start", "al arrancar")
        d.paragraph(MARGIN, y + 62, when, width=92, lines=2, size=17, bold=True, ink="ink")
        d.region(140, y, 320, 160, ("image", "imagen"), "image")
        if bad:
            step = d.box(160, y + 60, 124, 60, "alembic", "application", sub="upgrade")
            file = d.cylinder(332, y + 48, 110, 84, "SQLite", sub=("a layer", "una capa"))
            d.arrow(step.east(), file.west())
        else:
            d.box(160, y + 60, 280, 60, ("code only", "sólo el código"), "application")
        d.region(520, y, 230, 160, "container", "container")
        d.cylinder(
            800,
            y + 24,
            120,
            116,
            ("database", "base"),
            sub=("no tables", "sin tablas") if bad else ("ready", "lista"),
        )
        if bad:
            app = d.box(540, y + 60, 190, 60, "uvicorn", "application")
            d.arrow(app.east(), (800, app.cy), crossed=True)
        else:
            one = d.box(540, y + 44, 190, 46, "alembic", "application")
            two = d.box(540, y + 102, 190, 46, "uvicorn", "application")
            d.number(one.x + 24, one.cy, 1, "application")
            d.number(two.x + 24, two.cy, 2, "application")
            d.arrow(one.east(), (800, one.cy))
            d.arrow(two.east(), (800, two.cy))
