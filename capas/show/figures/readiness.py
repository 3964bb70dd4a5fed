"""Lesson 09: started is not ready."""

from capas.show.drawing import MARGIN, SMALL, Drawing, Words

TITLE = ("Started is not ready", "Arrancar no es estar listo")
ALT = (
    "Two timelines: with plain depends_on the front end starts while the API still migrates "
    "and its first request fails; with service_healthy it waits until the health check passes.",
    "Dos líneas de tiempo: con depends_on a secas el front arranca mientras la API todavía "
    "migra y su primer pedido falla; con service_healthy espera a que el health check dé bien.",
)
HEIGHT = 560
START, READY, END, TALL = 220, 580, 920, 48


def draw(d: Drawing) -> None:
    """Draw two pairs of bars over the same time; only the second pair waits."""
    for y, healthy in ((80, False), (302, True)):
        d.badge(MARGIN + 14, y + 22, "ok" if healthy else "error", r=14)
        how = "condition: service_healthy" if healthy else "[fastapi_example]"
        d.spans(MARGIN + 40, y + 28, [("depends_on: ", "muted"), (how, "ink")], size=18)
        api, web = y + 50, y + 140
        d.text(MARGIN, api + 30, "fastapi", mono=True)
        d.text(MARGIN, web + 30, "sveltekit", mono=True)
        d.box(START, api, READY - START - 4, TALL, ("starts, migrates", "arranca, migra"), "warn")
        d.box(READY, api, END - READY, TALL, ("ready", "lista"), "ok")
        if healthy:
            d.hole(START, web, READY - START - 4, TALL, ("waits", "espera"))
            d.box(READY, web, END - READY, TALL, ("starts", "arranca"), "container")
            check: Words = "health check"
            d.text(START, api + TALL + 27, check, size=SMALL, ink="muted", width=130)
            for x, state in ((START + 40, "error"), (START + 312, "error"), (READY, "ok")):
                d.badge(x, api + TALL, state)
        else:
            web_words: Words = ("starts at once", "arranca enseguida")
            d.box(START, web, END - START, TALL, web_words, "container")
        x = READY + 110 if healthy else START + 110
        d.arrow((x, web), (x, api + TALL))
        d.badge(x + 26, web - 21, "ok" if healthy else "error")
        d.text(x + 48, web - 15, ("first request", "primer pedido"), size=SMALL, width=180)
    d.line((MARGIN, 288), (END, 288))
    d.text(MARGIN, 532, ("time", "tiempo"), ink="muted")
    d.arrow((START, 526), (END, 526))
