"""The base images of the course, as ``images.toml`` describes them."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from capas.engine.model import EngineError

CATALOGUE = Path(__file__).with_name("images.toml")


class ImagesError(EngineError):
    """Base images could not be prepared: one sentence for each."""


@dataclass(frozen=True)
class BaseImage:
    """One base image of the course, as ``images.toml`` describes it."""

    name: str
    hub: str
    stand_in: Path
    platforms: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    core: bool = False
    digest: str | None = None
    certificates: bool = True
    size: float = 0
    """About, MB."""
    check: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All its names, its own first."""
        return (self.name, *self.aliases)

    @property
    def file_name(self) -> str:
        """The name for files that are about it."""
        return re.sub(r"[^\w.-]+", "-", self.name)

    @property
    def reference(self) -> str:
        """What is pulled from Docker Hub; with a digest, that decides."""
        return f"{self.hub}@{self.digest}" if self.digest else self.hub


def catalogue(file: Path = CATALOGUE) -> dict[str, BaseImage]:
    """Return the images that a file describes, by name, in its order."""
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    found = {}
    for name, entry in data["images"].items():
        entry = {**data.get("defaults", {}), **entry}
        found[name] = BaseImage(
            name=name,
            hub=entry["hub"],
            stand_in=file.parent / "stand_ins" / entry["stand-in"],
            platforms=tuple(entry["platforms"]),
            aliases=tuple(entry.get("aliases", ())),
            needs=tuple(entry.get("needs", ())),
            core=entry.get("core", False),
            digest=entry.get("digest"),
            certificates=entry.get("certificates", True),
            size=entry["size"],
            check=tuple(entry.get("check", ())),
        )
    return found
