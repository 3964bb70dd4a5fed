"""Where engines listen on this kind of machine, and which of them answers.

An engine answers when a container has run in it (`probe.py`); a socket that merely
exists is nothing. What was wrong with the others is kept, in words, for the sentence
that a user reads when none answers.
"""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docker.context import ContextAPI
from docker.errors import DockerException
from requests.exceptions import RequestException

from capas.engine.model import Engine, EngineError, connect
from capas.engine.probe import Probe, probe
from capas.language import _

CONNECT_SECONDS = 3
PROBE_SECONDS = 30
REMEMBER_SECONDS = 30.0
"""How long this process takes an engine's word without another probe container."""

_seen: dict[tuple[str, str], tuple[float, Probe]] = {}


@dataclass(frozen=True)
class Candidate:
    """A place where an engine may listen."""

    host: str
    """``DOCKER_HOST`` value."""
    source: str
    """How we came to it, for sentences: "DOCKER_HOST", "the docker context colima"."""
    expected: bool = False
    """Somebody said that it is there: when it is not, that is worth a word."""
    certificates: Path | None = None
    private: bool = False
    """It is the course's own."""


def find(which: str | None = None) -> Engine | None:
    """Return the first engine that answers, or None. Starts nothing.

    `which` (default ``$CAPAS_ENGINE``, else ``auto``): ``auto`` looks everywhere,
    ``found`` everywhere but at the course's own, ``private`` only there, and a
    ``DOCKER_HOST`` value only there. Raises `EngineError` for any other word.
    """
    return search(which)[0]


def search(which: str | None = None) -> tuple[Engine | None, list[str]]:
    """Return what `find` does, and what was wrong with each place that did not answer."""
    which = choice(which)
    reasons: list[str] = []
    seen: set[str] = set()
    for candidate in candidates(which):
        key = os.path.realpath(path) if (path := _path(candidate.host)) else candidate.host
        if key in seen:
            continue
        seen.add(key)
        try:
            return attach(candidate), reasons
        except EngineError as error:
            if str(error):
                reasons.append(str(error))
    return None, reasons


def choice(which: str | None) -> str:
    """Return the engine that the caller or ``$CAPAS_ENGINE`` asks for; ``auto`` when neither."""
    which = which or os.environ.get("CAPAS_ENGINE") or "auto"
    if which == "pocket":
        raise EngineError(
            _(
                "The pocket engine is not part of the course yet: leave --engine out, "
                "or choose found, private or the address of an engine."
            )
        )
    if which not in ("auto", "found", "private") and "://" not in which:
        raise EngineError(
            _(
                "There is no engine called {name}: choose auto, found, private "
                "or the address of an engine such as unix:///var/run/docker.sock."
            ).format(name=which)
        )
    return which


def candidates(which: str = "auto") -> Iterator[Candidate]:
    """Yield the places to look at, in order."""
    from capas.engine.private import PrivateEngine

    own = PrivateEngine()
    if "://" in which:
        yield Candidate(which, which, expected=True, certificates=_certificates())
        return
    if which in ("auto", "found"):
        for candidate in _found():
            if which == "auto" or candidate.host != own.host:
                yield candidate
    if which in ("auto", "private") and sys.platform.startswith("linux"):
        yield Candidate(own.host, _("The course's own engine"), private=True)


def _found() -> Iterator[Candidate]:
    if host := os.environ.get("DOCKER_HOST"):
        yield Candidate(host, "DOCKER_HOST", True, _certificates())
    with contextlib.suppress(Exception):  # the SDK raises bare Exception for a broken file
        context = ContextAPI.get_context(os.environ.get("DOCKER_CONTEXT"))
        if context and context.Name != "default" and context.Host:
            yield Candidate(
                context.Host,
                _("the docker context {name}").format(name=context.Name),
                True,
                _context_certificates(context.TLSConfig),
            )
    for place in sockets():
        yield Candidate(place, _path(place) or place)


def sockets() -> list[str]:
    """Return the sockets that engines use on this kind of machine, as ``DOCKER_HOST`` values."""
    if sys.platform == "win32":
        pipes = ("docker_engine", "dockerDesktopLinuxEngine", "podman-machine-default")
        return [f"npipe:////./pipe/{pipe}" for pipe in pipes]
    home = Path.home()
    paths = [
        Path("/var/run/docker.sock"),
        home / ".docker/run/docker.sock",  # Docker Desktop, macOS
        home / ".docker/desktop/docker.sock",  # Docker Desktop, Linux
        home / ".orbstack/run/docker.sock",
        home / ".colima/default/docker.sock",
        home / ".rd/docker.sock",  # Rancher Desktop
    ]
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        paths += [Path(runtime) / "docker.sock", Path(runtime) / "podman/podman.sock"]
    paths.append(Path("/run/podman/podman.sock"))
    machine = home / ".local/share/containers/podman/machine"
    paths += [machine / "podman.sock", machine / "podman-machine-default/podman.sock"]
    return [f"unix://{path}" for path in paths]


def attach(candidate: Candidate) -> Engine:
    """Return the engine at this place, after a container has run in it.

    Raises `EngineError` with what is wrong; with no words when nothing was to be expected there.
    """
    from capas.engine.private import PrivateEngine

    _knock(candidate)
    try:
        client = connect(candidate.host, candidate.certificates, CONNECT_SECONDS)
    except (DockerException, RequestException, OSError, ValueError) as error:
        if sys.platform == "win32" and not candidate.expected:
            raise EngineError("") from error  # a pipe that is not there is no news
        raise EngineError(_silent(candidate)) from error
    try:
        identity = str(client.info().get("ID", ""))
        client.api.timeout = PROBE_SECONDS
        seen = _seen.get((candidate.host, identity))
        if seen and time.monotonic() - seen[0] < REMEMBER_SECONDS:
            result = seen[1]
        else:
            result = probe(client)
            _seen[candidate.host, identity] = time.monotonic(), result
    except EngineError as error:
        raise EngineError(
            _("{place} answers, but {reason}").format(place=candidate.source, reason=error)
        ) from error
    except (DockerException, RequestException, OSError) as error:
        raise EngineError(_silent(candidate)) from error
    finally:
        client.close()
    private = candidate.private or candidate.host == PrivateEngine().host
    return Engine(
        host=candidate.host,
        kind="private" if private else "found",
        name="private Docker Engine" if private else result.name,
        version=result.version,
        probe_seconds=result.seconds,
        certificates=candidate.certificates,
    )


def _knock(candidate: Candidate) -> None:
    """Raise `EngineError` at once where a socket is missing, dead or not for us."""
    if candidate.host.startswith("ssh://"):
        raise EngineError(
            _(
                "{place} is on another machine by SSH, where the lessons' ports and folders "
                "are not: use an engine on this one"
            ).format(place=candidate.source)
        )
    path = _path(candidate.host)
    if path is None or not hasattr(socket, "AF_UNIX"):
        return
    with socket.socket(socket.AF_UNIX) as knock:
        knock.settimeout(CONNECT_SECONDS)
        try:
            knock.connect(path)
        except FileNotFoundError as error:
            if not candidate.expected:
                raise EngineError("") from error  # was only worth a look
            words = _("{place} ({path}) does not exist").format(place=candidate.source, path=path)
            raise EngineError(words) from error
        except PermissionError as error:
            raise EngineError(_not_allowed(path)) from error
        except OSError as error:
            raise EngineError(_("nothing listens on {path}").format(path=path)) from error


def _silent(candidate: Candidate) -> str:
    return _("{place} does not answer").format(place=candidate.source)


def _not_allowed(path: str) -> str:
    if path in ("/var/run/docker.sock", "/run/docker.sock"):
        return _(
            "permission denied on {path}: add yourself to the docker group "
            "(sudo usermod -aG docker $USER) and log in again"
        ).format(path=path)
    return _("permission denied on {path}").format(path=path)


def _path(host: str) -> str | None:
    return host.removeprefix("unix://") if host.startswith("unix://") else None


def _certificates() -> Path | None:
    """Return the certificates that go with ``DOCKER_HOST`` (``DOCKER_TLS_VERIFY``)."""
    if not os.environ.get("DOCKER_TLS_VERIFY"):
        return None
    return Path(os.environ.get("DOCKER_CERT_PATH") or Path.home() / ".docker")


def _context_certificates(tls: object) -> Path | None:
    certificate = getattr(tls, "cert", None)
    return Path(certificate[0]).parent if certificate else None
