"""Serves a kit over HTTP, for reading only: itself, and the registries that clients ask.

========================  ======================================================================
``/kit.json, /files/…``   the kit itself, for `capas kit use`
``/simple/…``             Python packages (https://packaging.python.org, Simple repository API)
``/links/``               the same on one page (pip's ``--find-links``)
``/npm/…``                npm packages (registry API: package metadata, tarballs)
``/debian/…``             Debian packages, a flat repository
``/v2/…``                 images (OCI distribution specification, the part that pulls)
========================  ======================================================================

What is asked for is looked up in what ``kit.json`` names; no path is ever made from it.
Standard library only.
"""

import argparse
import contextlib
import gzip
import hashlib
import html
import json
import os
import re
import socket
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from capas.errors import CapasError
from capas.kit.contents import NAME, Folder, Item, Source

CHUNK = 1 << 18
SECONDS = 60.0
"""How long a client may be silent."""
DIGEST = "Docker-Content-Digest"
API = {"Docker-Distribution-Api-Version": "registry/2.0"}
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
HTML = "text/html; charset=utf-8"
WATCH_SECONDS = 2.0
NEARBY = 50


@dataclass(frozen=True)
class Answer:
    """What is sent back: bytes, or a file of the kit."""

    body: "bytes | Item" = b""
    kind: str = "application/octet-stream"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


NOT_FOUND = Answer(b"not found\n", "text/plain", 404)


class Shelf:
    """What a kit offers, by the paths that clients ask for."""

    def __init__(self, source: Source) -> None:
        self.source = source
        contents = source.contents
        self._items = {
            item.path: item for item in contents.items.values() if self._has(source, item)
        }
        self._wheels: dict[str, list[Item]] = defaultdict(list)
        for item in self._under("wheels/"):
            name = item.path.rpartition("/")[2].partition("-")[0]
            self._wheels[normal(name)].append(item)
        index = self._items.get("npm/index.json")
        self._npm: dict[str, Any] = json.loads(self._read(index)) if index else {}
        self._manifests: dict[str, dict[str, str]] = defaultdict(dict)
        for name, image in contents.get("images").items():
            for each in (name, *image.get("aliases", ())):
                repository, _colon, tag = each.rpartition(":")
                self._manifests[repository][tag] = image["manifest"]

    @staticmethod
    def _has(source: Source, item: Item) -> bool:
        # A student's machine takes only what it needs itself.
        return not isinstance(source, Folder) or (source.folder / item.path).exists()

    def _under(self, folder: str) -> list[Item]:
        return [item for path, item in self._items.items() if path.startswith(folder)]

    def _read(self, item: Item) -> bytes:
        with self.source.open(item) as stream:
            return stream.read()

    def answer(self, path: str, host: str) -> Answer:
        """Return what stands at a path; `host` is how the client calls this machine."""
        if path == "/":
            return Answer(self._page(host), HTML)
        if path == f"/{NAME}":
            return Answer(self.source.contents.text(), "application/json")
        first, _slash, rest = path[1:].partition("/")
        routes: dict[str, Callable[[str, str], Answer]] = {
            "files": self._file,
            "simple": self._simple,
            "links": self._links,
            "npm": self._npm_package,
            "debian": self._debian,
            "v2": self._image,
        }
        route = routes.get(first)
        return route(rest, host) if route else NOT_FOUND

    def _file(self, path: str, host: str) -> Answer:
        item = self._items.get(path)
        return Answer(item) if item else NOT_FOUND

    def _simple(self, path: str, host: str) -> Answer:
        name = path.rstrip("/")
        if not name:
            links = "".join(f'<a href="{each}/">{each}</a>\n' for each in sorted(self._wheels))
            return Answer(_html("simple", links), HTML)
        found = self._wheels.get(normal(name))
        if not found:
            return NOT_FOUND
        return Answer(_html(name, _links(found)), HTML)

    def _links(self, path: str, host: str) -> Answer:
        if path:
            return NOT_FOUND
        found = [item for items in self._wheels.values() for item in items]
        return Answer(_html("links", _links(found)), HTML)

    def _npm_package(self, path: str, host: str) -> Answer:
        name, _dash, file = path.partition("/-/")
        if file:  # …/name/-/name-1.0.0.tgz
            for version in self._npm.get(name, {}).values():
                if version["file"].rpartition("/")[2] == file:
                    return self._file(version["file"], host)
            return NOT_FOUND
        versions = self._npm.get(name)
        if not versions:
            return Answer(b'{"error":"not found"}', "application/json", 404)
        listed = {}
        for number, version in versions.items():
            base = version["file"].rpartition("/")[2]
            url = f"http://{host}/npm/{quote(name, safe='@/')}/-/{quote(base)}"
            dist = {"tarball": url, "integrity": version["integrity"]}
            listed[number] = {**version["package"], "dist": dist}
        document = {"name": name, "dist-tags": {"latest": list(versions)[-1]}, "versions": listed}
        return Answer(json.dumps(document).encode(), "application/json")

    def _debian(self, path: str, host: str) -> Answer:
        path = path.removeprefix("./")
        if path == "Release":
            return Answer(self._release(), "text/plain")
        if path == "Packages.gz" and (item := self._items.get("debian/Packages")):
            return Answer(gzip.compress(self._read(item), mtime=0), "application/gzip")
        return self._file(f"debian/{path}", host)

    def _release(self) -> bytes:
        item = self._items.get("debian/Packages")
        plain = self._read(item) if item else b""
        lines = ["Origin: Capas", "Label: Capas", "Suite: capas", "SHA256:"]
        for name, data in (("Packages", plain), ("Packages.gz", gzip.compress(plain, mtime=0))):
            lines.append(f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}")
        return "\n".join([*lines, ""]).encode()

    def _image(self, path: str, host: str) -> Answer:
        if not path:
            return Answer(b"{}", "application/json", headers=API)
        found = re.fullmatch(r"(?:library/)?(.+)/(manifests|blobs|tags)/([^/]+)", path)
        if not found:
            return _no_image("NAME_UNKNOWN")
        name, kind, reference = found.groups()
        tags = self._manifests.get(name)
        if not tags:
            return _no_image("NAME_UNKNOWN")
        if kind == "tags":
            listed = {"name": path.removesuffix("/tags/list"), "tags": sorted(tags)}
            return Answer(json.dumps(listed).encode(), "application/json", headers=API)
        digest = reference
        if kind == "manifests":
            digest = tags.get(reference, reference)
            if digest not in tags.values():
                return _no_image("MANIFEST_UNKNOWN")
        item = self._items.get(f"images/{digest.replace(':', '/')}")
        if item is None:
            return _no_image("BLOB_UNKNOWN")
        media = MANIFEST if kind == "manifests" else "application/octet-stream"
        return Answer(item, media, headers={**API, DIGEST: digest})

    def _page(self, host: str) -> bytes:
        return _html(
            "Capas",
            f"<h1>Capas</h1><pre>python3 -m capas kit use http://{html.escape(host)}</pre>\n"
            f"<p>{self.source.contents.size / 1e6:.0f} MB</p>",
        )


def normal(name: str) -> str:
    """Return the normalised name of a Python package (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _links(items: list[Item]) -> str:
    return "".join(
        f'<a href="/files/{quote(item.path)}#sha256={item.sha256}">'
        f"{html.escape(item.path.rpartition('/')[2])}</a>\n"
        for item in items
    )


def _html(title: str, body: str) -> bytes:
    text = f"<!doctype html><title>{html.escape(title)}</title>\n{body}"
    return text.encode()


def _no_image(code: str) -> Answer:
    body = json.dumps({"errors": [{"code": code, "message": code}]}).encode()
    return Answer(body, "application/json", 404, API)


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD; refuses everything else."""

    protocol_version = "HTTP/1.1"
    timeout = SECONDS
    server: "Server"

    def do_GET(self) -> None:
        self._respond(body=True)

    def do_HEAD(self) -> None:
        self._respond(body=False)

    def _refuse(self) -> None:
        self.close_connection = True  # what the client wants to send is not read
        self._send(
            Answer(b"read-only\n", "text/plain", 405, {"Allow": "GET, HEAD"}),
            body=True,
        )

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_CONNECT = do_TRACE = _refuse

    def _respond(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        host = self.headers.get("Host", "")
        if not re.fullmatch(r"[\w.:\[\]-]+", host):
            host = "{}:{}".format(*self.server.server_address[:2])
        try:
            answer = self.server.shelf.answer(path, host)
        except CapasError:
            answer = Answer(b"this kit is damaged\n", "text/plain", 500)
        self.server.seen(self.client_address[0], path)
        with contextlib.suppress(ConnectionError, TimeoutError):
            self._send(answer, body)

    def _send(self, answer: Answer, body: bool) -> None:
        size = answer.body.size if isinstance(answer.body, Item) else len(answer.body)
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start, status = int(asked[1]) if asked else 0, answer.status
        if start and status == 200:
            status = HTTPStatus.PARTIAL_CONTENT
            if start >= size:
                status, start, body = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, size, False
        self.send_response(status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if status == HTTPStatus.PARTIAL_CONTENT:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(size - start))
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if not body:
            return
        if not isinstance(answer.body, Item):
            self.wfile.write(answer.body[start:])
            return
        try:
            with self.server.shelf.source.open(answer.body, start) as stream:
                while chunk := stream.read(CHUNK):
                    self.wfile.write(chunk)
        except CapasError:
            self.close_connection = True  # shorter than promised: the client notices

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A kit on one address of this machine."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = os.name != "nt"  # on Windows it would share a taken port

    def __init__(
        self,
        source: Source,
        address: str,
        port: int,
        taker: Callable[[str], None] = lambda client: None,
    ) -> None:
        self.shelf = Shelf(source)
        self._taker = taker
        super().__init__((address, port), _Handler)

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self.server_address[1])

    def seen(self, client: str, path: str) -> None:
        """Tell who begins to take the kit."""
        if path == f"/{NAME}":
            self._taker(client)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over clients that go away."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def listen(
    source: Source, address: str, wanted: int, taker: Callable[[str], None] = lambda client: None
) -> Server:
    """Return a server on the wanted port, or on one of the next, or on any."""
    last: OSError | None = None
    for port in (*range(wanted, min(wanted + NEARBY, 65536)), 0) if wanted else (0,):
        try:
            return Server(source, address, port, taker)
        except OSError as error:
            last = error
    assert last
    raise last


def addresses() -> list[str]:
    """Return this machine's IPv4 addresses in its networks, the most likely first."""
    import psutil  # type: ignore[import-untyped]

    first = ""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as call:
        call.connect(("192.0.2.1", 9))  # nothing is sent: which way would it go?
        first = call.getsockname()[0]
    ours = ("docker", "br-", "capas-", "veth", "virbr", "lo")
    found = [
        entry.address
        for name, entries in psutil.net_if_addrs().items()
        if not name.startswith(ours)
        for entry in entries
        if entry.family == socket.AF_INET and not entry.address.startswith("127.")
    ]
    return sorted(dict.fromkeys(found), key=lambda address: address != first)


def main(arguments: list[str]) -> None:
    """Serve a home's kit beside an engine, until its socket is gone; says where in a file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("told", type=Path)
    parser.add_argument("watched", nargs="?", type=Path)
    options = parser.parse_args(arguments)
    server = listen(Folder(options.folder), options.address, options.port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    new = options.told.with_suffix(".new")
    new.write_text(str(server.port))
    new.replace(options.told)
    while (options.folder / NAME).exists() and (not options.watched or options.watched.exists()):
        time.sleep(WATCH_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1:])
