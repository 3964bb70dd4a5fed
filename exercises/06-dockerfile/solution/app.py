"""A shelf of books, as a small web service."""

import json
import os

import bottle

TITLE = os.environ.get("SHELF", "a shelf without a name")
BOOKS = [
    {"title": "Rayuela", "year": 1963},
    {"title": "El Aleph", "year": 1949},
    {"title": "La invención de Morel", "year": 1940},
]


@bottle.get("/")
def shelf() -> str:
    bottle.response.content_type = "application/json"
    return json.dumps({"shelf": TITLE, "books": BOOKS})


bottle.run(host="0.0.0.0", port=8000, quiet=True)
