"""Exercise 12: an image for production, whose build needs a secret."""

import re
import secrets
import zlib

from capas.exercises import Bench, Container, Image, NotYet, Wrong

SHOWN = "parcel_5eed0000c0ffee12_d84072de"
"""The token that the student has; the check builds with another."""
ORDERS = "find / -name orders.jsonl -not -path '/proc/*' -delete"


def token(bench: Bench) -> str:
    digits = secrets.token_hex(8)
    return f"parcel_{digits}_{zlib.crc32(digits.encode()):08x}"


def image(bench: Bench) -> Image:
    value = bench.once(token)
    (bench.folder / "token.txt").write_text(f"{value}\n", encoding="utf-8")
    try:
        made = bench.build(arguments={"TOKEN": value}, secrets={"token": value})
    except Wrong as wrong:
        if "index: no token" in wrong.values.get("said", ""):
            raise Wrong("no-token", said=wrong.values["said"]) from wrong
        raise
    return made.read_ahead()


def start(bench: Bench, **options: object) -> Container:
    """Start the app and wait for an answer."""
    app = bench.run(bench.once(image), publish=[8000], healthcheck=dict(bench.OFTEN), **options)
    try:
        app.get()
    except Wrong as wrong:
        said = app.logs()
        if "Read-only file system" in said:
            raise Wrong("not-read-only", line=app.last_line()) from wrong
        if "Permission denied" in said:
            raise Wrong("data-not-writable", line=app.last_line()) from wrong
        raise
    return app


def service(bench: Bench) -> Container:
    return start(bench)


def prices(bench: Bench) -> None:
    bench.once(image)
    if "token.txt" in bench.context():
        bench.advise("token-in-context")
    if re.search(r"(?im)^ARG\s+TOKEN\b", bench.read("Dockerfile")):
        bench.advise("token-as-argument")
    if bench.once(service).get("/price?weight=3").json() != {"price": 930}:
        raise NotYet


def secret(bench: Bench) -> None:
    made = bench.once(image)
    places = [place for value in (bench.once(token), SHOWN) for place in made.find(value)]
    if "environment" in places or "settings" in places:
        raise Wrong("secret-in-environment")
    if "history" in places:
        raise Wrong("secret-in-history")
    if places:
        raise Wrong("secret-in-layer", file=places[0])


def lean(bench: Bench) -> None:
    for file in bench.once(image).files:
        if file.path.endswith(("/install.py", "/tariffs.zip")):
            raise Wrong("tools-inside", file=file.path)


def unprivileged(bench: Bench) -> None:
    if bench.once(service).runs_as_root():
        raise Wrong("runs-as-root")


def read_only(bench: Bench) -> None:
    options = {"read_only": True, "tmpfs": {"/tmp": ""}, "volumes": {bench.volume(): "/data"}}
    first = start(bench, **options)
    if first.get("/orders", method="POST", body={"weight": 3}).status != 201:
        raise NotYet
    first.remove()
    if (orders := start(bench, **options).get("/orders").json()) != {"orders": 1}:
        raise Wrong("orders-lost", said=orders)


def honest(bench: Bench) -> None:
    app = bench.once(service)
    if app.health == "none":
        raise Wrong("no-healthcheck")
    app.until(lambda it: it.health != "starting" or not it.running, 30)
    if app.next_probe() and app.next_probe():  # a busy machine gets a second chance
        app.get()  # or has it ended?
        raise Wrong("health-always-bad", said=" ".join(it["Output"] for it in app.probes()[-1:]))
    app.run(["sh", "-c", ORDERS], user="root")
    if app.get("/health").status == 200:
        raise NotYet
    if app.next_probe() == 0:
        raise Wrong("health-always-good")
