"""Lesson 00: what happens between a cell and a container."""

from capas.show.drawing import MARGIN, Drawing

TITLE = ("How a lesson works", "Cómo funciona una lección")
ALT = (
    "A cell that you run in the notebook calls the docker client, which asks the engine, "
    "which starts a container; the output comes back the same way.",
    "Una celda que ejecutás en el notebook llama al cliente docker, que le pide al engine, "
    "que arranca un container; la salida vuelve por el mismo camino.",
)
HEIGHT = 470


def draw(d: Drawing) -> None:
    """Draw the way there with three numbered arrows, and the way back below it."""
    page = d.browser(MARGIN, 92, 300, 214, "127.0.0.1:8888")
    d.text(
        page.x + 20, 156, ("a cell of the lesson", "una celda de la lección"), ink="muted", size=16
    )
    d.terminal(
        page.x + 16, 170, 268, [[("!", "term-muted"), ("docker run hello", "term-ink")]], size=17
    )
    d.text(page.x + 20, 250, ("its output", "su salida"), ink="muted", size=16)
    d.text(page.x + 20, 278, "Hello from a container!", mono=True, size=15, width=270)

    client = d.box(418, 150, 118, 84, "docker", "client", sub=("client", "cliente"))
    engine = d.box(614, 150, 118, 84, "engine", "daemon", sub="daemon")
    container = d.box(
        802, 150, 118, 84, "container", "container", sub="hello", dashed=True, size=17
    )
    d.arrow((page.right, client.cy), client.west())
    d.arrow(client.east(), engine.west())
    d.arrow(engine.east(), container.west())
    d.number(379 - 3, client.cy, 1)
    d.number(575 - 3, client.cy, 2)
    d.number(767 - 3, client.cy, 3)
    d.arrow(container.south(), (container.cx, 282), (page.right, 282), dashed=True)
    d.number(597, 282, 4)

    steps = (
        (1, ("You run the cell: it calls docker", "Ejecutás la celda: llama a docker")),
        (2, ("docker asks the engine, by HTTP", "docker le pide al engine, por HTTP")),
        (3, ("The engine starts a container", "El engine arranca un container")),
        (4, ("Its output comes back to the cell", "Su salida vuelve a la celda")),
    )
    for n, words in steps:
        x = MARGIN + 16 + 450 * ((n - 1) % 2)
        y = 366 + 50 * ((n - 1) // 2)
        d.number(x, y, n)
        d.text(x + 28, y + 6, words, size=18, width=400)
