"""A guest book, as a small web service.

GET /             how many guests have signed
POST /sign        {"name": …}: sign; the owner gets a mail
GET /export       the whole book; it is written by hand, and takes two seconds
"""

import json
import os
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BOOK = Path(os.environ["BOOK"]) / "guests.txt"


def say(line):
    print(line, flush=True)


def notify(name):
    """Tell the owner, in the background: no guest shall wait for the mail."""
    mail = ["sh", "notify.sh", name]
    threading.Thread(target=subprocess.run, args=(mail,)).start()  # which waits for its end


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        guests = BOOK.read_text(encoding="utf-8").splitlines()
        if self.path == "/export":
            say("export: begins")
            time.sleep(2)
            say("export: done")
            self.answer({"book": guests})
        else:
            self.answer({"guests": len(guests)})

    def do_POST(self):
        size = int(self.headers.get("Content-Length", 0))
        name = json.loads(self.rfile.read(size))["name"]
        with BOOK.open("a", encoding="utf-8") as book:
            book.write(f"{name}\n")
        notify(name)
        self.answer({"thanks": name})

    def answer(self, found):
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing of each request."""


class Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close() waits for the requests in flight


def main():
    server = Server(("0.0.0.0", 8000), Handler)

    def stop(number, frame):
        say(f"server: {signal.Signals(number).name}, no new guests from now on")
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    say("server: open on port 8000")
    server.serve_forever()
    server.server_close()
    say("server: goodbye")


main()
