"""Reads along on one connection: bytes in, exchanges out. Sends nothing, changes nothing.

HTTP/1.1 is read by h11 (https://h11.readthedocs.io), which does no input or output of its own:
keep-alive, chunked bodies, ``100 Continue``, and ``101`` after which a connection is no longer
HTTP (attach, exec, BuildKit's gRPC). What cannot be read is not recorded; it still gets through.
"""

import itertools
import json
import re
import time
from collections import deque
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

KEPT = 256 * 1024
"""How many bytes of each body are kept; the rest is only counted."""
_HEADERS = 1024 * 1024  # X-Registry-Auth and proxies' headers can be long
_VERSION = re.compile(r"^/v\d+\.\d+(?=/)")
_UNDECIDED = h11.MIGHT_SWITCH_PROTOCOL  # type: ignore[attr-defined]
"""The client has asked for another protocol; the answer decides."""
_SECRET = ("x-registry-auth", "x-registry-config", "authorization")


@dataclass
class Body:
    """A message's body: its beginning, and how long it was."""

    size: int = 0
    most: int = KEPT
    kept: bytearray = field(default_factory=bytearray)

    def add(self, data: bytes) -> None:
        """Take the next piece."""
        self.size += len(data)
        self.kept += data[: max(0, self.most - len(self.kept))]

    @property
    def json(self) -> Any:
        """What it says in JSON; None if it is not JSON or was too long to be kept."""
        try:
            return json.loads(self.kept) if self.size == len(self.kept) else None
        except ValueError:
            return None


@dataclass
class Exchange:
    """One request and its answer."""

    number: int
    method: str
    target: str
    """As it was sent: ``/v1.45/containers/create?name=web``."""
    headers: dict[str, str]
    """Of the request, names in small letters."""
    began: int
    """Its place among all beginnings and ends that were recorded."""
    at: float
    """When it began (seconds, `time.monotonic`)."""
    body: Body = field(default_factory=Body)
    """Of the request; on an upgraded connection also what the client sent afterwards."""
    status: int = 0
    """0: there was no answer."""
    reason: str = ""
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer: Body = field(default_factory=Body)
    upgraded: bool = False
    """After the answer 101 the connection was a raw stream."""
    ended: int | None = None
    """The answer's end, its place as `began`; None: still open when recording stopped."""
    seconds: float = 0.0

    @property
    def path(self) -> str:
        """The path without the API's version: ``/containers/create``."""
        return unquote(_VERSION.sub("", urlsplit(self.target).path))

    @property
    def query(self) -> dict[str, str]:
        """The parameters after the ``?``."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def client(self) -> str:
        """Who asks, by its own account (``User-Agent``)."""
        agent = self.headers.get("user-agent", "")
        for mark, name in (
            ("docker-sdk-python", "Docker SDK"),
            ("compose", "docker compose"),
            ("buildx", "docker buildx"),
            ("Docker-Client", "docker"),
        ):
            if mark.lower() in agent.lower():
                return name
        return "" if agent.startswith("Go-http-client") else agent.split("/")[0]

    def __repr__(self) -> str:
        return "\n".join(
            [*_message(self._ask(), self.body), "", *_message(self._say(), self.answer)]
        )

    def _repr_html_(self) -> str:
        return f'<pre style="white-space:pre-wrap">{escape(repr(self))}</pre>'

    def _ask(self) -> str:
        return f"{self.method} {unquote(self.target)}"

    def _say(self) -> str:
        return f"{self.status} {self.reason}".strip()


def _message(first: str, body: Body) -> list[str]:
    """Return a message as text: its first line; its JSON without what is empty in it."""
    said = body.json
    if said is None:
        return [first]
    return [first, json.dumps(without_empty(said), indent=2, ensure_ascii=False)]


def without_empty(value: Any) -> Any:
    """Return JSON without members that are null, false, 0, or empty: defaults that say nothing."""
    if isinstance(value, dict):
        pruned = {name: without_empty(member) for name, member in value.items()}
        return {name: member for name, member in pruned.items() if member not in _EMPTY}
    if isinstance(value, list):
        return [without_empty(member) for member in value]
    return value


_EMPTY: tuple[Any, ...] = (None, False, 0, "", [], {})


class Log:
    """The exchanges of all connections, in order."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self._order = itertools.count()

    def begin(self, request: h11.Request) -> Exchange:
        """Record a request."""
        headers = _plain(request.headers)
        exchange = Exchange(
            number=len(self.exchanges) + 1,
            method=request.method.decode("ascii"),
            target=request.target.decode("latin-1"),
            headers={k: "…" if k in _SECRET else v for k, v in headers.items()},
            began=next(self._order),
            at=time.monotonic(),
        )
        if exchange.path == "/auth":  # name and password
            exchange.body.most = 0
        self.exchanges.append(exchange)
        return exchange

    def end(self, exchange: Exchange) -> None:
        """Record the end of an answer, or of the stream that came after it."""
        if exchange.ended is None:
            exchange.ended = next(self._order)
            exchange.seconds = time.monotonic() - exchange.at


def _plain(headers: Any) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}


class Watch:
    """One connection, read in both directions. Give it bytes before you pass them on."""

    def __init__(self, log: Log) -> None:
        """Record into `log`."""
        self._log = log
        self._asking: h11.Connection | None = _asking()
        self._current: Exchange | None = None
        self._waiting: deque[tuple[Exchange, h11.Connection]] = deque()
        self._raw: Exchange | None = None

    @property
    def busy(self) -> bool:
        """Whether an answer, or the end of a raw stream, is still to come."""
        open_stream = self._raw is not None and self._raw.ended is None
        return bool(self._waiting) or open_stream

    def asked(self, data: bytes) -> None:
        """Read what the client sends; no bytes mean that it has ended."""
        if self._raw is not None:
            self._raw.body.add(data)
        elif self._asking is not None:
            try:
                self._asking.receive_data(data)
                self._requests()
            except h11.ProtocolError:  # not HTTP, or cut off
                self._asking = None

    def answered(self, data: bytes) -> None:
        """Read what the engine sends; no bytes mean that it has ended."""
        if self._raw is not None:
            self._raw.answer.add(data)
            if not data:
                self._log.end(self._raw)
            return
        try:
            self._answers(data)
        except h11.ProtocolError:
            self._asking = None
            self.closed()

    def closed(self) -> None:
        """The connection is gone: what is open ends here."""
        for exchange, _reader in self._waiting:
            self._log.end(exchange)
        self._waiting.clear()
        if self._raw is not None:
            self._log.end(self._raw)

    def _requests(self) -> None:
        while self._asking is not None:
            event = self._asking.next_event()
            if isinstance(event, h11.Request):
                self._current = self._log.begin(event)
                self._waiting.append((self._current, _answering(event)))
            elif isinstance(event, h11.Data) and self._current is not None:
                self._current.body.add(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                if self._asking.their_state is _UNDECIDED:
                    return  # what follows is HTTP or not: the answer decides
                self._next_request()
            else:
                return

    def _next_request(self) -> None:
        """Go on with what has come after a request."""
        if self._asking is not None:
            rest, closed = self._asking.trailing_data
            self._asking = _asking()
            if rest:
                self._asking.receive_data(rest)
            if closed:
                self._asking.receive_data(b"")

    def _answers(self, data: bytes) -> None:
        while self._waiting:
            exchange, reader = self._waiting[0]
            reader.receive_data(data)
            while True:
                event = reader.next_event()
                if isinstance(event, (h11.InformationalResponse, h11.Response)):
                    if event.status_code in (100, 102, 103):
                        continue
                    exchange.status = event.status_code
                    exchange.reason = bytes(event.reason).decode("latin-1")
                    exchange.answer_headers = _plain(event.headers)
                    if event.status_code == 101:
                        self._switch(exchange, reader)
                        return
                elif isinstance(event, h11.Data):
                    exchange.answer.add(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    break
                else:
                    return
            self._waiting.popleft()
            self._log.end(exchange)
            if self._asking and self._asking.their_state is _UNDECIDED:
                self._next_request()
                self._requests()
            data, _closed = reader.trailing_data
            if not data:
                return

    def _switch(self, exchange: Exchange, reader: h11.Connection) -> None:
        """From here on the connection is not HTTP any more."""
        self._waiting.clear()
        self._raw = exchange
        exchange.upgraded = True
        exchange.answer.add(reader.trailing_data[0])
        if self._asking is not None:
            exchange.body.add(self._asking.trailing_data[0])
        self._asking = None


def _asking() -> h11.Connection:
    return h11.Connection(h11.SERVER, max_incomplete_event_size=_HEADERS)


def _answering(request: h11.Request) -> h11.Connection:
    """Return a reader of the answer to this request: how it ends depends on what was asked."""
    reader = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEADERS)
    headers = [(b"host", b"engine")]
    headers += [(k, v) for k, v in request.headers if k in (b"connection", b"upgrade")]
    reader.send(h11.Request(method=request.method, target=request.target, headers=headers))
    reader.send(h11.EndOfMessage())
    return reader
