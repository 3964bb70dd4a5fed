"""Stands between Docker's clients and the engine, passes every byte on, and shows it to `Watch`.

It listens on a Unix socket that only this user can reach; where there are none (Windows), on a
port of 127.0.0.1, where for the time of the block every user of the machine reaches the engine.
Windows (named pipes) is written by the documentation of asyncio and has not been tried. asyncio
has no half-close for pipes and for TLS: before such an engine, ``docker run -i`` waits in vain
for the end of its input.
"""

import asyncio
import contextlib
import os
import shutil
import ssl
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from capas.errors import CapasError
from capas.language import _
from capas.show.api_tap.watch import Log, Watch

LONGEST = 100
"""Longest path of a Unix socket, in bytes: the systems' own limits are 104 and 108."""
PIECE = 64 * 1024
GRACE_SECONDS = 0.5
"""How long the end of a block waits for answers that are under way."""


@dataclass(frozen=True)
class Upstream:
    """Where the engine listens."""

    kind: str
    """``unix``, ``tcp`` or ``npipe``."""
    place: str
    """A path, or a host name."""
    port: int = 0
    certificates: Path | None = None
    """Folder with ca.pem, cert.pem and key.pem: speak TLS."""


def upstream(environment: Mapping[str, str]) -> Upstream:
    """Return where the engine is that ``DOCKER_HOST`` names.

    Raises:
        CapasError: it names none, or one that the tap cannot stand in front of.
    """
    host = environment.get("DOCKER_HOST", "")
    if not host:
        raise CapasError(_("No Docker Engine answers; `python3 -m capas doctor` says what to do."))
    if host.startswith("unix://"):
        return Upstream("unix", host.removeprefix("unix://"))
    if host.startswith("npipe://"):
        return Upstream("npipe", host.removeprefix("npipe://").replace("/", "\\"))
    parts = urlsplit(host)
    if parts.scheme not in ("tcp", "http") or not parts.hostname:
        raise CapasError(_("The tap cannot listen in on an engine at {host}.").format(host=host))
    verify = environment.get("DOCKER_TLS_VERIFY")
    folder = environment.get("DOCKER_CERT_PATH") or Path.home() / ".docker"
    port = parts.port or (2376 if verify else 2375)
    return Upstream("tcp", parts.hostname, port, Path(folder) if verify else None)


class Proxy:
    """A proxy in a thread of its own, from `start` to `stop`."""

    def __init__(self, engine: Upstream, log: Log) -> None:
        """Stand in front of `engine`; record into `log`."""
        self._engine = engine
        self._log = log
        self._folder: Path | None = None
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[Any], Watch] = {}
        # Named pipes need the proactor, and Jupyter may have chosen another loop.
        proactor = getattr(asyncio, "ProactorEventLoop", None)
        self._loop: asyncio.AbstractEventLoop = proactor() if proactor else asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="capas tap", daemon=True)

    def start(self) -> str:
        """Begin to listen; return the address as a value of ``DOCKER_HOST``."""
        self._thread.start()
        try:
            return asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        except OSError as error:
            self.stop()
            raise CapasError(
                _("The tap cannot listen here: {reason}.").format(reason=error)
            ) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End: wait a moment for answers under way, cut off what is still open."""
        with contextlib.suppress(RuntimeError):
            asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result(GRACE_SECONDS + 5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    async def _listen(self) -> str:
        if sys.platform != "win32":
            self._folder = _folder()
            path = self._folder / "tap.sock"
            self._server = await asyncio.start_unix_server(self._accept, path)
            return f"unix://{path}"
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _finish(self) -> None:
        if self._server:
            self._server.close()
        end = self._loop.time() + GRACE_SECONDS
        await asyncio.sleep(0.02)  # what clients that have ended sent last is in the sockets
        while any(watch.busy for watch in self._open.values()) and self._loop.time() < end:
            await asyncio.sleep(0.01)
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        watch = self._open[task] = Watch(self._log)
        sides = [writer]
        try:
            answers, there = await self._connect()
            sides.append(there)
            await _both(_pump(reader, there, watch.asked), _pump(answers, writer, watch.answered))
            watch.closed()
            for side in sides:
                side.close()
        except (OSError, asyncio.CancelledError) as error:
            if isinstance(error, OSError):  # else the block is over, and this went on beyond it
                watch.closed()
            for side in sides:
                side.transport.abort()
        finally:
            del self._open[task]

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        engine = self._engine
        if engine.kind == "unix":
            return await asyncio.open_unix_connection(engine.place)
        if engine.kind == "tcp":
            context = None
            if folder := engine.certificates:
                context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
                context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
            return await asyncio.open_connection(engine.place, engine.port, ssl=context)
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        connect: Any = self._loop.create_pipe_connection  # type: ignore[attr-defined]
        transport, _protocol = await connect(lambda: protocol, engine.place)
        return reader, asyncio.StreamWriter(transport, protocol, reader, self._loop)


def _folder() -> Path:
    """Make a folder for a socket, with a path that is short enough."""
    folder = Path(tempfile.mkdtemp(prefix="capas-"))
    if len(os.fsencode(folder / "tap.sock")) > LONGEST:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="capas-", dir="/tmp"))
    return folder


async def _both(*pumps: Any) -> None:
    """Run both directions until both have ended, or one has failed."""
    tasks = [asyncio.ensure_future(pump) for pump in pumps]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(
    source: asyncio.StreamReader,
    target: asyncio.StreamWriter,
    seen: Callable[[bytes], None],
) -> None:
    """Pass one direction on until it ends; then tell the other side that it has."""
    while data := await source.read(PIECE):
        seen(data)  # first: what the other side does about it must not be seen before
        target.write(data)
        await target.drain()
    seen(b"")
    if target.can_write_eof():
        target.write_eof()
