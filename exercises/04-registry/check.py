"""Exercise 04: a registry that keeps what it is given."""

import re

from capas.exercises import Bench, Container, NotYet, Stack, Wrong

PORT = 5050
INSIDE = 5000
PLACE = "/var/lib/registry"
PATIENCE = 120
"""Seconds until it runs, on a busy machine, too."""
NAME = "capas-check/note"
TAG = "1"
MANIFEST = {"Accept": "application/vnd.docker.distribution.manifest.v2+json, "
                      "application/vnd.oci.image.manifest.v1+json"}  # fmt: skip


def running(bench: Bench) -> Stack:
    stack = bench.stack()
    stack.service("registry")
    stack.up(patience=PATIENCE)
    return stack


def registry(bench: Bench) -> Container:
    return bench.once(running).container("registry")


def port(bench: Bench) -> int:
    """Return what the registry listens on, on this machine."""
    stack = bench.once(running)
    published = stack.published()
    if PORT not in published:
        if any(target == PORT for _service, target in published.values()):
            raise Wrong("ports-reversed", port=PORT)
        raise Wrong("nothing-published", port=PORT)
    service, inside = published[PORT]
    return stack.container(service).port(inside)


def pushed(bench: Bench) -> str:
    """Push a small image; return its digest."""
    here = bench.once(port)
    # The daemon tries for a minute before it gives up a push; this tells at once.
    answer = bench.once(running).ask_port(PORT, f"/v2/{NAME}/blobs/uploads/", method="POST")
    if answer.status != 202:
        raise Wrong("push-fails", line=f"{answer.status} {answer.body}")
    image = bench.build(inline=f"FROM busybox\nRUN echo {bench.labels['capas.check']} > /note")
    repository = f"127.0.0.1:{here}/{NAME}"
    name = f"{repository}:{TAG}"
    client = bench.client
    client.images.get(image.id).tag(repository, TAG)
    try:
        done = bench.command("push", name, seconds=120)
    finally:
        client.images.remove(name)
    found = re.search(r"digest: (sha256:[0-9a-f]{64})", done.text)
    if done.code or not found:
        lines = [line for line in done.text.splitlines() if line.strip()]
        raise Wrong("push-fails", line=(lines or ["–"])[-1])
    return found[1]


def again(bench: Bench) -> Stack:
    """After a push, `down` and `up`."""
    bench.once(pushed)
    stack = bench.once(running)
    stack.down()
    stack.up(patience=PATIENCE)
    return stack


def answers(bench: Bench) -> None:
    bench.once(port)
    answer = bench.once(running).ask_port(PORT, "/v2/")
    if answer.status != 200:
        raise NotYet


def own_machine(bench: Bench) -> None:
    bench.once(port)
    for published in bench.once(running).service("registry").get("ports") or []:
        if published.get("host_ip") not in ("127.0.0.1", "::1"):
            raise Wrong("every-address", address=published.get("host_ip") or "0.0.0.0")


def takes(bench: Bench) -> None:
    bench.once(pushed)


def keeps(bench: Bench) -> None:
    digest = bench.once(pushed)
    places = _places(bench.once(registry))
    stack = bench.once(again)
    answer = stack.ask_port(PORT, f"/v2/{NAME}/manifests/{digest}", headers=MANIFEST)
    if answer.status == 404 and places:
        raise Wrong("volume-elsewhere", place=places[0])
    if answer.status == 404:
        raise Wrong("image-lost")
    here = stack.container("registry").port(stack.published()[PORT][1])
    name = f"127.0.0.1:{here}/{NAME}@{digest}"
    done = bench.command("pull", "--quiet", name, seconds=60)
    if done.code:
        raise NotYet
    bench.client.images.remove(name)


def deletes(bench: Bench) -> None:
    digest = bench.once(pushed)
    stack = bench.once(again)
    path = f"/v2/{NAME}/manifests/{digest}"
    if stack.ask_port(PORT, path, headers=MANIFEST).status == 404:
        raise NotYet
    answer = stack.ask_port(PORT, path, method="DELETE")
    if answer.status == 405:
        raise Wrong("delete-refused", status=answer.status)
    if answer.status != 202 or stack.ask_port(PORT, path, headers=MANIFEST).status != 404:
        raise NotYet


def _places(container: Container) -> list[str]:
    """Return where there are volumes with a name, or folders, that the images are not in."""
    return [
        mount["Destination"]
        for mount in container.attributes["Mounts"]
        if mount["Destination"] != PLACE
        and not re.fullmatch(r"[0-9a-f]{64}", str(mount.get("Name", "")))
    ]
