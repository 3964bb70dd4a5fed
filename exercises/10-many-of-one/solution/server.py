"""Serves the notice board: the page that was built, with what texts/notice.txt says now."""

import socket
import sys
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST = socket.gethostname()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        notice = escape(Path("texts/notice.txt").read_text())
        body = PAGE.replace("NOTICE", notice).replace("HOST", HOST).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Served-By", HOST)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


try:
    PAGE = Path("dist/page.html").read_text()
except FileNotFoundError:
    sys.exit("dist/page.html is missing: it is made by build.py")
ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
