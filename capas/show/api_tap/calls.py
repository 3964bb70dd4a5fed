"""What each call of the Docker Engine API is for, in a few words.

After the reference, https://docs.docker.com/reference/api/engine/ (API 1.45), and BuildKit's
README for ``/session`` and ``/grpc``.
"""

import re
from collections.abc import Iterable

from capas.language import _
from capas.show.api_tap.watch import Exchange

_TELLING = ("name", "fromImage", "tag", "t", "condition", "signal", "follow", "force", "repo")
"""Parameters of a request that are worth their place in a picture."""
_NO = ("", "0", "false", "False")
_ID = re.compile(r"(?:sha256:)?[0-9a-f]{64}|[0-9a-f]{12}")


def purpose(exchange: Exchange) -> str:
    """Return what a request is for; an empty text where the course has no words for it."""
    call = f"{exchange.method} {exchange.path}"
    return next((text for pattern, text in _purposes() if re.fullmatch(pattern, call)), "")


def _purposes() -> Iterable[tuple[str, str]]:
    """Yield patterns of calls and their words; the first that fits holds."""
    yield r"(HEAD|GET) /_ping", _("are you there, and which API do you speak?")
    yield "GET /version", _("which versions run there?")
    yield "GET /info", _("what engine is this, and how is it set up?")
    yield "GET /events", _("tell me what happens, as it happens")
    yield "GET /system/df", _("how much space is in use?")
    yield "POST /auth", _("is this login good for the registry?")
    yield "POST /(session|grpc)", _("BuildKit's own protocol (gRPC) over this connection")
    yield "POST /build", _("build an image; its files are in the body")
    yield "POST /build/.*", _("tidy up, or cancel, a build")
    yield "POST /commit", _("make an image of a container")

    one = "/containers/[^/]+"
    yield "GET /containers/json", _("list containers")
    yield "POST /containers/create", _("create a container: image, command, options")
    yield "POST /containers/prune", _("remove stopped containers")
    yield f"GET {one}/json", _("tell me all about this container")
    yield f"POST {one}/attach", _("connect me to its input and output")
    yield f"POST {one}/wait", _("tell me when it has ended, and how")
    yield f"POST {one}/start", _("start its process")
    yield f"POST {one}/stop", _("ask its process to end; kill it if it does not")
    yield f"POST {one}/kill", _("send its process a signal")
    yield f"POST {one}/restart", _("stop it and start it again")
    yield f"POST {one}/(un)?pause", _("freeze its processes, or let them go on")
    yield f"POST {one}/resize", _("my terminal is this large")
    yield f"POST {one}/(rename|update)", _("change its name or its limits")
    yield f"GET {one}/logs", _("what has it printed?")
    yield f"GET {one}/stats", _("how much memory and CPU does it use?")
    yield f"GET {one}/top", _("which processes run in it?")
    yield f"GET {one}/changes", _("which files did it change?")
    yield f"(GET|PUT|HEAD) {one}/archive", _("copy files out of it, or into it")
    yield f"GET {one}/export", _("send me its file system")
    yield f"POST {one}/exec", _("prepare one more command in it")
    yield f"DELETE {one}", _("remove it")
    yield "POST /exec/[^/]+/start", _("run that command, and connect me to it")
    yield "POST /exec/[^/]+/resize", _("my terminal is this large")
    yield "GET /exec/[^/]+/json", _("has that command ended, and how?")

    yield "GET /images/json", _("list images")
    yield "POST /images/create", _("pull an image from its registry")
    yield "POST /images/load", _("take in images from a file")
    yield "POST /images/prune", _("remove images that nobody uses")
    yield "GET /images/search", _("search the registry")
    yield "GET /images/(.+/)?get", _("pack images into a file")
    yield "GET /images/.+/json", _("is this image here, and what is in it?")
    yield "GET /images/.+/history", _("which steps made this image?")
    yield "POST /images/.+/push", _("push this image to its registry")
    yield "POST /images/.+/tag", _("give this image one more name")
    yield "DELETE /images/.+", _("remove this name; with the last one, the image")
    yield "GET /distribution/.+/json", _("ask the registry about this image")

    yield "GET /networks", _("list networks")
    yield "POST /networks/create", _("create a network")
    yield "POST /networks/[^/]+/connect", _("connect a container to this network")
    yield "POST /networks/[^/]+/disconnect", _("disconnect a container from it")
    yield "GET /networks/[^/]+", _("tell me all about this network")
    yield "DELETE /networks/[^/]+", _("remove this network")
    yield "GET /volumes", _("list volumes")
    yield "POST /volumes/create", _("create a volume")
    yield "GET /volumes/[^/]+", _("tell me all about this volume")
    yield "DELETE /volumes/[^/]+", _("remove this volume")


class Names:
    """Puts what people call a thing in the place of its id."""

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        """Learn from requests that create a thing by name, and from answers that describe one."""
        self._names: dict[str, str] = {}
        for exchange in exchanges:
            said, answer = exchange.body.json, exchange.answer.json
            if not isinstance(answer, dict) or not isinstance(id := answer.get("Id"), str):
                continue
            asked = re.fullmatch(r"/(?:containers|networks)/([^/]+)(?:/json)?", exchange.path)
            if exchange.method == "POST" and exchange.path.endswith("/create"):
                given = exchange.query.get("name") or (
                    said.get("Name") if isinstance(said, dict) else ""
                )
                if given:
                    self._names[id] = str(given)
            elif asked and not _ID.fullmatch(asked[1]):
                # Not the name in the answer: where nobody gave one, the daemon invents one.
                self._names[id] = asked[1]
        self._unnamed: dict[str, str] = {}

    def call(self, exchange: Exchange) -> str:
        """Return a request as a picture shows it: ``POST /containers/web/start``."""
        parts = [self._short(part) for part in exchange.path.split("/")]
        query = "&".join(
            f"{k}={v}" for k, v in exchange.query.items() if k in _TELLING and v not in _NO
        )
        return f"{exchange.method} {'/'.join(parts)}" + (f"?{query}" if query else "")

    def _short(self, part: str) -> str:
        if not _ID.fullmatch(part):
            return part
        for id, name in self._names.items():
            if id.startswith(part):
                return name
        if part not in self._unnamed:
            n = len(self._unnamed)
            self._unnamed[part] = f"{{id {n + 1}}}" if n else "{id}"
        return self._unnamed[part]
