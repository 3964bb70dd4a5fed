"""Lesson 12: where a secret ends up, by the way it was given to the build."""

from capas.show.drawing import CODE, MARGIN, SMALL, Drawing, Words

TITLE = ("Where the secret ends up", "Dónde termina el secreto")
ALT = (
    "ARG leaves the secret in the image's history; ENV in its environment and history; COPY, "
    "even with a later rm, in a layer; RUN --mount=type=secret leaves it nowhere in the image.",
    "ARG deja el secreto en el historial de la imagen; ENV, en su entorno y su historial; COPY, "
    "aun con un rm posterior, en una capa; RUN --mount=type=secret no lo deja en ningún lugar.",
)
HEIGHT = 520
ROWS: list[tuple[str, str, Words, str, Words]] = [
    (
        "ARG TOKEN",
        "--build-arg TOKEN=…",
        ("history", "historial"),
        "docker history",
        ("beside each RUN", "junto a cada RUN"),
    ),
    (
        "ENV TOKEN=…",
        "",
        ("environment, history", "entorno, historial"),
        "docker inspect",
        ("every container gets it", "lo recibe cada container"),
    ),
    (
        "COPY token.txt /",
        "RUN … && rm /token.txt",
        ("a layer", "una capa"),
        "docker save",
        ("rm only covers it", "rm sólo lo tapa"),
    ),
    (
        "RUN --mount=type=secret,…",
        "--secret id=token,…",
        ("nowhere", "en ningún lugar"),
        "",
        ("a file in memory, for one RUN", "un archivo en memoria, para un RUN"),
    ),
]
TOP, STEP, TALL = 128, 96, 78


def draw(d: Drawing) -> None:
    """Draw one row per way: what one writes, where the secret is then, who can read it."""
    d.text(MARGIN, 108, ("you write", "escribís"), bold=True, ink="muted")
    d.text(430, 108, ("in the image it is in", "en la imagen queda en"), bold=True, ink="image")
    d.text(716, 108, ("found again by", "se lo encuentra con"), bold=True, ink="muted", width=205)
    for row, (line, more, place, command, why) in enumerate(ROWS):
        y = TOP + STEP * row
        safe = row == len(ROWS) - 1
        box = d.box(MARGIN, y, 316, TALL)
        first = box.cy + 6 if not more else box.cy - 8
        d.text(MARGIN + 16, first, line, mono=True, size=CODE, width=290)
        if more:
            d.text(MARGIN + 16, box.cy + 20, more, mono=True, size=SMALL, ink="muted", width=290)
        if safe:
            there = d.hole(430, y, 230, TALL, place)
        else:
            there = d.box(430, y, 230, TALL, place, "image", size=17)
        d.arrow(box.east(), there.west(), dashed=safe)
        d.badge(688, box.cy, "ok" if safe else "error")
        if command:
            d.text(716, box.cy - 8, command, mono=True, size=CODE, width=205)
        d.paragraph(
            716,
            box.cy + (20 if command else 0),
            why,
            width=205,
            lines=1 if command else 2,
            size=15 if command else SMALL,
            middle=not command,
        )
