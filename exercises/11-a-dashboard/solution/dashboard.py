"""A dashboard in a terminal: what an engine runs, what has ended, what only takes up room."""

import json
import os
import re
import socket
from http.client import HTTPConnection
from typing import Any


class Engine(HTTPConnection):
    """HTTP over a unix socket instead of a TCP connection."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def ask(self, path: str) -> Any:
        self.request("GET", path)
        return json.load(self.getresponse())


def name(container: dict[str, Any]) -> str:
    return str(container["Names"][0]).removeprefix("/")


def ports(container: dict[str, Any]) -> list[int]:
    return sorted({port["PublicPort"] for port in container["Ports"] if "PublicPort" in port})


engine = Engine(os.environ["DOCKER_SOCKET"])
containers = sorted(engine.ask("/containers/json?all=true"), key=name)
images = engine.ask("/images/json")
used = {container["ImageID"] for container in containers}
ended = [
    (container, code)
    for container in containers
    if (code := re.match(r"Exited \((\d+)\)", container["Status"]))
]
board = {
    "running": [
        {"name": name(container), "ports": ports(container)}
        for container in containers
        if container["State"] == "running"
    ],
    "ended": [{"name": name(container), "code": int(code[1])} for container, code in ended],
    "unused": [
        {"id": image["Id"], "tags": image["RepoTags"]}
        for image in images
        if image["Id"] not in used
    ],
}
print(json.dumps(board, indent=2))
