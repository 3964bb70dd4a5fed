"""What a Docker Engine is to the rest of the course."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import docker
import docker.errors

from capas.errors import CapasError
from capas.language import _

Report = Callable[[str], None]
"""Takes one line that tells a user what happens now."""


def quiet(line: str) -> None:
    """Report nothing."""


class EngineError(CapasError):
    """No engine, or one that does not work: one sentence that says what to do."""


@dataclass(frozen=True)
class Engine:
    """A Docker Engine in which a container of ours has run."""

    host: str
    """``DOCKER_HOST`` value: ``unix:///…``, ``npipe:////…``, ``tcp://…``."""
    kind: Literal["found", "private", "pocket"]
    name: str
    """For people: "Docker Engine", "Docker Desktop", "Podman", "private Docker Engine"."""
    version: str
    probe_seconds: float
    """How long the probe container took, from creating it to removing it."""
    certificates: Path | None = None
    """Folder with ca.pem, cert.pem and key.pem, for an engine behind TLS."""

    def environment(self) -> dict[str, str]:
        """Return what to add to ``os.environ`` so that ``docker …`` talks to this engine.

        ``DOCKER_HOST`` always; ``PATH`` and ``DOCKER_CONFIG`` only when the course's own
        CLI and plugins are needed, because the machine has none or they lack Compose or buildx.
        Builds happen in this engine, whatever builder ``docker buildx create --use`` has chosen.
        """
        from capas.engine import cli

        variables = {"DOCKER_HOST": self.host, "BUILDX_BUILDER": "default"}
        if self.certificates:
            variables |= {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(self.certificates)}
        return variables | cli.environment(always=self.kind == "private")

    def client(self, timeout: int = 60) -> docker.DockerClient:
        """Return a client of the Docker Engine API (docker SDK). `timeout` in seconds."""
        return connect(self.host, self.certificates, timeout)

    def run(self, *args: str, **kw: Any) -> subprocess.CompletedProcess[str]:
        """Run the docker CLI against this engine: ``engine.run("ps", check=True)``.

        Keywords are those of `subprocess.run`; text, captured output and no standard input
        unless said otherwise.
        """
        env = {**os.environ, **self.environment(), **kw.pop("env", {})}
        if kw.get("text", True):  # whatever a machine's own encoding is, docker writes UTF-8
            kw = {"encoding": "utf-8", "errors": "replace"} | kw
        kw = {"stdin": subprocess.DEVNULL} | kw
        if not {"stdout", "stderr", "capture_output"} & kw.keys():
            kw["capture_output"] = True
        if "input" in kw:
            del kw["stdin"]
        from capas.engine import cli

        done: subprocess.CompletedProcess[str] = subprocess.run(
            [cli.docker(env["PATH"]), *args], env=env, **kw
        )
        return done


def client(timeout: int = 60) -> docker.DockerClient:
    """Return a client of the engine that this process's environment names, as a lesson's does.

    `timeout` in seconds. Raises `EngineError`, one sentence, when that engine does not answer.
    """
    try:
        found = docker.from_env(timeout=timeout, version="auto")
        found.ping()
    except (docker.errors.DockerException, OSError) as error:
        raise EngineError(
            _("No Docker Engine answers; `python3 -m capas doctor` says what to do.")
        ) from error
    return found


def connect(host: str, certificates: Path | None = None, timeout: int = 60) -> docker.DockerClient:
    """Return a client for a ``DOCKER_HOST`` value; nothing is sent yet but a version request."""
    tls: docker.tls.TLSConfig | bool = False
    if certificates:
        tls = docker.tls.TLSConfig(
            client_cert=(str(certificates / "cert.pem"), str(certificates / "key.pem")),
            ca_cert=str(certificates / "ca.pem"),
            verify=True,
        )
    return docker.DockerClient(base_url=host, tls=tls, timeout=timeout, version="auto")
