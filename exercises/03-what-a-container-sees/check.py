"""Exercise 03: what a container sees of its host, of its image, and of itself."""

import json
from typing import Any

from capas.exercises import Bench, Container, Image, Wrong

KEYS = ("kernel", "distribution", "host", "pid")
HOST = "otro-host"
NAME = "Ceibo Linux 7 (El Palomar)"
RELEASE = f'PRETTY_NAME="{NAME}"\nNAME="Ceibo Linux"\nID=ceibo\nVERSION_ID="7"\n'
MANY = "for i in $(seq 50); do sleep 0 & done; wait; echo ready; exec sleep 300"
"""Uses up process numbers: who comes after has a number beyond 50."""


def image(bench: Bench) -> Image:
    return bench.build().read_ahead()


def facts(container: Container) -> dict[str, Any]:
    code = container.wait()
    if code:
        raise Wrong("exits", code=code, line=container.last_line())
    said = container.logs(errors=False).strip()
    try:
        found = json.loads(said)
    except ValueError:
        raise Wrong("not-json", body=said or "–") from None
    if not isinstance(found, dict):
        raise Wrong("not-an-object", said=said)
    if missing := [key for key in KEYS if key not in found]:
        raise Wrong("key-missing", keys=", ".join(missing))
    return found


def plain(bench: Bench) -> dict[str, Any]:
    return facts(bench.run(bench.once(image)))


def elsewhere(bench: Bench) -> dict[str, Any]:
    """What it tells with another name, among another's processes, with other files."""
    release = bench.scratch / "os-release"
    release.write_text(RELEASE)
    other = bench.run("busybox", ["sh", "-c", MANY])
    other.until(lambda it: it.last_line() == "ready" or not it.running, 30)
    return facts(
        bench.run(
            bench.once(image),
            hostname=HOST,
            volumes={str(release): "/etc/os-release"},
            pid_mode=f"container:{other.id}",
        )
    )


def tells(bench: Bench) -> None:
    bench.once(plain)


def kernel(bench: Bench) -> None:
    said = str(bench.once(plain)["kernel"])
    release = str(bench.client.info()["KernelVersion"])
    if said != release:
        raise Wrong("other-kernel", said=said, release=release)
    # The same kernel builds and runs here: what was noted at build time shows in the image only.
    built = bench.once(image)
    kept = [built.config.get(part) for part in ("Env", "Cmd", "Entrypoint")]
    if release in json.dumps(kept):
        raise Wrong("kernel-kept", place="Dockerfile")
    for at, file in enumerate(built.files):
        if release.encode() in file.content and _decides(bench, at, release):
            raise Wrong("kernel-kept", place=f"/{file.path}")


def _decides(bench: Bench, at: int, release: str) -> bool:
    """Return whether what is told changes with this file: else it stands there by chance."""
    file = bench.once(image).files[at]
    changed = bench.scratch / f"changed-{at}"
    changed.write_bytes(file.content.replace(release.encode(), b"0.0.0"))
    changed.chmod(0o755)
    mounted = {str(changed): f"/{file.path}"}
    return bool(facts(bench.run(bench.once(image), volumes=mounted))["kernel"] != release)


def distribution(bench: Bench) -> None:
    bench.once(plain)
    said = str(bench.once(elsewhere)["distribution"])
    if '"' in said:
        raise Wrong("quotes", said=said)
    if "ceibo" in said.lower():
        return
    kernels = bench.run("busybox", ["sh", "-c", "cat /proc/version; uname -a; uname -o"])
    kernels.wait()
    if said.strip() and said.strip().lower() in kernels.logs().lower():
        raise Wrong("kernels-distribution", said=said)
    raise Wrong("distribution-fixed", said=said, name=NAME)


def host(bench: Bench) -> None:
    bench.once(plain)
    if (said := bench.once(elsewhere)["host"]) != HOST:
        raise Wrong("host-fixed", said=said, wanted=HOST)


def pid(bench: Bench) -> None:
    own, shared = bench.once(plain)["pid"], bench.once(elsewhere)["pid"]
    for said in (own, shared):
        if not str(said).isdecimal():
            raise Wrong("not-a-number", said=said)
    if own == shared:
        raise Wrong("pid-fixed", pid=shared)
    if int(own) != 1:
        raise Wrong("not-first", pid=own)
