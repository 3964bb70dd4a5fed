"""What commands print: lines of progress on stderr, tables on stdout; what failed, in words."""

import contextlib
import errno
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from types import FrameType

from capas.language import _

_started = float(os.environ.pop("CAPAS_STARTED", time.time()))
"""When the command began: the bootstrap may have taken a while before us."""


def progress(text: str) -> None:
    """Print a line with the seconds since the command began; on stderr, so that output is clean."""
    with contextlib.suppress(OSError):  # the terminal was closed: go on without it
        print(f"{time.time() - _started:5.1f} s  {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def tidy_end() -> Iterator[None]:
    """Have SIGTERM, and a terminal that is closed, end the body as Ctrl-C does: with its tidying.

    The exit code is 128 and the signal's number, as a shell has it.
    """

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), end) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler or signal.SIG_DFL)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; without colours where the output is no terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Column, Table

    # A cell that is too long goes on in the next line: nothing of it is left out.
    columns = [Column(heading, overflow="fold") for heading in headings]
    drawn = Table(*columns, box=box.SIMPLE, header_style="bold")
    for row in rows:
        drawn.add_row(*row)
    Console().print(drawn)


def told(error: OSError) -> str:
    """Return the sentence for what the operating system refused: of which file, and what to do."""
    place = str(error.filename or "")
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return _("There is no room left on the disk: remove what you do not need, then try again.")
    if place and error.errno in (errno.EACCES, errno.EPERM):
        words = _("You may not read or write {file}: see to whom it belongs, then try again.")
        return words.format(file=place)
    if place and error.errno == errno.EROFS:
        return _(
            "{file} is on a disk that cannot be written to: have the course on another one."
        ).format(file=place)
    what = (error.strerror or str(error) or type(error).__name__).rstrip(".")
    if error.errno is None:  # a library's: no connection, a time-out
        return _("That failed ({what}): see `python3 -m capas doctor`, then try again.").format(
            what=" ".join(what.split())
        )
    return _("The operating system says “{what}” ({file}): mend that, then try again.").format(
        what=what, file=place or f"errno {error.errno}"
    )
