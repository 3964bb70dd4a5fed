"""A Docker Engine to talk to: find one, or start a private one.

How the parts fit, from the ground up:

- `model.py`: what an engine is to the rest of the course (`Engine`, `EngineError`).
- `probe.py`: does it really run containers? A program of our own says so from inside one.
- `discovery.py`: where engines listen on this kind of machine; `find`.
- `packages.py`: Debian's and Ubuntu's packages, unpacked into a folder of our own.
- `firewall.py`, `private.py`: the private Docker Engine; `ensure` starts it when nothing answers.
- `images.py`, `mirror.py`, …: base images, wherever they can be had.

Everybody else needs only the names below::

    from capas.engine import ensure
    engine = ensure(report=print)
    engine.run("run", "--rm", "hello-world")
"""

from capas.engine.discovery import find
from capas.engine.ensuring import ensure, started_here
from capas.engine.model import Engine, EngineError, Report, client, quiet
from capas.engine.private import PrivateEngine

__all__ = [
    "Engine",
    "EngineError",
    "PrivateEngine",
    "Report",
    "client",
    "ensure",
    "find",
    "quiet",
    "started_here",
]
