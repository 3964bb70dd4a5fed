"""Draws recorded exchanges: as a sequence diagram, time flowing down, and as a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from capas.language import _, current
from capas.show import metrics
from capas.show.api_tap.calls import Names, purpose
from capas.show.api_tap.watch import Exchange
from capas.show.drawing import SMALLEST, WIDTH, Box, Drawing
from capas.show.picture import Picture
from capas.show.table import Table

MOST = 24
"""More rows than these are left out in the middle."""
_FIRST, _LAST = 16, 7

CLIENT, DAEMON, WORDS = 118, 600, 644
"""Where the two lines of life run, and where the words begin (x)."""
TOP = 158
ROOM = WIDTH - 32 - WORDS
LINE = 20


@dataclass
class Row:
    """A row of the diagram."""

    exchange: Exchange
    kind: str
    """``ask``, ``both`` (asked and answered with nothing in between), or ``end``."""
    times: int = 1
    """How often, where the same came again and again."""
    last: int = 0
    """Number of the last of them."""

    @property
    def height(self) -> float:
        """How much room it takes."""
        return 66 if self.kind == "both" else 50


def diagram(exchanges: Sequence[Exchange], *, times: bool = False) -> Picture:
    """Return a sequence diagram of `exchanges`; with `times`, how long each took."""
    names = Names(exchanges)
    clients = [*dict.fromkeys(e.client for e in exchanges if e.client)]
    if any(name.startswith("docker ") for name in clients):  # Compose, buildx: plugins of docker
        clients = [name for name in clients if name != "docker"]
    client = clients[0] if len(clients) == 1 else _("client")
    title = (
        f"{', '.join(clients) or client} → daemon" if exchanges else _("No request was recorded.")
    )
    told = "\n".join(_told(exchange, names) for exchange in exchanges)
    alt = f"{title}\n{told}" if told else title
    rows = list(_shortened(list(_rows(exchanges, names))))
    height = TOP + 34 + sum(50 if row is None else row.height for row in rows)
    drawing = Drawing(
        current(),
        int(height) if exchanges else 90,
        _fit(title, WIDTH - 80, 27, "bold"),
        alt,
    )
    if exchanges:
        _draw(
            drawing,
            rows,
            names,
            height,
            _fit(client.removeprefix("docker "), 136, 18, "bold"),
            times,
        )
    return Picture(drawing.svg(), alt)


def table(exchanges: Sequence[Exchange]) -> Table:
    """Return `exchanges` as a table: number, request, answer, what it is for."""
    names = Names(exchanges)
    rows = [[e.number, names.call(e), _status(e), purpose(e)] for e in exchanges]
    return Table(["#", _("Request"), _("Answer"), _("What for")], rows)


def _told(exchange: Exchange, names: Names) -> str:
    why = purpose(exchange)
    words = f" ({why})" if why else ""
    return f"{exchange.number}. {names.call(exchange)}{words}: {_status(exchange)}"


def _status(exchange: Exchange) -> str:
    if not exchange.status:
        return _("no answer")
    return f"{exchange.status} {exchange.reason}".strip()


def _rows(exchanges: Sequence[Exchange], names: Names) -> Iterator[Row]:
    """Yield the rows in the order of time."""
    events = sorted(
        [(e.began, "ask", e) for e in exchanges]
        + [(e.ended, "end", e) for e in exchanges if e.ended is not None],
        key=lambda event: event[0],
    )
    before: Row | None = None
    for _order, kind, exchange in events:
        at_once = exchange.ended is not None and exchange.ended == exchange.began + 1
        if at_once and not exchange.upgraded:
            if kind == "end":
                continue
            row = Row(exchange, "both", last=exchange.number)
        else:
            row = Row(exchange, kind, last=exchange.number)
            if kind == "ask" and exchange.upgraded:
                row.kind = "both"
        if before and before.kind == row.kind == "both" and _same(before, row, names):
            before.times += 1
            before.last = row.last
            continue
        if before:
            yield before
        before = row
    if before:
        yield before


def _same(one: Row, other: Row, names: Names) -> bool:
    first, second = one.exchange, other.exchange
    return (
        names.call(first) == names.call(second)
        and first.status == second.status
        and not (first.upgraded or second.upgraded)
    )


def _shortened(rows: Sequence[Row]) -> Iterator[Row | None]:
    """Yield at most `MOST` rows, None in the place of those that were left out."""
    if len(rows) <= MOST:
        yield from rows
        return
    yield from rows[:_FIRST]
    yield None
    yield from rows[-_LAST:]


def _draw(
    d: Drawing, rows: list[Row | None], names: Names, height: float, client: str, times: bool
) -> None:
    bottom = height - 22
    for x, words, role in ((CLIENT, client, "client"), (DAEMON, "daemon", "daemon")):
        box: Box = d.box(x - 78, 80, 156, 44, words, role)
        d.line((x, box.bottom), (x, bottom), role=role, dashed=True)
    levels = _bars(d, rows, bottom)
    y: float = TOP
    for row in rows:
        if row is None:
            d.hole(CLIENT + 30, y, DAEMON - CLIENT - 60, 32, _("… more requests …"))
            y += 50
            continue
        _row(d, row, names, y, levels.get(row.exchange.number, 0), times)
        y += row.height


def _bars(d: Drawing, rows: list[Row | None], bottom: float) -> dict[int, int]:
    """Draw from when to when the daemon works on each request; return how far right each is."""
    begun: dict[int, float] = {}
    level: dict[int, int] = {}
    still_open: set[int] = set()

    def bar(number: int, top: float, end: float) -> None:
        x = DAEMON - 4 + 10 * min(level[number], 3)
        d.path(f"M{x} {top:.0f} h8 V{end:.0f} h-8 z", "daemon-solid")

    ends = {row.exchange.number for row in rows if row and row.kind == "end"}
    y: float = TOP
    for row in rows:
        if row is None:
            for number in [n for n in begun if n not in ends and n not in still_open]:
                bar(number, begun.pop(number), y + 16)
            y += 50
            continue
        number = row.exchange.number
        if row.exchange.ended is None:
            still_open.add(number)
        if row.kind == "end":
            if number in begun:
                bar(number, begun.pop(number), y + 20)
        else:
            taken = {level[n] for n in begun}
            level[number] = next(n for n in range(len(taken) + 1) if n not in taken)
            if row.kind == "both" and not row.exchange.upgraded:
                bar(number, y + 16, y + 48)
            else:
                begun[number] = y + 16
        y += row.height
    for number, top in begun.items():
        bar(number, top, bottom)
    return level


def _row(d: Drawing, row: Row, names: Names, y: float, level: int, times: bool) -> None:
    exchange = row.exchange
    edge = DAEMON - 4 + 10 * min(level, 3)
    room = DAEMON - CLIENT - 34
    status = _status(exchange)
    failed = exchange.status >= 400
    if failed:
        status = f"✗ {status}"
    if times and row.times == 1:
        status += f" · {_duration(exchange.seconds)}"
    if row.kind == "end":
        d.arrow((edge, y + 20), (CLIENT, y + 20), dashed=True)
        done = _("the connection ends") if exchange.upgraded else status
        d.text(
            DAEMON - 26,
            y + 13,
            _fit(done, room, SMALLEST),
            size=SMALLEST,
            ink="error" if failed else "muted",
            anchor="end",
            width=room,
        )
        _disc(d, DAEMON, y + 20, exchange.number)
        if outcome := _outcome(exchange):
            _words(d, f"({exchange.number}) {outcome}", y + 20, 2)
        return
    call = names.call(exchange)
    if row.times > 1:
        call = f"{_fit(call, room - 60, SMALLEST, 'mono')} × {row.times}"
    d.arrow((CLIENT, y + 16), (edge, y + 16))
    _disc(d, CLIENT, y + 16, exchange.number)
    text = _fit(call, room, SMALLEST, "mono")
    d.text(CLIENT + 24, y + 8, text, size=SMALLEST, mono=True, width=room)
    words = purpose(exchange)
    if row.kind == "both" and (message := _message(exchange)):
        words = message
    if row.kind == "both":
        d.arrow((edge, y + 42), (CLIENT, y + 42), dashed=True)
        d.text(
            DAEMON - 26,
            y + 35,
            _fit(status, room, SMALLEST),
            size=SMALLEST,
            ink="error" if failed else "muted",
            anchor="end",
            width=room,
        )
    _words(d, words, y + (28 if row.kind == "both" else 16), 3 if row.kind == "both" else 2)


def _message(exchange: Exchange) -> str:
    """Return what the daemon says about a failure, or an empty text."""
    said = exchange.answer.json
    return str(said.get("message", "")) if exchange.status >= 400 and isinstance(said, dict) else ""


def _outcome(exchange: Exchange) -> str:
    """Return what an answer says that came later than at once."""
    if exchange.upgraded:
        grpc = exchange.path in ("/grpc", "/session")
        return "" if grpc else _("its output is complete")
    if exchange.path.endswith("/wait") and isinstance(said := exchange.answer.json, dict):
        return _("it has ended, exit code {code}").format(code=said.get("StatusCode"))
    return _message(exchange) or _("the answer to it")


def _disc(d: Drawing, x: float, y: float, number: int) -> None:
    if number < 100:
        d.number(x, y, number)
    else:
        d.text(x, y + 6, str(number), size=SMALLEST, bold=True, anchor="middle", width=60)


def _words(d: Drawing, words: str, middle: float, most: int) -> None:
    """Write what a request is for, beside it, in at most `most` lines."""
    if not words:
        return
    lines = metrics.wrap(words, SMALLEST, ROOM, "regular")
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    first = middle + SMALLEST * 0.36 - (len(lines) - 1) * LINE / 2
    for n, line in enumerate(lines):
        text = _fit(line, ROOM, SMALLEST)
        d.text(WORDS, first + n * LINE, text, size=SMALLEST, ink="muted", width=ROOM)


def _fit(text: str, room: float, size: float, weight: metrics.Weight = "regular") -> str:
    """Return `text`, shortened if it is wider than `room`."""
    if metrics.width(text, size, weight) <= room:
        return text
    while text and metrics.width(text + "…", size, weight) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def _duration(seconds: float) -> str:
    from capas.show.chart import number

    return f"{number(seconds)} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
