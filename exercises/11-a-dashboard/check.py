"""Exercise 11: a dashboard over the Engine API, which here an engine of ours answers."""

import json
import random
from pathlib import Path
from typing import Any

from capas.exercises import Bench, Container, Image, NotYet, Wrong

ENGINE = Path(__file__).parent / "start/practice/engine.py"
SOCKETS = ("/engine/one.sock", "/engine/two.sock")
NAMES = ["ceibo", "lapacho", "ombu", "quebracho", "tala", "timbo", "molle", "sauce"]

Told = dict[str, Any]
Board = dict[str, Any]


# --- an engine that tells what we made up ---


def digest(dice: random.Random) -> str:
    return f"{dice.getrandbits(256):064x}"


def made_up(dice: random.Random) -> Told:
    """Return containers and images as the API has them."""
    free = dice.sample(NAMES, 6)
    base = dice.sample(range(8000, 9000), 4)

    def image(*tags: str) -> dict[str, Any]:
        return {
            "Id": f"sha256:{digest(dice)}",
            "ParentId": "",
            "RepoTags": list(tags),
            "RepoDigests": [],
            "Created": 1795000000,
            "Size": dice.randrange(10**6, 10**9),
            "Containers": -1,
            "Labels": None,
        }

    def container(
        made_from: dict[str, Any], state: str, status: str, *ports: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            "Id": digest(dice),
            "Names": [f"/{free.pop()}"],
            "Image": (made_from["RepoTags"] or [made_from["Id"]])[0],
            "ImageID": made_from["Id"],
            "Command": "serve",
            "Created": 1795000000,
            "Ports": list(ports),
            "Labels": {},
            "State": state,
            "Status": status,
        }

    def published(inside: int, outside: int) -> list[dict[str, Any]]:
        port = {"PrivatePort": inside, "PublicPort": outside, "Type": "tcp"}
        return [{"IP": address, **port} for address in ("0.0.0.0", "::")]

    web, store = image("web:1", "web:latest"), image("store:17")
    job = image("job:3")
    moved = image()  # its tag belongs to the next one by now
    images = [web, store, job, moved, image("app:2"), image("tools:5", "tools:latest"), image()]
    unpublished = {"PrivatePort": 6379, "Type": "tcp"}
    containers = [
        container(web, "running", "Up 3 hours", *published(80, base[0]), *published(443, base[1])),
        container(store, "running", "Up 3 hours", unpublished),
        container(moved, "running", "Up 2 days", *published(base[3], base[2]), unpublished),
        container(job, "exited", f"Exited ({dice.randrange(1, 126)}) 20 minutes ago"),
        container(store, "exited", "Exited (0) 2 days ago"),
        container(web, "created", "Created"),
    ]
    dice.shuffle(images)
    found = {"containers": containers, "images": images}
    in_order = names(found, "running")
    while True:  # in no order, neither this way nor the other
        dice.shuffle(containers)
        listed = [it["Names"][0][1:] for it in containers if it["State"] == "running"]
        if listed not in (in_order, in_order[::-1]):
            return found


def told(bench: Bench) -> list[Told]:
    dice = random.Random(11)  # the same each time: so are the hints
    return [made_up(dice) for _ in SOCKETS]


def volume(bench: Bench) -> str:
    return bench.volume()


def engine(bench: Bench) -> Container:
    found = bench.run(
        "python:3.13-slim",
        ["python", "-c", ENGINE.read_text(encoding="utf-8"), *SOCKETS],
        environment={"ENGINE": json.dumps(bench.once(told))},
        volumes={bench.once(volume): "/engine"},
    )
    if not found.until(lambda it: "listening" in it.logs(), 60):
        raise RuntimeError(f"our engine does not come up: {found.last_line()}")
    return found


# --- what the student's program makes of it ---


def image(bench: Bench) -> Image:
    return bench.build()


def board(bench: Bench, number: int) -> Board:
    """What is printed about one engine."""
    ours = bench.once(engine)
    socket = SOCKETS[number]
    container = bench.run(
        bench.once(image),
        environment={"DOCKER_SOCKET": socket},
        volumes={bench.once(volume): "/engine"},
    )
    code = container.wait(60)
    asked = [line.split() for line in ours.logs().splitlines() if line.startswith(f"{socket} ")]
    if not asked:
        raise Wrong("never-asked", socket=socket, line=container.last_line())
    for _socket, method, path, _status in asked:
        if method not in ("GET", "HEAD"):
            raise Wrong("changes", what=f"{method} {path}")
    for _socket, _method, path, status in asked:
        if code and status == "404":
            raise Wrong("unknown-path", path=path)
    if code:
        raise Wrong("exits", code=code, line=container.last_line())
    said = container.logs(errors=False).strip()
    try:
        found = json.loads(said)
    except ValueError:
        raise Wrong("not-json", body=said or "–") from None
    for key in ("running", "ended", "unused"):
        entries = found.get(key) if isinstance(found, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise Wrong("no-list", key=key)
    return dict(found)


def first(bench: Bench) -> Board:
    return board(bench, 0)


# --- is it so? ---


def names(told: Told, *states: str) -> list[str]:
    return sorted(it["Names"][0][1:] for it in told["containers"] if it["State"] in states)


def said(entries: list[dict[str, Any]], key: str) -> list[str]:
    found = [str(entry.get(key, "–")) for entry in entries]
    for name in found:
        if name.startswith("/"):
            raise Wrong("slash", name=name)
    return found


def look_running(told: Told, found: Board) -> None:
    listed, expected = said(found["running"], "name"), names(told, "running")
    for name in listed:
        if name not in expected:
            state = next((s for s in ("exited", "created") if name in names(told, s)), "–")
            raise Wrong("not-running", name=name, state=state)
    for name in expected:
        if name not in listed:
            raise Wrong("running-missing", name=name)
    if listed != expected:
        raise Wrong("order", names=", ".join(listed))


def look_ports(told: Told, found: Board) -> None:
    entries = {str(entry.get("name")): entry.get("ports") for entry in found["running"]}
    for container in told["containers"]:
        name = container["Names"][0][1:]
        if name not in entries:
            continue
        listed = entries[name]
        if not isinstance(listed, list):
            raise Wrong("no-list", key="ports")
        expected = {port["PublicPort"] for port in container["Ports"] if "PublicPort" in port}
        inside = {port["PrivatePort"] for port in container["Ports"]}
        for port in listed:
            if port not in expected:
                raise Wrong("port-inside" if port in inside else "port-odd", name=name, port=port)
        for port in expected:
            if port not in listed:
                raise Wrong("port-missing", name=name, port=port)
            if listed.count(port) > 1:
                raise Wrong("port-twice", name=name, port=port)


def look_ended(told: Told, found: Board) -> None:
    listed = said(found["ended"], "name")
    for name in names(told, "exited"):
        if name not in listed:
            raise Wrong("ended-missing", name=name)
    for name in listed:
        if name not in names(told, "exited"):
            state = next((s for s in ("created", "running") if name in names(told, s)), "–")
            raise Wrong("not-ended", name=name, state=state)
    codes = {str(entry.get("name")): entry.get("code") for entry in found["ended"]}
    for container in told["containers"]:
        name, status = container["Names"][0][1:], container["Status"]
        if name in codes and f"Exited ({codes[name]})" not in status:
            raise Wrong("code", name=name, said=codes[name], status=status)


def look_unused(told: Told, found: Board) -> None:
    listed = said(found["unused"], "id")
    for image in told["images"]:
        users = [it for it in told["containers"] if it["ImageID"] == image["Id"]]
        short = image["Id"][:19]
        if image["Id"] in listed and users:
            what = ", ".join(image["RepoTags"]) or short
            if not any(it["State"] == "running" for it in users):
                raise Wrong("used-by-ended", image=what, name=users[0]["Names"][0][1:])
            raise Wrong("used", image=what, name=users[0]["Names"][0][1:])
        if image["Id"] not in listed and not users:
            if not image["RepoTags"]:
                raise Wrong("untagged-missing", image=short)
            raise Wrong("unused-missing", image=", ".join(image["RepoTags"]))
    for entry in found["unused"]:
        number, listed_tags = entry.get("id"), entry.get("tags")
        tags = next((it["RepoTags"] for it in told["images"] if it["Id"] == number), [])
        if not isinstance(listed_tags, list) or sorted(map(str, listed_tags)) != sorted(tags):
            raise Wrong("tags", image=str(number)[:19], said=listed_tags)


# --- the checks ---


def reads(bench: Bench) -> None:
    bench.once(first)


def running(bench: Bench) -> None:
    look_running(bench.once(told)[0], bench.once(first))


def ports(bench: Bench) -> None:
    running(bench)
    look_ports(bench.once(told)[0], bench.once(first))


def ended(bench: Bench) -> None:
    look_ended(bench.once(told)[0], bench.once(first))


def unused(bench: Bench) -> None:
    look_unused(bench.once(told)[0], bench.once(first))


def again(bench: Bench) -> None:
    before = bench.once(first)
    found = board(bench, 1)
    if found == before and any(before.values()):
        raise Wrong("same-again")
    for look in (look_running, look_ports, look_ended, look_unused):
        look(bench.once(told)[1], found)
    if not any(found.values()):
        raise NotYet
