"""An engine to practise with: it answers questions of the Docker Engine API, and does nothing.

    python engine.py SOCKET …

It listens on unix sockets and answers

    GET /containers/json[?all=1][&filters=…]    GET /images/json    GET /version
    GET /containers/ID/json                     GET /system/df      GET /_ping

also with the API's version before it (/v1.45/…), as https://docs.docker.com/reference/api/engine/
describes them. What it tells stands in engine.json beside it.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from urllib.parse import parse_qs, urlsplit


class Engine(ThreadingMixIn, UnixStreamServer):
    """One socket, and what is told there: containers and images, as the API has them."""

    daemon_threads = True

    def __init__(self, socket: str, told: dict) -> None:
        Path(socket).unlink(missing_ok=True)
        super().__init__(socket, Handler)
        Path(socket).chmod(0o666)
        self.told = told

    def answer(self, path: str, query: dict[str, list[str]]) -> object:
        """Return what is at a path, or None."""
        containers, images = self.told["containers"], self.told["images"]
        match path.strip("/").split("/"):
            case ["containers", "json"]:
                return self.listed(containers, query)
            case ["containers", name, "json"]:
                return next((inspected(it) for it in containers if named(it, name)), None)
            case ["images", "json"]:
                return images
            case ["system", "df"]:
                return {"Images": images, "Containers": containers, "Volumes": []}
            case ["version"]:
                return {"Version": "26.1.5", "ApiVersion": "1.45", "MinAPIVersion": "1.24"}
            case ["info"]:
                return {"Containers": len(containers), "Images": len(images)}
            case ["_ping"]:
                return "OK"
        return None

    def listed(self, containers: list[dict], query: dict[str, list[str]]) -> list[dict]:
        filters = json.loads(query.get("filters", ["{}"])[0])
        states = filters.get("status", [])
        found = [it for it in containers if not states or it["State"] in states]
        if not states and query.get("all", ["0"])[0].lower() not in ("1", "true"):
            found = [it for it in found if it["State"] == "running"]
        return found


def named(container: dict, name: str) -> bool:
    return container["Id"].startswith(name) or f"/{name}" in container["Names"]


def inspected(container: dict) -> dict:
    status = container["Status"]
    code = int(status.split("(")[1].split(")")[0]) if status.startswith("Exited") else 0
    state = {
        "Status": container["State"],
        "Running": container["State"] == "running",
        "ExitCode": code,
    }
    return {
        "Id": container["Id"],
        "Name": container["Names"][0],
        "Image": container["ImageID"],
        "Config": {"Image": container["Image"]},
        "State": state,
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        first, _, rest = url.path.lstrip("/").partition("/")
        path = rest if first[:1] == "v" and first[1:2].isdigit() else url.path
        try:
            found = self.server.answer(path, parse_qs(url.query))
        except ValueError:
            self.reply(400, {"message": "invalid filter"})
            return
        if found is None:
            self.reply(404, {"message": "page not found"})
        else:
            self.reply(200, found)

    do_HEAD = do_GET

    def refuse(self) -> None:
        self.reply(405, {"message": "this engine only answers questions"})

    do_POST = do_PUT = do_DELETE = refuse

    def reply(self, status: int, found: object) -> None:
        body = (found if isinstance(found, str) else json.dumps(found) + "\n").encode()
        self.send_response(status)
        self.send_header("Api-Version", "1.45")
        self.send_header("Content-Type", "text/plain" if found == "OK" else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        # On a unix socket there is no address of who asks.
        print(self.server.server_address, self.command, self.path, int(code), flush=True)


if __name__ == "__main__":
    told = os.environ.get("ENGINE") or Path(__file__).with_name("engine.json").read_text()
    told = json.loads(told)
    for number, socket in enumerate(sys.argv[1:]):
        engine = Engine(socket, told[number] if isinstance(told, list) else told)
        threading.Thread(target=engine.serve_forever).start()
    print("listening on", *sys.argv[1:], flush=True)
