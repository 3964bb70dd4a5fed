"""A guest book, as a small web service: GET / shows it, POST / with {"name": …} signs it."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TITLE = os.environ.get("TITLE", "A guest book")
PORT = int(os.environ.get("PORT", "8000"))
BOOK = Path("/data/guests.txt")


class Page(BaseHTTPRequestHandler):
    """What is asked for, and what is answered."""

    def do_GET(self) -> None:
        guests = BOOK.read_text(encoding="utf-8").splitlines() if BOOK.exists() else []
        self.answer(200, {"title": TITLE, "guests": guests})

    def do_POST(self) -> None:
        signed = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with BOOK.open("a", encoding="utf-8") as book:
            book.write(signed["name"] + "\n")
        self.answer(201, signed)

    def answer(self, status: int, content: Any) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())


BOOK.parent.mkdir(parents=True, exist_ok=True)
print("The guest book is open.", flush=True)
ThreadingHTTPServer(("0.0.0.0", PORT), Page).serve_forever()
