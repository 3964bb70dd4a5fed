"""A container as a check sees it: what it answers, how it ends, who it runs as."""

import contextlib
import http.client
import ipaddress
import json
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from docker.errors import APIError, NotFound
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ReadTimeout

from capas.exercises.wrong import Wrong

if TYPE_CHECKING:
    from docker.models.containers import Container as Handle

    from capas.exercises.bench import Bench

PATIENCE = 20.0
"""Seconds in which a service must answer."""

DNS = "127.0.0.11"
"""Docker's own name server, in every container on a network with names."""


@dataclass(frozen=True)
class Answer:
    """What a service answered over HTTP."""

    status: int
    body: str
    headers: dict[str, str]
    """By name in lower case."""

    def json(self) -> Any:
        """Return the body as JSON. Raises `Wrong` ("not-json") when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise Wrong("not-json", body=self.body or "–") from None


@dataclass(frozen=True)
class Process:
    """A program that runs in a container."""

    pid: int
    """Its number inside: 1 is the first."""
    parent: int
    uid: int
    """The number of its user; 0 is root."""
    state: str
    """As ps(1) has it: R, S, D, Z (a zombie) …"""
    command: str


@dataclass(frozen=True)
class Stopped:
    """How a container ended after `docker stop`."""

    seconds: float
    code: int


class Container:
    """A container that a check has started."""

    def __init__(self, bench: "Bench", handle: "Handle") -> None:
        self._bench = bench
        self.handle = handle

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.handle.id)

    @property
    def attributes(self) -> dict[str, Any]:
        """What `docker inspect` says of it now."""
        self.handle.reload()
        return dict(self.handle.attrs)

    @property
    def state(self) -> dict[str, Any]:
        """Its state now: Status, ExitCode, OOMKilled, Health …"""
        return dict(self.attributes["State"])

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return bool(self.state["Running"])

    @property
    def health(self) -> str:
        """What its health check says now: starting, healthy, unhealthy, or none."""
        return str((self.state.get("Health") or {}).get("Status", "none"))

    def probes(self) -> list[dict[str, Any]]:
        """Return the last runs of its health check, oldest first: Start, End, ExitCode, Output."""
        return list((self.state.get("Health") or {}).get("Log") or [])

    def next_probe(self, seconds: float = 60) -> int:
        """Wait for a run of its health check that begins from now on; return its exit code.

        -1: it did not end in its time, there was none in so many seconds, or the container ended.
        """
        seen = {probe["Start"] for probe in self.probes()}

        def new() -> list[int]:
            return [probe["ExitCode"] for probe in self.probes() if probe["Start"] not in seen]

        # The first new one may have begun before.
        self.until(lambda it: len(new()) > 1 or not it.running, seconds)
        if len(codes := new()) > 1:
            return int(codes[-1])
        return -1

    def logs(self, *, errors: bool = True) -> str:
        """Return what it has written, at most as much as the limits allow.

        `errors`: also to stderr; else to stdout alone.
        """
        read = self.handle.logs(stream=True, follow=False, stderr=errors)
        kept, size = [], 0
        for piece in read:
            kept.append(piece)
            size += len(piece)
            if size > self._bench.limits.output:
                break
        return b"".join(kept).decode(errors="replace")

    def last_line(self) -> str:
        """Return the last line that it has written that is not empty."""
        return next((line for line in reversed(self.logs().splitlines()) if line.strip()), "–")

    def wait(self, seconds: float = 30) -> int:
        """Wait for its end and return its exit code.

        Raises `Wrong` ("does-not-end") when it still runs after so many seconds.
        """
        try:
            return int(self.handle.wait(timeout=seconds)["StatusCode"])
        except (ReadTimeout, RequestsConnectionError):
            raise Wrong("does-not-end", seconds=int(seconds)) from None

    def stop(self, patience: int = 10) -> Stopped:
        """Stop it as `docker stop` does: its stop signal, after `patience` s SIGKILL."""
        begin = time.monotonic()
        self.handle.stop(timeout=patience)
        return Stopped(time.monotonic() - begin, int(self.state["ExitCode"]))

    def start(self) -> None:
        """Start it again."""
        self.handle.start()

    def remove(self) -> None:
        """Remove it, with the volumes without a name."""
        with contextlib.suppress(NotFound):
            self.handle.remove(force=True, v=True)

    def run(self, command: list[str] | str, user: str = "") -> tuple[int, str]:
        """Run a command in it (`docker exec`); return its exit code and output."""
        try:
            code, output = self.handle.exec_run(command, user=user)
        except APIError as error:
            return 126, str(error.explanation)
        return int(code or 0), cast("bytes", output or b"").decode(errors="replace")

    def port(self, inside: int) -> int:
        """Return the port of 127.0.0.1 that leads to this port; `Wrong` ("not-published")."""
        for published in self.attributes["NetworkSettings"]["Ports"].get(f"{inside}/tcp") or []:
            return int(published["HostPort"])
        # The engine takes a container's ports away when it ends.
        raise Wrong("not-published", port=inside) if self.running else self._gone()

    def get(
        self,
        path: str = "/",
        *,
        port: int = 8000,
        method: str = "GET",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> Answer:
        """Ask it over HTTP, as often as it takes until it answers; 5xx is an answer, too.

        Args:
            path: of the URL.
            port: its port, which was published.
            method: GET, POST …
            body: sent as JSON.
            headers: further ones.
            patience: seconds in which it must answer.

        Raises:
            Wrong: "exits" with the exit code and last line; "only-localhost"; "no-answer".
        """
        begin = time.monotonic()
        look = begin + 1.5
        while (now := time.monotonic()) < begin + patience:
            if not self.running:
                raise self._gone()
            with contextlib.suppress(OSError, http.client.HTTPException):
                return ask(self.port(port), path, method, body, headers)
            if now > look:  # it may listen already where nobody reaches it: no use in waiting
                self._misplaced(port, {port})
                look = now + 2 * (now - begin)
            time.sleep(0.1)
        self._misplaced(port, set())
        raise Wrong("no-answer", port=port, seconds=int(patience), line=self.last_line())

    def _misplaced(self, port: int, only: set[int]) -> None:
        """Raise what is wrong with where it listens; `only`: look at these ports alone."""
        listening = {(a, p) for a, p in self.listening() if not only or p in only}
        if listening and all(_local(address) for address, _port in listening):
            raise Wrong("only-localhost", port=port)
        if others := sorted({other for _address, other in listening} - {port}):
            raise Wrong("other-port", port=port, other=others[0])

    def _gone(self) -> Wrong:
        state = self.state
        if state["OOMKilled"]:
            return Wrong("out-of-memory", limit=self._bench.limits.memory // 2**20)
        return Wrong("exits", code=state["ExitCode"], line=self.last_line())

    def processes(self) -> list[Process]:
        """Return the programs that run in it now: at least one.

        Raises `Wrong` ("exits") when it has ended: that nothing runs there proves nothing.
        """
        found: list[Process] = []

        def seen(it: Container) -> bool:
            found[:] = it._listed()
            return bool(found) or not it.running

        if not self.until(seen, 20):
            raise RuntimeError("the processes of a container that runs could not be listed")
        if not found:
            raise self._gone()
        return found

    def _listed(self) -> list[Process]:
        found = []
        for line in self._bench.beside(self, _PROCESSES, pid=True).splitlines():
            pid, state, parent, uid, command = line.split("\t")
            if uid:  # else it ended while we looked
                found.append(Process(int(pid), int(parent), int(uid), state, command.strip()))
        return found

    def runs_as_root(self) -> bool:
        """Return whether a program of it runs as root, looked at three times.

        The engine starts each health check as root, and for a moment it is seen as such.
        """
        return all(any(process.uid == 0 for process in self.processes()) for _look in range(3))

    def listening(self) -> set[tuple[str, int]]:
        """Return where its programs listen (TCP): addresses and ports."""
        text = self._bench.beside(self, "cat /proc/net/tcp /proc/net/tcp6")
        found = set()
        for line in text.splitlines():
            fields = line.split()
            if len(fields) > 3 and fields[3] == "0A" and ":" in fields[1]:  # TCP_LISTEN
                address, port = fields[1].split(":")
                found.add((_address(address), int(port, 16)))
        return {(address, port) for address, port in found if address != DNS}

    def until(self, true: Callable[["Container"], bool], seconds: float) -> bool:
        """Wait until something is true of it; return whether it came about in time."""
        end = time.monotonic() + seconds
        while not true(self):
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True


_PROCESSES = r"""
for place in /proc/[0-9]*; do
  pid=${place#/proc/}
  [ "$pid" = $$ ] && continue
  state= parent= uid=
  while read -r key value rest; do
    case $key in State:) state=$value;; PPid:) parent=$value;; Uid:) uid=$value; break;; esac
  done 2>/dev/null <"$place/status"
  printf '%s\t%s\t%s\t%s\t%s\n' "$pid" "$state" "$parent" "$uid" \
    "$(tr '\0\n\t' '   ' 2>/dev/null <"$place/cmdline")"
done
"""
"""For busybox's shell: number, state, parent, user and command of each process (proc(5))."""


def _address(digits: str) -> str:
    """Return an address of /proc/net/tcp: words of four bytes, the last byte first (proc(5))."""
    raw = bytes.fromhex(digits)
    words = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    address = ipaddress.ip_address(words)
    return str(getattr(address, "ipv4_mapped", None) or address)


def _local(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def ask(
    port: int,
    path: str = "/",
    method: str = "GET",
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    seconds: float = 5,
) -> Answer:
    """Ask a service on 127.0.0.1 once. Raises OSError or HTTPException without an answer.

    `seconds`: how long it may be silent.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    with contextlib.closing(connection):
        data = None if body is None else json.dumps(body)
        kind = {"Content-Type": "application/json"} if data else {}
        sent = {**kind, **(headers or {})}
        connection.request(method, urllib.parse.quote(path, safe="/:?&=%"), data, sent)
        answer = connection.getresponse()
        return Answer(
            answer.status,
            answer.read(2**20).decode(errors="replace"),
            {name.lower(): value for name, value in answer.getheaders()},
        )
