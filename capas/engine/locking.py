"""One process at a time, on one machine."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from capas import paths
from capas.engine.model import EngineError, Report, quiet
from capas.language import _


@contextlib.contextmanager
def lock(path: Path, report: Report = quiet) -> Iterator[None]:
    """Hold the lock at `path`, after waiting for whoever holds it; leave no file behind.

    The lock is the kernel's (flock): it is gone when its process is, however that ended.
    Raises `EngineError` where there can be none: a folder that cannot be written, a network
    file system without locks.
    """
    if sys.platform == "win32":  # no private engine there: nothing to keep apart
        yield
        return
    try:
        paths.make(path.parent)
        descriptor = _take(path, report)
    except OSError as error:
        raise EngineError(
            _(
                "{folder} could not be used ({reason}): "
                "set CAPAS_HOME to a folder on a disk of this machine that you may write."
            ).format(folder=path.parent, reason=error.strerror or error)
        ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _take(path: Path, report: Report) -> int:
    import fcntl

    told = False
    while True:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it before has removed the file: then this is a lock on nothing.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except BlockingIOError:
            if not told:
                report(_("Another process is preparing the same: waiting for it…"))
                told = True
            time.sleep(0.05)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
