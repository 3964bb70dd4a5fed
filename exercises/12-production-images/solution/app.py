"""Parcels: what one costs, and a list of orders.

GET /price?weight=3     the price, in pesos
POST /orders            {"weight": …}: order
GET /orders             how many there are
GET /health             200 while orders can be taken, else 503
"""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import tariffs

ORDERS = Path(os.environ.get("DATA", ".")) / "orders.jsonl"


def can_take_orders():
    return ORDERS.is_file() and os.access(ORDERS, os.W_OK)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/price":
            weight = float(parse_qs(url.query)["weight"][0])
            self.answer(200, {"price": tariffs.price(weight)})
        elif url.path == "/orders":
            self.answer(200, {"orders": len(ORDERS.read_text().splitlines())})
        elif url.path == "/health":
            self.answer(200 if can_take_orders() else 503, {"orders": can_take_orders()})
        elif url.path == "/":
            self.answer(200, {"tariffs": tariffs.VERSION})
        else:
            self.answer(404, {"error": "not found"})

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with ORDERS.open("a") as orders:
            orders.write(json.dumps({"weight": order["weight"]}) + "\n")
        self.answer(201, {"price": tariffs.price(order["weight"])})

    def answer(self, status, found):
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing of each request."""


signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
ORDERS.touch()
print(f"parcels: orders are in {ORDERS.resolve()}", flush=True)
ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
