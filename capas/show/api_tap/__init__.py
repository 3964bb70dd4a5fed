"""The API tap: which HTTP requests does a docker command make, and what is answered?

    with show.tap() as recorded:
        !docker run --rm --name capas-hello busybox echo hello
    recorded

Every client of the Docker Engine (the CLI, Compose, buildx, the SDK for Python) is told by
``DOCKER_HOST`` where the engine listens. For the block, that is a proxy (`proxy`), which passes
every byte on as it is, and reads along (`watch`); `Tap` shows what it has read as a sequence
diagram (`diagram`), with a word on what each request is for (`calls`).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from capas.errors import CapasError
from capas.language import _
from capas.show.api_tap.proxy import Proxy, upstream
from capas.show.api_tap.watch import Exchange, Log
from capas.show.picture import Picture
from capas.show.table import Table

__all__ = ["Exchange", "Tap", "tap"]

_TLS = ("DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")


class Tap:
    """What was recorded: shows itself as a sequence diagram; ``tap[3]`` is its third exchange."""

    def __init__(self, log: Log | None = None) -> None:
        """Show what is, or will be, in `log`."""
        self._log = log or Log()

    @property
    def exchanges(self) -> list[Exchange]:
        """Requests with their answers, in the order in which they were made."""
        return list(self._log.exchanges)

    def __len__(self) -> int:
        return len(self._log.exchanges)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self.exchanges)

    def __getitem__(self, number: int) -> Exchange:
        """Return an exchange by its number in the diagram, from 1."""
        if not 1 <= number <= len(self):
            raise CapasError(
                _("There is no request number {number}; {n} were recorded.").format(
                    number=number, n=len(self)
                )
            )
        return self._log.exchanges[number - 1]

    def find(self, call: str) -> Exchange:
        """Return the last exchange of a call: method and (part of) path, ``"POST /create"``.

        Raises:
            CapasError: none was recorded.
        """
        method, _space, part = call.partition(" ")
        for exchange in reversed(self._log.exchanges):
            if exchange.method == method and part in exchange.path:
                return exchange
        raise CapasError(_("No request “{call}” was recorded.").format(call=call))

    def diagram(self, *, times: bool = False) -> Picture:
        """Return the sequence diagram; with `times`, how long each exchange took."""
        from capas.show.api_tap.diagram import diagram

        return diagram(self.exchanges, times=times)

    def table(self) -> Table:
        """Return the exchanges as a table."""
        from capas.show.api_tap.diagram import table

        return table(self.exchanges)

    def __repr__(self) -> str:
        return self.diagram().alt

    def _repr_mimebundle_(self, **_more: object) -> dict[str, Any]:
        return dict(self.diagram()._repr_mimebundle_())


@contextmanager
def tap() -> Iterator[Tap]:
    """Record what Docker's clients ask the engine inside the ``with`` block, and its answers.

    Changes ``DOCKER_HOST`` for the block and puts it back. A client that was made before goes
    past it; one that is made inside (`docker.from_env`) is cut off at the end of the block.
    Where there is no engine to listen to, it says so in one sentence, and the block runs without.
    """
    recorded = Tap()
    before = {name: os.environ.get(name) for name in ("DOCKER_HOST", *_TLS)}
    proxy: Proxy | None = None
    try:
        proxy = Proxy(upstream(os.environ), recorded._log)
        address = proxy.start()
    except CapasError as error:
        print(error)
        proxy = None
    try:
        if proxy:
            os.environ["DOCKER_HOST"] = address
            for name in _TLS:  # between the client and us there is no TLS
                os.environ.pop(name, None)
        yield recorded
    finally:
        if proxy:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            proxy.stop()
