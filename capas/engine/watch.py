"""Follows an engine: what changes, what its containers use, and what one of them prints.

A `Watch` has three threads: one listens to the engine's events, one takes a snapshot when
something has happened, one measures. A fourth follows the log of the chosen container. When
the engine goes away, all wait until it answers again. What has changed, and only that, is
handed to one function, as messages that can be sent on as they are:

- ``{"type": "engine", "up": bool, "text": str}``
- ``{"type": "rows", "kind": Kind, "put": [Row, …], "gone": [id, …]}``
- ``{"type": "usage", "of": {id: [CPU in %, bytes, limit in bytes]}}``
- ``{"type": "details", "id": str, "facts": [[name, value], …]}``
- ``{"type": "log", "id": str, "lines": [str, …], "anew": bool}``
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker
from docker.errors import DockerException
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from capas.engine import overview
from capas.engine.model import EngineError, client
from capas.language import _

Message = dict[str, Any]

QUIET_SECONDS = 0.4
"""Between two snapshots at least: 50 containers that start are not 50 snapshots."""
SETTLED_SECONDS = 1.0
MEASURE_SECONDS = 2.0
RETRY_SECONDS = 0.5
LOG_LINES = 200
LOG_SECONDS = 0.3
"""Between two messages with lines of a log at least."""
MEASURERS = 8
HISTORY = 40
"""Measurements of a container that are kept."""

_LOST = (DockerException, RequestException, HTTPError, OSError, EngineError, ValueError)
_NOISE = ("exec_", "top", "resize", "attach", "detach", "archive-path", "copy", "export")


class Watch:
    """Tells `told` what changes in an engine, from `start` until `close`."""

    def __init__(
        self,
        told: Callable[[Message], None],
        connect: Callable[[], docker.DockerClient] = client,
    ) -> None:
        """Take the function that is told, and one that connects to the engine."""
        self._told = told
        self._connect = connect
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._changed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._streams: set[Any] = set()
        self._chosen = 0  # counts choices: a log that is no longer wanted sees that it is not
        self._chosen_id = ""
        self._details: list[tuple[str, str]] | None = None
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._up: bool | None = None
        self.rows: dict[overview.Kind, dict[str, overview.Row]] = {k: {} for k in overview.KINDS}
        self.usage: dict[str, deque[list[float | None]]] = {}
        """Of each running container the last measurements, the newest at the end."""

    # --- from outside ---------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether it follows the engine now."""
        return bool(self._threads)

    def start(self) -> None:
        """Begin, unless it has begun already."""
        with self._lock:
            if self._threads:
                return
            self._stop = threading.Event()
            self._changed = threading.Event()
            for work in (self._listen, self._look, self._measure):
                self._spawn(work, self._stop)

    def close(self, seconds: float = 5) -> None:
        """End all threads, and wait for them up to some seconds."""
        with self._lock:
            threads, self._threads = self._threads, []
            self._stop.set()
            self._changed.set()
            self._chosen += 1
            self._chosen_id = ""
            streams, self._streams = self._streams, set()
        for stream in streams:
            _hang_up(stream)
        deadline = time.monotonic() + seconds
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    def everything(self) -> Iterator[Message]:
        """Yield the messages that bring somebody up to date who has heard nothing yet."""
        with self._lock:
            if self._up is not None:
                yield self._engine_message()
            for kind, rows in self.rows.items():
                yield {"type": "rows", "kind": kind, "put": list(rows.values()), "gone": []}
            past = {key: [list(one) for one in many] for key, many in self.usage.items()}
            yield {"type": "past", "of": past}
            yield from self._of_chosen()

    def _of_chosen(self) -> Iterator[Message]:
        if self._chosen_id:
            if self._details is not None:
                yield self._details_message()
            lines = list(self._log)
            yield {"type": "log", "id": self._chosen_id, "lines": lines, "anew": True}

    def choose(self, container: str) -> None:
        """Follow the log of this container (its id; empty: of none), and tell its details.

        Chosen again, it is told again what is known: a second view has heard nothing of it yet.
        """
        with self._lock:
            if not self._threads:
                return
            known = list(self._of_chosen()) if container == self._chosen_id else []
            if container != self._chosen_id:
                self._chosen += 1
                self._chosen_id = container
                self._details = None
                self._log.clear()
                if container:
                    self._spawn(self._follow, self._stop, container, self._chosen)
        for message in known:
            self._told(message)
        if container:
            self._changed.set()

    # --- threads --------------------------------------------------------------------------------

    def _spawn(self, work: Callable[..., None], *arguments: Any) -> None:
        # A daemon thread ends with its kernel, whatever it is waiting for.
        thread = threading.Thread(target=work, args=arguments, daemon=True, name="capas-watch")
        self._threads = [t for t in self._threads if t.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _listen(self, stop: threading.Event) -> None:
        """Wait for events; whenever the engine goes, say so, and wait for it."""
        while not stop.is_set():
            with (
                contextlib.suppress(*_LOST),
                contextlib.closing(self._connect()) as engine,
                # Events first, then the snapshot: nothing falls in between.
                self._stream(stop, engine.events(decode=True)) as events,
            ):
                self._is_up(stop, True)
                self._changed.set()
                for event in events:
                    if stop.is_set():
                        return
                    if not str(event.get("Action", "")).startswith(_NOISE):
                        self._changed.set()
            if not stop.is_set():
                self._is_up(stop, False)
            stop.wait(RETRY_SECONDS)

    def _look(self, stop: threading.Event) -> None:
        """Take a snapshot when something has changed, and tell the differences."""
        engine: docker.DockerClient | None = None
        settled = True
        while True:
            # The engine's list may lag behind its own events: look once more when all is quiet.
            happened = self._changed.wait(None if settled else SETTLED_SECONDS)
            if stop.is_set():
                break
            settled = not happened
            self._changed.clear()
            try:
                engine = engine or self._connect()
                self._tell_rows(stop, overview.snapshot(engine))
                self._tell_details(stop, engine)
            except _LOST:
                if engine:
                    engine.close()
                engine = None
                if self._up:  # not gone for good: this look is still owed
                    self._changed.set()
            stop.wait(QUIET_SECONDS)
        if engine:
            engine.close()

    def _measure(self, stop: threading.Event) -> None:
        """Ask every running container what it uses, several at a time."""
        engine: docker.DockerClient | None = None
        before: dict[str, dict[str, Any]] = {}

        def ask(key: str) -> tuple[str, dict[str, Any] | None]:
            try:
                assert engine is not None
                return key, engine.api.stats(key, stream=False, one_shot=True)
            except _LOST:  # it has ended meanwhile, or the engine has
                return key, None

        with ThreadPoolExecutor(MEASURERS, thread_name_prefix="capas-measure") as pool:
            while not stop.is_set():
                with self._lock:
                    keys = [
                        key
                        for key, row in self.rows["containers"].items()
                        if row["state"] in ("running", "paused")
                    ]
                if self._up and keys:
                    try:
                        engine = engine or self._connect()
                        read = {key: found for key, found in pool.map(ask, keys) if found}
                    except (*_LOST, RuntimeError):
                        read = {}
                    if not read and engine:
                        engine.close()
                        engine = None
                    self._tell_usage(stop, read, before)
                    before = {key: found["cpu_stats"] for key, found in read.items()}
                else:
                    self._tell_usage(stop, {}, before)
                # Without a measurement there is no difference yet: the second comes soon.
                stop.wait(MEASURE_SECONDS if before else QUIET_SECONDS)
        if engine:
            engine.close()

    def _follow(self, stop: threading.Event, container: str, choice: int) -> None:
        """Follow a container's log through its restarts."""
        since: float | None = None
        anew = True
        while self._wanted(stop, choice):
            with contextlib.suppress(*_LOST), contextlib.closing(self._connect()) as engine:
                arguments: dict[str, Any] = {"tail": LOG_LINES}
                if since is not None:
                    arguments = {"tail": "all", "since": since}
                log = engine.containers.get(container).logs(stream=True, follow=True, **arguments)
                with self._stream(stop, log) as pieces:
                    self._tell_log(choice, container, pieces, stop, anew)
                    anew = False
                since = time.time()
            # It has ended, or the engine has. ``docker logs --follow`` would end here, too.
            while self._wanted(stop, choice) and not self._runs(container):
                stop.wait(RETRY_SECONDS)
            stop.wait(0.1)

    def _runs(self, container: str) -> bool:
        with self._lock:
            row = self.rows["containers"].get(container)
            return bool(self._up and row and row["state"] in ("running", "paused"))

    def _wanted(self, stop: threading.Event, choice: int) -> bool:
        return not stop.is_set() and choice == self._chosen

    @contextlib.contextmanager
    def _stream(self, stop: threading.Event, stream: Any) -> Iterator[Any]:
        """Have `close` end a stream for which a thread waits."""
        with self._lock:
            self._streams.add(stream)
        try:
            if not stop.is_set():
                yield stream
        finally:
            with self._lock:
                self._streams.discard(stream)
            _hang_up(stream)

    # --- telling --------------------------------------------------------------------------------

    def _say(self, stop: threading.Event, message: Message) -> None:
        if not stop.is_set():
            self._told(message)

    def _engine_message(self) -> Message:
        lost = _("The engine does not answer. The dashboard goes on when it is back.")
        return {"type": "engine", "up": bool(self._up), "text": "" if self._up else lost}

    def _is_up(self, stop: threading.Event, up: bool) -> None:
        with self._lock:
            if self._up == up:
                return
            self._up = up
        self._say(stop, self._engine_message())

    def _tell_rows(
        self, stop: threading.Event, found: dict[overview.Kind, list[overview.Row]]
    ) -> None:
        for kind, rows in found.items():
            with self._lock:
                before = self.rows[kind]
                now = {row["id"]: row for row in rows}
                put = [row for key, row in now.items() if before.get(key) != row]
                gone = [key for key in before if key not in now]
                self.rows[kind] = now
            if put or gone:
                self._say(stop, {"type": "rows", "kind": kind, "put": put, "gone": gone})

    def _details_message(self) -> Message:
        return {"type": "details", "id": self._chosen_id, "facts": self._details}

    def _tell_details(self, stop: threading.Event, engine: docker.DockerClient) -> None:
        if not (chosen := self._chosen_id) or chosen not in self.rows["containers"]:
            return
        facts = overview.details(engine, chosen)
        with self._lock:
            if chosen != self._chosen_id or facts == self._details:
                return
            self._details = facts
            message = self._details_message()
        self._say(stop, message)

    def _tell_usage(
        self,
        stop: threading.Event,
        read: dict[str, dict[str, Any]],
        before: dict[str, dict[str, Any]],
    ) -> None:
        now: dict[str, list[float | None]] = {}
        for key, found in read.items():
            cpu = overview.cpu_percent(found["cpu_stats"], before.get(key))
            memory = found.get("memory_stats") or {}
            used, limit = overview.memory_used(memory), memory.get("limit", 0)
            if cpu is not None:
                now[key] = [round(cpu, 2), used, limit]
        with self._lock:
            if not now and not self.usage:
                return
            for key in [key for key in self.usage if key not in read]:
                del self.usage[key]
            for key, value in now.items():
                self.usage.setdefault(key, deque(maxlen=HISTORY)).append(value)
        self._say(stop, {"type": "usage", "of": now})

    def _tell_log(
        self, choice: int, container: str, pieces: Any, stop: threading.Event, anew: bool
    ) -> None:
        """Tell lines as they come, but not more often than every `LOG_SECONDS`."""
        held: list[str] = []
        ended = threading.Event()

        def tell() -> None:
            nonlocal anew
            with self._lock:
                lines, held[:] = held[-LOG_LINES:], []
                if not self._wanted(stop, choice) or not (lines or anew):
                    return
                self._log.extend(lines)
                message = {"type": "log", "id": container, "lines": lines, "anew": anew}
                anew = False
            self._say(stop, message)

        def regularly() -> None:
            while not ended.wait(LOG_SECONDS):
                tell()

        teller = threading.Thread(target=regularly, daemon=True, name="capas-watch-log")
        teller.start()
        try:
            rest = ""
            for piece in pieces:
                if not self._wanted(stop, choice):
                    break
                *lines, rest = (rest + piece.decode(errors="replace")).split("\n")
                with self._lock:
                    held.extend(line.rstrip("\r") for line in lines)
                    del held[:-LOG_LINES]
            if rest:
                with self._lock:
                    held.append(rest)
        finally:
            ended.set()
            teller.join()
            tell()


def _hang_up(stream: Any) -> None:
    with contextlib.suppress(Exception):  # closed already, or half open: gone either way
        stream.close()
