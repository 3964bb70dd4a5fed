"""A dashboard in a terminal: what an engine runs, what has ended, what only takes up room."""

import json
import os
import socket
from http.client import HTTPConnection


class Engine(HTTPConnection):
    """HTTP over a unix socket instead of a TCP connection."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def ask(self, path: str) -> list[dict]:
        """Return what the engine answers: a list of containers, or of images."""
        self.request("GET", path)
        return json.load(self.getresponse())


engine = Engine(os.environ["DOCKER_SOCKET"])
containers = engine.ask("/containers/json")
board = {
    "running": [{"name": it["Names"][0], "ports": []} for it in containers],
    "ended": [],
    "unused": [],
}
print(json.dumps(board, indent=2))
