"""Counts visits: GET / counts one in the store (Redis), and says how many there were."""

import json
import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STORE = os.environ.get("STORE", "localhost")


def ask(command: str) -> str:
    """Send a command to the store and return its answer, as Redis's protocol has it."""
    with socket.create_connection((STORE, 6379), timeout=5) as connection:
        connection.sendall(f"{command}\r\n".encode())
        answer = connection.makefile().readline().strip()
    if answer[:1] not in (":", "+"):
        raise ConnectionError(answer or "no answer")
    return answer[1:]


class Page(BaseHTTPRequestHandler):
    """What is asked for, and what is answered."""

    def do_GET(self) -> None:
        visits = int(ask("INCR visits"))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"visits": visits}).encode())


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
try:
    ask("PING")
except OSError as error:
    sys.exit(f"No store at {STORE}:6379: {error}")
print(f"The store at {STORE}:6379 answers.", flush=True)
ThreadingHTTPServer(("0.0.0.0", 8000), Page).serve_forever()
