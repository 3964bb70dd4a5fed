"""A container in which a part of the kit is fetched by the client that will ask for it later."""

import contextlib
import io
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, DockerException

from capas.errors import CapasError
from capas.language import _

if TYPE_CHECKING:
    from docker.models.containers import Container

    from capas.engine.model import Engine


class Box:
    """A running container of a base image."""

    def __init__(self, container: "Container") -> None:
        self._container = container

    def run(self, *command: str) -> str:
        """Run a program in it and return what it printed; raise `CapasError` if it fails."""
        done: Any = self._container.exec_run(list(command), demux=True)
        code, (out, err) = done
        if code:
            said = ((err or b"") + (out or b"")).decode(errors="replace").strip().splitlines()
            reasons = [line for line in said if "error" in line.lower() or line.startswith("E:")]
            reason = (reasons or said or ["?"])[-1]
            raise CapasError(
                _(
                    "The kit's packages could not be fetched ({reason}): check the network, then "
                    "run the same command again; it goes on from here."
                ).format(reason=reason.strip().rstrip("."))
            )
        return bytes(out or b"").decode(errors="replace")

    def take(self, folder: str, target: Path) -> None:
        """Copy the files of a folder in it into a folder here."""
        target.mkdir(parents=True, exist_ok=True)
        stream, _stat = self._container.get_archive(folder)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None:
                    new = target / (Path(member.name).name + ".new")
                    new.write_bytes(file.read())
                    new.replace(target / Path(member.name).name)


@contextlib.contextmanager
def box(engine: "Engine", image: str) -> Iterator[Box]:
    """Have a container that waits for what is to be run in it; it is removed in the end."""
    client = engine.client(timeout=600)
    try:
        container = client.containers.run(
            image,
            ["sleep", "3600"],
            entrypoint="",
            detach=True,
            init=True,
            labels={"capas": "kit"},
            name=f"capas-kit-{uuid.uuid4().hex[:8]}",
        )
        try:
            yield Box(container)
        finally:
            with contextlib.suppress(APIError):
                container.remove(force=True)
    except DockerException as error:
        raise CapasError(
            _("The Docker Engine does not answer as it should: {why}.").format(
                why=str(error).rstrip(".")
            )
        ) from error
    finally:
        client.close()
