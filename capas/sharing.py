"""Who uses the course's own engine: the last one to leave stops it, if one of them started it.

Two `lab` at once, or a `lab` and a `test`, share the private engine of their user.
Each holds a shared lock while it runs. An engine that was started by hand
(`capas engine up`) is left alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from capas import paths


@contextmanager
def sharing() -> Iterator[None]:
    """Keep the private engine up while inside; leaving, stop it if it is ours and nobody else's.

    Who comes while the last one is stopping it waits until that is done.
    """
    held = _enter()
    try:
        yield
    finally:
        if held is not None:
            if (_marker().exists() or _serves_found()) and _alone(held):
                _leave()
            os.close(held)
        paths.give_back(paths.home(), but=("engine", "mirror"))


def ours() -> None:
    """Say that the engine was started by one of those who share it: the last one stops it."""
    with suppress(OSError):
        _marker().touch()


def keep() -> None:
    """Say that the engine is to stay up when those who share it leave."""
    with suppress(OSError):
        _marker().unlink(missing_ok=True)


def _marker() -> Path:
    return paths.home() / "engine-is-shared"


def _serves_found() -> bool:
    """Say whether a kit is served beside an engine that is not the course's own."""
    from capas.kit import local, using

    return local.engine_kind(using.folder()) == "found"


def _leave() -> None:
    """Stop what nobody needs any more."""
    from capas.kit import local

    local.down("found")  # the course's own engine takes its server with it
    if _marker().exists():
        _stop()


def _stop() -> None:
    from capas.engine import EngineError, PrivateEngine

    with suppress(EngineError):  # root started it, who left before us: it stays up
        PrivateEngine().down()
        _marker().unlink(missing_ok=True)


def _enter() -> int | None:
    """Return an open file with a shared lock on it; None where there can be none."""
    if os.name == "nt":  # no private engine there
        return None
    import fcntl

    path = paths.home() / "engine-users.lock"
    with suppress(OSError):
        paths.make(path.parent)
        while True:
            held = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(held, fcntl.LOCK_SH)
                with suppress(FileNotFoundError):  # removed meanwhile: a lock on nothing
                    if os.path.samestat(os.fstat(held), path.stat()):
                        return held
            except BaseException:
                os.close(held)
                raise
            os.close(held)
    return None


def _alone(held: int) -> bool:
    """Say whether nobody else is here, and let nobody in until the file is closed.

    Of two who ask at once, the kernel takes the first one's lock when it says no: the second
    is the last.
    """
    import fcntl

    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
