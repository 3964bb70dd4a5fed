"""A library of tools that neighbours lend to each other.

GET  /tools                        all tools, and who has them
POST /tools    {"name": "saw"}     one more
GET  /health                       200 when the database answers, else 503
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from database import connect


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/tools":
            db = connect()
            rows = db.run("SELECT id, name, borrower FROM tools ORDER BY id")
            db.close()
            self.answer(200, [{"id": row[0], "name": row[1], "borrower": row[2]} for row in rows])
        elif self.path == "/health":
            try:
                connect().close()
                self.answer(200, {"database": "ready"})
            except SystemExit as error:
                self.answer(503, {"database": str(error)})
        else:
            self.answer(404, {"error": "not found"})

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        name = json.loads(self.rfile.read(size))["name"]
        db = connect()
        [[number]] = db.run("INSERT INTO tools (name) VALUES (:name) RETURNING id", name=name)
        db.close()
        self.answer(201, {"id": number, "name": name})

    def answer(self, status: int, what: object) -> None:
        body = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


def main() -> None:
    db = connect()
    columns = db.run(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'tools'"
    )
    db.close()
    if ["borrower"] not in columns:
        sys.exit("the table “tools” is missing or too old: has migrate.py run?")
    print("listening on port 8080", flush=True)
    ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()


main()
