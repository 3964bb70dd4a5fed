"""A program that takes what it is asked to take: memory, processors, processes.

GET /                    what it has taken
GET /memory?mb=100       take 100 MB of memory more, and keep it
GET /processes?n=10      start 10 processes, count those that came up, end them
GET /cpu?seconds=2       compute for so long with two processes; how much CPU time did they get?
"""

import json
import os
import signal
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

PORT = 8000
MB = 2**20
memory: list[bytes] = []


def take_memory(mb: int) -> dict[str, object]:
    memory.extend(b"\x01" * MB for _ in range(mb))
    return {"taken_mb": len(memory)}


def start_processes(n: int) -> dict[str, object]:
    children: list[int] = []
    refused = ""
    try:
        for _ in range(n):
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    except OSError as error:
        refused = error.strerror
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return {"asked": n, "started": len(children), "refused": refused}


def compute(seconds: int) -> dict[str, object]:
    end = time.monotonic() + seconds
    before = os.times()
    child = os.fork()
    while time.monotonic() < end:
        pass
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    after = os.times()
    used = sum(after[:4]) - sum(before[:4])
    return {"seconds": seconds, "cpu_seconds": round(used, 2)}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: int(values[0]) for name, values in parse_qs(url.query).items()}
        match url.path:
            case "/memory":
                self.answer(take_memory(asked.get("mb", 10)))
            case "/processes":
                self.answer(start_processes(asked.get("n", 10)))
            case "/cpu":
                self.answer(compute(asked.get("seconds", 1)))
            case _:
                self.answer({"taken_mb": len(memory)})

    def answer(self, found: dict[str, object]) -> None:
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


print(f"hungry, on port {PORT}", flush=True)
HTTPServer(("", PORT), Handler).serve_forever()
