"""Lesson 08: the same source, served in two ways."""

from capas.show.drawing import MARGIN, SMALL, Drawing

TITLE = ("Two ways to serve the same source", "Dos maneras de servir el mismo código")
ALT = (
    "Development: Vite serves the mounted source and updates the browser on each save. "
    "Production: the build is made once, and node serves the result.",
    "Desarrollo: Vite sirve el código montado y actualiza el navegador en cada cambio. "
    "Producción: el build se hace una sola vez y node sirve el resultado.",
)
HEIGHT = 540


def draw(d: Drawing) -> None:
    """Draw two rows with the same columns: source, what is made of it, server, browser."""
    d.text(MARGIN, 112, ("Development", "Desarrollo"), bold=True, size=20)
    d.text(
        MARGIN + 170,
        112,
        ("every save is seen at once", "cada cambio se ve al instante"),
        ink="muted",
    )
    y = 138
    source = d.box(
        MARGIN,
        y + 46,
        150,
        76,
        "src/",
        "application",
        sub=("on your host", "en tu host"),
        mono=True,
    )
    d.region(400, y, 280, 140, "container", "container")
    vite = d.box(
        420, y + 48, 240, 72, "vite dev", "application", sub=("on request", "a pedido"), mono=True
    )
    page = d.browser(750, vite.cy - 58, 170, 116, ":5173", ("page", "página"))
    d.arrow(source.east(), vite.west(), role="volume", both=True)
    d.text(295, source.cy - 14, "bind mount", anchor="middle", size=SMALL, ink="volume", bold=True)
    d.arrow(vite.east(0.3), (page.x, vite.y + vite.h * 0.3))
    d.arrow(vite.east(0.7), (page.x, vite.y + vite.h * 0.7), dashed=True)
    low = vite.y + vite.h * 0.7 + 26
    d.text(715, low, ("reload", "recarga"), anchor="middle", size=15, ink="muted", width=66)

    d.line((MARGIN, 304), (920, 304))
    d.text(MARGIN, 346, ("Production", "Producción"), bold=True, size=20)
    words = ("built once, then only served", "se construye una vez, después sólo se sirve")
    d.text(MARGIN + 170, 346, words, ink="muted")
    y = 372
    middle = y + 70
    source = d.box(
        MARGIN, middle - 38, 150, 76, "src/", "application", sub=("copied", "copiado"), mono=True
    )
    image = d.box(
        280,
        middle - 38,
        150,
        76,
        "build/",
        "image",
        sub=("in the image", "en la imagen"),
        mono=True,
    )
    d.region(500, y, 180, 120, "container", "container")
    node = d.box(516, middle - 28, 148, 56, "node build", "application", mono=True)
    page = d.browser(750, middle - 58, 170, 116, ":3000", ("page", "página"))
    d.arrow(source.east(), image.west())
    d.text(235, middle - 14, "build", anchor="middle", size=SMALL, bold=True)
    d.arrow(image.east(), node.west())
    d.text(465, middle - 14, "run", anchor="middle", size=SMALL, bold=True)
    d.arrow(node.east(), page.west())
