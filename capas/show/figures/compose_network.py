"""Lesson 09: where a service's name is known, and where not."""

from capas.show.drawing import MARGIN, SMALL, SMALLEST, Drawing

TITLE = ("Who knows the name fastapi_example?", "¿Quién conoce el nombre fastapi_example?")
ALT = (
    "The name fastapi_example resolves inside app_network, so SvelteKit's server-side load "
    "reaches it; the browser, on the host, must use 127.0.0.1:8000.",
    "El nombre fastapi_example se resuelve dentro de app_network, por eso el load del "
    "servidor de SvelteKit llega; el navegador, en el host, tiene que usar 127.0.0.1:8000.",
)
HEIGHT = 560


def draw(d: Drawing) -> None:
    """Draw the host with the browser, and inside it the network with both containers."""
    d.region(MARGIN, 80, 880, 448, "host")
    net = d.region(500, 104, 396, 400, "app_network", "network", mono=True)
    page = d.browser(64, 132, 270, 372, "127.0.0.1:5173")
    web = d.box(
        560,
        166,
        310,
        92,
        "sveltekit_example",
        "container",
        sub=("load runs on the server", "load corre en el servidor"),
        mono=True,
    )
    api = d.box(
        560, 388, 310, 92, "fastapi_example", "container", sub=("the API", "la API"), mono=True
    )
    ports = []
    for box, port in ((web, ":5173"), (api, ":8000")):
        plate = d.box(
            net.x - 40, box.cy - 18, 80, 36, port, "network", solid=True, mono=True, size=17
        )
        d.arrow(plate.east(), box.west(), role="network")
        ports.append(plate)
    d.arrow((page.right, ports[0].cy), ports[0].west())
    d.arrow((page.right, ports[1].cy), ports[1].west())
    d.badge(397, ports[0].cy, "ok")
    d.badge(397, ports[1].cy, "ok")
    x = 84
    d.text(x, web.cy - 4, ("the page", "la página"), bold=True, width=230)
    d.text(x, web.cy + 20, "127.0.0.1:5173", mono=True, size=SMALL, ink="muted", width=240)
    d.text(
        x,
        api.cy - 4,
        ("fetch in the browser", "fetch en el navegador"),
        bold=True,
        size=17,
        width=240,
    )
    d.text(x, api.cy + 20, "127.0.0.1:8000", mono=True, size=SMALL, ink="muted", width=240)
    wrong = 322
    d.text(
        x,
        wrong - 4,
        ("fetch in the browser", "fetch en el navegador"),
        bold=True,
        size=17,
        width=240,
    )
    d.text(x, wrong + 20, "fastapi_example:8000", mono=True, size=SMALL, ink="muted", width=240)
    d.arrow((page.right, wrong), (384, wrong))
    d.badge(397, wrong, "error")
    d.text(418, wrong - 2, ("unknown", "no existe"), size=SMALLEST, ink="error", width=80)
    d.text(418, wrong + 17, ("out here", "afuera"), size=SMALLEST, ink="error", width=80)
    d.arrow((640, web.bottom), (640, api.y))
    d.badge(640, (web.bottom + api.y) / 2, "ok")
    d.text(666, 318, "http://", mono=True, size=SMALL)
    d.text(666, 340, "fastapi_example:8000", mono=True, size=SMALL, width=226)
